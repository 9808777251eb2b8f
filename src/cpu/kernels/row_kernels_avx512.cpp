#include "cpu/kernels/simd_avx512.h"

#include "cpu/kernels/row_kernels_body.h"

namespace sinter::cpu {

RowKernels make_row_kernels_avx512() { return make_rows(); }

}  // namespace sinter::cpu
