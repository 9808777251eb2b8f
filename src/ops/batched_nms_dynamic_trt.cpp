// BatchedNMSDynamic_TRT: see batched_nms.h.
#include "ops/batched_nms.h"

namespace sinter::ops {
OpDef define_batched_nms_dynamic_trt() { return batched_nms("BatchedNMSDynamic_TRT"); }
}  // namespace sinter::ops
