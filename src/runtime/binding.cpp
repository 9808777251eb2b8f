#include "runtime/binding.h"

#include <set>

namespace sinter::runtime {
namespace {

// The value that makes `dim` equal `actual` when only `symbol` is unbound and the dim is linear in it.
std::optional<int64_t> solve(const Dim& dim, const std::string& symbol, int64_t actual, const Bindings& bindings) {
  if (dim.symbol_name() == symbol) return actual;
  Bindings trial = bindings;
  const auto at = [&](int64_t value) {
    trial[symbol] = value;
    return dim.evaluate(trial);
  };
  const std::optional<int64_t> zero = at(0), one = at(1);
  int64_t slope = 0, rise = 0;
  if (!zero || !one || __builtin_sub_overflow(*one, *zero, &slope) || __builtin_sub_overflow(actual, *zero, &rise)) return std::nullopt;
  if (slope == 0 || rise % slope != 0) return std::nullopt;
  const int64_t value = rise / slope;
  return value >= 0 && at(value) == actual ? std::optional<int64_t>(value) : std::nullopt;
}

std::optional<std::string> only_unbound_symbol(const Dim& dim, const Bindings& bindings) {
  std::set<std::string> symbols;
  dim.collect_symbols(symbols);
  std::optional<std::string> unbound;
  for (const std::string& symbol : symbols) {
    if (bindings.contains(symbol)) continue;
    if (unbound) return std::nullopt;
    unbound = symbol;
  }
  return unbound;
}

}  // namespace

Status bind_shape(const Shape& declared, const Dims& actual, Bindings& bindings, BindDims which) {
  if (declared.size() != actual.size()) {
    return make_error(Code::kInvalidArgument, "it has rank {}, expected rank {}", actual.size(), declared.size());
  }
  // Plain symbols first, so that a dim like h*w finds both.
  for (size_t axis = 0; axis < declared.size(); ++axis) {
    const std::string_view name = declared[axis].symbol_name();
    if (!name.empty() && !bindings.contains(name)) bindings.emplace(std::string(name), actual[axis]);
  }
  for (size_t axis = 0; axis < declared.size(); ++axis) {
    const Dim& dim = declared[axis];
    if (const auto symbol = only_unbound_symbol(dim, bindings)) {
      const std::optional<int64_t> value = solve(dim, *symbol, actual[axis], bindings);
      if (!value && which == BindDims::kKnown) continue;
      if (!value) {
        return make_error(Code::kInvalidArgument, "dim {} is {}, which no '{}' makes equal to {}", axis, actual[axis], *symbol,
                          dim.to_string());
      }
      bindings.emplace(*symbol, *value);
    }
    const std::optional<int64_t> expected = dim.evaluate(bindings);
    if (!expected || *expected == actual[axis]) continue;
    if (dim.is_constant()) {
      return make_error(Code::kInvalidArgument, "dim {} is {}, expected {}", axis, actual[axis], dim.value());
    }
    return make_error(Code::kInvalidArgument, "dim {} is {}, expected {} = {}", axis, actual[axis], dim.to_string(), *expected);
  }
  return ok_status();
}

namespace {

std::string range_text(const plan::SymbolRange& range) {
  return range.max == INT64_MAX ? fmt::format("{} or more", range.min) : range.min == range.max ? fmt::format("{}", range.min) : fmt::format("{} to {}", range.min, range.max);
}

// "input 'x' [32,3]: dimension 0 ('batch')" of the first input whose shape has the symbol, alone in a dimension if possible.
std::string place_of(const plan::Plan& plan, const std::string& symbol, std::span<const Dims> input_dims) {
  const plan::Region& main = plan.regions[0];
  for (const bool alone : {true, false}) {
    for (size_t i = 0; i < main.inputs.size() && i < input_dims.size(); ++i) {
      const plan::PlanValue& input = main.values[static_cast<size_t>(main.inputs[i])];
      if (!input.type.is_tensor() || !input.type.shape) continue;
      for (size_t axis = 0; axis < input.type.shape->size(); ++axis) {
        const Dim& dim = (*input.type.shape)[axis];
        std::set<std::string> symbols;
        dim.collect_symbols(symbols);
        if (alone ? dim.symbol_name() != symbol : !symbols.count(symbol)) continue;
        return fmt::format("input '{}' {}: dimension {} ({}{}{})", input.name, to_string(input_dims[i]), axis, alone ? "'" : "", dim.to_string(), alone ? "'" : "");
      }
    }
  }
  return fmt::format("inputs: symbol '{}'", symbol);
}

}  // namespace

Status check_ranges(const plan::Plan& plan, const Bindings& bindings, std::span<const Dims> input_dims) {
  for (const plan::SymbolRange& range : plan.symbols) {
    const auto it = bindings.find(range.name);
    if (it == bindings.end() || (it->second >= range.min && it->second <= range.max)) continue;
    return make_error(Code::kInvalidArgument, "{} is {}, the engine was built for {}; use a size in this range, or build with other --min-shapes and --max-shapes",
                      place_of(plan, range.name, input_dims), it->second, range_text(range));
  }
  return ok_status();
}

std::string ranges_text(const plan::Plan& plan) {
  std::string text;
  for (const plan::SymbolRange& range : plan.symbols) text += fmt::format("{}'{}' {}", text.empty() ? "" : ", ", range.name, range_text(range));
  return text.empty() ? "any shape" : text;
}

}  // namespace sinter::runtime
