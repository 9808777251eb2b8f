// The operator table: every OP of ops.def, made once at first use.
#include <algorithm>
#include <tuple>

#include "core/op_def.h"

namespace sinter {
namespace ops {
#define OP(name) OpDef define_##name();
#include "ops/ops.def"
#undef OP
}  // namespace ops

namespace {

struct Registry {
  std::vector<OpDef> storage;
  std::vector<const OpDef*> sorted;
};

auto key(const OpDef* op) { return std::tuple<std::string_view, std::string_view>(op->domain, op->name); }

Registry make_registry() {
  Registry registry;
#define OP(name) registry.storage.push_back(ops::define_##name());
#include "ops/ops.def"
#undef OP
  for (const OpDef& op : registry.storage) registry.sorted.push_back(&op);
  std::sort(registry.sorted.begin(), registry.sorted.end(),
            [](const OpDef* a, const OpDef* b) { return key(a) < key(b); });
  return registry;
}

const Registry& registry() {
  static const Registry* const instance = new Registry(make_registry());  // never destroyed: outlives every static user
  return *instance;
}

}  // namespace

const OpDef* find_op(std::string_view domain, std::string_view name) {
  if (domain == "ai.onnx") domain = "";
  const std::tuple wanted(domain, name);
  const auto& sorted = registry().sorted;
  const auto found = std::lower_bound(sorted.begin(), sorted.end(), wanted,
                                      [](const OpDef* op, const auto& value) { return key(op) < value; });
  return found != sorted.end() && key(*found) == wanted ? *found : nullptr;
}

std::span<const OpDef* const> all_ops() { return registry().sorted; }

}  // namespace sinter
