// Loop: runs the body up to M times and while its condition holds (the body's condition counts only when the node has
// one). The body takes (iteration, condition, carried…) and returns (condition, carried…, scan…); scan values are
// stacked along a new axis 0. A loop that does not end is stopped: by the number of its trips, or by the memory that what it carries and stacks takes.
#include "base/cpu_info.h"
#include "ops/control_flow.h"

namespace sinter::ops {
namespace loop_impl {

// A dim that changes at each iteration becomes a symbol: at most one round for each kind of dim, then a fixed point.
constexpr int kMaxRounds = 8;

// A trip takes two microseconds at least. A trip count up to the first is an end, if a far one (minutes of nothing but loop); without one, or with one beyond, the condition
// must be the end, and what has none is known after the second (half a minute).
constexpr int64_t kMostTrips = 100'000'000, kMostOpenTrips = 10'000'000;

int64_t bytes_of(const Value& value) {
  int64_t bytes = 0;
  if (value.is_tensor()) bytes += value.tensor().bytes();
  if (value.is_sequence())
    for (const Value& element : value.sequence()) bytes += bytes_of(element);
  return bytes;
}

int carried_count(int inputs) { return inputs > 2 ? inputs - 2 : 0; }

// Types of the carried values that hold before and after every iteration; `types` are the body's inputs, `results` its
// outputs.
Status settle(InferContext& context, std::vector<ValueType>& types, std::vector<ValueType>& results) {
  const int carried = carried_count(context.input_count());
  std::map<std::string, Dim> symbols;
  for (int round = 0; round < kMaxRounds; ++round) {
    SINTER_ASSIGN(results, context.infer_subgraph("body", types));
    if (static_cast<int>(results.size()) < carried + 1)
      return context.error(
          fmt::format("the body has {} outputs: expected the condition and {} carried values; check the exporter",
                      results.size(), carried));
    bool stable = true;
    for (int i = 0; i < carried; ++i) {
      ValueType& type = types[i + 2];
      bool changed = false;
      const auto merged = generalise(type, results[i + 1], [&](size_t axis) {
        const std::string hint = fmt::format("carried{}_{}", i, axis);
        if (symbols.find(hint) == symbols.end()) {
          symbols.emplace(hint, context.fresh_symbol(hint));
          changed = true;
        }
        return symbols.at(hint);
      });
      if (!merged)
        return context.error(
            fmt::format("carried value {} enters as {} but the body returns {}: expected one type; check the exporter",
                        i, type.to_string(), results[i + 1].to_string()));
      if (changed || merged->rank() != type.rank() || (!type.is_tensor() && !(*merged == type))) stable = false;
      type = *merged;
    }
    if (stable) return ok_status();
  }
  return ok_status();
}

Status infer(InferContext& context) {
  const int carried = carried_count(context.input_count());
  std::vector<ValueType> types{ValueType::tensor(DType::kI64, Shape{}), ValueType::tensor(DType::kBool, Shape{})},
      results;
  for (int i = 0; i < carried; ++i) types.push_back(context.input_type(i + 2));
  SINTER_TRY(settle(context, types, results));
  if (context.output_count() > static_cast<int>(results.size()) - 1)
    return context.error(fmt::format("the node has {} outputs but the body returns {}; check the exporter",
                                     context.output_count(), results.size() - 1));
  const Dim trips = context.fresh_symbol("trips");
  for (int i = 0; i < context.output_count(); ++i) {
    ValueType type = results[i + 1];
    if (i < carried) {
      // After no iteration at all the initial value comes out.
      const auto merged = generalise(context.input_type(i + 2), type, [&](size_t axis) {
        return context.fresh_symbol(fmt::format("final{}_{}", i, axis));
      });
      // An optional that every iteration replaces by its content is declared as the content.
      const bool filled = merged && merged->is_optional() && !type.is_optional();
      if (!filled) type = merged ? *merged : ValueType{};
    } else if (type.is_tensor() && type.shape) {
      type.shape->insert(type.shape->begin(), trips);
    }
    if (context.has_output(i)) context.set_output(i, std::move(type));
  }
  return ok_status();
}

Status run(EvalContext& context, int64_t trips, bool bound, bool condition, std::vector<Value>& carried,
           std::vector<std::vector<Tensor>>& scans) {
  bool go = condition;
  int64_t stacked = 0;
  // What is stacked exists twice in the end, and what grows beside its old self.
  const int64_t budget = cpu_info().memory_bytes / 4;
  const int64_t most = bound && trips <= kMostTrips ? trips : kMostOpenTrips;
  for (int64_t i = 0; (!bound || i < trips) && go; ++i) {
    if (i == most)
      return context.error(fmt::format("the loop has run {} times: expected an end before; correct its condition or its trip count", i));
    std::vector<Value> arguments{Value(Tensor::scalar<int64_t>(DType::kI64, i)),
                                 Value(Tensor::scalar<bool>(DType::kBool, go))};
    arguments.insert(arguments.end(), carried.begin(), carried.end());
    SINTER_ASSIGN(std::vector<Value> results, context.run_subgraph("body", std::move(arguments)));
    if (results.size() < 1 + carried.size() + scans.size() || !results[0].is_tensor() ||
        results[0].tensor().count() != 1)
      return context.error(
          "the body's results do not fit the loop: expected a condition, the carried values and the scan values; "
          "check the exporter");
    if (context.has_input(1)) go = results[0].tensor().to_i64()[0] != 0;
    for (size_t c = 0; c < carried.size(); ++c) carried[c] = std::move(results[1 + c]);
    for (size_t s = 0; s < scans.size(); ++s) {
      const Value& value = results[1 + carried.size() + s];
      if (!value.is_tensor()) return context.error("a scan value is no tensor: expected one; check the exporter");
      scans[s].push_back(value.tensor());
      stacked += value.tensor().bytes();
    }
    int64_t bytes = stacked;
    for (const Value& value : carried) bytes += bytes_of(value);
    if (bytes > budget)
      return make_error(Code::kOutOfMemory, "after {} trips, what the loop carries and stacks takes {} bytes: expected at most a quarter of this machine's memory, {}; correct its condition or its trip count", i + 1, bytes,
                        budget);
  }
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const bool bound = context.has_input(0), conditional = context.has_input(1);
  if (!bound && !conditional)
    return context.error(
        "the loop has neither a trip count nor a condition, so it would never end: expected one; correct the model");
  int64_t trips = 0, condition = 1;
  if (bound) {
    SINTER_ASSIGN(trips, read_scalar(context, 0));
  }
  if (conditional) {
    SINTER_ASSIGN(condition, read_scalar(context, 1));
  }
  const int count = carried_count(context.input_count());
  std::vector<Value> carried;
  for (int i = 0; i < count; ++i) carried.push_back(context.has_input(i + 2) ? context.input(i + 2) : Value());
  std::vector<std::vector<Tensor>> scans(std::max(0, context.output_count() - count));
  SINTER_TRY(run(context, trips, bound, condition != 0, carried, scans));
  for (int i = 0; i < context.output_count(); ++i) {
    if (!context.wants_output(i)) continue;
    if (i < count) {
      context.set_output(i, std::move(carried[i]));
      continue;
    }
    const std::vector<Tensor>& parts = scans[i - count];
    if (parts.empty()) {
      auto empty = empty_value(context.output_type(i), 0);
      if (!empty.ok()) return context.error(empty.status().message());
      context.set_output(i, std::move(empty).value());
    } else {
      auto stacked = stack(parts, 0, false);
      if (!stacked.ok()) return context.error(stacked.status().message());
      context.set_output(i, std::move(stacked).value());
    }
  }
  return ok_status();
}

}  // namespace loop_impl

OpDef define_loop() {
  OpDef op("Loop", 1);
  op.input("M", "I", ParamKind::kOptional)
      .input("cond", "B", ParamKind::kOptional)
      .input("v_initial", "V", ParamKind::kVariadic, true)
      .output("v_final_and_scan_outputs", "V", ParamKind::kVariadic, true)
      .type("V", kAllTensorTypes, true, true)
      .type("I", dtype_set(DType::kI64))
      .type("B", kBoolType)
      .attr("body", AttrKind::kGraph, true)
      .fact(kControlFlow);
  op.infer = loop_impl::infer;
  op.evaluate = loop_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
