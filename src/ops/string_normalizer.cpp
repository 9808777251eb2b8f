// StringNormalizer: removes stop words from [C] or [1,C] strings, then changes case. When nothing is left, one empty
// string is. Case is that of the C.UTF-8 locale for code points with a simple mapping; bytes that are no UTF-8 stay.
#include <locale.h>
#include <wctype.h>

#include <set>

#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace string_normalizer_impl {

enum class Case { kNone, kLower, kUpper };

// Never freed: as long as the process.
locale_t utf8_locale() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale;
}

wint_t change(wint_t c, Case how) {
  if (c < 128) {
    if (how == Case::kUpper) return c >= 'a' && c <= 'z' ? c - 32 : c;
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
  }
  if (!utf8_locale()) return c;
  return how == Case::kUpper ? towupper_l(c, utf8_locale()) : towlower_l(c, utf8_locale());
}

void append_utf8(wint_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  const int tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  constexpr int kLead[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(kLead[tail] | (c >> (6 * tail)));
  for (int i = tail - 1; i >= 0; --i) out += static_cast<char>(0x80 | (c >> (6 * i) & 0x3F));
}

// Length of the UTF-8 sequence at `i` and its code point; 0 when it is none.
int decode(const std::string& text, size_t i, wint_t& c) {
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned lead = byte(i);
  const int length = lead < 0x80                   ? 1
                     : lead >= 0xC2 && lead < 0xE0 ? 2
                     : lead >= 0xE0 && lead < 0xF0 ? 3
                     : lead >= 0xF0 && lead < 0xF5 ? 4
                                                   : 0;
  if (length == 0 || i + length > text.size()) return 0;
  c = length == 1 ? lead : lead & (0x7Fu >> length);
  for (int k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80) return 0;
    c = c << 6 | (byte(i + k) & 0x3F);
  }
  return length;
}

std::string convert(const std::string& text, Case how) {
  if (how == Case::kNone) return text;
  std::string out;
  for (size_t i = 0; i < text.size();) {
    wint_t c = 0;
    const int length = decode(text, i, c);
    if (length == 0)
      out += text[i];
    else
      append_utf8(change(c, how), out);
    i += length == 0 ? 1 : length;
  }
  return out;
}

template <typename Context>
Status read_case(const Context& context, Case& how) {
  const std::string& name = context.attributes().s("case_change_action");
  if (name == "NONE")
    how = Case::kNone;
  else if (name == "LOWER")
    how = Case::kLower;
  else if (name == "UPPER")
    how = Case::kUpper;
  else
    return context.error(
        fmt::format("attribute 'case_change_action' is '{}': expected NONE, LOWER or UPPER; correct the model", name));
  return ok_status();
}

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  std::optional<Shape> shape;
  if (const Shape* x = context.input_shape(0)) {
    shape = *x;
    if (context.attributes().has("stopwords")) shape->back() = context.fresh_symbol("kept");
  }
  context.set_output(0, ValueType::tensor(DType::kString, std::move(shape)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  SINTER_TRY(check_rank(context, 0, 1, 2));
  if (x.rank() == 2 && x.dim(0) != 1)
    return context.error(fmt::format("the input is {}: expected [C] or [1,C]; correct the model", to_string(x.dims())));
  Case how = Case::kNone;
  SINTER_TRY(read_case(context, how));
  const Case compare = context.attributes().i("is_case_sensitive") != 0 ? Case::kNone : Case::kLower;
  std::set<std::string> stops;
  if (const auto* words = context.attributes().find_as<std::vector<std::string>>("stopwords"))
    for (const std::string& word : *words) stops.insert(convert(word, compare));
  std::vector<std::string> kept;
  for (int64_t i = 0; i < x.count(); ++i) {
    const std::string& text = x.data<std::string>()[i];
    if (stops.empty() || !stops.count(convert(text, compare))) kept.push_back(convert(text, how));
  }
  if (kept.empty()) kept.emplace_back();
  Dims dims = x.dims();
  dims.back() = static_cast<int64_t>(kept.size());
  std::copy(kept.begin(), kept.end(), context.allocate(0, DType::kString, dims).data<std::string>());
  return ok_status();
}

}  // namespace string_normalizer_impl

OpDef define_string_normalizer() {
  OpDef op("StringNormalizer", 10);
  op.input("X", "Str")
      .output("Y", "Str")
      .type("Str", kStringType)
      .attr("case_change_action", std::string("NONE"))
      .attr("is_case_sensitive", int64_t{0})
      .attr("locale", AttrKind::kString, false)
      .attr("stopwords", AttrKind::kStrings, false);
  op.infer = string_normalizer_impl::infer;
  op.evaluate = string_normalizer_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
