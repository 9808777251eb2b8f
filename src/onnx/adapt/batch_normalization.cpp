// BatchNormalization: what training wrote into its attributes and outputs over the years.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

// Until opset 6 `is_test` chose the mode. Files for inference are meant whatever it says.
Status adapt_batch_normalization_7(AdaptContext& context) {
  context.node.attributes.erase("is_test");
  context.node.attributes.erase("consumed_inputs");
  return ok_status();
}

// Until opset 8 `spatial` = 0 asked for statistics per element in place of per channel.
Status adapt_batch_normalization_9(AdaptContext& context) {
  if (context.take_int("spatial", 1) == 0 && context.rank(0) != 2) {
    return context.error("attribute 'spatial' is 0", "1 (statistics per channel)", "export with opset 9 or newer");
  }
  return ok_status();
}

// Until opset 13 the outputs after the first were for training: mean, var, saved_mean, saved_var. At inference they
// have no value; a node that reads one is reported as reading what nothing defines.
Status adapt_batch_normalization_14(AdaptContext& context) {
  if (context.node.outputs.size() > 1) context.node.outputs.resize(1);
  return ok_status();
}

}  // namespace sinter::onnx
