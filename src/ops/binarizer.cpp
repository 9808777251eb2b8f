// Binarizer: 1 where x > threshold, else 0 (NaN: 0), in the type of x.
#include "ops/classic_ml.h"
#include "ops/elementwise.h"

namespace sinter::ops {
namespace binarizer_impl {

Status evaluate(EvalContext& context) {
  const DType dtype = context.tensor(0).dtype();
  const float threshold = context.attributes().f("threshold");
  const bool known = contains(kFeatureTypes, dtype) && visit_numeric(dtype, [&]<typename T>(TypeTag<T>) {
    // Integers are compared as doubles, which holds every float.
    map_unary<T, T>(context, dtype, [&](auto x) { return static_cast<double>(x) > static_cast<double>(threshold) ? 1 : 0; });
  });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace binarizer_impl

OpDef define_binarizer() {
  OpDef op("Binarizer", 1, "ai.onnx.ml");
  op.input("X", "T").output("Y", "T").type("T", kFeatureTypes).attr("threshold", 0.0f).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = binarizer_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
