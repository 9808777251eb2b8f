// RNN, GRU and LSTM until opset 6: `output_sequence` said whether output 0 is wanted; now its name says so.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_recurrent(AdaptContext& context) {
  context.node.attributes.erase("output_sequence");
  // The default of GRU-1 was misspelt, and files repeat it.
  if (context.node.attributes.s_or("direction", "") == "foward")
    context.node.attributes.set("direction", std::string("forward"));
  return ok_status();
}

}  // namespace sinter::onnx
