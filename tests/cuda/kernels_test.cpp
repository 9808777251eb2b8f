// The embedded kernel texts and what the compiler says of them.
#include <gtest/gtest.h>

#include "cuda/kernel.h"

namespace sinter::cuda {
namespace {

TEST(Kernels, texts_are_embedded) {
  EXPECT_FALSE(kernel_text("device.h").empty());
  EXPECT_FALSE(kernel_text("pointwise.cu").empty());
  EXPECT_TRUE(kernel_text("none.cu").empty());
  EXPECT_GE(kernel_files().size(), 10u);
}

int occurrences(std::string_view text, std::string_view what) {
  int count = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(Kernels, every_kernel_waits_for_the_one_before) {
  for (const std::string_view file : kernel_files()) {
    if (!file.ends_with(".cu")) continue;
    const std::string_view text = kernel_text(file);
    EXPECT_EQ(occurrences(text, "SINTER_KERNEL(") + occurrences(text, "SINTER_KERNEL_BLOCKS("), occurrences(text, "after_previous();")) << file;
  }
}

TEST(Kernels, errors_of_the_compiler_name_the_file) {
  const auto missing = compile({"none.cu", {}, ""}, {90});
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.status().message().find("'none.cu'"), std::string::npos);
  const auto broken = compile({"pointwise.cu", {}, "this is no C++;"}, {90});
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.status().message().find("pointwise.cu"), std::string::npos) << broken.status().message();
  EXPECT_NE(broken.status().message().find("error"), std::string::npos) << broken.status().message();
}

}  // namespace
}  // namespace sinter::cuda
