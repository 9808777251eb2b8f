// The operator table: every OP of ops.def, made once at first use, and those that plugins add.
#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <tuple>

#include "core/op_def.h"

namespace sinter {
namespace ops {
#define OP(name) OpDef define_##name();
#include "ops/ops.def"
#undef OP
}  // namespace ops

namespace {

auto key(const OpDef* op) { return std::tuple<std::string_view, std::string_view>(op->domain, op->name); }

// Operators sorted by key. A table that was published is never changed or freed: readers take no lock, and what they hold outlives
// every static user. Each plugin that is loaded leaves one table behind.
struct Table {
  std::vector<OpDef> own;             // what it has beyond the one before
  std::vector<const OpDef*> sorted;   // all
  const Table* before = nullptr;

  void sort() {
    for (const OpDef& op : own) sorted.push_back(&op);
    std::sort(sorted.begin(), sorted.end(), [](const OpDef* a, const OpDef* b) { return key(a) < key(b); });
  }
};

const Table* make_table() {
  auto* table = new Table;
#define OP(name) table->own.push_back(ops::define_##name());
#include "ops/ops.def"
#undef OP
  table->sort();
  return table;
}

std::atomic<const Table*>& current() {
  static std::atomic<const Table*> table(make_table());
  return table;
}

const OpDef* find_in(const std::vector<const OpDef*>& table, std::string_view domain, std::string_view name) {
  if (domain == "ai.onnx") domain = "";
  const std::tuple wanted(domain, name);
  const auto found = std::lower_bound(table.begin(), table.end(), wanted, [](const OpDef* op, const auto& value) { return key(op) < value; });
  return found != table.end() && key(*found) == wanted ? *found : nullptr;
}

}  // namespace

const OpDef* find_op(std::string_view domain, std::string_view name) { return find_in(current().load()->sorted, domain, name); }

std::span<const OpDef* const> all_ops() { return current().load()->sorted; }

Status add_ops(std::vector<OpDef> added) {
  static std::mutex writers;
  std::lock_guard lock(writers);
  const Table* old = current();
  auto table = std::make_unique<Table>(Table{std::move(added), old->sorted, old});
  table->sort();
  for (size_t i = 1; i < table->sorted.size(); ++i) {
    const OpDef* op = table->sorted[i];
    if (key(table->sorted[i - 1]) != key(op)) continue;
    const OpDef* there = find_in(old->sorted, op->domain, op->name);
    return make_error(Code::kInvalidArgument, "operator '{}' is {}; expected a name of its own; rename the operator or its domain", op->full_name(),
                      !there ? "registered twice" : there->plugin ? "another plugin's already" : "one of Sinter's own");
  }
  current() = table.release();
  return ok_status();
}

}  // namespace sinter
