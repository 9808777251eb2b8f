// Shape: the dims of the input as i64[n], optionally only [start, end), both clamped to the rank.
#include <algorithm>

#include "ops/shape_rules.h"

namespace sinter::ops {
namespace shape_impl {

void range(const Attributes& attributes, int64_t rank, int64_t& start, int64_t& end) {
  const auto clamp = [&](int64_t value) { return std::clamp<int64_t>(value < 0 ? value + rank : value, 0, rank); };
  start = clamp(attributes.i("start"));
  end = std::max(start, clamp(attributes.i_or("end", rank)));
}

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  if (!input) {
    context.set_output(0, ValueType::tensor(DType::kI64, Shape{context.fresh_symbol("rank")}));
    return ok_status();
  }
  int64_t start, end;
  range(context.attributes(), static_cast<int64_t>(input->size()), start, end);
  context.set_output(0, ValueType::tensor(DType::kI64, Shape{end - start}));
  track(context, 0, {end - start}, std::vector<Dim>(input->begin() + start, input->begin() + end));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Dims& dims = context.tensor(0).dims();
  int64_t start, end;
  range(context.attributes(), static_cast<int64_t>(dims.size()), start, end);
  context.set_output(0, Tensor::from_i64(std::vector<int64_t>(dims.begin() + start, dims.begin() + end)));
  return ok_status();
}

}  // namespace shape_impl

OpDef define_shape() {
  OpDef op("Shape", 1);
  op.input("data", "T")
      .output("shape", "T1")
      .type("T", kAllTensorTypes & ~dtype_set(DType::kF6E2M3, DType::kF6E3M2))
      .type("T1", dtype_bit(DType::kI64))
      .attr("end", AttrKind::kInt, false)
      .attr("start", int64_t{0});
  op.infer = shape_impl::infer;
  op.evaluate = shape_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
