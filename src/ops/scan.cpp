// Scan: runs the body once for each slice of the scan inputs, carrying state. The body takes (state…, slices…) and
// returns (state…, scan values…); scan values are stacked along a new axis. Directions may be reversed for every scan
// input and output.
#include "ops/control_flow.h"
#include "ops/indexing.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace scan_impl {

struct Plan {
  int states = 0, scans = 0;
  std::vector<int64_t> input_axes, input_reversed, output_axes, output_reversed;
};

template <typename Context>
Status read(const Context& context, Plan& plan) {
  const int64_t scans = context.attributes().i("num_scan_inputs");
  if (scans < 1 || scans > context.input_count())
    return context.error(
        fmt::format("attribute 'num_scan_inputs' is {} for {} inputs: expected at least one of them; correct the model",
                    scans, context.input_count()));
  plan.scans = static_cast<int>(scans);
  plan.states = context.input_count() - plan.scans;
  const int outputs = std::max(0, context.output_count() - plan.states);
  const auto read_list = [&](const char* name, int count, std::vector<int64_t>& list) {
    list = context.attributes().ints_or(name, {});
    if (list.empty()) list.assign(count, 0);
    if (static_cast<int>(list.size()) >= count) return ok_status();
    return context.error(
        fmt::format("attribute '{}' has {} values: expected {}; correct the model", name, list.size(), count));
  };
  SINTER_TRY(read_list("scan_input_axes", plan.scans, plan.input_axes));
  SINTER_TRY(read_list("scan_input_directions", plan.scans, plan.input_reversed));
  SINTER_TRY(read_list("scan_output_axes", outputs, plan.output_axes));
  return read_list("scan_output_directions", outputs, plan.output_reversed);
}

// The types the body gets for the slices; `length` becomes the number of iterations.
Status slice_types(InferContext& context, const Plan& plan, std::vector<ValueType>& types, std::optional<Dim>& length) {
  for (int i = 0; i < plan.scans; ++i) {
    ValueType type = context.input_type(plan.states + i);
    if (type.is_tensor() && type.shape) {
      int axis = 0;
      SINTER_TRY(check_axis(context, plan.input_axes[i], type.rank(), axis));
      if (!length || !length->is_constant()) length = (*type.shape)[axis];
      type.shape->erase(type.shape->begin() + axis);
    }
    types.push_back(std::move(type));
  }
  return ok_status();
}

Status infer(InferContext& context) {
  Plan plan;
  SINTER_TRY(read(context, plan));
  std::vector<ValueType> types;
  for (int i = 0; i < plan.states; ++i) types.push_back(context.input_type(i));
  std::optional<Dim> length;
  SINTER_TRY(slice_types(context, plan, types, length));
  SINTER_ASSIGN(std::vector<ValueType> results, context.infer_subgraph("body", types));
  if (static_cast<int>(results.size()) < context.output_count() || static_cast<int>(results.size()) < plan.states)
    return context.error(fmt::format("the body returns {} values: expected {}; check the exporter", results.size(),
                                     context.output_count()));
  for (int i = 0; i < context.output_count(); ++i) {
    ValueType type = results[i];
    if (i < plan.states) {
      const auto merged = generalise(context.input_type(i), type, [&](size_t axis) {
        return context.fresh_symbol(fmt::format("state{}_{}", i, axis));
      });
      if (!merged)
        return context.error(
            fmt::format("state {} enters as {} but the body returns {}: expected one type; check the exporter", i,
                        types[i].to_string(), results[i].to_string()));
      type = *merged;
    } else if (type.is_tensor() && type.shape) {
      int axis = 0;
      SINTER_TRY(check_axis(context, plan.output_axes[i - plan.states], type.rank() + 1, axis));
      type.shape->insert(type.shape->begin() + axis, length ? *length : context.fresh_symbol("length"));
    }
    if (context.has_output(i)) context.set_output(i, std::move(type));
  }
  return ok_status();
}

// Number of iterations: equal for all scan inputs. `axes` are normalised.
Status scan_length(const EvalContext& context, const Plan& plan, std::vector<int>& axes, int64_t& length) {
  length = -1;
  for (int i = 0; i < plan.scans; ++i) {
    if (!context.input(plan.states + i).is_tensor())
      return context.error("a scan input is no tensor: expected one; correct the model");
    const Tensor& input = context.tensor(plan.states + i);
    axes.push_back(0);
    SINTER_TRY(check_axis(context, plan.input_axes[i], input.rank(), axes.back()));
    if (length >= 0 && input.dim(axes.back()) != length)
      return context.error(
          fmt::format("scan input {} has length {} but another {}: expected one length; correct the model", i,
                      input.dim(axes.back()), length));
    length = input.dim(axes.back());
  }
  return ok_status();
}

Status evaluate(EvalContext& context) {
  Plan plan;
  SINTER_TRY(read(context, plan));
  std::vector<int> axes;
  int64_t length = 0;
  SINTER_TRY(scan_length(context, plan, axes, length));
  std::vector<Value> states;
  for (int i = 0; i < plan.states; ++i) states.push_back(context.input(i));
  std::vector<std::vector<Tensor>> scans(std::max(0, context.output_count() - plan.states));
  for (int64_t t = 0; t < length; ++t) {
    std::vector<Value> arguments = states;
    for (int i = 0; i < plan.scans; ++i)
      arguments.push_back(
          slice_at(context.tensor(plan.states + i), axes[i], plan.input_reversed[i] ? length - 1 - t : t));
    SINTER_ASSIGN(std::vector<Value> results, context.run_subgraph("body", std::move(arguments)));
    if (results.size() < states.size() + scans.size())
      return context.error(fmt::format("the body returned {} values: expected {}; check the exporter", results.size(),
                                       states.size() + scans.size()));
    for (size_t i = 0; i < states.size(); ++i) states[i] = std::move(results[i]);
    for (size_t i = 0; i < scans.size(); ++i) {
      if (!results[states.size() + i].is_tensor())
        return context.error("a scan value is no tensor: expected one; check the exporter");
      scans[i].push_back(results[states.size() + i].tensor());
    }
  }
  for (int i = 0; i < context.output_count(); ++i) {
    if (!context.wants_output(i)) continue;
    if (i < plan.states) {
      context.set_output(i, std::move(states[i]));
      continue;
    }
    const int s = i - plan.states;
    if (scans[s].empty()) {
      SINTER_ASSIGN(Value empty, at_node(context, empty_value(context.output_type(i), plan.output_axes[s])));
      context.set_output(i, std::move(empty));
    } else {
      SINTER_ASSIGN(Tensor stacked,
                    at_node(context, stack(scans[s], plan.output_axes[s], plan.output_reversed[s] != 0)));
      context.set_output(i, std::move(stacked));
    }
  }
  return ok_status();
}

}  // namespace scan_impl

OpDef define_scan() {
  OpDef op("Scan", 9);
  op.input("initial_state_and_scan_inputs", "V", ParamKind::kVariadic, true)
      .output("final_state_and_scan_outputs", "V", ParamKind::kVariadic, true)
      .type("V", kAllTensorTypes)
      .attr("body", AttrKind::kGraph, true)
      .attr("num_scan_inputs", AttrKind::kInt, true)
      .attr("scan_input_axes", AttrKind::kInts, false)
      .attr("scan_input_directions", AttrKind::kInts, false)
      .attr("scan_output_axes", AttrKind::kInts, false)
      .attr("scan_output_directions", AttrKind::kInts, false)
      .fact(kControlFlow);
  op.infer = scan_impl::infer;
  op.evaluate = scan_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
