#include "passes/layout.h"

#include <algorithm>

namespace sinter::passes {

bool is_view(const Node* node) {
  return node && node->op->domain.empty() && !has_epilogue(*node) &&
         (node->is("Reshape") || node->is("Flatten") || node->is("Squeeze") || node->is("Unsqueeze"));
}

const std::vector<int64_t>* perm_of(const Node* node) {
  return node && node->is("Transpose") && !has_epilogue(*node) ? node->attributes.find_as<std::vector<int64_t>>("perm") : nullptr;
}

IrValue* view_as(Patch& patch, std::string_view name, IrValue* input, const Shape& from, const Shape& to, const std::vector<const Node*>& sources) {
  if (from == to) return input;
  const auto target = reshape_target(from, to);
  if (!target) return nullptr;
  IrValue* shape = patch.add_constant(fmt::format("{}_shape", name), Tensor::from_i64(*target));
  return patch.add_node(op("Reshape"), name, {input, shape}, 1, {}, sources)->output();
}

IrValue* transposed(Patch& patch, std::string_view name, IrValue* input, const std::vector<int64_t>& perm, const std::vector<const Node*>& sources) {
  if (std::is_sorted(perm.begin(), perm.end())) return input;
  Attributes attributes;
  attributes.set("perm", perm);
  return patch.add_node(op("Transpose"), name, {input}, 1, std::move(attributes), sources)->output();
}

bool meets_transpose(const IrValue* value) {
  while (const Node* user = only_user(value)) {
    if (user->is("Transpose")) return true;
    if (user->outputs.size() != 1) return false;
    const bool plain = user->op->is(kElementwise) && std::all_of(user->inputs.begin(), user->inputs.end(), [&](const IrValue* input) {
                         return !input || input == value || constant_of(input);
                       });
    if (!is_view(user) && !plain) return false;
    if (is_view(user) && user->input(0) != value) return false;
    value = user->output();
  }
  return false;
}

}  // namespace sinter::passes
