#include "cpu/kernels/row_kernels.h"

namespace sinter::cpu {

RowKernels make_row_kernels_portable();
#if defined(__x86_64__)
RowKernels make_row_kernels_avx2();
RowKernels make_row_kernels_avx512();
#endif

const RowKernels& row_kernels(Isa isa) {
#if defined(__x86_64__)
  if (isa >= Isa::kAvx512) {
    static const RowKernels avx512 = make_row_kernels_avx512();
    return avx512;
  }
  if (isa >= Isa::kAvx2) {
    static const RowKernels avx2 = make_row_kernels_avx2();
    return avx2;
  }
#else
  (void)isa;
#endif
  static const RowKernels portable = make_row_kernels_portable();
  return portable;
}

}  // namespace sinter::cpu
