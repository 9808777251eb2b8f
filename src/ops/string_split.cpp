// StringSplit: every string cut at the delimiter (at runs of whitespace without one) at most maxsplit times, the parts
// along a new last axis padded with empty strings; the second output counts them.
#include <algorithm>

#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace string_split_impl {

Status infer(InferContext& context) {
  std::optional<Shape> parts, counts;
  if (const Shape* x = context.input_shape(0)) {
    counts = parts = *x;
    parts->push_back(context.fresh_symbol("substrings"));
  }
  context.set_output(0, ValueType::tensor(DType::kString, std::move(parts)));
  if (context.has_output(1)) context.set_output(1, ValueType::tensor(DType::kI64, std::move(counts)));
  return ok_status();
}

constexpr std::string_view kWhitespace = " \t\n\r\v\f";

std::vector<std::string> split_whitespace(std::string_view text, int64_t limit) {
  std::vector<std::string> parts;
  while (true) {
    const size_t begin = text.find_first_not_of(kWhitespace);
    if (begin == std::string_view::npos) return parts;
    text.remove_prefix(begin);
    if (static_cast<int64_t>(parts.size()) == limit) {
      parts.emplace_back(text.substr(0, text.find_last_not_of(kWhitespace) + 1));
      return parts;
    }
    const size_t end = std::min(text.find_first_of(kWhitespace), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::vector<std::string> split_at(std::string_view text, std::string_view delimiter, int64_t limit) {
  std::vector<std::string> parts;
  while (static_cast<int64_t>(parts.size()) != limit) {
    const size_t end = text.find(delimiter);
    if (end == std::string_view::npos) break;
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end + delimiter.size());
  }
  parts.emplace_back(text);
  return parts;
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  const std::string delimiter = context.attributes().s_or("delimiter", "");
  const int64_t given = context.attributes().i_or("maxsplit", -1), limit = given < 0 ? -1 : given;
  std::vector<std::vector<std::string>> rows;
  size_t most = 0;
  for (int64_t i = 0; i < x.count(); ++i) {
    const std::string& text = x.data<std::string>()[i];
    rows.push_back(delimiter.empty() ? split_whitespace(text, limit) : split_at(text, delimiter, limit));
    most = std::max(most, rows.back().size());
  }
  Dims dims = x.dims();
  dims.push_back(static_cast<int64_t>(most));
  SINTER_TRY(check_output_dims(context, dims));
  Tensor parts(DType::kString, dims), counts(DType::kI64, x.dims());
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy(rows[i].begin(), rows[i].end(), parts.data<std::string>() + i * most);
    counts.data<int64_t>()[i] = static_cast<int64_t>(rows[i].size());
  }
  context.set_output(0, std::move(parts));
  if (context.wants_output(1)) context.set_output(1, std::move(counts));
  return ok_status();
}

}  // namespace string_split_impl

OpDef define_string_split() {
  OpDef op("StringSplit", 20);
  op.input("X", "T1")
      .output("Y", "T2")
      .output("Z", "T3")
      .type("T1", kStringType)
      .type("T2", kStringType)
      .type("T3", dtype_set(DType::kI64))
      .attr("delimiter", AttrKind::kString, false)
      .attr("maxsplit", AttrKind::kInt, false);
  op.infer = string_split_impl::infer;
  op.evaluate = string_split_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
