// Contributed operators: what they expand to, their names, and what is refused. Whether the numbers are ONNX Runtime's is for
// tests/e2e/agree_on_operators.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "onnx/import.h"
#include "support/model_builder.h"

namespace sinter::onnx {
namespace {

using test::attribute;
using test::ModelBuilder;

constexpr const char* kDomain = "com.microsoft";

ModelBuilder builder() {
  ModelBuilder made(17);
  made.import(1, kDomain);
  return made;
}

ir::Model import(const ModelBuilder& made) {
  Result<ir::Model> model = import_bytes(made.bytes(), "m.onnx");
  if (!model.ok()) throw std::runtime_error(model.status().to_string());
  return std::move(model).value();
}

std::string refusal(const ModelBuilder& made) {
  const Result<ir::Model> model = import_bytes(made.bytes(), "m.onnx");
  EXPECT_FALSE(model.ok());
  return model.ok() ? "" : model.status().message();
}

Tensor run(const ModelBuilder& made, std::vector<Value> inputs) {
  const ir::Model model = import(made);
  const Result<std::vector<Value>> outputs = ir::evaluate(*model.graph, std::move(inputs));
  if (!outputs.ok()) throw std::runtime_error(outputs.status().to_string());
  return (*outputs)[0].tensor();
}

Tensor integers(DType dtype, Dims dims, const std::vector<int64_t>& values) {
  return Tensor::from_i64(values).cast(dtype).reshaped(std::move(dims));
}
Tensor number(float value) { return Tensor::scalar(DType::kF32, value); }
Tensor zero_point(DType dtype, int64_t value) { return integers(dtype, {}, {value}); }

ModelBuilder sum_of(const char* a_type, const Tensor& b_scale, const Tensor& zero) {
  ModelBuilder made = builder();
  made.input("a", a_type).input("b", "u8[4]").output("y", "u8[4]");
  made.constant("sa", number(0.5f)).constant("sb", b_scale).constant("sc", number(1)).constant("z", zero);
  made.node("QLinearAdd", {"a", "sa", "z", "b", "sb", "z", "sc", "z"}, {"y"}, {}, kDomain);
  return made;
}

TEST(Contrib, SumsGoToEvenResultsAndSaturate) {
  const ModelBuilder made = sum_of("u8[4]", number(0.5f), zero_point(DType::kU8, 1));
  // (a + b - 2) / 2 + 1: halves go to the even result with its zero point, not to the even distance from it.
  const Tensor y = run(made, {integers(DType::kU8, {4}, {0, 3, 5, 255}), integers(DType::kU8, {4}, {1, 0, 0, 254})});
  EXPECT_EQ(y.to_i64(), (std::vector<int64_t>{0, 2, 2, 254}));
}

TEST(Contrib, NamesBeginWithTheNodesAndTheOutputKeepsIts) {
  ModelBuilder made = builder();
  made.input("x", "i8[3]").output("y", "i8[3]").constant("s", number(0.25f));
  made.node("QLinearSigmoid", {"x", "s", "", "s", ""}, {"y"}, {}, kDomain);
  const ir::Model model = import(made);
  EXPECT_EQ(model.graph->outputs[0]->name, "y");
  EXPECT_EQ(model.graph->outputs[0]->onnx_names, std::vector<std::string>{"y"});
  EXPECT_EQ(model.graph->outputs[0]->type.to_string(), "i8[3]");
  EXPECT_EQ(model.graph->node_count(), 3u);
  for (const auto& node : model.graph->nodes()) {
    EXPECT_EQ(node->source_nodes, std::vector<std::string>{"QLinearSigmoid_y"});
    EXPECT_EQ(node->name.rfind("QLinearSigmoid_y", 0), 0u) << node->name;
  }
}

TEST(Contrib, InsideAFunctionNamesHaveItsPrefix) {
  ModelBuilder made = builder();
  made.import(1, "local");
  FunctionProto* function = made.model.add_functions();
  function->set_name("Half");
  function->set_domain("local");
  function->add_input("a");
  function->add_output("b");
  for (const auto& [domain, version] : {std::pair<const char*, int>{"", 17}, {kDomain, 1}}) {
    OperatorSetIdProto* opset = function->add_opset_import();
    opset->set_domain(domain);
    opset->set_version(version);
  }
  *function->add_node() = test::node("Gelu", {"a"}, {"t"}, {}, kDomain);
  *function->add_node() = test::node("QuickGelu", {"t"}, {"b"}, {}, kDomain);
  made.input("x", "f32[2]").output("y", "f32[2]").node("Half", {"x"}, {"y"}, {}, "local");
  const ir::Model model = import(made);
  EXPECT_EQ(model.graph->outputs[0]->name, "y");
  EXPECT_EQ(model.graph->nodes().front()->outputs[0]->name, "Half_y/t");
}

ModelBuilder nbits(int bits, int64_t k, int64_t n, int64_t block, const std::vector<int64_t>& bytes, const Tensor* zeros) {
  ModelBuilder made = builder();
  const int64_t blocks = (k + block - 1) / block;
  made.input("a", fmt::format("f32[1,{}]", k)).output("y", fmt::format("f32[1,{}]", n));
  made.constant("b", integers(DType::kU8, {n, blocks, static_cast<int64_t>(bytes.size()) / n / blocks}, bytes));
  made.constant("s", Tensor::from_f32(std::vector<float>(static_cast<size_t>(n * blocks), 0.5f), {n * blocks}));
  if (zeros) made.constant("z", *zeros);
  made.node("MatMulNBits", zeros ? std::vector<std::string>{"a", "b", "s", "z"} : std::vector<std::string>{"a", "b", "s"}, {"y"},
            {attribute("K", k), attribute("N", n), attribute("bits", bits), attribute("block_size", block)}, kDomain);
  return made;
}

DType type_of_weights(const ModelBuilder& made) {
  const ir::Model model = import(made);
  for (const auto& node : model.graph->nodes()) {
    if (node->is("DequantizeLinear")) return node->inputs[0]->type.dtype;
  }
  return DType::kF32;
}

TEST(Contrib, WeightsOfFewBitsStaySmall) {
  // One column, 20 rows in blocks of 16 whose last is not full: values 0, 1, 2, … low nibble first.
  std::vector<int64_t> bytes;
  for (int i = 0; i < 16; ++i) bytes.push_back((2 * i & 15) | ((2 * i + 1) & 15) << 4);
  std::vector<float> ones(20, 1.0f);
  const double sum = 0 + 120 + 6;  // rows 0…15, then 0, 1, 2, 3
  const ModelBuilder plain = nbits(4, 20, 1, 16, bytes, nullptr);
  EXPECT_EQ(type_of_weights(plain), DType::kI4);
  EXPECT_EQ(run(plain, {Tensor::from_f32(ones, {1, 20})}).to_f64(), std::vector<double>{0.5 * (sum - 20 * 8)});
  const Tensor packed = integers(DType::kU8, {1}, {0x52});  // 2 for the first block, 5 for the second
  const ModelBuilder shifted = nbits(4, 20, 1, 16, bytes, &packed);
  EXPECT_EQ(type_of_weights(shifted), DType::kU4);
  EXPECT_EQ(run(shifted, {Tensor::from_f32(ones, {1, 20})}).to_f64(), std::vector<double>{0.5 * (sum - 16 * 2 - 4 * 5)});
  const Tensor whole = Tensor::from_f32({2, 5}, {2}), fraction = Tensor::from_f32({2.5f, 5}, {2});
  EXPECT_EQ(type_of_weights(nbits(4, 20, 1, 16, bytes, &whole)), DType::kU4);
  const ModelBuilder dense = nbits(4, 20, 1, 16, bytes, &fraction);
  EXPECT_EQ(type_of_weights(dense), DType::kF32);
  EXPECT_EQ(run(dense, {Tensor::from_f32(ones, {1, 20})}).to_f64(), std::vector<double>{0.5 * (sum - 16 * 2.5 - 4 * 5)});
  EXPECT_EQ(type_of_weights(nbits(2, 16, 1, 16, {1, 2, 3, 4}, nullptr)), DType::kI2);
  EXPECT_EQ(type_of_weights(nbits(8, 16, 1, 16, std::vector<int64_t>(16, 200), nullptr)), DType::kI8);
}

TEST(Contrib, RefusalsOfMatMulNBits) {
  const std::string size = refusal(nbits(4, 20, 1, 16, std::vector<int64_t>(8, 0), nullptr));
  EXPECT_NE(size.find("16 for these K, N, bits and block_size"), std::string::npos) << size;
  EXPECT_NE(refusal(nbits(3, 16, 1, 16, std::vector<int64_t>(8, 0), nullptr)).find("'bits' is 3; expected 2, 4 or 8"), std::string::npos);
  EXPECT_NE(refusal(nbits(4, 16, 1, 24, std::vector<int64_t>(8, 0), nullptr)).find("'block_size' is 24"), std::string::npos);
  ModelBuilder grouped = nbits(4, 16, 1, 16, std::vector<int64_t>(8, 0), nullptr);
  grouped.constant("g", Tensor::from_i64(std::vector<int64_t>(16, 0)).cast(DType::kI32));
  NodeProto* node = grouped.graph().mutable_node(0);
  node->add_input("");
  node->add_input("g");
  EXPECT_NE(refusal(grouped).find("g_idx"), std::string::npos);
  ModelBuilder open = nbits(4, 16, 1, 16, std::vector<int64_t>(8, 0), nullptr);
  open.graph().mutable_initializer(0)->set_name("other");
  open.input("b", "u8[1,1,8]");
  EXPECT_NE(refusal(open).find("is no constant; expected an initializer"), std::string::npos);
}

TEST(Contrib, ErrorsNameTheNodeAndWhatIsWrong) {
  const std::string types = refusal(sum_of("i8[4]", number(1), zero_point(DType::kU8, 0)));
  EXPECT_NE(types.find("node 'QLinearAdd_y' (com.microsoft.QLinearAdd, opset 1)"), std::string::npos) << types;
  EXPECT_NE(types.find("the same element type"), std::string::npos) << types;
  const std::string count = refusal(sum_of("u8[4]", Tensor::from_f32({1, 2}, {2}), zero_point(DType::kU8, 0)));
  EXPECT_NE(count.find("input 4 ('sb') is [2]; expected one element"), std::string::npos) << count;
  const std::string scale = refusal(sum_of("u8[4]", Tensor::scalar(DType::kF64, 1.0), zero_point(DType::kU8, 0)));
  EXPECT_NE(scale.find("input 4 ('sb') is f64[]; expected f32"), std::string::npos) << scale;
  ModelBuilder unknown = builder();
  unknown.input("x", "f32[2]").output("y", "f32[2]").node("QLinearSigmoyd", {"x"}, {"y"}, {}, kDomain);
  const std::string nearest = refusal(unknown);
  EXPECT_NE(nearest.find("the nearest is 'com.microsoft.QLinearSigmoid'"), std::string::npos) << nearest;
  ModelBuilder concat = builder();
  concat.input("x", "u8[2]").output("y", "u8[2]").constant("s", number(1)).constant("z", zero_point(DType::kU8, 0));
  concat.node("QLinearConcat", {"s", "z", "x", "s"}, {"y"}, {attribute("axis", 0)}, kDomain);
  EXPECT_NE(refusal(concat).find("4 inputs; expected 2 and three more"), std::string::npos);
  ModelBuilder gemm = builder();
  gemm.input("a", "u8[2,3]").output("y", "f32[2,4]").constant("s", number(1)).constant("z", zero_point(DType::kU8, 0));
  gemm.constant("b", integers(DType::kU8, {3, 4}, std::vector<int64_t>(12, 1))).constant("bs", Tensor::from_f32({1, 2, 3}, {3}));
  gemm.node("QGemm", {"a", "s", "z", "b", "bs", "z"}, {"y"}, {}, kDomain);
  EXPECT_NE(refusal(gemm).find("input 4 ('bs') is [3] for B of [3,4]; expected one element, or [4]"), std::string::npos);
}

TEST(Contrib, OutputsThatOnlyTrainingNeedsAreRefusedWhenUsed) {
  ModelBuilder made = builder();
  made.input("x", "f32[1,2,4]").output("y", "f32[1,2,4]").output("m", "f32[*]");
  made.constant("g", Tensor::from_f32({1, 1, 1, 1}, {4}));
  made.node("SkipSimplifiedLayerNormalization", {"x", "x", "g"}, {"y", "m"}, {}, kDomain);
  EXPECT_NE(refusal(made).find("output 1 ('m') is used"), std::string::npos);
}

TEST(Contrib, FusedProductsAreTheirParts) {
  ModelBuilder made = builder();
  made.input("a", "f32[2,3,1,4]").input("b", "f32[3,2,5,4]").output("y", "f32[3,2,2,5]");
  made.node("FusedMatMul", {"a", "b"}, {"y"}, {attribute("transBatchA", 1), attribute("transB", 1), attribute("alpha", 2.0f)}, kDomain);
  const Tensor y = run(made, {Tensor::from_f32(std::vector<float>(24, 1), {2, 3, 1, 4}), Tensor::from_f32(std::vector<float>(120, 0.5f), {3, 2, 5, 4})});
  EXPECT_EQ(y.dims(), (Dims{3, 2, 2, 5}));
  EXPECT_EQ(y.to_f64(), std::vector<double>(60, 4.0));
  ModelBuilder conv = builder();
  conv.input("x", "f32[1,1,2]").output("y", "f32[1,1,2]").constant("w", Tensor::from_f32({2}, {1, 1, 1})).constant("z", Tensor::from_f32({1, -9}, {1, 1, 2}));
  AttributeProto bounds;
  bounds.set_name("activation_params");
  bounds.set_type(kAttrFloats);
  bounds.add_floats(-3);
  bounds.add_floats(6);
  conv.node("FusedConv", {"x", "w", "", "z"}, {"y"}, {attribute("activation", "Clip"), bounds}, kDomain);
  EXPECT_EQ(run(conv, {Tensor::from_f32({5, 1}, {1, 1, 2})}).to_f64(), (std::vector<double>{6, -3}));
}

// ONNX Runtime's CPU kernel has no packed keys and values.
TEST(Contrib, PackedKeysAndValues) {
  ModelBuilder made = builder();
  made.input("q", "f32[1,1,2]").input("kv", "f32[1,2,2,2,1]").output("y", "f32[1,1,2]");
  made.node("MultiHeadAttention", {"q", "kv"}, {"y"}, {attribute("num_heads", 2)}, kDomain);
  // A place: key and value of head 0, then of head 1; queries of 0 give the mean.
  const Tensor y = run(made, {Tensor::from_f32({0, 0}, {1, 1, 2}), Tensor::from_f32({9, 1, 8, 10, 7, 3, 6, 30}, {1, 2, 2, 2, 1})});
  EXPECT_EQ(y.to_f64(), (std::vector<double>{2, 20}));
  ModelBuilder all = builder();
  all.input("qkv", "f32[1,2,2,3,1]").output("y", "f32[1,2,2]").node("MultiHeadAttention", {"qkv"}, {"y"}, {attribute("num_heads", 2)}, kDomain);
  EXPECT_EQ(run(all, {Tensor::from_f32({0, 9, 1, 0, 8, 10, 0, 7, 3, 0, 6, 30}, {1, 2, 2, 3, 1})}).to_f64(), (std::vector<double>{2, 20, 2, 20}));
}

TEST(Contrib, AttentionRefusesWhatItDoesNotKnow) {
  ModelBuilder rotary = builder();
  rotary.input("x", "f32[1,2,4]").input("w", "f32[4,12]").input("b", "f32[12]").output("y", "f32[1,2,4]");
  rotary.node("Attention", {"x", "w", "b"}, {"y"}, {attribute("num_heads", 2), attribute("do_rotary", 1)}, kDomain);
  EXPECT_NE(refusal(rotary).find("rotary"), std::string::npos);
  ModelBuilder heads = builder();
  heads.input("x", "f32[1,2,4]").output("y", "f32[1,2,4]");
  heads.node("MultiHeadAttention", {"x", "x", "x"}, {"y"}, {attribute("num_heads", 0)}, kDomain);
  EXPECT_NE(refusal(heads).find("num_heads"), std::string::npos);
  ModelBuilder mask = builder();
  mask.input("x", "f32[1,2,4]").input("m", "i32[1,1,2,2]").output("y", "f32[1,2,4]");
  mask.node("MultiHeadAttention", {"x", "x", "x", "", "m"}, {"y"}, {attribute("num_heads", 2)}, kDomain);
  EXPECT_NE(refusal(mask).find("rank of mask"), std::string::npos);
}

// Plugins of TensorRT are known by name in any domain, imported or not.
TEST(Contrib, PluginsOfTensorRt) {
  for (const char* domain : {"", "TRT", "trt.plugins"}) {
    ModelBuilder made(17);
    made.input("x", "f32[1,2,2]").output("y", "f32[1,2,2]").constant("s", Tensor::from_f32({2, 1}, {2})).constant("b", Tensor::from_f32({0, 1}, {2}));
    made.node("InstanceNormalization_TRT", {"x", "s", "b"}, {"y"},
              {attribute("epsilon", 0.0f), attribute("relu", 1), attribute("alpha", 0.5f), attribute("plugin_version", "1"), attribute("plugin_namespace", "")}, domain);
    const Tensor y = run(made, {Tensor::from_f32({1, 3, 7, 5}, {1, 2, 2})});
    EXPECT_EQ(y.to_f64(), (std::vector<double>{-1, 2, 2, 0}));
  }
  ModelBuilder lists(17);
  lists.input("x", "f32[1,2,2]").output("y", "f32[1,2,2]");
  lists.node("InstanceNormalization_TRT", {"x"}, {"y"}, {attribute("epsilon", 0.0f), attribute("scales", Tensor::from_f32({2, 1}, {2})), attribute("bias", Tensor::from_f32({0, 1}, {2}))}, "TRT");
  EXPECT_EQ(run(lists, {Tensor::from_f32({1, 3, 7, 5}, {1, 2, 2})}).to_f64(), (std::vector<double>{-2, 2, 2, 0}));
  ModelBuilder bare(17);
  bare.input("x", "f32[1,2,2]").output("y", "f32[1,2,2]").node("InstanceNormalization_TRT", {"x"}, {"y"}, {}, "TRT");
  EXPECT_NE(refusal(bare).find("no scale"), std::string::npos);
}

TEST(Contrib, RoiAlignPlugin) {
  ModelBuilder made(17);
  made.input("x", "f32[1,1,2,2]").input("r", "f32[1,4]").input("i", "i32[1]").output("y", "f32[1,1,1,1]");
  made.node("ROIAlign_TRT", {"x", "r", "i"}, {"y"}, {attribute("coordinate_transformation_mode", 1), attribute("mode", 1), attribute("sampling_ratio", 1)}, "TRT");
  // The middle of the image, whose pixels' centres are at 0.5 and 1.5.
  const Tensor y = run(made, {Tensor::from_f32({1, 2, 3, 4}, {1, 1, 2, 2}), Tensor::from_f32({0, 0, 2, 2}, {1, 4}), integers(DType::kI32, {1}, {0})});
  EXPECT_FLOAT_EQ(static_cast<float>(y.to_f64()[0]), 2.5f);
}

// Two heads of size 1 and three places: values of each head are averaged with equal weights where queries are 0.
TEST(Contrib, ContextPlugin) {
  ModelBuilder made(17);
  made.input("x", "f32[s,1,6,1,1]").input("m", "i32[1]").output("y", "f32[s,1,2,1,1]");
  made.node("CustomQKVToContextPluginDynamic", {"x", "m"}, {"y"}, {attribute("hidden_size", 2), attribute("num_heads", 2), attribute("has_mask", 1), attribute("plugin_version", "1"), attribute("type_id", 0)}, "TRT");
  // A place: q, k, v of head 0, then of head 1.
  const Tensor x = Tensor::from_f32({0, 9, 1, 0, 5, 10, 0, 9, 3, 0, 5, 30, 0, 9, 100, 0, 5, 100}, {3, 1, 6, 1, 1});
  EXPECT_EQ(run(made, {x, integers(DType::kI32, {1}, {2})}).to_f64(), (std::vector<double>{2, 20, 2, 20, 2, 20}));
  // A mask packed for one kernel says nothing that could be read.
  ModelBuilder other(17);
  other.input("x", "f32[3,1,6,1,1]").input("m", "i32[1,8]").output("y", "f32[3,1,2,1,1]");
  other.node("CustomQKVToContextPluginDynamic", {"x", "m"}, {"y"}, {attribute("hidden_size", 2), attribute("num_heads", 2), attribute("has_mask", 1), attribute("plugin_version", "2")}, "TRT");
  EXPECT_NE(refusal(other).find("mask of rank 2"), std::string::npos);
}

// Sequences of 2 and of 1 place, one behind the other: each place sees its own sequence only.
TEST(Contrib, ContextPluginOfSequencesOfSeveralLengths) {
  const Tensor ends = integers(DType::kI32, {3}, {0, 2, 3}), longest = integers(DType::kI32, {2}, {0, 0});
  const std::vector<double> wanted{2, 20, 2, 20, 100, 100};
  ModelBuilder second(17);
  second.input("x", "f32[t,6,1,1]").input("m", "f32[2]").input("ends", "i32[b]").input("longest", "i32[l]").output("y", "f32[t,2,1,1]");
  second.node("CustomQKVToContextPluginDynamic", {"x", "m", "ends", "longest"}, {"y"},
              {attribute("hidden_size", 2), attribute("num_heads", 2), attribute("has_mask", 1), attribute("var_seqlen", 1), attribute("type_id", 1), attribute("plugin_version", "2")}, "TRT");
  const Tensor x = Tensor::from_f32({0, 9, 1, 0, 5, 10, 0, 9, 3, 0, 5, 30, 0, 9, 100, 0, 5, 100}, {3, 6, 1, 1});
  EXPECT_EQ(run(second, {x, Tensor::from_f32({0, 0}, {2}), ends, longest}).to_f64(), wanted);
  // Version 3: channels before places, all q before all k before all v.
  const auto third = [](const char* type, bool scaled) {
    ModelBuilder made(17);
    made.input("x", fmt::format("{}[1,6,t,1]", type)).input("ends", "i32[b]").input("longest", "i32[l]").output("y", fmt::format("{}[1,2,t,1]", type));
    std::vector<onnx::AttributeProto> attributes{attribute("hidden_size", 2), attribute("num_heads", 2), attribute("plugin_version", "3")};
    if (scaled) {
      for (auto& [name, value] : {std::pair<const char*, float>{"input_qkv_scale", 0.5f}, {"output_ctx_scale", 1.0f}}) attributes.push_back(attribute(name, value));
      attributes.push_back(attribute("use_explicit_int8", 1));
    }
    made.node("CustomQKVToContextPluginDynamic", {"x", "ends", "longest"}, {"y"}, attributes, "TRT");
    return made;
  };
  const std::vector<float> rows{0, 0, 0, 0, 0, 0, 9, 9, 9, 5, 5, 5, 1, 3, 100, 10, 30, 100};
  const std::vector<double> columns{2, 2, 100, 20, 20, 100};
  EXPECT_EQ(run(third("f32", false), {Tensor::from_f32(rows, {1, 6, 3, 1}), ends, longest}).to_f64(), columns);
  const Tensor bytes = run(third("i8", true), {Tensor::from_f32(rows, {1, 6, 3, 1}).cast(DType::kI8), ends, longest});
  EXPECT_EQ(bytes.dtype(), DType::kI8);
  EXPECT_EQ(bytes.to_f64(), (std::vector<double>{1, 1, 50, 10, 10, 50}));
  EXPECT_NE(refusal(third("i8", false)).find("values of 8 bits"), std::string::npos);
}

// Maps are no values: what reads them is refused with what to do instead.
TEST(Contrib, OperatorsOnMapsAreRefused) {
  for (const char* op : {"DictVectorizer", "CastMap"}) {
    ModelBuilder made(15);
    made.import(2, "ai.onnx.ml").output("y", "f32[1,2]");
    onnx::ValueInfoProto* input = made.graph().add_input();
    input->set_name("m");
    input->mutable_type()->mutable_map_type()->set_key_type(8);
    input->mutable_type()->mutable_map_type()->mutable_value_type()->mutable_tensor_type()->set_elem_type(1);
    made.node(op, {"m"}, {"y"}, {}, "ai.onnx.ml");
    const std::string text = refusal(made);
    for (const char* part : {"type of 'm' is a map", "expected a tensor", "make an input of the vector of numbers"}) EXPECT_NE(text.find(part), std::string::npos) << text;
    ModelBuilder fed(15);
    fed.import(2, "ai.onnx.ml").input("m", "f32[2]").output("y", "f32[1,2]").node(op, {"m"}, {"y"}, {}, "ai.onnx.ml");
    EXPECT_NE(refusal(fed).find("reads a map, which is no value here"), std::string::npos) << refusal(fed);
  }
}

// What skl2onnx writes for a classifier: scores that end in ZipMap, and an output declared as a sequence of maps.
TEST(Contrib, ClassifiersThatEndInMapsGiveTheMatrix) {
  ModelBuilder made(15);
  made.import(3, "ai.onnx.ml").input("X", "f32[n,2]");
  made.node("LinearClassifier", {"X"}, {"label", "scores"},
            {attribute("coefficients", std::vector<float>{1, 0, 0, 1}), attribute("classlabels_ints", std::vector<int64_t>{4, 7}), attribute("post_transform", "NONE")}, "ai.onnx.ml");
  made.node("ZipMap", {"scores"}, {"maps"}, {attribute("classlabels_int64s", std::vector<int64_t>{4, 7})}, "ai.onnx.ml");
  made.output("label", "i64[n]");
  onnx::ValueInfoProto* maps = made.graph().add_output();
  maps->set_name("maps");
  onnx::TypeProto* map = maps->mutable_type()->mutable_sequence_type()->mutable_elem_type();
  map->mutable_map_type()->set_key_type(7);
  map->mutable_map_type()->mutable_value_type()->mutable_tensor_type()->set_elem_type(1);
  const ir::Model model = import(made);
  const auto outputs = ir::evaluate(*model.graph, {Value(Tensor::from_f32({1, 2, 3, -1}, {2, 2}))});
  ASSERT_TRUE(outputs.ok()) << outputs.status().to_string();
  EXPECT_EQ((*outputs)[0].tensor().to_i64(), (std::vector<int64_t>{7, 4}));
  EXPECT_EQ((*outputs)[1].tensor().to_f64(), (std::vector<double>{1, 2, 3, -1}));
}

}  // namespace
}  // namespace sinter::onnx
