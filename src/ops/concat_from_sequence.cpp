// ConcatFromSequence: the sequence's tensors joined along an axis, or stacked along a new one with new_axis=1.
#include "ops/control_flow.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace concat_from_sequence_impl {

Status infer(InferContext& context) {
  const ValueType element = element_type(context.input_type(0));
  std::optional<Shape> shape;
  if (element.is_tensor() && element.shape) {
    const bool stacks = context.attributes().i("new_axis") != 0;
    shape = *element.shape;
    int axis = 0;
    SINTER_TRY(check_axis(context, context.attributes().i("axis"), element.rank() + (stacks ? 1 : 0), axis));
    const Dim size = context.fresh_symbol("joined");
    if (stacks)
      shape->insert(shape->begin() + axis, size);
    else
      (*shape)[axis] = size;
  }
  context.set_output(0, ValueType::tensor(element.dtype, std::move(shape)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_sequence(context, 0));
  std::vector<Tensor> parts;
  for (const Value& value : context.input(0).sequence()) {
    if (!value.is_tensor())
      return context.error("the sequence holds more than tensors: expected tensors only; correct the model");
    parts.push_back(value.tensor());
  }
  if (parts.empty()) return context.error("the sequence is empty: expected at least one tensor; correct the model");
  const int64_t axis = context.attributes().i("axis");
  if (context.attributes().i("new_axis") != 0) {
    SINTER_ASSIGN(Tensor stacked, at_node(context, stack(parts, axis, false)));
    context.set_output(0, std::move(stacked));
    return ok_status();
  }
  int normal = 0;
  SINTER_TRY(check_axis(context, axis, parts[0].rank(), normal));
  SINTER_ASSIGN(Tensor joined, at_node(context, concatenate(parts, normal)));
  context.set_output(0, std::move(joined));
  return ok_status();
}

}  // namespace concat_from_sequence_impl

OpDef define_concat_from_sequence() {
  OpDef op("ConcatFromSequence", 11);
  op.input("input_sequence", "S")
      .output("concat_result", "T")
      .type("S", 0, true)
      .type("T", kAllTensorTypes)
      .attr("axis", AttrKind::kInt, true)
      .attr("new_axis", int64_t{0});
  op.infer = concat_from_sequence_impl::infer;
  op.evaluate = concat_from_sequence_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
