// SequenceMap: runs the body once for each element of the sequences (tensors among the inputs are passed whole) and
// collects each output in a sequence.
#include "ops/control_flow.h"

namespace sinter::ops {
namespace sequence_map_impl {

Status infer(InferContext& context) {
  std::vector<ValueType> types;
  for (int i = 0; i < context.input_count(); ++i)
    types.push_back(context.input_type(i).is_sequence() ? element_type(context.input_type(i)) : context.input_type(i));
  SINTER_ASSIGN(const std::vector<ValueType> results, context.infer_subgraph("body", types));
  if (static_cast<int>(results.size()) < context.output_count())
    return context.error(fmt::format("the body returns {} values: expected {}; check the exporter", results.size(),
                                     context.output_count()));
  for (int i = 0; i < context.output_count(); ++i) {
    ValueType element = results[i];
    // Elements may differ in their dims, and a symbol stands for one value only.
    if (element.is_tensor() && element.shape && !constant_dims(*element.shape)) element.shape.reset();
    if (context.has_output(i)) context.set_output(i, ValueType::sequence(std::move(element)));
  }
  return ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_sequence(context, 0));
  const size_t length = context.input(0).sequence().size();
  for (int i = 1; i < context.input_count(); ++i)
    if (context.input(i).is_sequence() && context.input(i).sequence().size() != length)
      return context.error(
          fmt::format("input {} has {} elements but input 0 has {}: expected equal lengths; correct the model", i,
                      context.input(i).sequence().size(), length));
  std::vector<Sequence> outputs(context.output_count());
  for (size_t t = 0; t < length; ++t) {
    std::vector<Value> arguments;
    for (int i = 0; i < context.input_count(); ++i)
      arguments.push_back(context.input(i).is_sequence() ? context.input(i).sequence()[t] : context.input(i));
    SINTER_ASSIGN(std::vector<Value> results, context.run_subgraph("body", std::move(arguments)));
    if (results.size() < outputs.size())
      return context.error(
          fmt::format("the body returned {} values: expected {}; check the exporter", results.size(), outputs.size()));
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i].push_back(std::move(results[i]));
  }
  for (size_t i = 0; i < outputs.size(); ++i)
    if (context.wants_output(static_cast<int>(i))) context.set_output(static_cast<int>(i), std::move(outputs[i]));
  return ok_status();
}

}  // namespace sequence_map_impl

OpDef define_sequence_map() {
  OpDef op("SequenceMap", 17);
  op.input("input_sequence", "S")
      .input("additional_inputs", "V", ParamKind::kVariadic, true)
      .output("out_sequence", "S", ParamKind::kVariadic, true)
      .type("S", 0, true)
      .type("V", kAllTensorTypes, true)
      .attr("body", AttrKind::kGraph, true)
      .fact(kControlFlow);
  op.infer = sequence_map_impl::infer;
  op.evaluate = sequence_map_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
