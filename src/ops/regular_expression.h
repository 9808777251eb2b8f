// Regular expressions in RE2's syntax, matched whole. Time is linear in the text: all alternatives are followed side by
// side.
//
// Supported: literals, '.', classes with ranges, negation and [:names:], \d \w \s \D \W \S, \b \B \A \z ^ $, groups
// (plain, named, (?:…)), flags i and s ((?i), (?i:…)), '|', * + ? {n} {n,} {n,m} and their lazy forms (which match the
// same). Not: \p{…} classes, flags m and U.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace sinter::ops {

class RegularExpression {
 public:
  static Result<RegularExpression> parse(std::string_view pattern);
  bool full_match(std::string_view text) const;

  using Ranges = std::vector<std::pair<char32_t, char32_t>>;  // code points, both ends included
  enum class Kind : uint8_t { kRanges, kSplit, kJump, kBegin, kEnd, kWordEdge, kNoWordEdge, kMatch };
  struct Step {
    Kind kind = Kind::kMatch;
    int next = 0, other = 0;  // other: the second way of a split
    Ranges ranges;
  };

 private:
  std::vector<Step> program_;
};

}  // namespace sinter::ops
