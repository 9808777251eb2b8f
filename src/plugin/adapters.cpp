#include "plugin/adapters.h"

#include <cstring>

#include "plugin/kernel.h"
#include "plugin/shapes.h"

namespace sinter::plugin {
namespace {

// The element type of an output where the schema alone says it: one type only, or that of an input of the same letter.
DType schema_type(const Operator& op, const InferContext& context, size_t output) {
  const sinter_plugin_param& param = op.c.outputs[std::min(output, op.c.output_count - 1)];
  if ((param.dtypes & (param.dtypes - 1)) == 0) return static_cast<DType>(__builtin_ctzll(param.dtypes));
  for (int i = 0; param.type && i < context.input_count(); ++i) {
    const char* type = op.c.inputs[std::min(static_cast<size_t>(i), op.c.input_count - 1)].type;
    if (type && std::strcmp(type, param.type) == 0 && context.input_type(i).is_tensor()) return context.input_type(i).dtype;
  }
  return DType::kUndefined;
}

Status set_unknown(const Operator& op, InferContext& context) {
  for (int o = 0; o < context.output_count(); ++o) {
    const DType dtype = schema_type(op, context, static_cast<size_t>(o));
    if (dtype != DType::kUndefined) context.set_output(o, ValueType::tensor(dtype));
  }
  return ok_status();
}

// Which inputs a rule or kernel is told of, at run time.
Status collect(const EvalContext& context, std::vector<ShapeInput>& shapes, std::vector<TensorSpec>& specs, std::vector<const void*>& data) {
  for (int i = 0; i < context.input_count(); ++i) {
    shapes.emplace_back();
    specs.emplace_back();
    data.push_back(nullptr);
    shapes.back().present = specs.back().present = context.has_input(i);
    if (!context.has_input(i)) continue;
    if (!context.input(i).is_tensor()) return context.error(fmt::format("input {} is no tensor; plugins take tensors; correct the model", i));
    const Tensor& tensor = context.tensor(i);
    shapes.back() = {true, tensor.dtype(), to_shape(tensor.dims()), &tensor, std::nullopt};
    specs.back() = {true, tensor.dtype(), tensor.dims(), {}};
    data.back() = tensor.raw();
  }
  return ok_status();
}

// The rule's answer now against the one while building.
Status check_promise(const EvalContext& context, const Operator& op, size_t output, const ShapeOutput& asked) {
  const ValueType promised = context.output_type(static_cast<int>(output));
  if (!promised.is_tensor()) return ok_status();
  bool same = promised.dtype == DType::kUndefined || promised.dtype == asked.dtype;
  same = same && (!promised.shape || promised.shape->size() == asked.bounds.size());
  for (size_t axis = 0; same && promised.shape && axis < asked.bounds.size(); ++axis) {
    const Dim& dim = (*promised.shape)[axis];
    same = asked.by_data[axis] || !dim.is_constant() || dim == asked.bounds[axis];
  }
  if (same) return ok_status();
  return context.error(fmt::format("the shape rule of {} gives {} {}{} for these inputs, expected {} as when the model was built; correct the plugin", op.owner(), output_name(op, output),
                                   dtype_name(asked.dtype), to_string(asked.bounds), promised.to_string()));
}

// The outputs of a run: in place where their size is known, in memory of the bound's size otherwise.
class Outputs {
 public:
  Outputs(const Operator& op, EvalContext& context) : op_(op), context_(context) {}

  Status make(const std::vector<ShapeOutput>& asked) {
    for (size_t o = 0; o < asked.size(); ++o) {
      SINTER_TRY(check_promise(context_, op_, o, asked[o]));
      TensorSpec spec{true, asked[o].dtype, {}, asked[o].by_data};
      const auto dims = constant_dims(asked[o].bounds);
      if (!dims) return context_.error(fmt::format("the shape rule of {} gives {} the shape {} for known inputs; expected numbers; correct the plugin", op_.owner(), output_name(op_, o), to_string(asked[o].bounds)));
      spec.dims = *dims;
      const int index = static_cast<int>(o);
      const bool optional = op_.c.outputs[std::min(o, op_.c.output_count - 1)].kind == SINTER_PLUGIN_OPTIONAL;
      spec.present = !optional || context_.wants_output(index);
      room_.emplace_back();
      if (asked[o].depends_on_data()) room_.back() = spec.present ? Tensor(spec.dtype, spec.dims) : Tensor();
      else if (spec.present) data.push_back(context_.allocate(index, spec.dtype, spec.dims).raw());
      if (asked[o].depends_on_data() || !spec.present) data.push_back(room_.back().raw());
      specs.push_back(std::move(spec));
    }
    return ok_status();
  }

  void finish(const std::vector<Dims>& result) {
    for (size_t o = 0; o < room_.size(); ++o) {
      if (!room_[o].defined()) continue;
      Tensor tensor(specs[o].dtype, result[o]);
      if (tensor.bytes() > 0) std::memcpy(tensor.raw(), room_[o].raw(), static_cast<size_t>(tensor.bytes()));
      context_.set_output(static_cast<int>(o), std::move(tensor));
    }
  }

  std::vector<TensorSpec> specs;
  std::vector<void*> data;

 private:
  const Operator& op_;
  EvalContext& context_;
  std::vector<Tensor> room_;
};

}  // namespace

Status infer(const Operator& op, InferContext& context) {
  std::vector<ShapeInput> inputs;
  for (int i = 0; i < context.input_count(); ++i) {
    inputs.emplace_back();
    inputs.back().present = context.has_input(i);
    if (!context.has_input(i)) continue;
    const ValueType& type = context.input_type(i);
    if (type.kind != ValueType::Kind::kUnknown && !type.is_tensor()) return context.error(fmt::format("input {} is {}; plugins take tensors; correct the model", i, type.to_string()));
    const Shape* shape = context.input_shape(i);
    if (!shape || type.dtype == DType::kUndefined) return set_unknown(op, context);
    inputs.back() = {true, type.dtype, *shape, context.input_constant(i), context.input_elements(i)};
  }
  auto asked = ask_shapes(op, context.attributes(), inputs, static_cast<size_t>(context.output_count()), [&](std::string_view name) { return context.fresh_symbol(name); });
  if (!asked.ok()) return context.error(asked.status().message());
  for (int o = 0; o < context.output_count(); ++o) {
    ShapeOutput& output = (*asked)[static_cast<size_t>(o)];
    context.set_output(o, ValueType::tensor(output.dtype, std::move(output.shape)));
  }
  return ok_status();
}

Status evaluate(const Operator& op, EvalContext& context) {
  std::vector<ShapeInput> shapes;
  std::vector<TensorSpec> specs;
  std::vector<const void*> data;
  SINTER_TRY(collect(context, shapes, specs, data));
  const auto named = [&](const Status& status) { return context.error(std::string(status.message())); };
  int symbols = 0;
  auto asked = ask_shapes(op, context.attributes(), shapes, static_cast<size_t>(context.output_count()),
                          [&](std::string_view name) { return Dim::symbol(fmt::format("by_data_{}_{}", name, symbols++)); });
  if (!asked.ok()) return named(asked.status());
  Outputs outputs(op, context);
  SINTER_TRY(outputs.make(*asked));
  Invocation kernel(op, context.attributes());
  auto workspace_bytes = kernel.prepare(std::move(specs), outputs.specs, 1);
  if (!workspace_bytes.ok()) return named(workspace_bytes.status());
  Tensor workspace(DType::kU8, {*workspace_bytes});
  const Status ran = kernel.run(data.data(), outputs.data.data(), workspace.raw(), nullptr);
  if (!ran.ok()) return named(ran);
  outputs.finish(kernel.result());
  return ok_status();
}

}  // namespace sinter::plugin
