// GridSample until opset 19: the modes were named for two dimensions.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_grid_sample(AdaptContext& context) {
  const std::string mode = context.take_string("mode", "bilinear");
  context.node.attributes.set("mode", mode == "bilinear"  ? std::string("linear")
                                      : mode == "bicubic" ? std::string("cubic")
                                                          : mode);
  return ok_status();
}

}  // namespace sinter::onnx
