// Networks made in code, for C++17: a header-only layer over the network functions of sinter.h (libsinter).
//
//   sinter::Network network("classifier");
//   auto x = network.add_input("input", SINTER_F32, {-1, 3, 224, 224}, {"batch"});
//   auto y = network.add_relu(network.add_convolution(x, weights, {64, 3, 7, 7}, bias, {{2, 2}, {3, 3, 3, 3}}));
//   y = network.add_fully_connected(network.add_global_average_pooling(y), matrix, 10, scores_bias);
//   network.mark_output(y, "scores");
//   network.save("classifier.onnx");
//   sinter::Engine engine = network.build();
//
// A NetworkTensor is a value of a network, cheap to copy, with its type and shape known as far as they can be; it must not outlive its network. Weights that are
// passed as pointers are copied. Data is channels first (N, C, then space), as ONNX's. Every add function checks its node at once and throws sinter::Error,
// whose text says which node, what was found and what was expected; the network is then as before. Names are optional: an empty one is made up.
#ifndef SINTER_NETWORK_HPP_
#define SINTER_NETWORK_HPP_

#include <sinter/sinter.hpp>

namespace sinter {

class Network;

namespace detail {

struct FreeNetwork {
  void operator()(sinter_network* network) const { sinter_network_free(network); }
};
using NetworkHandle = std::unique_ptr<sinter_network, FreeNetwork>;

}  // namespace detail

// A value of a network. A default one is absent: an optional input that is left out.
class NetworkTensor {
 public:
  NetworkTensor() = default;
  NetworkTensor(sinter_network* network, sinter_value value) : network_(network), value_(value) {}
  explicit operator bool() const { return value_ != SINTER_ABSENT; }
  sinter_value value() const { return value_; }

  IoInfo info() const { return detail::to_info(raw_info()); }
  std::string name() const { return raw_info().name; }
  sinter_dtype dtype() const { return raw_info().dtype; }
  // -1: dynamic. Throws when not even the rank is known.
  Shape shape() const {
    const sinter_io_info info = raw_info();
    if (info.rank < 0) throw Error(SINTER_UNSUPPORTED, std::string("value '") + info.name + "': the rank is not known");
    return Shape(info.dims, info.dims + info.rank);
  }
  // "f32[batch,3,2*h,w]"
  std::string type() const { return raw_info().type; }
  int rank() const { return raw_info().rank; }

  NetworkTensor& set_name(const std::string& name) {
    check(sinter_network_set_name(network_, value_, name.c_str()));
    return *this;
  }
  // What int8 builds quantize the value by.
  NetworkTensor& set_range(float min, float max) {
    check(sinter_network_set_range(network_, value_, min, max));
    return *this;
  }

 private:
  sinter_io_info raw_info() const {
    sinter_io_info info;
    check(sinter_network_value_info(network_, value_, &info));
    return info;
  }
  sinter_network* network_ = nullptr;
  sinter_value value_ = SINTER_ABSENT;
};

// An attribute of a node. It keeps what it is given; of a Network (a body) the handle.
class NodeAttribute {
 public:
  NodeAttribute(std::string name, int64_t value) : NodeAttribute(std::move(name), SINTER_ATTRIBUTE_INT) { i_ = value; }
  NodeAttribute(std::string name, int value) : NodeAttribute(std::move(name), static_cast<int64_t>(value)) {}
  NodeAttribute(std::string name, bool value) : NodeAttribute(std::move(name), static_cast<int64_t>(value)) {}
  NodeAttribute(std::string name, sinter_dtype value) : NodeAttribute(std::move(name), static_cast<int64_t>(value)) {}
  NodeAttribute(std::string name, float value) : NodeAttribute(std::move(name), SINTER_ATTRIBUTE_FLOAT) { f_ = value; }
  NodeAttribute(std::string name, double value) : NodeAttribute(std::move(name), static_cast<float>(value)) {}
  NodeAttribute(std::string name, std::string value) : NodeAttribute(std::move(name), SINTER_ATTRIBUTE_STRING) { s_ = std::move(value); }
  NodeAttribute(std::string name, const char* value) : NodeAttribute(std::move(name), std::string(value)) {}
  NodeAttribute(std::string name, std::vector<int64_t> value) : NodeAttribute(std::move(name), SINTER_ATTRIBUTE_INTS) { ints_ = std::move(value); }
  NodeAttribute(std::string name, std::vector<float> value) : NodeAttribute(std::move(name), SINTER_ATTRIBUTE_FLOATS) { floats_ = std::move(value); }
  NodeAttribute(std::string name, std::vector<std::string> value) : NodeAttribute(std::move(name), SINTER_ATTRIBUTE_STRINGS) { strings_ = std::move(value); }
  // The tensor's memory is read when the node is added.
  NodeAttribute(std::string name, const sinter_tensor& value) : NodeAttribute(std::move(name), SINTER_ATTRIBUTE_TENSOR) { tensor_ = value; }
  inline NodeAttribute(std::string name, const Network& body);

  // Valid while this lives.
  sinter_attribute c_attribute() const {
    texts_.clear();
    for (const std::string& text : strings_) texts_.push_back(text.c_str());
    const size_t count = kind_ == SINTER_ATTRIBUTE_INTS ? ints_.size() : kind_ == SINTER_ATTRIBUTE_FLOATS ? floats_.size() : strings_.size();
    return {name_.c_str(), kind_, i_, f_, s_.c_str(), ints_.data(), floats_.data(), texts_.data(), count, &tensor_, graph_};
  }

 private:
  NodeAttribute(std::string name, sinter_attribute_kind kind) : name_(std::move(name)), kind_(kind) {}
  std::string name_;
  sinter_attribute_kind kind_;
  int64_t i_ = 0;
  float f_ = 0;
  std::string s_;
  std::vector<int64_t> ints_;
  std::vector<float> floats_;
  std::vector<std::string> strings_;
  mutable std::vector<const char*> texts_;
  sinter_tensor tensor_{};
  sinter_network* graph_ = nullptr;
};
using NodeAttributes = std::vector<NodeAttribute>;

// Of a convolution or a pooling over the last dims of its input. Empty: strides and dilations 1, padding 0. padding: the begins of all dims, then
// their ends; a list of one size a dim is for both sides.
struct WindowOptions {
  Shape strides{}, padding{}, dilations{};
  int64_t groups = 1;
  bool ceil_mode = false;        // of poolings: a last window may begin in the padding
  bool count_padding = false;    // of average poolings
  Shape output_padding{};        // of deconvolutions
};

// Where the samples of a resize lie.
enum class ResizeSampling { kHalfPixel, kAlignCorners, kAsymmetric, kPytorchHalfPixel };

class Network {
 public:
  explicit Network(const std::string& name = "network") {
    sinter_network* handle = nullptr;
    check(sinter_network_create(name.c_str(), &handle));
    handle_.reset(handle);
  }
  // An ONNX file, to be looked at or gone on with. shapes: "NAME:1x3x224x224,...", in place of the file's.
  static Network load(const std::string& path, const std::string& shapes = "") {
    sinter_network* handle = nullptr;
    check(sinter_network_load(path.c_str(), shapes.c_str(), &handle));
    return Network(detail::NetworkHandle(handle));
  }
  // An empty body for add_if, add_loop or an add_node; it may read values of this network.
  Network body() {
    sinter_network* handle = nullptr;
    check(sinter_network_create_body(handle_.get(), &handle));
    return Network(detail::NetworkHandle(handle));
  }
  sinter_network* handle() const { return handle_.get(); }

  // dims: -1 is dynamic; dim_names: of the first dims, "" for none.
  NetworkTensor add_input(const std::string& name, sinter_dtype dtype, const Shape& dims, const std::vector<std::string>& dim_names = {}) {
    std::vector<const char*> names(dims.size(), nullptr);
    for (size_t i = 0; i < dims.size() && i < dim_names.size(); ++i) names[i] = dim_names[i].c_str();
    sinter_value value = SINTER_ABSENT;
    check(sinter_network_add_input(handle(), name.c_str(), dtype, dims.data(), static_cast<int32_t>(dims.size()), names.data(), &value));
    return at(value);
  }
  // Of a body: type and shape follow from what its node passes.
  NetworkTensor add_body_input(const std::string& name) {
    sinter_value value = SINTER_ABSENT;
    check(sinter_network_add_input(handle(), name.c_str(), SINTER_UNDEFINED, nullptr, -1, nullptr, &value));
    return at(value);
  }
  NetworkTensor add_constant(const std::string& name, sinter_dtype dtype, const void* data, const Shape& dims) {
    int64_t count = 1;
    for (const int64_t dim : dims) count *= dim;
    const sinter_tensor tensor{dtype, static_cast<int32_t>(dims.size()), dims.data(), data, sinter_dtype_bytes(dtype, count), count};
    sinter_value value = SINTER_ABSENT;
    check(sinter_network_add_constant(handle(), name.c_str(), &tensor, &value));
    return at(value);
  }
  template <typename T>
  NetworkTensor add_constant(const std::string& name, const std::vector<T>& values, const Shape& dims) {
    int64_t count = 1;
    for (const int64_t dim : dims) count *= dim;
    if (count != static_cast<int64_t>(values.size())) {
      throw Error(SINTER_INVALID_ARGUMENT, "constant '" + name + "': found " + std::to_string(values.size()) + " values, expected " + std::to_string(count));
    }
    return add_constant(name, ElementType<T>::value, values.data(), dims);
  }
  template <typename T>
  NetworkTensor add_scalar(T value) { return add_constant("", ElementType<T>::value, &value, {}); }
  NetworkTensor add_ints(const std::vector<int64_t>& values) { return add_constant<int64_t>("", values, {static_cast<int64_t>(values.size())}); }

  // Any operator of ONNX.
  std::vector<NetworkTensor> add_node(const std::string& op_type, const std::vector<NetworkTensor>& inputs, const NodeAttributes& attributes, size_t outputs,
                               const std::string& name = "", const std::string& domain = "") {
    std::vector<sinter_value> numbers, made(outputs, SINTER_ABSENT);
    for (const NetworkTensor& input : inputs) numbers.push_back(input.value());
    std::vector<sinter_attribute> list;
    for (const NodeAttribute& attribute : attributes) list.push_back(attribute.c_attribute());
    check(sinter_network_add_node(handle(), domain.c_str(), op_type.c_str(), name.c_str(), numbers.data(), numbers.size(), list.data(), list.size(), made.data(), outputs));
    std::vector<NetworkTensor> tensors;
    for (const sinter_value value : made) tensors.push_back(at(value));
    return tensors;
  }
  NetworkTensor add_node(const std::string& op_type, const std::vector<NetworkTensor>& inputs, const NodeAttributes& attributes = {}, const std::string& name = "") {
    return add_node(op_type, inputs, attributes, 1, name)[0];
  }

  // x [N,C,space...], weights [M,C/groups,kernel...], bias [M] or absent.
  NetworkTensor add_convolution(NetworkTensor x, NetworkTensor weights, NetworkTensor bias = {}, const WindowOptions& window = {}, const std::string& name = "") {
    const Shape shape = weights.shape();
    return add_node("Conv", {x, weights, bias}, window_attributes(window, Shape(shape.begin() + std::min<ptrdiff_t>(2, static_cast<ptrdiff_t>(shape.size())), shape.end()), true), name);
  }
  NetworkTensor add_convolution(NetworkTensor x, const std::vector<float>& weights, const Shape& dims, const std::vector<float>& bias = {}, const WindowOptions& window = {},
                         const std::string& name = "") {
    return add_convolution(x, add_weights(weights, dims, name, "weight"), add_bias(bias, name), window, name);
  }
  // weights [C,M/groups,kernel...].
  NetworkTensor add_deconvolution(NetworkTensor x, NetworkTensor weights, NetworkTensor bias = {}, const WindowOptions& window = {}, const std::string& name = "") {
    const Shape shape = weights.shape();
    NodeAttributes attributes = window_attributes(window, Shape(shape.begin() + std::min<ptrdiff_t>(2, static_cast<ptrdiff_t>(shape.size())), shape.end()), true);
    if (!window.output_padding.empty()) attributes.emplace_back("output_padding", window.output_padding);
    return add_node("ConvTranspose", {x, weights, bias}, attributes, name);
  }
  NetworkTensor add_matmul(NetworkTensor a, NetworkTensor b, const std::string& name = "") { return add_node("MatMul", {a, b}, {}, name); }
  // alpha * a * b + beta * c, of matrices; a and b as they are or transposed.
  NetworkTensor add_gemm(NetworkTensor a, NetworkTensor b, NetworkTensor c = {}, bool transpose_a = false, bool transpose_b = false, float alpha = 1, float beta = 1, const std::string& name = "") {
    return add_node("Gemm", {a, b, c}, {{"alpha", alpha}, {"beta", beta}, {"transA", transpose_a}, {"transB", transpose_b}}, name);
  }
  // x flattened to [N,K] times weights [outputs,K] transposed, plus bias [outputs].
  NetworkTensor add_fully_connected(NetworkTensor x, const std::vector<float>& weights, int64_t outputs, const std::vector<float>& bias = {}, const std::string& name = "") {
    if (x.rank() != 2) x = add_node("Flatten", {x}, {{"axis", 1}}, name.empty() ? name : name + "/flatten");
    const int64_t width = outputs > 0 ? static_cast<int64_t>(weights.size()) / outputs : 0;
    return add_gemm(x, add_weights(weights, {outputs, width}, name, "weight"), add_bias(bias, name), false, true, 1, 1, name);
  }

  // Add, Sub, Mul, Div, Pow, Max, Min, Equal, Less, Greater, And, Or, ...: numpy's broadcast.
  NetworkTensor add_elementwise(const std::string& op_type, NetworkTensor a, NetworkTensor b, const std::string& name = "") { return add_node(op_type, {a, b}, {}, name); }
  NetworkTensor add_sum(NetworkTensor a, NetworkTensor b, const std::string& name = "") { return add_node("Add", {a, b}, {}, name); }
  NetworkTensor add_sub(NetworkTensor a, NetworkTensor b, const std::string& name = "") { return add_node("Sub", {a, b}, {}, name); }
  NetworkTensor add_mul(NetworkTensor a, NetworkTensor b, const std::string& name = "") { return add_node("Mul", {a, b}, {}, name); }
  NetworkTensor add_div(NetworkTensor a, NetworkTensor b, const std::string& name = "") { return add_node("Div", {a, b}, {}, name); }
  // Exp, Log, Sqrt, Abs, Neg, Floor, Ceil, Erf, Not, Reciprocal, ...
  NetworkTensor add_unary(const std::string& op_type, NetworkTensor x, const std::string& name = "") { return add_node(op_type, {x}, {}, name); }
  // Relu, Sigmoid, Tanh, LeakyRelu, Elu, HardSigmoid, HardSwish, Gelu, Softplus, ...
  NetworkTensor add_activation(const std::string& op_type, NetworkTensor x, const NodeAttributes& attributes = {}, const std::string& name = "") {
    return add_node(op_type, {x}, attributes, name);
  }
  NetworkTensor add_relu(NetworkTensor x, const std::string& name = "") { return add_node("Relu", {x}, {}, name); }
  NetworkTensor add_sigmoid(NetworkTensor x, const std::string& name = "") { return add_node("Sigmoid", {x}, {}, name); }
  NetworkTensor add_clip(NetworkTensor x, float low, float high, const std::string& name = "") { return add_node("Clip", {x, add_scalar(low), add_scalar(high)}, {}, name); }
  // A value for every element of x: a where the condition (bool) is true, else b.
  NetworkTensor add_select(NetworkTensor condition, NetworkTensor a, NetworkTensor b, const std::string& name = "") { return add_node("Where", {condition, a, b}, {}, name); }

  NetworkTensor add_max_pooling(NetworkTensor x, const Shape& kernel, const WindowOptions& window = {}, const std::string& name = "") {
    NodeAttributes attributes = window_attributes(window, kernel, false);
    if (window.ceil_mode) attributes.emplace_back("ceil_mode", 1);
    return add_node("MaxPool", {x}, attributes, name);
  }
  NetworkTensor add_average_pooling(NetworkTensor x, const Shape& kernel, const WindowOptions& window = {}, const std::string& name = "") {
    NodeAttributes attributes = window_attributes(window, kernel, false);
    if (window.ceil_mode) attributes.emplace_back("ceil_mode", 1);
    if (window.count_padding) attributes.emplace_back("count_include_pad", 1);
    return add_node("AveragePool", {x}, attributes, name);
  }
  NetworkTensor add_global_average_pooling(NetworkTensor x, const std::string& name = "") { return add_node("GlobalAveragePool", {x}, {}, name); }
  // ReduceMean, ReduceSum, ReduceMax, ... No axes: over all.
  NetworkTensor add_reduce(const std::string& op_type, NetworkTensor x, const Shape& axes, bool keep_dims = true, const std::string& name = "") {
    return add_node(op_type, {x, axes.empty() ? NetworkTensor() : add_ints(axes)}, {{"keepdims", keep_dims}}, name);
  }
  NetworkTensor add_softmax(NetworkTensor x, int64_t axis = -1, const std::string& name = "") { return add_node("Softmax", {x}, {{"axis", axis}}, name); }

  // Statistics of training: all of shape [C].
  NetworkTensor add_batch_norm(NetworkTensor x, NetworkTensor scale, NetworkTensor bias, NetworkTensor mean, NetworkTensor variance, float epsilon = 1e-5f, const std::string& name = "") {
    return add_node("BatchNormalization", {x, scale, bias, mean, variance}, {{"epsilon", epsilon}}, name);
  }
  NetworkTensor add_instance_norm(NetworkTensor x, NetworkTensor scale, NetworkTensor bias, float epsilon = 1e-5f, const std::string& name = "") {
    return add_node("InstanceNormalization", {x, scale, bias}, {{"epsilon", epsilon}}, name);
  }
  // Over the dims from `axis` on, whose shape scale and bias have.
  NetworkTensor add_layer_norm(NetworkTensor x, NetworkTensor scale, NetworkTensor bias = {}, int64_t axis = -1, float epsilon = 1e-5f, const std::string& name = "") {
    return add_node("LayerNormalization", {x, scale, bias}, {{"axis", axis}, {"epsilon", epsilon}}, name);
  }
  NetworkTensor add_group_norm(NetworkTensor x, NetworkTensor scale, NetworkTensor bias, int64_t groups, float epsilon = 1e-5f, const std::string& name = "") {
    return add_node("GroupNormalization", {x, scale, bias}, {{"num_groups", groups}, {"epsilon", epsilon}}, name);
  }

  NetworkTensor add_concat(const std::vector<NetworkTensor>& parts, int64_t axis, const std::string& name = "") { return add_node("Concat", parts, {{"axis", axis}}, name); }
  // Parts of these sizes along an axis.
  std::vector<NetworkTensor> add_split(NetworkTensor x, const Shape& sizes, int64_t axis, const std::string& name = "") {
    return add_node("Split", {x, add_ints(sizes)}, {{"axis", axis}}, sizes.size(), name);
  }
  // Elements starts[i], starts[i] + steps[i], ... below ends[i] of axes[i] (no axes: the first ones; no steps: 1). Negative starts and ends count from the end.
  NetworkTensor add_slice(NetworkTensor x, const Shape& starts, const Shape& ends, const Shape& axes = {}, const Shape& steps = {}, const std::string& name = "") {
    return add_node("Slice", {x, add_ints(starts), add_ints(ends), axes.empty() ? NetworkTensor() : add_ints(axes), steps.empty() ? NetworkTensor() : add_ints(steps)}, {}, name);
  }
  // One dim may be -1: what is left; 0 copies the input's.
  NetworkTensor add_reshape(NetworkTensor x, const Shape& shape, const std::string& name = "") { return add_node("Reshape", {x, add_ints(shape)}, {}, name); }
  NetworkTensor add_reshape(NetworkTensor x, NetworkTensor shape, const std::string& name = "") { return add_node("Reshape", {x, shape}, {}, name); }
  // Dim i of the result is dim order[i] of x.
  NetworkTensor add_transpose(NetworkTensor x, const Shape& order, const std::string& name = "") { return add_node("Transpose", {x}, {{"perm", order}}, name); }
  // TensorRT's shuffle: a transpose, then a reshape, then a transpose; empty ones are left out.
  NetworkTensor add_shuffle(NetworkTensor x, const Shape& first, const Shape& shape, const Shape& second = {}, const std::string& name = "") {
    if (!first.empty()) x = add_transpose(x, first, shape.empty() && second.empty() ? name : "");
    if (!shape.empty()) x = add_reshape(x, shape, second.empty() ? name : "");
    return second.empty() ? x : add_transpose(x, second, name);
  }
  NetworkTensor add_squeeze(NetworkTensor x, const Shape& axes, const std::string& name = "") { return add_node("Squeeze", {x, add_ints(axes)}, {}, name); }
  NetworkTensor add_unsqueeze(NetworkTensor x, const Shape& axes, const std::string& name = "") { return add_node("Unsqueeze", {x, add_ints(axes)}, {}, name); }
  NetworkTensor add_expand(NetworkTensor x, const Shape& shape, const std::string& name = "") { return add_node("Expand", {x, add_ints(shape)}, {}, name); }
  NetworkTensor add_gather(NetworkTensor data, NetworkTensor indices, int64_t axis = 0, const std::string& name = "") { return add_node("Gather", {data, indices}, {{"axis", axis}}, name); }
  // padding as in WindowOptions, of all dims.
  NetworkTensor add_padding(NetworkTensor x, const Shape& padding, float value = 0, const std::string& name = "") {
    return add_node("Pad", {x, add_ints(both_sides(padding, static_cast<size_t>(x.rank()))), value == 0 ? NetworkTensor() : add_scalar(value)}, {}, name);
  }
  // mode "nearest", "linear" or "cubic"; sizes of all dims.
  NetworkTensor add_resize(NetworkTensor x, const Shape& sizes, const std::string& mode = "linear", ResizeSampling sampling = ResizeSampling::kHalfPixel, const std::string& name = "") {
    return add_node("Resize", {x, {}, {}, add_ints(sizes)}, resize_attributes(mode, sampling), name);
  }
  NetworkTensor add_resize_by(NetworkTensor x, const std::vector<float>& scales, const std::string& mode = "nearest", ResizeSampling sampling = ResizeSampling::kAsymmetric,
                       const std::string& name = "") {
    return add_node("Resize", {x, {}, add_constant<float>("", scales, {static_cast<int64_t>(scales.size())})}, resize_attributes(mode, sampling), name);
  }
  struct TopK {
    NetworkTensor values, indices;
  };
  TopK add_topk(NetworkTensor x, int64_t k, int64_t axis = -1, bool largest = true, const std::string& name = "") {
    const auto made = add_node("TopK", {x, add_ints({k})}, {{"axis", axis}, {"largest", largest}}, 2, name);
    return {made[0], made[1]};
  }
  NetworkTensor add_cast(NetworkTensor x, sinter_dtype dtype, const std::string& name = "") { return add_node("Cast", {x}, {{"to", dtype}}, name); }
  // The shape of x, as i64[rank].
  NetworkTensor add_shape(NetworkTensor x, const std::string& name = "") { return add_node("Shape", {x}, {}, name); }
  NetworkTensor add_identity(NetworkTensor x, const std::string& name = "") { return add_node("Identity", {x}, {}, name); }
  // scale and zero: one element, or one a channel of `axis`.
  NetworkTensor add_quantize(NetworkTensor x, NetworkTensor scale, NetworkTensor zero, int64_t axis = 1, const std::string& name = "") {
    return add_node("QuantizeLinear", {x, scale, zero}, {{"axis", axis}}, name);
  }
  NetworkTensor add_dequantize(NetworkTensor x, NetworkTensor scale, NetworkTensor zero, int64_t axis = 1, const std::string& name = "") {
    return add_node("DequantizeLinear", {x, scale, zero}, {{"axis", axis}}, name);
  }
  // Both branches have no inputs and as many outputs.
  std::vector<NetworkTensor> add_if(NetworkTensor condition, const Network& then_branch, const Network& else_branch, const std::string& name = "") {
    const size_t outputs = sinter_network_output_count(then_branch.handle());
    return add_node("If", {condition}, {NodeAttribute("then_branch", then_branch), NodeAttribute("else_branch", else_branch)}, outputs, name);
  }
  // The body takes the number of the iteration (i64[]), the condition (bool[]) and the carried values; it gives the condition, the carried values, and what
  // is stacked over the iterations. trips (i64[]) or condition may be absent.
  std::vector<NetworkTensor> add_loop(NetworkTensor trips, NetworkTensor condition, const std::vector<NetworkTensor>& carried, const Network& loop_body, const std::string& name = "") {
    std::vector<NetworkTensor> inputs{trips, condition};
    inputs.insert(inputs.end(), carried.begin(), carried.end());
    const size_t outputs = sinter_network_output_count(loop_body.handle());
    return add_node("Loop", inputs, {NodeAttribute("body", loop_body)}, outputs > 0 ? outputs - 1 : 0, name);
  }

  void mark_output(NetworkTensor value, const std::string& name = "") { check(sinter_network_mark_output(handle(), value.value(), name.empty() ? nullptr : name.c_str())); }
  void unmark_output(NetworkTensor value) { check(sinter_network_unmark_output(handle(), value.value())); }
  void set_precision(const std::string& node, sinter_dtype dtype) { check(sinter_network_set_precision(handle(), node.c_str(), dtype)); }
  void set_output_type(const std::string& node, size_t output, sinter_dtype dtype) { check(sinter_network_set_output_type(handle(), node.c_str(), output, dtype)); }
  void set_metadata(const std::string& key, const std::string& value) { check(sinter_network_set_metadata(handle(), key.c_str(), value.c_str())); }

  size_t input_count() const { return sinter_network_input_count(handle()); }
  size_t output_count() const { return sinter_network_output_count(handle()); }
  size_t node_count() const { return sinter_network_node_count(handle()); }
  NetworkTensor input(size_t index) const {
    sinter_value value = SINTER_ABSENT;
    check(sinter_network_input(handle(), index, &value));
    return at(value);
  }
  NetworkTensor output(size_t index) const {
    sinter_value value = SINTER_ABSENT;
    check(sinter_network_output(handle(), index, &value));
    return at(value);
  }
  NetworkTensor find(const std::string& name) const {
    sinter_value value = SINTER_ABSENT;
    check(sinter_network_find_value(handle(), name.c_str(), &value));
    return at(value);
  }
  struct Node {
    std::string name, op_type, domain;
    std::vector<NetworkTensor> inputs, outputs;
  };
  Node node(size_t index) const {
    sinter_node_info info;
    check(sinter_network_node(handle(), index, &info));
    Node out{info.name, info.op_type, info.domain, {}, {}};
    for (size_t i = 0; i < info.input_count; ++i) out.inputs.push_back(at(info.inputs[i]));
    for (size_t i = 0; i < info.output_count; ++i) out.outputs.push_back(at(info.outputs[i]));
    return out;
  }

  // As an ONNX file. opset 0: 17 or newer, as the nodes need.
  void save(const std::string& path, int64_t opset = 0, bool external_data = false) const {
    sinter_save_options options;
    sinter_save_options_init(&options);
    options.opset = opset;
    options.external_data = external_data;
    check(sinter_network_save(handle(), path.c_str(), &options));
  }
  Engine build(const BuildOptions& options = BuildOptions()) const {
    sinter_engine* engine = nullptr;
    check(sinter_network_build_engine(handle(), &options, &engine));
    return Engine(engine);
  }
  void build(const std::string& engine_path, const BuildOptions& options = BuildOptions()) const {
    check(sinter_network_build(handle(), &options, engine_path.c_str()));
  }

 private:
  explicit Network(detail::NetworkHandle handle) : handle_(std::move(handle)) {}
  NetworkTensor at(sinter_value value) const { return NetworkTensor(handle(), value); }

  static Shape both_sides(const Shape& padding, size_t rank) {
    if (padding.size() != rank) return padding;
    Shape both = padding;
    both.insert(both.end(), padding.begin(), padding.end());
    return both;
  }
  static NodeAttributes window_attributes(const WindowOptions& window, const Shape& kernel, bool groups) {
    NodeAttributes attributes{{"kernel_shape", kernel}};
    if (!window.strides.empty()) attributes.emplace_back("strides", window.strides);
    if (!window.padding.empty()) attributes.emplace_back("pads", both_sides(window.padding, kernel.size()));
    if (!window.dilations.empty()) attributes.emplace_back("dilations", window.dilations);
    if (groups && window.groups != 1) attributes.emplace_back("group", window.groups);
    return attributes;
  }
  static NodeAttributes resize_attributes(const std::string& mode, ResizeSampling sampling) {
    static const char* const names[] = {"half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"};
    NodeAttributes attributes{{"mode", mode}, {"coordinate_transformation_mode", names[static_cast<int>(sampling)]}};
    if (mode == "nearest") attributes.emplace_back("nearest_mode", "floor");
    if (mode == "cubic") attributes.emplace_back("cubic_coeff_a", -0.75f);
    return attributes;
  }
  NetworkTensor add_weights(const std::vector<float>& values, const Shape& dims, const std::string& node, const char* what) {
    return add_constant<float>(node.empty() ? node : node + "." + what, values, dims);
  }
  NetworkTensor add_bias(const std::vector<float>& values, const std::string& node) {
    return values.empty() ? NetworkTensor() : add_weights(values, {static_cast<int64_t>(values.size())}, node, "bias");
  }

  detail::NetworkHandle handle_;
};

inline NodeAttribute::NodeAttribute(std::string name, const Network& body) : NodeAttribute(std::move(name), SINTER_ATTRIBUTE_GRAPH) { graph_ = body.handle(); }

}  // namespace sinter

#endif  // SINTER_NETWORK_HPP_
