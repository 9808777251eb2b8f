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
using Table = std::vector<const OpDef*>;

void sort(Table& table) {
  std::sort(table.begin(), table.end(), [](const OpDef* a, const OpDef* b) { return key(a) < key(b); });
}

const Table* make_table() {
  auto* storage = new std::vector<OpDef>;
#define OP(name) storage->push_back(ops::define_##name());
#include "ops/ops.def"
#undef OP
  auto* table = new Table;
  for (const OpDef& op : *storage) table->push_back(&op);
  sort(*table);
  return table;
}

std::atomic<const Table*>& current() {
  static std::atomic<const Table*> table(make_table());
  return table;
}

const OpDef* find_in(const Table& table, std::string_view domain, std::string_view name) {
  if (domain == "ai.onnx") domain = "";
  const std::tuple wanted(domain, name);
  const auto found = std::lower_bound(table.begin(), table.end(), wanted, [](const OpDef* op, const auto& value) { return key(op) < value; });
  return found != table.end() && key(*found) == wanted ? *found : nullptr;
}

}  // namespace

const OpDef* find_op(std::string_view domain, std::string_view name) { return find_in(*current(), domain, name); }

std::span<const OpDef* const> all_ops() { return *current().load(); }

Status add_ops(std::vector<OpDef> added) {
  static std::mutex writers;
  std::lock_guard lock(writers);
  const Table& old = *current();
  auto kept = std::make_unique<std::vector<OpDef>>(std::move(added));
  auto table = std::make_unique<Table>(old);
  for (const OpDef& op : *kept) table->push_back(&op);
  sort(*table);
  for (size_t i = 1; i < table->size(); ++i) {
    if (key((*table)[i - 1]) != key((*table)[i])) continue;
    const OpDef* there = find_in(old, (*table)[i]->domain, (*table)[i]->name);
    return make_error(Code::kInvalidArgument, "operator '{}' is {}; expected a name of its own; rename the operator or its domain", (*table)[i]->full_name(),
                      !there ? "registered twice" : there->plugin ? "another plugin's already" : "one of Sinter's own");
  }
  kept.release();  // lives as long as the process, as the table does
  current() = table.release();
  return ok_status();
}

}  // namespace sinter
