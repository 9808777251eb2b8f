// Dim::parse: a recursive-descent reader of the text form. Text comes from files, so its length and nesting are bounded.
#include "core/dim_expr.h"

namespace sinter {
namespace {

class DimParser {
 public:
  explicit DimParser(std::string_view text) : text_(text) {}

  Result<Dim> parse() {
    if (text_.size() > kMaxText) return error("too long");
    SINTER_ASSIGN(Dim dim, sum());
    if (at_ != text_.size()) return error("text after the end of the expression");
    return dim;
  }

 private:
  Status error(std::string_view why) const {
    return make_error(Code::kInvalidArgument, "dimension '{}': {} at character {}; expected an expression like '2*batch+3'",
                      text_.substr(0, 200), why, at_);
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool accept(char c) {
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  Result<Dim> sum() {
    if (++depth_ > kMaxDepth) return error("nested too deeply");
    SINTER_ASSIGN(Dim total, product());
    while (peek() == '+' || peek() == '-') {
      const bool minus = text_[at_++] == '-';
      SINTER_ASSIGN(Dim next, product());
      total = minus ? total - next : total + next;
    }
    --depth_;
    return total;
  }

  Result<Dim> product() {
    const bool minus = accept('-');
    SINTER_ASSIGN(Dim total, factor());
    if (minus) total = Dim(0) - total;
    while (accept('*')) {
      SINTER_ASSIGN(Dim next, factor());
      total *= next;
    }
    return total;
  }

  Result<Dim> factor() {
    if (accept('(')) {
      SINTER_ASSIGN(Dim inner, sum());
      if (!accept(')')) return error("')' expected");
      return inner;
    }
    if (peek() >= '0' && peek() <= '9') return number();
    const size_t begin = at_;
    while (at_ < text_.size() && std::string_view(",()*+-[] ").find(text_[at_]) == std::string_view::npos) ++at_;
    if (at_ == begin) return error("a number or a name expected");
    const std::string_view name = text_.substr(begin, at_ - begin);
    if (peek() != '(') return Dim::symbol(std::string(name));
    return call(name);
  }

  Result<Dim> number() {
    int64_t value = 0;
    while (peek() >= '0' && peek() <= '9') {
      if (__builtin_mul_overflow(value, int64_t{10}, &value) || __builtin_add_overflow(value, int64_t{peek() - '0'}, &value)) {
        return error("number too large");
      }
      ++at_;
    }
    return Dim(value);
  }

  Result<Dim> call(std::string_view name) {
    const bool known = name == "floordiv" || name == "ceildiv" || name == "mod" || name == "min" || name == "max";
    if (!known) return error("unknown function (there are floordiv, ceildiv, mod, min and max)");
    ++at_;
    SINTER_ASSIGN(Dim a, sum());
    if (!accept(',')) return error("',' expected");
    SINTER_ASSIGN(Dim b, sum());
    if (!accept(')')) return error("')' expected");
    if (name == "floordiv") return floordiv(a, b);
    if (name == "ceildiv") return ceildiv(a, b);
    if (name == "mod") return mod(a, b);
    return name == "min" ? min(a, b) : max(a, b);
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Result<Dim> Dim::parse(std::string_view text) { return DimParser(text).parse(); }

}  // namespace sinter
