// Types of single layers: the grammar, which names match, what becomes of the graph, what can't be kept.
#include "builder/constraints.h"

#include <gtest/gtest.h>

#include <cmath>

#include "builder/lower_precision.h"
#include "ir/graph.h"
#include "passes/pass.h"

namespace sinter::builder {
namespace {

Tensor ramp(Dims dims, float scale) {
  Tensor tensor(DType::kF32, std::move(dims));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.data<float>()[i] = scale * std::sin(static_cast<float>(i) * 0.7f + scale);
  return tensor;
}

// conv → relu → conv → softmax over 4 channels, and a sum of whole numbers beside.
std::unique_ptr<ir::Graph> make_net(float largest = 1) {
  const char* text = R"ir(graph net(%x: f32[1,3,8,8], %n: i64[4]) -> (%y, %m) {
  %w1 = const f32[8,3,3,3] #w1
  %w2 = const f32[4,8,1,1] #w2
  %a = Conv(%x, %w1) [pads=[1,1,1,1], strides=[1,1], dilations=[1,1], group=1, auto_pad="NOTSET"]
  %b = Relu(%a)
  %c = Conv(%b, %w2) [pads=[0,0,0,0], strides=[1,1], dilations=[1,1], group=1, auto_pad="NOTSET"]
  %y = Softmax(%c) [axis=1]
  %m = Add(%n, %n)
}
)ir";
  ir::BlobMap blobs{{"w1", ramp({8, 3, 3, 3}, 0.4f)}, {"w2", ramp({4, 8, 1, 1}, 0.9f)}};
  blobs.at("w1").data<float>()[5] = largest;
  auto graph = ir::parse(text, &blobs);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  if (!graph.ok()) return nullptr;
  EXPECT_TRUE(ir::infer_types(**graph).ok());
  return std::move(graph).value();
}

Constraints asked(std::string_view precisions, std::string_view outputs = "", ConstraintMode mode = ConstraintMode::kObey) {
  Constraints constraints;
  constraints.mode = mode;
  constraints.precisions = parse_constraints(precisions, false, "--layerPrecisions").value();
  constraints.outputs = parse_constraints(outputs, true, "--layerOutputTypes").value();
  return constraints;
}

std::vector<std::string> node_names(const ir::Graph& graph) {
  std::vector<std::string> names;
  for (const auto& node : graph.nodes()) names.push_back(node->name);
  return names;
}

TEST(Constraints, TheGrammarIsTrtexecs) {
  const auto entries = parse_constraints("a:0:fp16,*norm*x", false, "o");
  EXPECT_FALSE(entries.ok());
  for (const char* bad : {"a", "a:", ":fp16", "a:half", "a:fp16+fp32", "a:FP16", "a:fp16+"}) {
    const auto parsed = parse_constraints(bad, false, "--layerPrecisions");
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_NE(parsed.status().message().find("--layerPrecisions"), std::string::npos) << bad;
    EXPECT_NE(parsed.status().message().find(bad), std::string::npos) << bad;
  }
  const auto good = parse_constraints("a:0:fp16,b*:int8+fp32", true, "o");
  ASSERT_TRUE(good.ok());
  ASSERT_EQ(good->size(), 2u);
  EXPECT_EQ((*good)[0].pattern, "a:0");
  EXPECT_EQ((*good)[1].types, (std::vector<LayerType>{LayerType::kI8, LayerType::kF32}));
  EXPECT_TRUE(parse_constraints("", false, "o")->empty());
  EXPECT_FALSE(parse_constraint_mode("Obey").ok());
}

TEST(Constraints, NamesMatchNodesAndTensorsAndLaterEntriesWin) {
  const auto graph = make_net();
  ASSERT_NE(graph, nullptr);
  const std::vector<std::string> names = node_names(*graph);
  for (const auto& node : graph->nodes()) node->output()->onnx_names = {"tensor_of_" + node->name};
  std::vector<std::string> warnings;
  const auto all = resolve_constraints(*graph, asked(fmt::format("*:fp16,{}:bf16,tensor_of_{}:fp32", names[0], names[2])), warnings);
  ASSERT_TRUE(all.ok()) << all.status().to_string();
  EXPECT_EQ(all->at(names[0]).precision, LayerType::kBF16);
  EXPECT_EQ(all->at(names[1]).precision, LayerType::kF16);
  EXPECT_EQ(all->at(names[2]).precision, LayerType::kF32);
  EXPECT_EQ(all->count(names[4]), 0u);  // whole numbers
  EXPECT_TRUE(warnings.empty());
  const std::string& first = names[0];
  const std::vector<std::pair<std::string, bool>> patterns{{"*", true}, {"**", true}, {first + "*", true}, {"*" + first, true}, {first.substr(0, 1) + "*" + first.substr(1), true},
                                                           {"*" + first.substr(1, 2) + "*", true}, {first + "*" + first, false}, {"*no*such*", false}, {"*" + first + "*x", false}};
  for (const auto& [pattern, hit] : patterns) {
    warnings.clear();
    EXPECT_TRUE(resolve_constraints(*graph, asked(pattern + ":fp16", "", ConstraintMode::kPrefer), warnings).ok());
    EXPECT_EQ(warnings.empty(), hit) << pattern;
  }
  warnings.clear();
  const auto none = resolve_constraints(*graph, asked("tensor_of_nothing:fp16"), warnings);
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.status().message().find(names[0]), std::string::npos) << none.status().message();
  EXPECT_TRUE(resolve_constraints(*graph, asked("nothing:fp16", "", ConstraintMode::kPrefer), warnings).ok());
  EXPECT_EQ(warnings.size(), 1u);
  EXPECT_TRUE(resolve_constraints(*graph, asked("nothing:fp16", "", ConstraintMode::kNone), warnings)->empty());
}

struct Lowered {
  std::unique_ptr<ir::Graph> graph;
  std::vector<std::string> broken;
};
// `precisions` names nodes by their operators: "Conv0" is the first convolution.
Lowered lower(std::unique_ptr<ir::Graph> graph, const Constraints& constraints, bool optimised) {
  BuildOptions options;
  std::vector<std::string> warnings;
  const auto types = resolve_constraints(*graph, constraints, warnings);
  EXPECT_TRUE(types.ok()) << types.status().to_string();
  options.layer_types = *types;
  if (optimised) {
    EXPECT_TRUE(passes::run_pipeline(*graph, {}).ok());
  }
  LoweringReasons reasons;
  const Status status = lower_precision(*graph, options, &reasons);
  EXPECT_TRUE(status.ok()) << status.to_string();
  std::vector<std::string> broken = broken_constraints(*graph, options.layer_types, reasons);
  return {std::move(graph), std::move(broken)};
}

void expect_close(const ir::Graph& got, const ir::Graph& wanted, double most, bool differs) {
  const Tensor whole = Tensor::from_i64({1, 2, 3, 4});
  const auto a = ir::evaluate(got, {ramp({1, 3, 8, 8}, 1), whole}), b = ir::evaluate(wanted, {ramp({1, 3, 8, 8}, 1), whole});
  ASSERT_TRUE(a.ok() && b.ok());
  const auto x = (*a)[0].tensor().to_f64(), y = (*b)[0].tensor().to_f64();
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::fabs(x[i] - y[i]));
  EXPECT_LE(worst, most);
  EXPECT_EQ(worst > 1e-6, differs) << worst;
}

TEST(Constraints, LayersGetTheTypesThatWereAskedFor) {
  for (const bool optimised : {false, true}) {
    for (const char* type : {"fp16", "bf16"}) {
      const auto names = node_names(*make_net());
      const auto plain = make_net();
      // The softmax after the last dense layer too, which --fp16 alone leaves in f32.
      const Lowered all = lower(make_net(), asked(fmt::format("{}:{},{}:{},{}:{}", names[0], type, names[1], type, names[3], type)), optimised);
      EXPECT_TRUE(all.broken.empty()) << all.broken[0];
      int convs = 0;
      for (const auto& node : all.graph->nodes()) {
        const DType dtype = node->output()->type.dtype;
        const DType narrow = std::string_view(type) == "fp16" ? DType::kF16 : DType::kBF16;
        if (node->is("Conv")) {
          EXPECT_EQ(dtype, convs++ == 0 ? narrow : DType::kF32);
        }
        if (node->is("Softmax")) {
          EXPECT_EQ(dtype, narrow);
        }
      }
      EXPECT_EQ(all.graph->outputs[0]->type.dtype, DType::kF32);
      EXPECT_EQ(all.graph->outputs[0]->name, "y");
      expect_close(*all.graph, *plain, std::string_view(type) == "fp16" ? 0x1p-9 : 0x1p-6, true);
    }
  }
}

TEST(Constraints, TwoNarrowTypesMeetThroughConversions) {
  const auto names = node_names(*make_net());
  const Lowered both = lower(make_net(), asked(fmt::format("{}:fp16,{}:fp16,{}:bf16", names[0], names[1], names[2])), true);
  EXPECT_TRUE(both.broken.empty()) << both.broken[0];
  std::vector<DType> types;
  for (const auto& node : both.graph->nodes()) {
    if (node->is("Conv")) types.push_back(node->output()->type.dtype);
  }
  EXPECT_EQ(types, (std::vector<DType>{DType::kF16, DType::kBF16}));
}

TEST(Constraints, OutputTypesRoundResults) {
  const auto names = node_names(*make_net());
  const auto plain = make_net();
  const Lowered one = lower(make_net(), asked(fmt::format("{}:fp32", names[2]), fmt::format("{}:fp16", names[2])), true);
  EXPECT_TRUE(one.broken.empty()) << one.broken[0];
  int casts = 0;
  for (const auto& node : one.graph->nodes()) {
    casts += node->is("Cast");
    if (node->is("Conv")) {
      EXPECT_EQ(node->output()->type.dtype, DType::kF32);
    }
  }
  EXPECT_EQ(casts, 2);
  expect_close(*one.graph, *plain, 0x1p-9, true);
}

TEST(Constraints, WhatCannotBeKeptIsSaidWithItsReason) {
  const auto names = node_names(*make_net());
  const Lowered large = lower(make_net(1e6f), asked(fmt::format("{}:fp16", names[0])), false);
  ASSERT_EQ(large.broken.size(), 1u);
  EXPECT_NE(large.broken[0].find("constants leave the range of f16"), std::string::npos) << large.broken[0];
  EXPECT_NE(large.broken[0].find(names[0]), std::string::npos);
  // Conv and Relu are one layer of the optimised graph.
  const Lowered conflict = lower(make_net(), asked(fmt::format("{}:fp16,{}:fp32", names[0], names[1])), true);
  ASSERT_EQ(conflict.broken.size(), 1u);
  EXPECT_NE(conflict.broken[0].find("are one layer"), std::string::npos) << conflict.broken[0];
  const Lowered whole = lower(make_net(), asked(fmt::format("{}:int8", names[2])), true);
  ASSERT_EQ(whole.broken.size(), 1u);
  EXPECT_NE(whole.broken[0].find("int8 was asked for, it is fp32"), std::string::npos) << whole.broken[0];
}

TEST(Constraints, LayersOfAnF16ModelBecomeWide) {
  auto graph = make_net();
  ASSERT_NE(graph, nullptr);
  BuildOptions narrow;
  narrow.narrow = DType::kF16;
  ASSERT_TRUE(lower_precision(*graph, narrow).ok());
  const auto before = graph->clone();
  std::string conv;
  for (const auto& node : graph->nodes()) {
    if (node->is("Conv") && conv.empty()) conv = node->name;
  }
  ASSERT_EQ(graph->find_node(conv)->output()->type.dtype, DType::kF16);
  const Lowered wide = lower(std::move(graph), asked(conv + ":fp32"), false);
  EXPECT_TRUE(wide.broken.empty()) << wide.broken[0];
  EXPECT_EQ(wide.graph->find_node(conv)->output()->type.dtype, DType::kF32);
  expect_close(*wide.graph, *before, 0x1p-9, false);
}

}  // namespace
}  // namespace sinter::builder
