// LpPool and GlobalLpPool of opset 1: the norm was a float.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_lp_pool(AdaptContext& context) {
  if (!context.node.attributes.find_as<float>("p")) return ok_status();
  const float p = context.take_float("p", 2.0f);
  if (!(p >= 1 && p <= 1000) || p != static_cast<float>(static_cast<int64_t>(p))) {
    return context.error(fmt::format("attribute 'p' is {}", p), "a whole number from 1 on",
                         "export with opset 2 or newer");
  }
  context.node.attributes.set("p", static_cast<int64_t>(p));
  return ok_status();
}

}  // namespace sinter::onnx
