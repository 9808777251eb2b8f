#include "plugin/call.h"

#include <atomic>
#include <exception>

using namespace sinter;

void sinter_plugin_context::fail(std::string message) {
  std::lock_guard lock(mutex);
  if (failure.empty()) failure = std::move(message);
}

sinter_plugin_dim sinter_plugin_context::keep(Size size) {
  constexpr size_t kMostSizes = 1 << 20;  // of a rule; more is a loop without end
  if (sizes.size() >= kMostSizes) {
    fail("it makes more than a million sizes");
    return {0};
  }
  sizes.push_back(std::move(size));
  return {static_cast<int64_t>(sizes.size())};
}

namespace sinter::plugin {
namespace {

using Context = sinter_plugin_context;

// What the functions of the table do must not leave them as an exception: C code is in between.
template <typename T, typename Fn>
T contained(Context* context, T otherwise, Fn&& fn) {
  try {
    return fn();
  } catch (const std::exception& e) {
    context->fail(e.what());
  } catch (...) {
    context->fail("an exception");
  }
  return otherwise;
}

const Context::Size* find_size(Context* context, sinter_plugin_dim dim) {
  if (dim.id < 1 || dim.id > static_cast<int64_t>(context->sizes.size())) {
    context->fail(fmt::format("it uses size {}, which it did not get from this call", dim.id));
    return nullptr;
  }
  return &context->sizes[static_cast<size_t>(dim.id - 1)];
}

void fail(Context* context, const char* message) {
  contained(context, 0, [&] { return context->fail(message && *message ? message : "it gives no reason"), 0; });
}

sinter_plugin_dim constant(Context* context, int64_t value) {
  return contained(context, sinter_plugin_dim{0}, [&] { return context->keep({Dim(value), false, {}}); });
}

sinter_plugin_dim combine(Context* context, int operation, sinter_plugin_dim left, sinter_plugin_dim right) {
  return contained(context, sinter_plugin_dim{0}, [&]() -> sinter_plugin_dim {
    const Context::Size *x = find_size(context, left), *y = find_size(context, right);
    if (!x || !y) return {0};
    const Dim &a = x->dim, &b = y->dim;
    if (x->by_data || y->by_data) return context->fail("it computes with a size that depends on data; such a size can only be one of an output"), sinter_plugin_dim{0};
    const bool divides = operation == SINTER_PLUGIN_FLOOR_DIV || operation == SINTER_PLUGIN_CEIL_DIV || operation == SINTER_PLUGIN_MOD;
    if (divides && b.is(0)) return context->fail(fmt::format("it divides {} by 0", a.to_string())), sinter_plugin_dim{0};
    switch (operation) {
      case SINTER_PLUGIN_ADD: return context->keep({a + b, false, {}});
      case SINTER_PLUGIN_SUB: return context->keep({a - b, false, {}});
      case SINTER_PLUGIN_MUL: return context->keep({a * b, false, {}});
      case SINTER_PLUGIN_FLOOR_DIV: return context->keep({floordiv(a, b), false, {}});
      case SINTER_PLUGIN_CEIL_DIV: return context->keep({ceildiv(a, b), false, {}});
      case SINTER_PLUGIN_MOD: return context->keep({mod(a, b), false, {}});
      case SINTER_PLUGIN_MIN: return context->keep({min(a, b), false, {}});
      case SINTER_PLUGIN_MAX: return context->keep({max(a, b), false, {}});
      default: break;
    }
    context->fail(fmt::format("it asks for operation {} on sizes, which plugin.h does not have", operation));
    return {0};
  });
}

int known(Context* context, sinter_plugin_dim dim, int64_t* value) {
  return contained(context, 0, [&] {
    const Context::Size* size = find_size(context, dim);
    if (!size || size->by_data || !size->dim.is_constant()) return 0;
    if (value) *value = size->dim.value();
    return 1;
  });
}

int element(Context* context, int32_t input, int64_t index, sinter_plugin_dim* out) {
  return contained(context, 0, [&] {
    std::optional<Dim> dim = context->element ? context->element(input, index) : std::nullopt;
    if (!dim || !out) return 0;
    *out = context->keep({std::move(*dim), false, {}});
    return out->id > 0 ? 1 : 0;
  });
}

sinter_plugin_dim data_dependent(Context* context, const char* name, sinter_plugin_dim bound) {
  return contained(context, sinter_plugin_dim{0}, [&]() -> sinter_plugin_dim {
    const Context::Size* most = find_size(context, bound);
    if (!most || !context->fresh) return {0};
    if (most->by_data) return context->fail("the bound of a size that depends on data depends on data"), sinter_plugin_dim{0};
    const Dim copy = most->dim;
    return context->keep({context->fresh(name ? name : ""), true, copy});
  });
}

int set_output(Context* context, int32_t output, int32_t dtype, int32_t rank, const sinter_plugin_dim* dims) {
  return contained(context, 1, [&] {
    constexpr int32_t kMostDims = 64;
    const auto wrong = [&](std::string message) { return context->fail(std::move(message)), 1; };
    if (output < 0 || static_cast<size_t>(output) >= context->outputs.size()) return wrong(fmt::format("it sets output {} of {}", output, context->outputs.size()));
    if (dtype <= 0 || dtype >= kDTypeCount) return wrong(fmt::format("it gives output {} the element type {}, which plugin.h does not have", output, dtype));
    if (rank < 0 || rank > kMostDims || (rank > 0 && !dims)) return wrong(fmt::format("it gives output {} the rank {}; up to {} is possible", output, rank, kMostDims));
    Context::Output made{true, static_cast<DType>(dtype), {}};
    for (int32_t i = 0; i < rank; ++i) {
      const Context::Size* size = find_size(context, dims[i]);
      if (!size) return 1;
      made.dims.push_back(*size);
    }
    context->outputs[static_cast<size_t>(output)] = std::move(made);
    return 0;
  });
}

int parallel(Context* context, int64_t count, int64_t grain, void (*body)(void*, int64_t, int64_t), void* user) {
  if (!body) return context->fail("it calls parallel without a body"), 1;
  std::atomic<bool> failed{false};
  ThreadTeam& team = context->team ? *context->team : inline_team();
  team.split(count, grain > 0 ? grain : 1, [&](int64_t begin, int64_t end) {
    const int ended = contained(context, 1, [&] { return body(user, begin, end), 0; });
    if (ended != 0) failed = true;
  });
  return failed ? 1 : 0;
}

int set_size(Context* context, int32_t output, int32_t axis, int64_t size) {
  return contained(context, 1, [&] {
    const auto wrong = [&](std::string message) { return context->fail(std::move(message)), 1; };
    const auto o = static_cast<size_t>(output), a = static_cast<size_t>(axis);
    if (output < 0 || o >= context->by_data.size() || axis < 0 || a >= context->by_data[o].size() || !context->by_data[o][a]) {
      return wrong(fmt::format("it sets the size of output {} along axis {}, which does not depend on data", output, axis));
    }
    if (size < 0 || size > context->bounds[o][a]) {
      return wrong(fmt::format("it gives output {} the size {} along axis {}; its shape rule promised 0 to {}", output, size, axis, context->bounds[o][a]));
    }
    context->result[o][a] = size;
    return 0;
  });
}

}  // namespace

const sinter_plugin_host& host_table() {
  static const sinter_plugin_host table{sizeof(sinter_plugin_host), fail, constant, combine, known, element, data_dependent, set_output, parallel, set_size};
  return table;
}

AttributeValues::AttributeValues(const Operator& op, const Attributes& attributes) {
  for (size_t i = 0; i < op.c.attribute_count; ++i) {
    values_.push_back({});
    if (const AttrValue* value = attributes.find(op.c.attributes[i].name)) fill(*value, values_.back());
  }
}

void AttributeValues::fill(const AttrValue& from, sinter_plugin_value& to) {
  to.present = 1;
  to.count = 1;
  if (const auto* i = std::get_if<int64_t>(&from)) to.i = *i;
  if (const auto* f = std::get_if<float>(&from)) to.f = *f;
  if (const auto* s = std::get_if<std::string>(&from)) to.s = s->c_str(), to.count = s->size();
  if (const auto* ints = std::get_if<std::vector<int64_t>>(&from)) to.ints = ints->data(), to.count = ints->size();
  if (const auto* floats = std::get_if<std::vector<float>>(&from)) to.floats = floats->data(), to.count = floats->size();
  if (const auto* strings = std::get_if<std::vector<std::string>>(&from)) {
    texts_.emplace_back();
    for (const std::string& text : *strings) texts_.back().push_back(text.c_str());
    to.strings = texts_.back().data();
    to.count = strings->size();
  }
  if (const auto* tensor = std::get_if<Tensor>(&from); tensor && tensor->dtype() != DType::kString) {
    to.tensor = as_tensor(tensor->dtype(), tensor->dims(), const_cast<void*>(tensor->raw()));
  }
}

sinter_plugin_tensor as_tensor(DType dtype, const Dims& dims, void* data) {
  return {1, static_cast<int32_t>(dtype), static_cast<int32_t>(dims.size()), dims.data(), data, static_cast<size_t>(dtype_bytes(dtype, product(dims)))};
}

Status guarded_erased(const Operator& op, std::string_view what, sinter_plugin_context& context, int (*call)(void*), void* user) {
  const auto thrown = [&](std::string_view text) {
    return make_error(Code::kInvalidArgument, "{} of {} threw {}; expected it to return, since exceptions must not leave a plugin; catch them in the plugin", what, op.owner(), text);
  };
  int result = 0;
  try {
    result = call(user);
  } catch (const std::exception& e) {
    return thrown(fmt::format("'{}'", e.what()));
  } catch (...) {
    return thrown("an exception");
  }
  if (result == 0 && context.failure.empty()) return ok_status();
  const std::string reason = context.failure.empty() ? fmt::format("it returned {} and no message", result) : context.failure;
  return make_error(Code::kInvalidArgument, "{} of {} failed: {}; expected it to succeed on this node; correct the model or the plugin", what, op.owner(), reason);
}

}  // namespace sinter::plugin
