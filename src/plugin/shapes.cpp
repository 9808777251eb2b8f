#include "plugin/shapes.h"

#include <algorithm>

#include "plugin/call.h"

namespace sinter::plugin {
namespace {

constexpr double kMostBytes = 0x1p46;  // as plan::kMaxValueBytes: where an address space ends

template <typename... Args>
Status bad_rule(const Operator& op, size_t output, fmt::format_string<Args...> found, Args&&... args) {
  return make_error(Code::kInvalidArgument, "the shape rule of {} gives {} {}; correct the plugin", op.owner(), output_name(op, output), fmt::format(found, std::forward<Args>(args)...));
}

Status check_sizes(const Operator& op, size_t output, DType dtype, const Shape& bounds) {
  double bytes = std::max(1, dtype_bits(dtype)) / 8.0;
  bool all_known = true;
  for (size_t axis = 0; axis < bounds.size(); ++axis) {
    const Dim& dim = bounds[axis];
    if (dim.bounds({}).max < 0) return bad_rule(op, output, "the size {} along axis {}, expected none below 0", dim.to_string(), axis);
    all_known = all_known && dim.is_constant();
    if (dim.is_constant()) bytes *= static_cast<double>(dim.value());
  }
  if (all_known && bytes > kMostBytes) return bad_rule(op, output, "the shape {}, expected one that fits into memory", to_string(bounds));
  return ok_status();
}

Status read_outputs(const Operator& op, const sinter_plugin_context& context, std::vector<ShapeOutput>& outputs) {
  for (size_t i = 0; i < context.outputs.size(); ++i) {
    const sinter_plugin_context::Output& made = context.outputs[i];
    if (!made.set) return bad_rule(op, i, "no type, expected a call of set_output for each output");
    if (!contains(output_types(op, i), made.dtype)) return bad_rule(op, i, "the element type {}, expected one that its description allows", dtype_name(made.dtype));
    ShapeOutput output{made.dtype, {}, {}, {}};
    for (const sinter_plugin_context::Size& size : made.dims) {
      output.shape.push_back(size.dim);
      output.bounds.push_back(size.by_data ? size.bound : size.dim);
      output.by_data.push_back(size.by_data);
    }
    SINTER_TRY(check_sizes(op, i, made.dtype, output.bounds));
    outputs.push_back(std::move(output));
  }
  return ok_status();
}

std::optional<Dim> element_of(const ShapeInput& input, int64_t index) {
  if (index < 0) return std::nullopt;
  const auto at = static_cast<size_t>(index);
  if (input.constant && is_integer(input.constant->dtype()) && input.constant->rank() <= 1) {
    const std::vector<int64_t> values = input.constant->to_i64();
    return at < values.size() ? std::optional<Dim>(values[at]) : std::nullopt;
  }
  if (!input.elements || at >= input.elements->elements.size()) return std::nullopt;
  return input.elements->elements[at];
}

const char* param_name(const sinter_plugin_param* params, size_t count, size_t index) { return count == 0 ? "" : params[std::min(index, count - 1)].name; }

}  // namespace

bool ShapeOutput::depends_on_data() const { return std::find(by_data.begin(), by_data.end(), true) != by_data.end(); }

std::string output_name(const Operator& op, size_t output) { return fmt::format("output {} ('{}')", output, param_name(op.c.outputs, op.c.output_count, output)); }
std::string input_name(const Operator& op, size_t input) { return fmt::format("input {} ('{}')", input, param_name(op.c.inputs, op.c.input_count, input)); }

DTypeSet output_types(const Operator& op, size_t output) { return op.c.outputs[std::min(output, op.c.output_count - 1)].dtypes; }

Result<std::vector<ShapeOutput>> ask_shapes(const Operator& op, const Attributes& attributes, std::span<const ShapeInput> inputs, size_t outputs,
                                            std::function<Dim(std::string_view)> fresh) {
  sinter_plugin_context context;
  context.outputs.resize(outputs);
  context.fresh = std::move(fresh);
  context.element = [&](int32_t input, int64_t index) {
    const bool there = input >= 0 && static_cast<size_t>(input) < inputs.size() && inputs[static_cast<size_t>(input)].present;
    return there ? element_of(inputs[static_cast<size_t>(input)], index) : std::nullopt;
  };
  std::vector<std::vector<sinter_plugin_dim>> dims(inputs.size());
  std::vector<sinter_plugin_shape> shapes(inputs.size(), sinter_plugin_shape{});
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].present) continue;
    for (const Dim& dim : inputs[i].shape) dims[i].push_back(context.keep({dim, false, {}}));
    const Tensor* constant = inputs[i].constant;
    shapes[i] = {1, static_cast<int32_t>(inputs[i].dtype), static_cast<int32_t>(dims[i].size()), dims[i].data(), constant ? constant->raw() : nullptr};
  }
  const AttributeValues values(op, attributes);
  const sinter_plugin_shapes call{sizeof call, &host_table(), &context, values.data(), values.size(), shapes.data(), shapes.size(), outputs};
  SINTER_TRY(guarded(op, "the shape rule", context, [&] { return op.c.infer(&call); }));
  std::vector<ShapeOutput> result;
  SINTER_TRY(read_outputs(op, context, result));
  return result;
}

Status check_same(const Operator& op, size_t output, const ShapeOutput& asked, DType dtype, const Dims& dims) {
  bool same = asked.dtype == dtype && asked.bounds.size() == dims.size();
  for (size_t axis = 0; same && axis < dims.size(); ++axis) same = asked.by_data[axis] || asked.bounds[axis].is(dims[axis]);
  if (same) return ok_status();
  return bad_rule(op, output, "{}{} for these sizes, expected {}{} as when the engine was built", dtype_name(asked.dtype), to_string(asked.bounds), dtype_name(dtype), to_string(dims));
}

}  // namespace sinter::plugin
