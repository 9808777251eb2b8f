// Dim: one dimension of a shape, an integer or an expression over named symbols (design decision 2).
//
// Expressions are kept canonical: a sum of integer multiples of products of atoms, where an atom is a symbol or one of
// floordiv(a,b), mod(a,b), min(a,b), max(a,b). Two dims that are the same polynomial of the same atoms are equal, so
// 2*(batch+3) == 6+2*batch without a solver. Symbols stand for non-negative integers. Dims are immutable and cheap to copy.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sinter {

using Dims = std::vector<int64_t>;                             // a concrete shape, outermost first; {} is a scalar
using Bindings = std::map<std::string, int64_t, std::less<>>;  // symbol → value

struct DimRange {
  int64_t min = 0, max = INT64_MAX;
};
using RangeBindings = std::map<std::string, DimRange, std::less<>>;

class Dim {
 public:
  struct Expr;

  Dim(int64_t value = 0) : value_(value) {}  // NOLINT: integers are dims
  static Dim symbol(std::string name);

  bool is_constant() const { return expr_ == nullptr; }
  // The value; only when is_constant().
  int64_t value() const { return value_; }
  bool is(int64_t value) const { return !expr_ && value_ == value; }
  // The symbol's name when the whole expression is one symbol, else empty.
  std::string_view symbol_name() const;

  // Equal for every binding, as far as the canonical form can tell.
  friend bool operator==(const Dim& a, const Dim& b);
  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  Dim& operator+=(const Dim& other) { return *this = *this + other; }
  Dim& operator*=(const Dim& other) { return *this = *this * other; }

  // Value under the bindings; nullopt if a symbol has none or a division is by zero.
  std::optional<int64_t> evaluate(const Bindings& bindings) const;
  // A range that holds every value under the ranges of the symbols (not always the tightest). Unbound symbols: [0, max].
  DimRange bounds(const RangeBindings& ranges) const;
  // Replaces symbols that have an entry.
  Dim substitute(const std::map<std::string, Dim, std::less<>>& replacements) const;
  void collect_symbols(std::set<std::string>& out) const;

  // "batch", "2*h+3", "floordiv(h+1,2)". parse is the inverse. Symbol names are any text without the characters ,()*+- and
  // spaces that does not begin with a digit.
  std::string to_string() const;
  static Result<Dim> parse(std::string_view text);

 private:
  friend struct DimBuilder;  // dim.cpp
  int64_t value_ = 0;
  std::shared_ptr<const Expr> expr_;  // null: the constant value_
};

inline bool operator!=(const Dim& a, const Dim& b) { return !(a == b); }
Dim floordiv(const Dim& a, const Dim& b);  // rounds towards minus infinity; exact quotients of polynomials are simplified
Dim ceildiv(const Dim& a, const Dim& b);
Dim mod(const Dim& a, const Dim& b);       // sign of b, as Python's %
Dim min(const Dim& a, const Dim& b);
Dim max(const Dim& a, const Dim& b);

using Shape = std::vector<Dim>;

Shape to_shape(const Dims& dims);
// All dims as integers, nullopt if one is not constant / not bound.
std::optional<Dims> constant_dims(const Shape& shape);
std::optional<Dims> evaluate(const Shape& shape, const Bindings& bindings);
Dim product(const Shape& shape, size_t begin = 0, size_t end = SIZE_MAX);
int64_t product(const Dims& dims, size_t begin = 0, size_t end = SIZE_MAX);
// "[1,3,224,224]", "[batch,3,2*h]".
std::string to_string(const Shape& shape);
std::string to_string(const Dims& dims);

// Numpy broadcast of two shapes. An unknown pair (a symbol against another symbol) becomes max(a,b). Error text names both.
Result<Shape> broadcast(const Shape& a, const Shape& b);
Result<Dims> broadcast(const Dims& a, const Dims& b);

}  // namespace sinter
