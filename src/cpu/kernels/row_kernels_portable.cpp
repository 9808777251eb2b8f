#include "cpu/kernels/simd_portable.h"

#include "cpu/kernels/row_kernels_body.h"

namespace sinter::cpu {

RowKernels make_row_kernels_portable() { return make_rows(); }

}  // namespace sinter::cpu
