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

Status check_ranges(const plan::Plan& plan, const Bindings& bindings, const std::string& what) {
  for (const plan::SymbolRange& range : plan.symbols) {
    const auto it = bindings.find(range.name);
    if (it == bindings.end() || (it->second >= range.min && it->second <= range.max)) continue;
    return make_error(Code::kInvalidArgument, "{}: '{}' is {}, the engine was built for {} to {}; use a size in this range or build "
                      "with a wider --shapes", what, range.name, it->second, range.min, range.max);
  }
  return ok_status();
}

}  // namespace sinter::runtime
