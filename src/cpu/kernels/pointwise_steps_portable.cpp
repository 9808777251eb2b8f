#include "cpu/kernels/simd_portable.h"

#include "cpu/kernels/pointwise_steps_body.h"

namespace sinter::cpu {

PointwiseSteps make_pointwise_steps_portable() { return make_steps(); }

}  // namespace sinter::cpu
