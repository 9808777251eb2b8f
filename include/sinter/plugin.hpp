// Operators of your own in C++17: a header-only layer over plugin.h, whose rules hold. A shape rule and a kernel are functions that throw when they can't:
//
//   void infer(sinter::custom::Shapes& s) { s.output(0, s.dtype(0), s.dims(0)); }
//   void run(sinter::custom::Run& r) {
//     const float* x = r.input<float>(0);
//     float* y = r.output<float>(0);
//     for (int64_t i = 0; i < r.input_count_of(0); ++i) y[i] = x[i] * r.real(0);
//   }
//   sinter::custom::Operator<infer, run> scale = sinter::custom::Operator<infer, run>("example", "Scale").input("x", SINTER_PLUGIN_SET(SINTER_PLUGIN_F32))
//       .output("y", SINTER_PLUGIN_SET(SINTER_PLUGIN_F32)).attribute("factor", 1.0f);
//   SINTER_PLUGIN_LIBRARY("example", "1.0.0", scale)
#ifndef SINTER_PLUGIN_HPP_
#define SINTER_PLUGIN_HPP_

#include <cstdint>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <sinter/plugin.h>

namespace sinter::custom {

// Throws: the call fails with this reason.
[[noreturn]] inline void fail(const std::string& reason) { throw std::runtime_error(reason); }

// A size in a shape rule: arithmetic on it makes expressions. / and % round towards minus infinity.
class Dim {
 public:
  Dim(const sinter_plugin_shapes* call, sinter_plugin_dim id) : call_(call), id_(id) {}
  sinter_plugin_dim id() const { return id_; }
  std::optional<int64_t> value() const {
    int64_t number = 0;
    return call_->host->known(call_->context, id_, &number) ? std::optional<int64_t>(number) : std::nullopt;
  }
  friend Dim operator+(const Dim& a, const Dim& b) { return a.with(SINTER_PLUGIN_ADD, b); }
  friend Dim operator-(const Dim& a, const Dim& b) { return a.with(SINTER_PLUGIN_SUB, b); }
  friend Dim operator*(const Dim& a, const Dim& b) { return a.with(SINTER_PLUGIN_MUL, b); }
  friend Dim operator/(const Dim& a, const Dim& b) { return a.with(SINTER_PLUGIN_FLOOR_DIV, b); }
  friend Dim operator%(const Dim& a, const Dim& b) { return a.with(SINTER_PLUGIN_MOD, b); }
  friend Dim operator+(const Dim& a, int64_t b) { return a + a.number(b); }
  friend Dim operator-(const Dim& a, int64_t b) { return a - a.number(b); }
  friend Dim operator*(const Dim& a, int64_t b) { return a * a.number(b); }
  friend Dim operator/(const Dim& a, int64_t b) { return a / a.number(b); }
  friend Dim operator%(const Dim& a, int64_t b) { return a % a.number(b); }
  Dim ceil_div(const Dim& b) const { return with(SINTER_PLUGIN_CEIL_DIV, b); }
  Dim min(const Dim& b) const { return with(SINTER_PLUGIN_MIN, b); }
  Dim max(const Dim& b) const { return with(SINTER_PLUGIN_MAX, b); }
  Dim max(int64_t b) const { return max(number(b)); }

 private:
  Dim number(int64_t value) const { return Dim(call_, call_->host->constant(call_->context, value)); }
  Dim with(int operation, const Dim& b) const { return Dim(call_, call_->host->combine(call_->context, operation, id_, b.id_)); }
  const sinter_plugin_shapes* call_;
  sinter_plugin_dim id_;
};

// Attributes by their place in the description.
template <typename Call>
class Node {
 public:
  explicit Node(const Call* call) : call_(call) {}
  const Call* c() const { return call_; }
  bool has_attribute(size_t k) const { return call_->attributes[k].present != 0; }
  int64_t integer(size_t k) const { return call_->attributes[k].i; }
  float real(size_t k) const { return call_->attributes[k].f; }
  std::string text(size_t k) const { return std::string(call_->attributes[k].s, call_->attributes[k].count); }
  std::vector<int64_t> integers(size_t k) const { return std::vector<int64_t>(call_->attributes[k].ints, call_->attributes[k].ints + call_->attributes[k].count); }
  std::vector<float> reals(size_t k) const { return std::vector<float>(call_->attributes[k].floats, call_->attributes[k].floats + call_->attributes[k].count); }
  bool has_input(size_t i) const { return i < call_->input_count && call_->inputs[i].present != 0; }
  size_t inputs() const { return call_->input_count; }
  size_t outputs() const { return call_->output_count; }
  int32_t dtype(size_t i) const { return call_->inputs[i].dtype; }
  int32_t rank(size_t i) const { return call_->inputs[i].rank; }

 protected:
  const Call* call_;
};

class Shapes : public Node<sinter_plugin_shapes> {
 public:
  using Node::Node;
  Dim dim(size_t input, int32_t axis) const { return Dim(call_, call_->inputs[input].dims[axis]); }
  std::vector<Dim> dims(size_t input) const {
    std::vector<Dim> all;
    for (int32_t axis = 0; axis < rank(input); ++axis) all.push_back(dim(input, axis));
    return all;
  }
  Dim number(int64_t value) const { return Dim(call_, call_->host->constant(call_->context, value)); }
  // An element of an input that holds sizes, where it can be followed.
  std::optional<Dim> element(size_t input, int64_t index) const {
    sinter_plugin_dim id{};
    return call_->host->element(call_->context, static_cast<int32_t>(input), index, &id) ? std::optional<Dim>(Dim(call_, id)) : std::nullopt;
  }
  Dim data_dependent(const char* name, const Dim& bound) const { return Dim(call_, call_->host->data_dependent(call_->context, name, bound.id())); }
  void output(size_t index, int32_t dtype, const std::vector<Dim>& dims) const {
    std::vector<sinter_plugin_dim> ids;
    for (const Dim& dim : dims) ids.push_back(dim.id());
    if (call_->host->set_output(call_->context, static_cast<int32_t>(index), dtype, static_cast<int32_t>(ids.size()), ids.data()) != 0) fail("an output is refused");
  }
};

class Run : public Node<sinter_plugin_run> {
 public:
  using Node::Node;
  template <typename T>
  const T* input(size_t i) const { return static_cast<const T*>(call_->inputs[i].data); }
  template <typename T>
  T* output(size_t i) const { return static_cast<T*>(call_->outputs[i].data); }
  bool wants_output(size_t i) const { return i < call_->output_count && call_->outputs[i].present != 0; }
  std::vector<int64_t> dims(size_t i) const { return std::vector<int64_t>(call_->inputs[i].dims, call_->inputs[i].dims + call_->inputs[i].rank); }
  std::vector<int64_t> output_dims(size_t i) const { return std::vector<int64_t>(call_->outputs[i].dims, call_->outputs[i].dims + call_->outputs[i].rank); }
  int64_t input_count_of(size_t i) const { return count(call_->inputs[i]); }    // elements
  int64_t output_count_of(size_t i) const { return count(call_->outputs[i]); }
  template <typename T>
  T* workspace() const { return static_cast<T*>(call_->workspace); }
  template <typename T>
  T* state() const { return static_cast<T*>(call_->state); }
  void set_size(size_t output, int32_t axis, int64_t size) const {
    if (call_->host->set_size(call_->context, static_cast<int32_t>(output), axis, size) != 0) fail("a size is refused");
  }
  // body(begin, end) on Sinter's threads.
  template <typename Body>
  void parallel(int64_t items, int64_t grain, Body body) const {
    const auto call_body = [](void* user, int64_t begin, int64_t end) { (*static_cast<Body*>(user))(begin, end); };
    if (call_->host->parallel(call_->context, items, grain, call_body, &body) != 0) fail("a thread failed");
  }

 private:
  static int64_t count(const sinter_plugin_tensor& tensor) {
    int64_t elements = 1;
    for (int32_t axis = 0; axis < tensor.rank; ++axis) elements *= tensor.dims[axis];
    return elements;
  }
};

namespace detail {

template <typename View, typename Call, typename Fn>
int guarded(const Call* call, Fn&& fn) {
  try {
    View view(call);
    fn(view);
    return 0;
  } catch (const std::exception& e) {
    call->host->fail(call->context, e.what());
  } catch (...) {
    call->host->fail(call->context, "an exception of an unknown type");
  }
  return 1;
}

}  // namespace detail

// The description of an operator. Names are literals (they are not copied).
template <void (*Infer)(Shapes&), void (*Kernel)(Run&)>
class Operator {
 public:
  Operator(const char* domain, const char* name, int32_t since = 1, int32_t until = 0) {
    c_.struct_size = sizeof c_;
    c_.domain = domain;
    c_.name = name;
    c_.since = since;
    c_.until = until;
    c_.infer = [](const sinter_plugin_shapes* call) { return detail::guarded<Shapes>(call, Infer); };
    c_.run = [](const sinter_plugin_run* call) { return detail::guarded<Run>(call, Kernel); };
  }
  Operator& input(const char* name, uint64_t dtypes, const char* type = nullptr, int32_t kind = SINTER_PLUGIN_SINGLE) {
    inputs_.push_back({name, dtypes, type, kind});
    return *this;
  }
  Operator& output(const char* name, uint64_t dtypes, const char* type = nullptr, int32_t kind = SINTER_PLUGIN_SINGLE) {
    outputs_.push_back({name, dtypes, type, kind});
    return *this;
  }
  Operator& required(const char* name, sinter_plugin_kind kind) {
    attributes_.push_back({name, kind, SINTER_PLUGIN_REQUIRED, {}});
    return *this;
  }
  Operator& optional(const char* name, sinter_plugin_kind kind) {
    attributes_.push_back({name, kind, SINTER_PLUGIN_ABSENT, {}});
    return *this;
  }
  Operator& attribute(const char* name, int64_t value) {
    attributes_.push_back({name, SINTER_PLUGIN_INT, SINTER_PLUGIN_DEFAULT, {}});
    attributes_.back().default_value.i = value;
    return *this;
  }
  Operator& attribute(const char* name, float value) {
    attributes_.push_back({name, SINTER_PLUGIN_FLOAT, SINTER_PLUGIN_DEFAULT, {}});
    attributes_.back().default_value.f = value;
    return *this;
  }
  Operator& attribute(const char* name, const char* value) {
    attributes_.push_back({name, SINTER_PLUGIN_STRING, SINTER_PLUGIN_DEFAULT, {}});
    attributes_.back().default_value.s = value;
    return *this;
  }
  Operator& attribute(const char* name, std::vector<int64_t> values) {
    ints_.push_back(std::move(values));
    attributes_.push_back({name, SINTER_PLUGIN_INTS, SINTER_PLUGIN_DEFAULT, {}});
    return *this;
  }
  Operator& random() {
    c_.flags |= SINTER_PLUGIN_RANDOM;
    return *this;
  }
  // Bytes of scratch memory, by a function that sees shapes and attributes.
  template <int64_t (*Workspace)(Run&)>
  Operator& workspace() {
    c_.workspace = [](const sinter_plugin_run* call, int64_t* bytes) { return detail::guarded<Run>(call, [&](Run& run) { *bytes = Workspace(run); }); };
    return *this;
  }
  // What the kernel keeps between runs of one shape: a T made from Run, at Run::state<T>().
  template <typename T>
  Operator& state() {
    c_.create = [](const sinter_plugin_run* call, void** state) { return detail::guarded<Run>(call, [&](Run& run) { *state = new T(run); }); };
    c_.destroy = [](void* state) { delete static_cast<T*>(state); };
    return *this;
  }
  // The kernel on a GPU, which puts its work on Run::c()->cuda_stream.
  template <void (*Cuda)(Run&)>
  Operator& cuda() {
    c_.run_cuda = [](const sinter_plugin_run* call) { return detail::guarded<Run>(call, Cuda); };
    return *this;
  }
  // Valid while this lives unchanged.
  const sinter_plugin_operator* c() {
    c_.inputs = inputs_.data();
    c_.input_count = inputs_.size();
    c_.outputs = outputs_.data();
    c_.output_count = outputs_.size();
    c_.attributes = attributes_.data();
    c_.attribute_count = attributes_.size();
    size_t lists = 0;  // copies of this have lists of their own
    for (sinter_plugin_attribute& attribute : attributes_) {
      if (attribute.kind != SINTER_PLUGIN_INTS || attribute.presence != SINTER_PLUGIN_DEFAULT) continue;
      attribute.default_value.ints = ints_[lists].data();
      attribute.default_value.count = ints_[lists++].size();
    }
    return &c_;
  }

 private:
  sinter_plugin_operator c_{};
  std::vector<sinter_plugin_param> inputs_, outputs_;
  std::vector<sinter_plugin_attribute> attributes_;
  std::deque<std::vector<int64_t>> ints_;
};

namespace detail {

template <typename... Operators>
const sinter_plugin* describe(const char* name, const char* version, Operators&... operators) {
  static const sinter_plugin_operator* const list[] = {operators.c()...};
  static const sinter_plugin plugin{SINTER_PLUGIN_ABI, 0, sizeof(sinter_plugin), name, version, list, sizeof...(operators)};
  return &plugin;
}

}  // namespace detail
}  // namespace sinter::custom

// Once in a library, with all its operators.
#define SINTER_PLUGIN_LIBRARY(name, version, ...) \
  extern "C" SINTER_PLUGIN_EXPORT const sinter_plugin* sinter_plugin_entry(uint32_t) { return sinter::custom::detail::describe(name, version, __VA_ARGS__); }

#endif  // SINTER_PLUGIN_HPP_
