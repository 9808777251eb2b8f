#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {

KernelTable make_kernel_table_portable();
#if defined(__x86_64__)
KernelTable make_kernel_table_avx2();
KernelTable make_kernel_table_avx512();
#endif

const KernelTable& kernel_table(Isa isa) {
#if defined(__x86_64__)
  if (isa >= Isa::kAvx512) {
    static const KernelTable avx512 = make_kernel_table_avx512();
    return avx512;
  }
  if (isa >= Isa::kAvx2) {
    static const KernelTable avx2 = make_kernel_table_avx2();
    return avx2;
  }
#else
  (void)isa;
#endif
  static const KernelTable portable = make_kernel_table_portable();
  return portable;
}

}  // namespace sinter::cpu
