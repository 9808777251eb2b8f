// sinter.Pointwise: runs a PointwiseProgram over broadcast inputs (core/pointwise.h). Made by fuse_pointwise.
//
// Attributes: program (its text form), dtypes (element type of each output). Inputs and outputs are f32, f16, bf16, bool, i8 or
// u8; f32 within, narrowed once on store, bool outputs are 1 where the result is not 0. A result stored in 8 bits must be a whole number in
// range: its program ends in round and clip (quantization; NaN gives any value).
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace pointwise_impl {

constexpr DTypeSet kTypes = dtype_set(DType::kF32, DType::kF16, DType::kBF16, DType::kBool, DType::kI8, DType::kU8);

template <typename Context>
Status read(const Context& context, PointwiseProgram& program, std::vector<DType>& dtypes) {
  SINTER_ASSIGN(program, PointwiseProgram::parse(context.attributes().s("program")));
  for (int64_t dtype : context.attributes().ints("dtypes")) {
    SINTER_ASSIGN(dtypes.emplace_back(), dtype_attribute(context, "dtypes", dtype));
    if (!contains(kTypes, dtypes.back())) {
      return context.error(fmt::format("output type {}: expected f32, f16, bf16, bool, i8 or u8", dtype_name(dtypes.back())));
    }
  }
  if (program.inputs != context.input_count() || program.outputs.size() != dtypes.size() ||
      static_cast<int>(dtypes.size()) < context.output_count()) {
    return context.error(fmt::format("program '{}' with {} output types does not fit {} inputs and {} outputs",
                                     program.to_string(), dtypes.size(), context.input_count(), context.output_count()));
  }
  return ok_status();
}

Status infer(InferContext& context) {
  PointwiseProgram program;
  std::vector<DType> dtypes;
  SINTER_TRY(read(context, program, dtypes));
  std::optional<Shape> shape;
  SINTER_TRY(broadcast_inputs(context, 0, context.input_count(), shape));
  for (int i = 0; i < context.output_count(); ++i) context.set_output(i, ValueType::tensor(dtypes[i], shape));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  PointwiseProgram program;
  std::vector<DType> dtypes;
  SINTER_TRY(read(context, program, dtypes));
  BroadcastPlan plan;
  SINTER_TRY(plan_inputs(context, context.input_count(), plan));
  std::vector<Tensor> inputs, outputs;
  for (int i = 0; i < context.input_count(); ++i) {
    if (!contains(kTypes, context.tensor(i).dtype())) return unsupported_dtype(context, i);
    inputs.push_back(context.tensor(i).cast(DType::kF32));
  }
  for (size_t i = 0; i < dtypes.size(); ++i) outputs.emplace_back(DType::kF32, plan.dims());
  std::vector<float> operands(program.operand_count());
  plan.for_each_run([&](int64_t at, const int64_t* offsets) {
    for (int64_t i = 0; i < plan.run(); ++i) {
      for (size_t k = 0; k < inputs.size(); ++k) {
        operands[k] = inputs[k].data<float>()[offsets[k] + i * plan.run_stride(static_cast<int>(k))];
      }
      program.evaluate(operands.data());
      for (size_t k = 0; k < outputs.size(); ++k) outputs[k].data<float>()[at + i] = operands[program.outputs[k]];
    }
  });
  for (int i = 0; i < context.output_count(); ++i) context.set_output(i, outputs[i].cast(dtypes[i]));
  return ok_status();
}

}  // namespace pointwise_impl

OpDef define_pointwise() {
  OpDef op("Pointwise", 1, "sinter");
  op.input("inputs", "T", ParamKind::kVariadic, true).output("outputs", "T", ParamKind::kVariadic, true);
  op.type("T", pointwise_impl::kTypes).fact(kElementwise);
  op.attr("program", AttrKind::kString, true).attr("dtypes", AttrKind::kInts, true);
  op.infer = pointwise_impl::infer;
  op.evaluate = pointwise_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
