// A recursive-descent parser that writes the program as it reads, and a simulation of all its threads.
#include "ops/regular_expression.h"

#include <algorithm>
#include <optional>

namespace sinter::ops {
namespace {

using Kind = RegularExpression::Kind;
using Step = RegularExpression::Step;
using Ranges = RegularExpression::Ranges;

constexpr char32_t kLastCodePoint = 0x10FFFF;
constexpr int kMaxRepeat = 1000;     // RE2's
constexpr size_t kMaxSteps = 20000;  // a program this long matches about 50 kB of text a second
constexpr int kMaxDepth = 200;       // of groups

// Code points of UTF-8; a byte that is none of it stands for itself.
std::vector<char32_t> code_points(std::string_view text) {
  std::vector<char32_t> out;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1;
    char32_t c = length == 1 ? lead : lead & (0x7Fu >> length);
    bool sound = i + length <= text.size();
    for (size_t k = 1; sound && k < length; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      sound = (byte & 0xC0) == 0x80;
      c = c << 6 | (byte & 0x3F);
    }
    out.push_back(sound ? c : lead);
    i += sound ? length : 1;
  }
  return out;
}

Ranges negate(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end());
  Ranges out;
  char32_t next = 0;
  for (const auto& [low, high] : ranges) {
    if (low > next) out.emplace_back(next, low - 1);
    next = std::max<char32_t>(next, high + 1);
  }
  if (next <= kLastCodePoint) out.emplace_back(next, kLastCodePoint);
  return out;
}

bool holds(const Ranges& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const auto& range) { return c >= range.first && c <= range.second; });
}

// Adds the other case of ASCII letters.
Ranges fold_case(const Ranges& ranges) {
  Ranges out = ranges;
  for (char32_t c = 'a'; c <= 'z'; ++c) {
    if (holds(ranges, c)) out.emplace_back(c - 32, c - 32);
    if (holds(ranges, c - 32)) out.emplace_back(c, c);
  }
  return out;
}

const Ranges kDigit{{'0', '9'}}, kWord{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
    kSpace{{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};

std::optional<Ranges> escape_class(char32_t c) {
  switch (c) {
    case 'd': return kDigit;
    case 'D': return negate(kDigit);
    case 'w': return kWord;
    case 'W': return negate(kWord);
    case 's': return kSpace;
    case 'S': return negate(kSpace);
    default: return std::nullopt;
  }
}

std::optional<Ranges> named_class(const std::string& name) {
  if (name == "alnum") return Ranges{{'0', '9'}, {'A', 'Z'}, {'a', 'z'}};
  if (name == "alpha") return Ranges{{'A', 'Z'}, {'a', 'z'}};
  if (name == "ascii") return Ranges{{0, 127}};
  if (name == "blank") return Ranges{{'\t', '\t'}, {' ', ' '}};
  if (name == "cntrl") return Ranges{{0, 31}, {127, 127}};
  if (name == "digit") return kDigit;
  if (name == "graph") return Ranges{{'!', '~'}};
  if (name == "lower") return Ranges{{'a', 'z'}};
  if (name == "print") return Ranges{{' ', '~'}};
  if (name == "punct") return Ranges{{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}};
  if (name == "space") return Ranges{{'\t', '\r'}, {' ', ' '}};
  if (name == "upper") return Ranges{{'A', 'Z'}};
  if (name == "word") return kWord;
  if (name == "xdigit") return Ranges{{'0', '9'}, {'A', 'F'}, {'a', 'f'}};
  return std::nullopt;
}

class RegexParser {
 public:
  explicit RegexParser(std::string_view pattern) : text_(code_points(pattern)) {}

  Result<std::vector<Step>> run() {
    alternatives(0);
    if (error_.empty() && at_ < text_.size()) fail("an unmatched ')'");
    if (!error_.empty())
      return make_error(Code::kInvalidModel,
                        "the pattern is not understood at position {}: {}; expected RE2 syntax; correct the pattern",
                        at_, error_);
    emit({Kind::kMatch, 0, 0, {}});
    return std::move(program_);
  }

 private:
  void fail(std::string what) {
    if (error_.empty()) error_ = std::move(what);
  }
  bool more() const { return error_.empty() && at_ < text_.size(); }
  char32_t peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : 0; }
  bool take(char32_t c) {
    if (!more() || peek() != c) return false;
    ++at_;
    return true;
  }
  int here() const { return static_cast<int>(program_.size()); }
  int emit(Step step) {
    if (program_.size() >= kMaxSteps)
      fail("it is too large");
    else
      program_.push_back(std::move(step));
    return here() - 1;
  }
  void emit_ranges(Ranges ranges) {
    emit({Kind::kRanges, here() + 1, 0, fold_ ? fold_case(ranges) : std::move(ranges)});
  }
  void emit_edge(Kind kind) { emit({kind, here() + 1, 0, {}}); }

  // Copies the steps [begin, end) to the end of the program.
  void repeat_steps(int begin, const std::vector<Step>& steps) {
    const int shift = here() - begin;
    for (Step step : steps) {
      step.next += shift;
      step.other += shift;
      emit(std::move(step));
    }
  }
  // Puts a step before `begin`; what follows moves by one.
  void insert_before(int begin, Kind kind) {
    if (program_.size() >= kMaxSteps) return fail("it is too large");
    program_.insert(program_.begin() + begin, Step{kind, begin + 1, 0, {}});
    for (size_t i = begin + 1; i < program_.size(); ++i) {
      ++program_[i].next;
      ++program_[i].other;
    }
  }

  void alternatives(int depth) {
    if (depth > kMaxDepth) return fail("groups are nested too deeply");
    const bool fold = fold_, dot = dot_all_;
    const int begin = here();
    sequence(depth);
    while (take('|')) {
      insert_before(begin, Kind::kSplit);
      const int jump = emit({Kind::kJump, 0, 0, {}});
      if (!error_.empty()) return;
      program_[begin].other = here();
      sequence(depth);
      // The rest may have grown a further split in front; the jump leaves the whole alternation.
      program_[jump].next = here();
    }
    fold_ = fold;
    dot_all_ = dot;
  }

  void sequence(int depth) {
    while (more() && peek() != '|' && peek() != ')') {
      const int begin = here();
      atom(depth);
      while (more() && quantifier(begin)) {
      }
    }
  }

  std::optional<int> number() {
    if (peek() < '0' || peek() > '9') return std::nullopt;
    int value = 0;
    while (peek() >= '0' && peek() <= '9') {
      value = std::min(value * 10 + static_cast<int>(peek() - '0'), kMaxRepeat + 1);
      ++at_;
    }
    return value;
  }

  bool quantifier(int begin) {
    int least = 0, most = -1;  // -1: without bound
    const size_t start = at_;
    if (take('*')) {
    } else if (take('+')) {
      least = 1;
    } else if (take('?')) {
      most = 1;
    } else if (take('{')) {
      const auto low = number();
      std::optional<int> high = low;
      if (low && take(',')) high = peek() == '}' ? std::optional<int>(-1) : number();
      if (!low || !high || !take('}')) {
        at_ = start;  // a literal brace
        return false;
      }
      least = *low;
      most = *high;
      if (least > kMaxRepeat || most > kMaxRepeat || (most >= 0 && most < least))
        fail("a repetition count is out of range");
    } else {
      return false;
    }
    take('?');
    if (error_.empty()) repeat(begin, least, most);
    return true;
  }

  void repeat(int begin, int least, int most) {
    const std::vector<Step> body(program_.begin() + begin, program_.end());
    program_.resize(begin);
    for (int i = 0; i < least; ++i) copy(begin, body);
    if (most < 0) {
      const int split = emit({Kind::kSplit, 0, 0, {}});
      copy(begin, body);
      emit({Kind::kJump, split, 0, {}});
      if (!error_.empty()) return;
      program_[split].next = split + 1;
      program_[split].other = here();
      return;
    }
    std::vector<int> splits;
    for (int i = least; i < most; ++i) {
      splits.push_back(emit({Kind::kSplit, here() + 1, 0, {}}));
      copy(begin, body);
    }
    if (!error_.empty()) return;
    for (const int split : splits) program_[split].other = here();
  }
  void copy(int begin, const std::vector<Step>& body) { repeat_steps(begin, body); }

  void atom(int depth) {
    const char32_t c = text_[at_++];
    switch (c) {
      case '(': return group(depth);
      case '[': return bracket();
      case '.': return emit_ranges(dot_all_ ? Ranges{{0, kLastCodePoint}} : negate({{'\n', '\n'}}));
      case '^': return emit_edge(Kind::kBegin);
      case '$': return emit_edge(Kind::kEnd);
      case '*':
      case '+':
      case '?': return fail("a repetition of nothing");
      case '\\': return escape();
      default: return emit_ranges({{c, c}});
    }
  }

  void group(int depth) {
    const bool fold = fold_, dot = dot_all_;
    if (take('?')) {
      if (take('P') || peek() == '<') {
        take('<');
        while (more() && peek() != '>') ++at_;
        if (!take('>')) return fail("a group's name has no end");
      } else if (!flags()) {
        return;
      }
    }
    alternatives(depth + 1);
    if (!take(')')) fail("a '(' without ')'");
    fold_ = fold;
    dot_all_ = dot;
  }

  // Flags of (?flags) and (?flags:…); true: a group follows.
  bool flags() {
    bool on = true;
    while (more()) {
      const char32_t c = text_[at_++];
      if (c == ':') return true;
      if (c == ')') return false;
      if (c == '-')
        on = false;
      else if (c == 'i')
        fold_ = on;
      else if (c == 's')
        dot_all_ = on;
      else
        fail("an unknown flag");
    }
    fail("flags without end");
    return false;
  }

  std::optional<char32_t> escaped_literal(char32_t c) {
    switch (c) {
      case 't': return U'\t';
      case 'n': return U'\n';
      case 'r': return U'\r';
      case 'f': return U'\f';
      case 'v': return U'\v';
      case 'a': return U'\a';
      case 'x': return hex();
      default: break;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) return std::nullopt;
    return c;
  }

  std::optional<char32_t> hex() {
    const bool braces = take('{');
    char32_t value = 0;
    int digits = 0;
    while (more() && (braces ? digits < 8 : digits < 2)) {
      const char32_t c = peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) break;
      value = value * 16 + static_cast<char32_t>(digit);
      ++digits;
      ++at_;
    }
    if (digits == 0 || value > kLastCodePoint || (braces && !take('}'))) return std::nullopt;
    return value;
  }

  void escape() {
    if (!more()) return fail("a '\\' at the end");
    const char32_t c = text_[at_++];
    if (const auto ranges = escape_class(c)) return emit_ranges(*ranges);
    if (c == 'b') return emit_edge(Kind::kWordEdge);
    if (c == 'B') return emit_edge(Kind::kNoWordEdge);
    if (c == 'A') return emit_edge(Kind::kBegin);
    if (c == 'z') return emit_edge(Kind::kEnd);
    if (const auto literal = escaped_literal(c)) return emit_ranges({{*literal, *literal}});
    fail("an escape that is not supported");
  }

  // One element of a class: a set, or one code point.
  void class_element(Ranges& ranges, std::optional<char32_t>& single) {
    single.reset();
    if (peek() == '[' && peek(1) == ':') {
      const auto end = std::search(text_.begin() + at_, text_.end(), std::begin(kNameEnd), std::end(kNameEnd));
      if (end == text_.end()) return fail("a '[:' without ':]'");
      std::string name(text_.begin() + at_ + 2, end);
      const bool negated = !name.empty() && name[0] == '^';
      const auto set = named_class(negated ? name.substr(1) : name);
      if (!set) return fail("an unknown class name");
      const Ranges& used = negated ? negate(*set) : *set;
      ranges.insert(ranges.end(), used.begin(), used.end());
      at_ = static_cast<size_t>(end - text_.begin()) + 2;
      return;
    }
    const char32_t c = text_[at_++];
    if (c != '\\') {
      single = c;
      return;
    }
    if (!more()) return fail("a '\\' at the end");
    const char32_t escaped = text_[at_++];
    if (const auto set = escape_class(escaped))
      ranges.insert(ranges.end(), set->begin(), set->end());
    else if (!(single = escaped_literal(escaped)))
      fail("an escape that is not supported");
  }

  void bracket() {
    const bool negated = take('^');
    Ranges ranges;
    for (bool first = true; more() && (first || peek() != ']'); first = false) {
      std::optional<char32_t> low, high;
      class_element(ranges, low);
      if (low && peek() == '-' && peek(1) != ']' && peek(1) != 0) {
        ++at_;
        class_element(ranges, high);
        if (!high || *high < *low) return fail("a range that runs backwards");
      }
      if (low) ranges.emplace_back(*low, high ? *high : *low);
    }
    if (!take(']')) return fail("a '[' without ']'");
    if (fold_) ranges = fold_case(ranges);
    const bool fold = fold_;
    fold_ = false;  // before the negation, not after
    emit_ranges(negated ? negate(ranges) : ranges);
    fold_ = fold;
  }

  static constexpr char32_t kNameEnd[] = {':', ']'};
  std::vector<char32_t> text_;
  size_t at_ = 0;
  bool fold_ = false, dot_all_ = false;
  std::string error_;
  std::vector<Step> program_;
};

// The steps that wait for a code point at a position, found through splits, jumps and edges.
struct Threads {
  std::vector<int> waiting;
  std::vector<size_t> seen;  // position + 1 when last visited
  std::vector<int> stack;
};

}  // namespace

Result<RegularExpression> RegularExpression::parse(std::string_view pattern) {
  RegularExpression expression;
  SINTER_ASSIGN(expression.program_, RegexParser(pattern).run());
  return expression;
}

bool RegularExpression::full_match(std::string_view text) const {
  const std::vector<char32_t> points = code_points(text);
  Threads threads;
  threads.seen.assign(program_.size(), 0);
  std::vector<int> entering{0};
  for (size_t at = 0;; ++at) {
    const bool before = at > 0 && holds(kWord, points[at - 1]), after = at < points.size() && holds(kWord, points[at]);
    const auto passes = [&](Kind kind) {
      if (kind == Kind::kBegin) return at == 0;
      if (kind == Kind::kEnd) return at == points.size();
      return kind == Kind::kWordEdge ? before != after : before == after;
    };
    threads.waiting.clear();
    threads.stack = entering;
    while (!threads.stack.empty()) {
      const int index = threads.stack.back();
      threads.stack.pop_back();
      if (threads.seen[index] == at + 1) continue;
      threads.seen[index] = at + 1;
      const Step& step = program_[index];
      if (step.kind == Kind::kMatch || step.kind == Kind::kRanges)
        threads.waiting.push_back(index);
      else if (step.kind == Kind::kJump)
        threads.stack.push_back(step.next);
      else if (step.kind == Kind::kSplit)
        threads.stack.insert(threads.stack.end(), {step.next, step.other});
      else if (passes(step.kind))
        threads.stack.push_back(step.next);
    }
    if (at == points.size())
      return std::any_of(threads.waiting.begin(), threads.waiting.end(),
                         [&](int i) { return program_[i].kind == Kind::kMatch; });
    entering.clear();
    for (const int index : threads.waiting)
      if (program_[index].kind == Kind::kRanges && holds(program_[index].ranges, points[at]))
        entering.push_back(program_[index].next);
    if (entering.empty()) return false;
  }
}

}  // namespace sinter::ops
