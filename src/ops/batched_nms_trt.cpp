// BatchedNMS_TRT: see batched_nms.h.
#include "ops/batched_nms.h"

namespace sinter::ops {
OpDef define_batched_nms_trt() { return batched_nms("BatchedNMS_TRT"); }
}  // namespace sinter::ops
