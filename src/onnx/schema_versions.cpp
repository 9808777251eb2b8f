#include "onnx/schema_versions.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace sinter::onnx {
namespace {

// Sorted by operator, then version.
constexpr SchemaVersion kVersions[] = {
#define SCHEMA(op, since, inputs, outputs, attributes) {#op, since, inputs, outputs, attributes},
#include "onnx/schema_versions.def"
#undef SCHEMA
};

// Word `index` of a text, the last one when there are fewer; empty when there is none.
std::string_view word(std::string_view text, size_t index) {
  for (; index > 0; --index) {
    const size_t space = text.find(' ');
    if (space == std::string_view::npos) break;
    text.remove_prefix(space + 1);
  }
  return text.substr(0, text.find(' '));
}

}  // namespace

bool SchemaVersion::has_attribute(std::string_view name) const {
  for (std::string_view rest = attributes; !rest.empty();) {
    const std::string_view first = rest.substr(0, rest.find(' '));
    if (first == name) return true;
    rest.remove_prefix(std::min(rest.size(), first.size() + 1));
  }
  return false;
}

size_t SchemaVersion::input_count() const {
  return inputs.empty() ? 0 : 1 + static_cast<size_t>(std::count(inputs.begin(), inputs.end(), ' '));
}

bool SchemaVersion::allows(std::string_view sets, size_t index, DType dtype) {
  if (dtype == DType::kUndefined) return true;
  const std::string_view hex = word(sets, index);
  uint64_t bits = 0;
  if (std::from_chars(hex.data(), hex.data() + hex.size(), bits, 16).ec != std::errc() || bits == 0) return true;
  return (bits >> static_cast<unsigned>(dtype) & 1) != 0;
}

const SchemaVersion* find_schema(std::string_view op_type, int64_t opset) {
  const auto first = std::lower_bound(std::begin(kVersions), std::end(kVersions), op_type,
                                      [](const SchemaVersion& row, std::string_view name) { return row.op_type < name; });
  const SchemaVersion* best = nullptr;
  for (auto row = first; row != std::end(kVersions) && row->op_type == op_type && row->since <= opset; ++row) best = row;
  return best;
}

}  // namespace sinter::onnx
