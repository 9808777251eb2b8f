// The network-definition API through its C++ layer and the C interface: shapes as nodes are added, errors at the call, files, engines.
#include <gtest/gtest.h>
#include <sinter/network.hpp>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>

namespace {

using sinter::Network;
using sinter::NetworkTensor;
using sinter::Shape;
using sinter::WindowOptions;

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sinter-network-test-XXXXXX").string();
    if (mkdtemp(name.data())) path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

template <typename Fn>
std::string error_of(Fn&& fn) {
  try {
    fn();
  } catch (const sinter::Error& error) {
    return error.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<float> run(const sinter::Engine& engine, const std::vector<float>& input, const Shape& shape) {
  sinter::ExecutionContext context(engine, 1);
  context.set_input(0, input.data(), shape);
  context.execute();
  return context.output(0).to_vector<float>();
}

std::vector<float> count_up(size_t size, float step = 1) {
  std::vector<float> values(size);
  for (size_t i = 0; i < size; ++i) values[i] = step * static_cast<float>(i);
  return values;
}

TEST(Network, ShapesAreKnownAsNodesAreAdded) {
  Network net("shapes");
  NetworkTensor x = net.add_input("x", SINTER_F32, {-1, 3, 32, -1}, {"batch", "", "", "width"});
  EXPECT_EQ(x.type(), "f32[batch,3,32,width]");
  NetworkTensor w = net.add_constant<float>("w", std::vector<float>(8 * 3 * 9, 0.1f), {8, 3, 3, 3});
  NetworkTensor y = net.add_convolution(x, w, {}, {{2, 2}, {1, 1}, {}, 1, false, false, {}}, "conv");
  EXPECT_EQ(y.name(), "conv_output_0");
  EXPECT_EQ(y.shape(), (Shape{-1, 8, 16, -1}));
  EXPECT_EQ(net.add_max_pooling(y, {2, 2}, {{2, 2}, {}, {}, 1, false, false, {}}).shape(), (Shape{-1, 8, 8, -1}));
  EXPECT_EQ(net.add_global_average_pooling(y).shape(), (Shape{-1, 8, 1, 1}));
  EXPECT_EQ(net.add_transpose(y, {0, 2, 3, 1}).type(), net.add_node("Transpose", {y}, {{"perm", Shape{0, 2, 3, 1}}}).type());
  NetworkTensor fixed = net.add_input("fixed", SINTER_F32, {2, 6, 4});
  EXPECT_EQ(net.add_shuffle(fixed, {0, 2, 1}, {2, 4, 3, 2}, {0, 1, 3, 2}).shape(), (Shape{2, 4, 2, 3}));
  EXPECT_EQ(net.add_reduce("ReduceMean", fixed, {1}, false).shape(), (Shape{2, 4}));
  EXPECT_EQ(net.add_reduce("ReduceMax", fixed, {}, true).shape(), (Shape{1, 1, 1}));
  EXPECT_EQ(net.add_slice(fixed, {1, 0}, {6, 4}, {1, 2}, {2, 1}).shape(), (Shape{2, 3, 4}));
  EXPECT_EQ(net.add_concat({fixed, fixed}, 1).shape(), (Shape{2, 12, 4}));
  EXPECT_EQ(net.add_split(fixed, {2, 4}, 1)[1].shape(), (Shape{2, 4, 4}));
  EXPECT_EQ(net.add_topk(fixed, 3, 1).indices.type(), "i64[2,3,4]");
  EXPECT_EQ(net.add_shape(fixed).type(), "i64[3]");
  EXPECT_EQ(net.add_cast(fixed, SINTER_F16).dtype(), SINTER_F16);
  EXPECT_EQ(net.add_gather(fixed, net.add_ints({0, 2}), 1).shape(), (Shape{2, 2, 4}));
  EXPECT_EQ(net.add_softmax(fixed).shape(), fixed.shape());
  EXPECT_EQ(net.add_matmul(fixed, net.add_constant<float>("", count_up(12), {4, 3})).shape(), (Shape{2, 6, 3}));
  NetworkTensor image = net.add_input("image", SINTER_F32, {1, 2, 4, 4});
  EXPECT_EQ(net.add_resize(image, {1, 2, 8, 6}).shape(), (Shape{1, 2, 8, 6}));
  EXPECT_EQ(net.add_resize_by(image, {1, 1, 2, 2}).shape(), (Shape{1, 2, 8, 8}));
  EXPECT_EQ(net.add_deconvolution(image, net.add_constant<float>("", count_up(2 * 3 * 4), {2, 3, 2, 2}), {}, {{2, 2}, {}, {}, 1, false, false, {}}).shape(), (Shape{1, 3, 8, 8}));
  EXPECT_EQ(net.add_padding(image, {0, 0, 1, 2}).shape(), (Shape{1, 2, 6, 8}));
  NetworkTensor two = net.add_constant<float>("", {1, 1}, {2});
  EXPECT_EQ(net.add_instance_norm(image, two, two).shape(), image.shape());
  EXPECT_EQ(net.add_group_norm(image, two, two, 2).shape(), image.shape());
  EXPECT_EQ(net.add_batch_norm(image, two, two, two, two).shape(), image.shape());
  NetworkTensor scale = net.add_scalar(0.1f), zero = net.add_scalar<int8_t>(0);
  NetworkTensor q = net.add_quantize(image, scale, zero);
  EXPECT_EQ(q.dtype(), SINTER_I8);
  EXPECT_EQ(net.add_dequantize(q, scale, zero).dtype(), SINTER_F32);
}

TEST(Network, ErrorsComeAtTheCallThatIsWrong) {
  Network net("errors");
  NetworkTensor x = net.add_input("x", SINTER_F32, {1, 3, 8, 8});
  NetworkTensor w = net.add_constant<float>("w", std::vector<float>(4 * 2 * 9), {4, 2, 3, 3});
  const size_t nodes = net.node_count();
  EXPECT_NE(error_of([&] { net.add_convolution(x, w, {}, {}, "conv1"); }), "") << "channels do not fit";
  EXPECT_EQ(net.node_count(), nodes) << "a call that fails changes nothing";
  EXPECT_TRUE(contains(error_of([&] { net.add_convolution(x, w, {}, {}, "conv1"); }), "conv1"));
  EXPECT_TRUE(contains(error_of([&] { net.add_node("Convv", {x}); }), "'Conv'")) << error_of([&] { net.add_node("Convv", {x}); });
  EXPECT_TRUE(contains(error_of([&] { net.add_node("Pointwise", {x}, {}, 1, "", "sinter"); }), "no such operator"));
  EXPECT_TRUE(contains(error_of([&] { net.add_node("Relu", {x}, {{"alpha", 1.0f}}); }), "alpha"));
  EXPECT_TRUE(contains(error_of([&] { net.add_node("Softmax", {x}, {{"axis", "last"}}); }), "axis"));
  EXPECT_TRUE(contains(error_of([&] { net.add_node("Concat", {x, x}); }), "axis")) << "a required attribute";
  EXPECT_NE(error_of([&] { net.add_node("Relu", {}); }), "");
  EXPECT_NE(error_of([&] { net.add_sum(x, net.add_cast(x, SINTER_F16)); }), "") << "types that differ";
  EXPECT_NE(error_of([&] { net.add_reshape(x, Shape{5, -1}); }), "");
  EXPECT_TRUE(contains(error_of([&] { net.add_input("x", SINTER_F32, {1}); }), "already"));
  EXPECT_NE(error_of([&] { net.add_input("", SINTER_F32, {1}); }), "");
  EXPECT_NE(error_of([&] { net.add_input("bad", SINTER_F32, {-2}); }), "");
  EXPECT_NE(error_of([&] { net.add_constant<float>("c", {1, 2, 3}, {2}); }), "");
  NetworkTensor y = net.add_relu(x, "relu");
  EXPECT_TRUE(contains(error_of([&] { net.add_relu(x, "relu"); }), "already"));
  EXPECT_TRUE(contains(error_of([&] { net.save("/tmp/none.onnx"); }), "no output"));
  net.mark_output(y, "y");
  EXPECT_TRUE(contains(error_of([&] { net.mark_output(y); }), "already"));
  EXPECT_TRUE(contains(error_of([&] { y.set_name("x"); }), "taken"));
  EXPECT_NE(error_of([&] { y.set_range(1, -1); }), "");
  EXPECT_NE(error_of([&] { y.set_range(0, std::numeric_limits<float>::infinity()); }), "");
  EXPECT_TRUE(contains(error_of([&] { net.set_precision("reluu", SINTER_F16); }), "'relu'"));
  EXPECT_NE(error_of([&] { net.set_output_type("relu", 1, SINTER_F16); }), "");
  EXPECT_NE(error_of([&] { net.find("nothing"); }), "");
  EXPECT_NE(error_of([&] { net.input(1); }), "");
  EXPECT_NE(error_of([&] { net.node(99); }), "");
  // A value of another network is refused where its number is none here.
  Network other("other");
  EXPECT_NE(error_of([&] { other.add_relu(y); }), "");
}

TEST(Network, BuildsAndComputes) {
  Network net("compute");
  NetworkTensor x = net.add_input("x", SINTER_F32, {-1, 1, 3, 3}, {"batch"});
  NetworkTensor y = net.add_convolution(x, {1, 0, 0, 1}, {1, 1, 2, 2}, {0.5f}, {}, "conv");
  y = net.add_fully_connected(net.add_relu(y), {1, 1, 1, 1, 1, 0, 0, 0}, 2, {0, 10}, "fc");
  net.mark_output(y, "scores");
  EXPECT_EQ(y.name(), "scores");
  const sinter::Engine engine = net.build();
  EXPECT_EQ(engine.output(0).name, "scores");
  // Windows of 0..8: 0+4, 1+5, 3+7, 4+8, each + 0.5.
  EXPECT_EQ(run(engine, count_up(9), {1, 1, 3, 3}), (std::vector<float>{34, 14.5f}));
  std::vector<float> two = count_up(9);
  two.insert(two.end(), 9, -1.0f);
  EXPECT_EQ(run(engine, two, {2, 1, 3, 3}), (std::vector<float>{34, 14.5f, 0, 10}));
}

TEST(Network, SavedLoadedAndGoneOnWith) {
  const Folder folder;
  Network net("saved");
  NetworkTensor x = net.add_input("x", SINTER_F32, {2, 4});
  NetworkTensor y = net.add_mul(x, net.add_constant<float>("factor", {1, 2, 3, 4}, {4}), "scale");
  net.mark_output(y, "y");
  net.set_metadata("names", "{0: 'cat'}");
  net.save(folder.file("a.onnx"));
  net.save(folder.file("b.onnx"), 0, true);
  EXPECT_TRUE(std::filesystem::exists(folder.file("a.onnx")));
  Network again = Network::load(folder.file("a.onnx"));
  ASSERT_EQ(again.node_count(), 1u);
  const Network::Node node = again.node(0);
  EXPECT_EQ(node.op_type, "Mul");
  EXPECT_EQ(node.name, "scale");
  EXPECT_EQ(node.inputs[0].name(), "x");
  EXPECT_EQ(node.inputs[1].name(), "factor");
  sinter_tensor factor;
  ASSERT_EQ(sinter_network_constant(again.handle(), node.inputs[1].value(), &factor), SINTER_OK);
  EXPECT_EQ(static_cast<const float*>(factor.data)[3], 4.0f);
  EXPECT_EQ(sinter_network_constant(again.handle(), node.inputs[0].value(), &factor), SINTER_NOT_FOUND);
  NetworkTensor more = again.add_unary("Neg", again.output(0));
  again.unmark_output(again.output(0));
  again.mark_output(more, "negative");
  EXPECT_EQ(run(again.build(), count_up(8), {2, 4}), (std::vector<float>{0, -2, -6, -12, -4, -10, -18, -28}));
  // Another shape for the input: what follows is inferred again.
  const int64_t dims[] = {3, 4}, wrong[] = {3, 5};
  ASSERT_EQ(sinter_network_set_input_type(again.handle(), again.input(0).value(), SINTER_F32, dims, 2, nullptr), SINTER_OK);
  EXPECT_EQ(again.find("negative").shape(), (Shape{3, 4}));
  EXPECT_NE(sinter_network_set_input_type(again.handle(), again.input(0).value(), SINTER_F32, wrong, 2, nullptr), SINTER_OK);
  EXPECT_EQ(again.find("negative").shape(), (Shape{3, 4})) << "as before";
  EXPECT_NE(error_of([&] { Network::load(folder.file("none.onnx")); }), "");
}

TEST(Network, IfAndLoop) {
  Network net("control");
  NetworkTensor x = net.add_input("x", SINTER_F32, {2});
  NetworkTensor positive = net.add_elementwise("Greater", net.add_reduce("ReduceSum", x, {0}, false), net.add_scalar(0.0f));
  Network yes = net.body(), no = net.body();
  yes.mark_output(yes.add_mul(x, yes.add_scalar(2.0f)));  // x is captured
  no.mark_output(no.add_unary("Neg", x));
  NetworkTensor chosen = net.add_if(positive, yes, no, "choice")[0];
  EXPECT_EQ(chosen.shape(), (Shape{2}));
  EXPECT_TRUE(contains(error_of([&] { yes.add_relu(x); }), "given to a node"));
  EXPECT_TRUE(contains(error_of([&] { net.add_if(positive, yes, no); }), "in use"));

  Network step = net.body();
  step.add_body_input("iteration");
  NetworkTensor condition = step.add_body_input("condition"), carried = step.add_body_input("carried");
  NetworkTensor next = step.add_sum(carried, x);
  step.mark_output(step.add_identity(condition));
  step.mark_output(next);
  step.mark_output(step.add_identity(next));
  const auto results = net.add_loop(net.add_scalar<int64_t>(3), {}, {chosen}, step, "loop");
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[1].shape().size(), 2u);
  net.mark_output(results[0], "sum");
  const sinter::Engine engine = net.build();
  EXPECT_EQ(run(engine, {1, 2}, {2}), (std::vector<float>{5, 10}));
  EXPECT_EQ(run(engine, {-1, -2}, {2}), (std::vector<float>{-2, -4}));
  // A value of a body is no value of the graph around it, and a body that is dropped leaves nothing behind.
  EXPECT_NE(error_of([&] { net.add_relu(next); }), "");
  NetworkTensor lost;
  {
    Network dropped = net.body();
    lost = dropped.add_relu(x);
  }
  EXPECT_TRUE(contains(error_of([&] { net.add_relu(lost); }), "gone"));
  Network bad = net.body(), empty = net.body();
  bad.mark_output(bad.add_relu(x));
  EXPECT_NE(error_of([&] { net.add_if(x, bad, empty); }), "") << "a condition of two floats";
  bad.add_relu(x);  // it is as it was
}

TEST(Network, RangesServeInt8) {
  Network net("ranges");
  NetworkTensor x = net.add_input("x", SINTER_F32, {1, 16, 8, 8});
  std::vector<float> weights(32 * 16 * 9);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(static_cast<int>(i * 37 % 101) - 50) / 500;
  NetworkTensor y = net.add_relu(net.add_convolution(x, weights, {32, 16, 3, 3}, {}, {{}, {1, 1}, {}, 1, false, false, {}}, "conv"), "relu");
  net.mark_output(y, "y");
  sinter::BuildOptions options;
  options.int8 = 1;
  EXPECT_NE(error_of([&] { net.build(options); }), "") << "no ranges";
  x.set_range(-1, 1);
  net.find("conv_output_0").set_range(-4, 4);
  y.set_range(0, 4);
  std::vector<float> input(16 * 64);
  for (size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(std::sin(static_cast<double>(i)));
  const std::vector<float> exact = run(net.build(), input, {1, 16, 8, 8}), rounded = run(net.build(options), input, {1, 16, 8, 8});
  double error = 0, norm = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    error += std::pow(exact[i] - rounded[i], 2);
    norm += std::pow(exact[i], 2);
  }
  EXPECT_LT(std::sqrt(error / norm), 0.05);
  // Int8 is a permission, and where it is no faster floats are kept: asked of the layer, it is obeyed.
  net.set_precision("conv", SINTER_I8);
  options.precision_constraints = "obey";
  EXPECT_NE(run(net.build(options), input, {1, 16, 8, 8}), exact) << "it was computed in int8";
}

TEST(Network, SameCallsGiveTheSameBytes) {
  const auto bytes_of = [] {
    Network net("same");
    NetworkTensor x = net.add_input("x", SINTER_F32, {1, 4});
    net.mark_output(net.add_fully_connected(x, count_up(8), 2, {1, 2}, "fc"), "y");
    void* data = nullptr;
    size_t size = 0;
    sinter::check(sinter_network_save_to_memory(net.handle(), nullptr, &data, &size));
    std::string text(static_cast<const char*>(data), size);
    sinter_free(data);
    return text;
  };
  EXPECT_EQ(bytes_of(), bytes_of());
}

TEST(Network, TheCInterfaceRefusesWhatIsNoArgument) {
  sinter_network* net = nullptr;
  EXPECT_EQ(sinter_network_create("c", nullptr), SINTER_INVALID_ARGUMENT);
  ASSERT_EQ(sinter_network_create(nullptr, &net), SINTER_OK);
  const int64_t dims[] = {2, 3};
  sinter_value x = SINTER_ABSENT, y = SINTER_ABSENT;
  EXPECT_EQ(sinter_network_add_input(net, "x", SINTER_F32, nullptr, 2, nullptr, &x), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_network_add_input(net, "x", static_cast<sinter_dtype>(77), dims, 2, nullptr, &x), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_network_add_input(net, "x", SINTER_F32, dims, 99, nullptr, &x), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_network_add_input(net, nullptr, SINTER_F32, dims, 2, nullptr, &x), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_network_add_input(nullptr, "x", SINTER_F32, dims, 2, nullptr, &x), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_network_add_input(net, "x", SINTER_UNDEFINED, nullptr, -1, nullptr, &x), SINTER_INVALID_ARGUMENT) << "of a body only";
  ASSERT_EQ(sinter_network_add_input(net, "x", SINTER_F32, dims, 2, nullptr, &x), SINTER_OK);
  sinter_attribute attribute{};
  attribute.name = "axis";
  attribute.kind = static_cast<sinter_attribute_kind>(55);
  EXPECT_EQ(sinter_network_add_node(net, nullptr, "Softmax", nullptr, &x, 1, &attribute, 1, &y, 1), SINTER_INVALID_ARGUMENT);
  attribute.kind = SINTER_ATTRIBUTE_INTS;
  attribute.count = 3;
  EXPECT_EQ(sinter_network_add_node(net, nullptr, "Softmax", nullptr, &x, 1, &attribute, 1, &y, 1), SINTER_INVALID_ARGUMENT);
  attribute.kind = SINTER_ATTRIBUTE_TENSOR;
  EXPECT_EQ(sinter_network_add_node(net, nullptr, "Softmax", nullptr, &x, 1, &attribute, 1, &y, 1), SINTER_INVALID_ARGUMENT);
  attribute.kind = SINTER_ATTRIBUTE_GRAPH;
  EXPECT_EQ(sinter_network_add_node(net, nullptr, "Softmax", nullptr, &x, 1, &attribute, 1, &y, 1), SINTER_INVALID_ARGUMENT);
  attribute.kind = SINTER_ATTRIBUTE_INT;
  attribute.i = 1;
  const sinter_attribute twice[] = {attribute, attribute};
  EXPECT_EQ(sinter_network_add_node(net, nullptr, "Softmax", nullptr, &x, 1, twice, 2, &y, 1), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_network_add_node(net, nullptr, nullptr, nullptr, &x, 1, nullptr, 0, &y, 1), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_network_add_node(net, nullptr, "Softmax", nullptr, nullptr, 1, nullptr, 0, &y, 1), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_network_add_node(net, nullptr, "Softmax", nullptr, &x, 1, nullptr, 0, nullptr, 1), SINTER_INVALID_ARGUMENT);
  EXPECT_NE(sinter_network_add_node(net, nullptr, "Softmax", nullptr, &x, 1, nullptr, 0, &y, 1'000'000'000), SINTER_OK);
  const sinter_value wrong[] = {12345, -7};
  for (const sinter_value& value : wrong) EXPECT_EQ(sinter_network_add_node(net, nullptr, "Relu", nullptr, &value, 1, nullptr, 0, &y, 1), SINTER_INVALID_ARGUMENT);
  ASSERT_EQ(sinter_network_add_node(net, "ai.onnx", "Softmax", "soft", &x, 1, &attribute, 1, &y, 1), SINTER_OK) << sinter_last_error();
  char* text = nullptr;
  ASSERT_EQ(sinter_network_attribute_text(net, "soft", "axis", &text), SINTER_OK);
  EXPECT_STREQ(text, "1");
  sinter_free(text);
  EXPECT_EQ(sinter_network_attribute_text(net, "soft", "none", &text), SINTER_NOT_FOUND);
  sinter_io_info info;
  EXPECT_EQ(sinter_network_value_info(net, 999, &info), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_network_value_info(net, y, nullptr), SINTER_INVALID_ARGUMENT);
  ASSERT_EQ(sinter_network_value_info(net, y, &info), SINTER_OK);
  EXPECT_STREQ(info.type, "f32[2,3]");
  sinter_engine* engine = nullptr;
  EXPECT_EQ(sinter_network_build_engine(net, nullptr, &engine), SINTER_INVALID_ARGUMENT) << "no output";
  EXPECT_EQ(sinter_network_build_engine(nullptr, nullptr, &engine), SINTER_INVALID_ARGUMENT);
  sinter_network* body = nullptr;
  ASSERT_EQ(sinter_network_create_body(net, &body), SINTER_OK);
  ASSERT_EQ(sinter_network_mark_output(net, y, "y"), SINTER_OK);
  sinter_network_free(net);  // in any order
  EXPECT_EQ(sinter_network_save(body, "/nowhere/x.onnx", nullptr), SINTER_INVALID_ARGUMENT) << "a body is no network";
  sinter_value z = SINTER_ABSENT;
  EXPECT_EQ(sinter_network_add_node(body, nullptr, "Relu", nullptr, &x, 1, nullptr, 0, &z, 1), SINTER_OK) << sinter_last_error();
  sinter_network_free(body);
  sinter_network_free(nullptr);
}

}  // namespace
