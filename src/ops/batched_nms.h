// BatchedNMS_TRT and BatchedNMSDynamic_TRT, plugins of TensorRT: suppression a class among its topK best boxes, then the keepTopK best of all classes.
#pragma once

#include <string>

#include "core/op_def.h"

namespace sinter::ops {

OpDef batched_nms(const std::string& name);

}  // namespace sinter::ops
