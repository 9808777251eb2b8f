#include "cpu/kernels/simd_avx2.h"

#include "cpu/kernels/pointwise_steps_body.h"

namespace sinter::cpu {

PointwiseSteps make_pointwise_steps_avx2() { return make_steps(); }

}  // namespace sinter::cpu
