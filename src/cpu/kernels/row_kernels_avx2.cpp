#include "cpu/kernels/simd_avx2.h"

#include "cpu/kernels/row_kernels_body.h"

namespace sinter::cpu {

RowKernels make_row_kernels_avx2() { return make_rows(); }

}  // namespace sinter::cpu
