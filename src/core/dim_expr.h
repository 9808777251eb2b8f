// Inside of Dim (private to dim*.cpp): the canonical polynomial form.
//
// An expression is a sum of terms; a term is a coefficient times a product of atoms; an atom is a symbol or an operation
// on two dims. Terms are sorted by degree and text, atoms by text, so equal polynomials have equal text. Integer arithmetic
// saturates at the int64 limits. Forms that grow past kMaxTerms, kMaxText or kMaxDepth (only hostile or degenerate models make
// them) become one symbol that nothing binds, so that every operation stays cheap.
#pragma once

#include "core/dim.h"

namespace sinter {

constexpr size_t kMaxTerms = 128;
constexpr size_t kMaxText = 4096;  // characters of the canonical text
constexpr int kMaxDepth = 48;      // atoms inside atoms

enum class AtomKind : uint8_t { kSymbol, kFloorDiv, kMod, kMin, kMax };

struct Atom {
  AtomKind kind = AtomKind::kSymbol;
  Dim a, b;          // operands; unused for symbols
  std::string text;  // the symbol's name, or "floordiv(a,b)"
  int depth = 0;
};
using AtomRef = std::shared_ptr<const Atom>;
using Monomial = std::vector<AtomRef>;  // sorted by text; empty: the constant term

struct Term {
  Monomial atoms;
  int64_t coefficient = 0;
};

struct Dim::Expr {
  std::vector<Term> terms;  // sorted, no zero coefficients; the constant term last
  std::string text;
  int depth = 0;
};

// The one place with access to a Dim's inside.
struct DimBuilder {
  static const Dim::Expr* expr(const Dim& dim) { return dim.expr_.get(); }
  static std::vector<Term> terms(const Dim& dim);
  // Sorts, merges and checks the limits.
  static Dim from_terms(std::vector<Term> terms);
  static Dim from_atom(AtomRef atom);
  static Dim binary_atom(AtomKind kind, const Dim& a, const Dim& b);
  static bool equal(const Dim& a, const Dim& b);
};

// Order of monomials: higher degree first, then by atoms; respected by multiplication (polynomial division relies on it).
int compare(const Monomial& a, const Monomial& b);

inline int64_t saturating_add(int64_t a, int64_t b) {
  int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? INT64_MIN : INT64_MAX;
}
inline int64_t saturating_mul(int64_t a, int64_t b) {
  int64_t result;
  if (!__builtin_mul_overflow(a, b, &result)) return result;
  return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}
inline int64_t saturating_sub(int64_t a, int64_t b) {
  int64_t result;
  if (!__builtin_sub_overflow(a, b, &result)) return result;
  return a < 0 ? INT64_MIN : INT64_MAX;
}
// b != 0. INT64_MIN / -1 saturates.
inline int64_t floor_quotient(int64_t a, int64_t b) {
  if (b == -1) return saturating_sub(0, a);
  const int64_t quotient = a / b;
  return quotient - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}
inline int64_t floor_remainder(int64_t a, int64_t b) {
  if (b == -1) return 0;
  const int64_t remainder = a % b;
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

}  // namespace sinter
