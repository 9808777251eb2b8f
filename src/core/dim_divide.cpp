// floordiv, mod, min and max of dims, with the simplifications that keep them canonical.
#include <algorithm>
#include <numeric>

#include "core/dim_expr.h"

namespace sinter {
namespace {

constexpr int kMaxDivisionSteps = 64;  // of polynomial long division; real quotients take a few

// The greatest common divisor of b and all coefficients but the constant term's.
int64_t common_factor(const std::vector<Term>& terms, int64_t b) {
  int64_t factor = b;
  for (const Term& term : terms) {
    if (!term.atoms.empty()) factor = std::gcd(factor, term.coefficient);
  }
  return factor;
}

// a / b as a polynomial when nothing remains.
std::optional<Dim> exact_quotient(const Dim& a, const Dim& b) {
  const std::vector<Term> divisor = DimBuilder::terms(b);
  if (divisor.empty()) return std::nullopt;
  const Term& lead = divisor.front();
  Dim rest = a, quotient = 0;
  for (int step = 0; step < kMaxDivisionSteps; ++step) {
    if (rest.is(0)) return quotient;
    const Term top = DimBuilder::terms(rest).front();
    if (floor_remainder(top.coefficient, lead.coefficient) != 0) return std::nullopt;
    Term part{{}, floor_quotient(top.coefficient, lead.coefficient)};
    const auto less = [](const AtomRef& p, const AtomRef& q) { return p->text < q->text; };
    if (!std::includes(top.atoms.begin(), top.atoms.end(), lead.atoms.begin(), lead.atoms.end(), less)) return std::nullopt;
    std::set_difference(top.atoms.begin(), top.atoms.end(), lead.atoms.begin(), lead.atoms.end(),
                        std::back_inserter(part.atoms), less);
    const Dim factor = DimBuilder::from_terms({part});
    quotient += factor;
    rest = rest - factor * b;
  }
  return std::nullopt;
}

// floordiv(floordiv(x,a) + rest, b) is floordiv(x + a*rest, a*b) for positive integers a and b.
std::optional<Dim> merge_nested(const Dim& a, int64_t b) {
  const std::vector<Term> terms = DimBuilder::terms(a);
  for (const Term& term : terms) {
    if (term.coefficient != 1 || term.atoms.size() != 1 || term.atoms[0]->kind != AtomKind::kFloorDiv) continue;
    const Atom& inner = *term.atoms[0];
    int64_t divisor;
    if (!inner.b.is_constant() || inner.b.value() <= 0 || __builtin_mul_overflow(inner.b.value(), b, &divisor)) continue;
    const Dim rest = a - DimBuilder::from_terms({term});
    // With other divisions left in the rest there would be several ways to merge, and no canonical form.
    for (const Term& other : DimBuilder::terms(rest)) {
      for (const AtomRef& atom : other.atoms) {
        if (atom->kind == AtomKind::kFloorDiv) return std::nullopt;
      }
    }
    return floordiv(inner.a + inner.b * rest, divisor);
  }
  return std::nullopt;
}

Dim floordiv_by_constant(const Dim& a, int64_t b) {
  if (b == 1) return a;
  if (b < 0) return b == INT64_MIN ? DimBuilder::binary_atom(AtomKind::kFloorDiv, a, b) : floordiv(a * Dim(-1), -b);
  std::vector<Term> whole, rest;
  for (const Term& term : DimBuilder::terms(a)) {
    const int64_t quotient = floor_quotient(term.coefficient, b), remainder = floor_remainder(term.coefficient, b);
    if (quotient != 0) whole.push_back({term.atoms, quotient});
    if (remainder != 0) rest.push_back({term.atoms, remainder});
  }
  const Dim quotient = DimBuilder::from_terms(std::move(whole));
  const int64_t factor = common_factor(rest, b);
  if (factor > 1) {
    // floordiv(f*x + c, f*k) is floordiv(x + floordiv(c,f), k).
    for (Term& term : rest) term.coefficient = floor_quotient(term.coefficient, factor);
    return quotient + floordiv(DimBuilder::from_terms(std::move(rest)), b / factor);
  }
  const Dim remainder = DimBuilder::from_terms(std::move(rest));
  const DimRange range = remainder.bounds({});
  if (range.min >= 0 && range.max < b) return quotient;
  if (const auto merged = merge_nested(remainder, b)) return quotient + *merged;
  return quotient + DimBuilder::binary_atom(AtomKind::kFloorDiv, remainder, b);
}

Dim mod_by_constant(const Dim& a, int64_t b) {
  if (b == 1) return 0;
  std::vector<Term> rest;
  for (const Term& term : DimBuilder::terms(a)) {
    const int64_t remainder = floor_remainder(term.coefficient, b);
    if (remainder != 0) rest.push_back({term.atoms, remainder});
  }
  const int64_t factor = common_factor(rest, b);
  if (factor > 1) {
    // mod(f*x + c, f*k) is f*mod(x + floordiv(c,f), k) + mod(c,f).
    int64_t offset = 0;
    for (Term& term : rest) {
      if (term.atoms.empty()) offset = floor_remainder(term.coefficient, factor);
      term.coefficient = floor_quotient(term.coefficient, factor);
    }
    return Dim(factor) * mod(DimBuilder::from_terms(std::move(rest)), b / factor) + Dim(offset);
  }
  const Dim remainder = DimBuilder::from_terms(std::move(rest));
  const DimRange range = remainder.bounds({});
  if (range.min >= 0 && range.max < b) return remainder;
  return DimBuilder::binary_atom(AtomKind::kMod, remainder, b);
}

}  // namespace

Dim floordiv(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant() && b.value() != 0) return floor_quotient(a.value(), b.value());
  if (b.is_constant() && b.value() != 0) return floordiv_by_constant(a, b.value());
  if (a == b) return 1;
  if (a.is(0) && !b.is(0)) return 0;
  if (const auto quotient = exact_quotient(a, b)) return *quotient;
  return DimBuilder::binary_atom(AtomKind::kFloorDiv, a, b);
}

Dim ceildiv(const Dim& a, const Dim& b) {
  if (b.is_constant() && b.value() > 0) return floordiv(a + Dim(b.value() - 1), b);
  return Dim(0) - floordiv(Dim(0) - a, b);
}

Dim mod(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant() && b.value() != 0) return floor_remainder(a.value(), b.value());
  if (b.is_constant() && b.value() > 0) return mod_by_constant(a, b.value());
  if (a == b || (a.is(0) && !b.is(0))) return 0;
  if (exact_quotient(a, b)) return 0;
  return DimBuilder::binary_atom(AtomKind::kMod, a, b);
}

namespace {

constexpr int kMaxComparisonDepth = 3;  // each level asks up to four times

// The atom that the dim consists of, null when there is more to it.
const Atom* single_atom(const Dim& dim) {
  const Dim::Expr* expr = DimBuilder::expr(dim);
  if (!expr || expr->terms.size() != 1 || expr->terms[0].coefficient != 1 || expr->terms[0].atoms.size() != 1) return nullptr;
  return expr->terms[0].atoms[0].get();
}

// a >= b for every binding, as far as bounds and the lattice laws of min and max tell.
bool at_least(const Dim& a, const Dim& b, int depth = kMaxComparisonDepth) {
  if (a == b || (a - b).bounds({}).min >= 0) return true;
  if (depth == 0) return false;
  if (const Atom* atom = single_atom(a)) {
    if (atom->kind == AtomKind::kMax && (at_least(atom->a, b, depth - 1) || at_least(atom->b, b, depth - 1))) return true;
    if (atom->kind == AtomKind::kMin && at_least(atom->a, b, depth - 1) && at_least(atom->b, b, depth - 1)) return true;
  }
  if (const Atom* atom = single_atom(b)) {
    if (atom->kind == AtomKind::kMin && (at_least(a, atom->a, depth - 1) || at_least(a, atom->b, depth - 1))) return true;
    if (atom->kind == AtomKind::kMax && at_least(a, atom->a, depth - 1) && at_least(a, atom->b, depth - 1)) return true;
  }
  return false;
}

}  // namespace

Dim min(const Dim& a, const Dim& b) {
  if (at_least(b, a)) return a;
  if (at_least(a, b)) return b;
  return DimBuilder::binary_atom(AtomKind::kMin, a, b);
}

Dim max(const Dim& a, const Dim& b) {
  if (at_least(a, b)) return a;
  if (at_least(b, a)) return b;
  return DimBuilder::binary_atom(AtomKind::kMax, a, b);
}

}  // namespace sinter
