// One call into a plugin: the context behind the function table, values as C structs, and the guard that turns failures into statuses.
#pragma once

#include <deque>
#include <functional>
#include <mutex>

#include "base/threads.h"
#include "plugin/library.h"

// What a call leaves behind and looks up. The members that belong to shape rules are empty in kernels and the other way round.
struct sinter_plugin_context {
  // The first failure that a function of the table or fail() told of.
  std::mutex mutex;
  std::string failure;
  void fail(std::string message);

  // Shape rules.
  struct Size {
    sinter::Dim dim;
    bool by_data = false;
    sinter::Dim bound;  // of one by data
  };
  struct Output {
    bool set = false;
    sinter::DType dtype = sinter::DType::kUndefined;
    std::vector<Size> dims;
  };
  std::vector<Size> sizes;  // by sinter_plugin_dim::id - 1
  std::vector<Output> outputs;
  std::function<std::optional<sinter::Dim>(int32_t input, int64_t index)> element;
  std::function<sinter::Dim(std::string_view name)> fresh;
  sinter_plugin_dim keep(Size size);

  // Kernels.
  sinter::ThreadTeam* team = nullptr;
  std::vector<sinter::Dims> result;          // of the outputs; -1: by data, and not said yet
  std::vector<std::vector<bool>> by_data;    // which axes are
  std::vector<sinter::Dims> bounds;
};

namespace sinter::plugin {

const sinter_plugin_host& host_table();

// Attributes in the order in which the operator declares them. They must outlive this.
class AttributeValues {
 public:
  AttributeValues(const Operator& op, const Attributes& attributes);
  const sinter_plugin_value* data() const { return values_.data(); }
  size_t size() const { return values_.size(); }

 private:
  void fill(const AttrValue& from, sinter_plugin_value& to);
  std::vector<sinter_plugin_value> values_;
  std::deque<std::vector<const char*>> texts_;
};

sinter_plugin_tensor as_tensor(DType dtype, const Dims& dims, void* data);

Status guarded_erased(const Operator& op, std::string_view what, sinter_plugin_context& context, int (*call)(void*), void* user);
// Runs a call. `what`: "the shape rule", "the kernel". Allocates nothing when all is well.
template <typename Fn>
Status guarded(const Operator& op, std::string_view what, sinter_plugin_context& context, Fn call) {
  return guarded_erased(op, what, context, [](void* fn) { return (*static_cast<Fn*>(fn))(); }, &call);
}

}  // namespace sinter::plugin
