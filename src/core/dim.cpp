#include "core/dim.h"

#include <algorithm>
#include <functional>

#include "core/dim_expr.h"

namespace sinter {
namespace {

std::string term_text(const Term& term) {
  if (term.atoms.empty()) return std::to_string(term.coefficient);
  std::string text;
  if (term.coefficient == -1) {
    text = "-";
  } else if (term.coefficient != 1) {
    text = std::to_string(term.coefficient) + "*";
  }
  for (size_t i = 0; i < term.atoms.size(); ++i) {
    if (i > 0) text += '*';
    text += term.atoms[i]->text;
  }
  return text;
}

// A symbol that stands for an expression too large to keep; the same expression gives the same name.
Dim opaque(const std::string& text) { return Dim::symbol("too_large_" + std::to_string(std::hash<std::string>{}(text))); }

DimRange atom_bounds(const Atom& atom, const RangeBindings& ranges);

// The range of a product of atoms.
DimRange product_bounds(const Monomial& atoms, const RangeBindings& ranges) {
  DimRange total{1, 1};
  for (const AtomRef& atom : atoms) {
    const DimRange r = atom_bounds(*atom, ranges);
    const int64_t corners[4] = {saturating_mul(total.min, r.min), saturating_mul(total.min, r.max),
                                saturating_mul(total.max, r.min), saturating_mul(total.max, r.max)};
    total = {*std::min_element(corners, corners + 4), *std::max_element(corners, corners + 4)};
  }
  return total;
}

DimRange atom_bounds(const Atom& atom, const RangeBindings& ranges) {
  if (atom.kind == AtomKind::kSymbol) {
    const auto it = ranges.find(atom.text);
    return it == ranges.end() ? DimRange{} : it->second;
  }
  const DimRange a = atom.a.bounds(ranges), b = atom.b.bounds(ranges);
  switch (atom.kind) {
    case AtomKind::kMin: return {std::min(a.min, b.min), std::min(a.max, b.max)};
    case AtomKind::kMax: return {std::max(a.min, b.min), std::max(a.max, b.max)};
    case AtomKind::kMod:
      if (b.min > 0) return {0, a.min >= 0 ? std::min(a.max, b.max - 1) : b.max - 1};
      return {saturating_add(std::min<int64_t>(b.min, 0), 1), std::max<int64_t>(b.max, 1) - 1};
    case AtomKind::kFloorDiv:
      if (b.min > 0) {
        // An infinite numerator over a finite divisor stays infinite.
        const int64_t high = a.max == INT64_MAX ? INT64_MAX : floor_quotient(a.max, a.max >= 0 ? b.min : b.max);
        const int64_t low = a.min == INT64_MIN ? INT64_MIN : floor_quotient(a.min, a.min >= 0 ? b.max : b.min);
        return {low, high};
      }
      if (a.min >= 0 && b.min >= 0) return {0, a.max};  // a zero divisor has no value at all
      return {INT64_MIN, INT64_MAX};
    default: return {};
  }
}

std::optional<int64_t> evaluate_atom(const Atom& atom, const Bindings& bindings) {
  if (atom.kind == AtomKind::kSymbol) {
    const auto it = bindings.find(atom.text);
    return it == bindings.end() ? std::nullopt : std::optional<int64_t>(it->second);
  }
  const auto a = atom.a.evaluate(bindings), b = atom.b.evaluate(bindings);
  if (!a || !b) return std::nullopt;
  switch (atom.kind) {
    case AtomKind::kMin: return std::min(*a, *b);
    case AtomKind::kMax: return std::max(*a, *b);
    case AtomKind::kMod: return *b == 0 ? std::nullopt : std::optional<int64_t>(floor_remainder(*a, *b));
    default: return *b == 0 ? std::nullopt : std::optional<int64_t>(floor_quotient(*a, *b));
  }
}

}  // namespace

int compare(const Monomial& a, const Monomial& b) {
  if (a.size() != b.size()) return a.size() > b.size() ? -1 : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    if (const int order = a[i]->text.compare(b[i]->text)) return order;
  }
  return 0;
}

std::vector<Term> DimBuilder::terms(const Dim& dim) {
  if (dim.expr_) return dim.expr_->terms;
  if (dim.value_ == 0) return {};
  return {Term{{}, dim.value_}};
}

Dim DimBuilder::from_terms(std::vector<Term> terms) {
  std::sort(terms.begin(), terms.end(), [](const Term& a, const Term& b) { return compare(a.atoms, b.atoms) < 0; });
  std::vector<Term> merged;
  for (Term& term : terms) {
    if (!merged.empty() && compare(merged.back().atoms, term.atoms) == 0) {
      merged.back().coefficient = saturating_add(merged.back().coefficient, term.coefficient);
    } else {
      merged.push_back(std::move(term));
    }
  }
  std::erase_if(merged, [](const Term& term) { return term.coefficient == 0; });
  if (merged.empty()) return Dim(0);
  if (merged.size() == 1 && merged[0].atoms.empty()) return Dim(merged[0].coefficient);

  auto expr = std::make_shared<Dim::Expr>();
  for (const Term& term : merged) {
    const std::string text = term_text(term);
    if (!expr->text.empty() && text[0] != '-') expr->text += '+';
    expr->text += text;
    for (const AtomRef& atom : term.atoms) expr->depth = std::max(expr->depth, atom->depth);
    if (expr->text.size() > 16 * kMaxText) break;
  }
  if (merged.size() > kMaxTerms || expr->text.size() > kMaxText || expr->depth > kMaxDepth) return opaque(expr->text);
  expr->terms = std::move(merged);
  Dim dim;
  dim.expr_ = std::move(expr);
  return dim;
}

Dim DimBuilder::from_atom(AtomRef atom) { return from_terms({Term{{std::move(atom)}, 1}}); }

Dim DimBuilder::binary_atom(AtomKind kind, const Dim& a, const Dim& b) {
  static constexpr const char* kNames[] = {"", "floordiv(", "mod(", "min(", "max("};
  auto atom = std::make_shared<Atom>();
  atom->kind = kind;
  atom->a = a;
  atom->b = b;
  const bool commutes = kind == AtomKind::kMin || kind == AtomKind::kMax;
  if (commutes && b.to_string() < a.to_string()) std::swap(atom->a, atom->b);
  atom->text = kNames[static_cast<int>(kind)] + atom->a.to_string() + ',' + atom->b.to_string() + ')';
  const Dim::Expr *x = expr(a), *y = expr(b);
  atom->depth = 1 + std::max(x ? x->depth : 0, y ? y->depth : 0);
  return from_atom(std::move(atom));
}

bool DimBuilder::equal(const Dim& a, const Dim& b) {
  if (!a.expr_ || !b.expr_) return !a.expr_ && !b.expr_ && a.value_ == b.value_;
  return a.expr_ == b.expr_ || a.expr_->text == b.expr_->text;
}

Dim Dim::symbol(std::string name) {
  // Characters that would make the text form ambiguous are replaced.
  for (char& c : name) {
    if (static_cast<unsigned char>(c) <= ' ' || std::string_view(",()*+-[]").find(c) != std::string_view::npos) c = '_';
  }
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) name.insert(name.begin(), '_');
  auto atom = std::make_shared<Atom>();
  if (name.size() > kMaxText / 4) name.resize(kMaxText / 4);
  atom->text = std::move(name);
  return DimBuilder::from_atom(std::move(atom));
}

std::string_view Dim::symbol_name() const {
  if (!expr_ || expr_->terms.size() != 1) return {};
  const Term& term = expr_->terms[0];
  if (term.coefficient != 1 || term.atoms.size() != 1 || term.atoms[0]->kind != AtomKind::kSymbol) return {};
  return term.atoms[0]->text;
}

bool operator==(const Dim& a, const Dim& b) { return DimBuilder::equal(a, b); }

Dim operator+(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return saturating_add(a.value(), b.value());
  if (a.is(0)) return b;
  if (b.is(0)) return a;
  std::vector<Term> terms = DimBuilder::terms(a);
  for (Term& term : DimBuilder::terms(b)) terms.push_back(std::move(term));
  return DimBuilder::from_terms(std::move(terms));
}

Dim operator-(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return saturating_sub(a.value(), b.value());
  return a + b * Dim(-1);
}

Dim operator*(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return saturating_mul(a.value(), b.value());
  if (a.is(0) || b.is(0)) return 0;
  if (a.is(1)) return b;
  if (b.is(1)) return a;
  const std::vector<Term> left = DimBuilder::terms(a), right = DimBuilder::terms(b);
  std::vector<Term> terms;
  terms.reserve(left.size() * right.size());
  for (const Term& x : left) {
    for (const Term& y : right) {
      Term term{x.atoms, saturating_mul(x.coefficient, y.coefficient)};
      term.atoms.insert(term.atoms.end(), y.atoms.begin(), y.atoms.end());
      std::sort(term.atoms.begin(), term.atoms.end(), [](const AtomRef& p, const AtomRef& q) { return p->text < q->text; });
      terms.push_back(std::move(term));
    }
  }
  return DimBuilder::from_terms(std::move(terms));
}

std::optional<int64_t> Dim::evaluate(const Bindings& bindings) const {
  if (!expr_) return value_;
  int64_t sum = 0;
  for (const Term& term : expr_->terms) {
    int64_t product = term.coefficient;
    for (const AtomRef& atom : term.atoms) {
      const auto value = evaluate_atom(*atom, bindings);
      if (!value || __builtin_mul_overflow(product, *value, &product)) return std::nullopt;
    }
    if (__builtin_add_overflow(sum, product, &sum)) return std::nullopt;
  }
  return sum;
}

DimRange Dim::bounds(const RangeBindings& ranges) const {
  if (!expr_) return {value_, value_};
  DimRange total{0, 0};
  for (const Term& term : expr_->terms) {
    const bool positive = term.coefficient > 0;
    const DimRange product = product_bounds(term.atoms, ranges);
    const int64_t low = saturating_mul(term.coefficient, positive ? product.min : product.max);
    const int64_t high = saturating_mul(term.coefficient, positive ? product.max : product.min);
    // An infinite end stays infinite whatever is added to it.
    total.min = total.min == INT64_MIN || low == INT64_MIN ? INT64_MIN : saturating_add(total.min, low);
    total.max = total.max == INT64_MAX || high == INT64_MAX ? INT64_MAX : saturating_add(total.max, high);
  }
  return total;
}

Dim Dim::substitute(const std::map<std::string, Dim, std::less<>>& replacements) const {
  if (!expr_ || replacements.empty()) return *this;
  Dim sum(0);
  for (const Term& term : expr_->terms) {
    Dim product(term.coefficient);
    for (const AtomRef& atom : term.atoms) {
      Dim factor;
      if (atom->kind == AtomKind::kSymbol) {
        const auto it = replacements.find(atom->text);
        factor = it == replacements.end() ? DimBuilder::from_atom(atom) : it->second;
      } else {
        const Dim a = atom->a.substitute(replacements), b = atom->b.substitute(replacements);
        switch (atom->kind) {
          case AtomKind::kFloorDiv: factor = floordiv(a, b); break;
          case AtomKind::kMod: factor = mod(a, b); break;
          case AtomKind::kMin: factor = min(a, b); break;
          default: factor = max(a, b); break;
        }
      }
      product *= factor;
    }
    sum += product;
  }
  return sum;
}

void Dim::collect_symbols(std::set<std::string>& out) const {
  if (!expr_) return;
  for (const Term& term : expr_->terms) {
    for (const AtomRef& atom : term.atoms) {
      if (atom->kind == AtomKind::kSymbol) {
        out.insert(atom->text);
      } else {
        atom->a.collect_symbols(out);
        atom->b.collect_symbols(out);
      }
    }
  }
}

std::string Dim::to_string() const { return expr_ ? expr_->text : std::to_string(value_); }

}  // namespace sinter
