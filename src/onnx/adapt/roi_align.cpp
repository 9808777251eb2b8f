// RoiAlign until opset 15: regions were not shifted by half a pixel.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_roi_align(AdaptContext& context) {
  context.set_default("coordinate_transformation_mode", std::string("output_half_pixel"));
  return ok_status();
}

}  // namespace sinter::onnx
