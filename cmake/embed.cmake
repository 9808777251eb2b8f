# cmake -DFOLDER=… -DOUTPUT=… -P embed.cmake: writes a C++ file that holds the files of src/cuda/kernels as text.
file(GLOB files ${FOLDER}/*.cu ${FOLDER}/*.h)
list(SORT files)
set(rows)
set(count 0)
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  string(APPEND rows "    {\"${name}\",\n     R\"sinter_kernel(${text})sinter_kernel\"},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUTPUT}.new "// Made by cmake/embed.cmake from src/cuda/kernels.
#include <cstddef>
#include <string_view>

namespace sinter::cuda {
struct KernelText {
  std::string_view file, text;
};
extern const KernelText kKernelTexts[];
extern const size_t kKernelTextCount;
const KernelText kKernelTexts[] = {
${rows}};
const size_t kKernelTextCount = ${count};
}  // namespace sinter::cuda
")
file(RENAME ${OUTPUT}.new ${OUTPUT})
