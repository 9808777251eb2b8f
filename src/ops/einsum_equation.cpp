// Parsing of Einsum equations.
#include "ops/einsum_equation.h"

#include <algorithm>
#include <map>

namespace sinter::ops {
namespace einsum_equation_impl {

struct Term {
  std::string before, after;  // letters around the ellipsis
  bool ellipsis = false;
};

Result<Term> parse_term(std::string_view text) {
  Term term;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.') {
      if (term.ellipsis || text.substr(i, 3) != "...")
        return make_error(Code::kInvalidModel,
                          "term '{}' has a misplaced '.': expected one '...'; correct the equation", text);
      term.ellipsis = true;
      i += 2;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      (term.ellipsis ? term.after : term.before) += c;
    } else {
      return make_error(Code::kInvalidModel, "term '{}' has '{}': expected letters; correct the equation", text, c);
    }
  }
  return term;
}

std::vector<std::string> split_terms(const std::string& text) {
  std::vector<std::string> terms(1);
  for (const char c : text) {
    if (c == ',')
      terms.emplace_back();
    else
      terms.back() += c;
  }
  return terms;
}

// Without "->": the letters that appear once, in ASCII order, after the ellipsis.
Term implicit_output(const std::vector<Term>& terms, bool ellipsis) {
  std::map<char, int> counts;
  for (const Term& term : terms)
    for (const char c : term.before + term.after) ++counts[c];
  Term output;
  output.ellipsis = ellipsis;
  for (const auto& [letter, count] : counts)
    if (count == 1) output.after += letter;
  return output;
}

class Labels {
 public:
  explicit Labels(int ellipsis_axes) : next_(ellipsis_axes), ellipsis_axes_(ellipsis_axes) {}
  int of(char letter) {
    const auto [place, added] = numbers_.try_emplace(letter, next_);
    if (added) ++next_;
    return place->second;
  }
  bool has(char letter) const { return numbers_.count(letter) != 0; }
  int count() const { return next_; }
  // `axes` ellipsis axes: the last ones of all.
  std::vector<int> of(const Term& term, int axes) {
    std::vector<int> labels;
    for (const char c : term.before) labels.push_back(of(c));
    for (int i = ellipsis_axes_ - axes; i < ellipsis_axes_; ++i) labels.push_back(i);
    for (const char c : term.after) labels.push_back(of(c));
    return labels;
  }

 private:
  int next_, ellipsis_axes_;
  std::map<char, int> numbers_;
};

}  // namespace einsum_equation_impl

Result<EinsumEquation> parse_einsum(const std::string& equation, const std::vector<int>& ranks) {
  using namespace einsum_equation_impl;
  std::string text = equation;
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const size_t arrow = text.find("->");
  const std::vector<std::string> parts = split_terms(text.substr(0, arrow));
  if (parts.size() != ranks.size())
    return make_error(Code::kInvalidModel,
                      "equation '{}' has {} terms for {} inputs: expected one each; correct the equation", equation,
                      parts.size(), ranks.size());
  std::vector<Term> terms;
  std::vector<int> axes;
  int widest = 0;
  bool any_ellipsis = false;
  for (size_t i = 0; i < parts.size(); ++i) {
    SINTER_ASSIGN(Term term, parse_term(parts[i]));
    const int letters = static_cast<int>(term.before.size() + term.after.size());
    if (term.ellipsis ? letters > ranks[i] : letters != ranks[i])
      return make_error(
          Code::kInvalidModel,
          "term '{}' does not fit input {} of rank {}: expected a letter for each axis; correct the equation", parts[i],
          i, ranks[i]);
    axes.push_back(ranks[i] - letters);
    widest = std::max(widest, axes.back());
    any_ellipsis = any_ellipsis || term.ellipsis;
    terms.push_back(std::move(term));
  }
  Labels labels(widest);
  EinsumEquation result;
  for (size_t i = 0; i < terms.size(); ++i) result.operands.push_back(labels.of(terms[i], axes[i]));
  Term output = implicit_output(terms, any_ellipsis);
  if (arrow != std::string::npos) {
    SINTER_ASSIGN(output, parse_term(std::string_view(text).substr(arrow + 2)));
    std::string letters = output.before + output.after;
    std::sort(letters.begin(), letters.end());
    const bool twice = std::adjacent_find(letters.begin(), letters.end()) != letters.end();
    const bool known = std::all_of(letters.begin(), letters.end(), [&](char c) { return labels.has(c); });
    if (twice || !known)
      return make_error(
          Code::kInvalidModel,
          "the output of equation '{}' repeats a letter or has a new one: expected each at most once, from "
          "the inputs; correct the equation",
          equation);
  }
  result.output = labels.of(output, output.ellipsis ? widest : 0);
  result.labels = labels.count();
  return result;
}

}  // namespace sinter::ops
