// --fp16 and --bf16 on a device: which values become narrow, that results are as near as the type allows, and that what must stay wide does.
#include <gtest/gtest.h>

#include <set>

#include "builder/lower_precision.h"
#include "engine/engine_file.h"
#include "ir/graph.h"
#include "passes/pass.h"
#include "runtime/context.h"
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

const char* const kNet = R"ir(graph net(%x: f32[2,8,9,11]) -> (%y, %s) {
  %w1 = const f32[16,8,16,1] #w1
  %b1 = const f32[16] #b1
  %w2 = const f32[16,16,1,16] #w2
  %a = Conv(%x, %w1, %b1) [pads=[8,0,7,0], strides=[1,1], dilations=[1,1], group=1, auto_pad="NOTSET"]
  %b = Relu(%a)
  %c = Conv(%b, %w2) [pads=[0,8,0,7], strides=[1,1], dilations=[1,1], group=1, auto_pad="NOTSET"]
  %e = Add(%c, %b)
  %g = GlobalAveragePool(%e)
  %y = Flatten(%g) [axis=1]
  %axes = const i64[1] {2}
  %r = ReduceSum(%b, %axes) [keepdims=1, noop_with_empty_axes=0]
  %s = Conv(%r, %w2) [pads=[0,8,0,7], strides=[1,1], dilations=[1,1], group=1, auto_pad="NOTSET"]
}
)ir";

std::unique_ptr<ir::Graph> make_net(float largest_weight = 1) {
  ir::BlobMap blobs{{"w1", random_tensor({16, 8, 16, 1}, 1)}, {"b1", random_tensor({16}, 5)}, {"w2", random_tensor({16, 16, 1, 16}, 2)}};
  blobs.at("w1").data<float>()[3] = largest_weight;
  auto graph = ir::parse(kNet, &blobs);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  if (!graph.ok()) return nullptr;
  EXPECT_TRUE(ir::infer_types(**graph).ok());
  EXPECT_TRUE(passes::run_pipeline(**graph, {}).ok());
  return std::move(graph).value();
}

builder::BuildOptions options_for(DType dtype) {
  builder::BuildOptions options;
  options.device = harness_device();
  options.fallback = builder::Fallback::kError;
  options.precision.fp16 = dtype == DType::kF16;
  options.precision.bf16 = dtype == DType::kBF16;
  // Long filters: the one convolution that is a single kernel text (the dense kernels have tests of their own and many variants).
  options.tactic_filter = {"cuda.conv_direct", "cuda.reduce", "cuda.pointwise", "cuda.cast", "cuda.reformat"};
  return options;
}

int count_of(const ir::Graph& graph, DType dtype) {
  int count = 0;
  for (const auto& node : graph.nodes()) {
    for (const ir::Value* value : node->outputs) count += value && value->type.dtype == dtype;
  }
  return count;
}

double distance(const Tensor& got, const Tensor& wanted) {
  double error = 0, norm = 0;
  for (int64_t i = 0; i < wanted.count(); ++i) {
    const double w = wanted.data<float>()[i], d = got.data<float>()[i] - w;
    error += d * d;
    norm += w * w;
  }
  return std::sqrt(error / norm);
}

class LowerPrecision : public ::testing::TestWithParam<DType> {};

TEST_P(LowerPrecision, results_are_as_near_as_the_type_allows) {
  const auto graph = make_net();
  ASSERT_NE(graph, nullptr);
  const std::vector<Value> inputs{random_tensor({2, 8, 9, 11}, 9)};
  const auto wanted = ir::evaluate(*graph, inputs);
  ASSERT_TRUE(wanted.ok());
  const builder::BuildOptions options = options_for(GetParam());
  const Status lowered = builder::lower_precision(*graph, options);
  ASSERT_TRUE(lowered.ok()) << lowered.to_string();
  EXPECT_GE(count_of(*graph, GetParam()), 5);
  for (const ir::Value* value : graph->inputs) EXPECT_EQ(value->type.dtype, DType::kF32);
  for (const ir::Value* value : graph->outputs) EXPECT_EQ(value->type.dtype, DType::kF32);
  EXPECT_EQ(graph->outputs[0]->name, "y");
  for (const auto& [id, value] : graph->values()) EXPECT_FALSE(value->is_constant() && value->constant.count() > 64 && value->type.dtype == DType::kF32);

  auto built = builder::build_plan(*graph, options);
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  engine::EngineContents contents;
  for (const ir::Value* value : graph->inputs) contents.manifest.inputs.push_back({value->name, value->type, {}});
  for (const ir::Value* value : graph->outputs) contents.manifest.outputs.push_back({value->name, value->type, {}});
  contents.plan = std::move(built->plan);
  contents.blobs = std::move(built->blobs);
  const auto bytes = engine::write_engine(contents);
  ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
  auto engine = runtime::Engine::from_memory(*bytes);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  auto context = runtime::ExecutionContext::create(*engine, {});
  ASSERT_TRUE(context.ok()) << context.status().to_string();
  ASSERT_TRUE((*context)->set_input(0, inputs[0]).ok());
  const Status ran = (*context)->execute();
  ASSERT_TRUE(ran.ok()) << ran.to_string();
  // Half a unit in the last place for each of some five roundings on the way.
  const double bound = 5 * (GetParam() == DType::kF16 ? 0x1p-11 : 0x1p-8);
  EXPECT_LT(distance((*context)->output(0).tensor(), (*wanted)[0].tensor()), bound);
}
INSTANTIATE_TEST_SUITE_P(Types, LowerPrecision, ::testing::Values(DType::kF16, DType::kBF16));

TEST(LowerPrecisionRules, sums_stay_wide_in_f16_only) {
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    const auto graph = make_net();
    ASSERT_TRUE(builder::lower_precision(*graph, options_for(dtype)).ok());
    for (const auto& node : graph->nodes()) {
      if (node->is("ReduceSum")) {
        EXPECT_EQ(node->outputs[0]->type.dtype, dtype == DType::kF16 ? DType::kF32 : dtype);
      }
    }
  }
}

TEST(LowerPrecisionRules, a_weight_beyond_the_range_keeps_its_layer_wide) {
  const auto graph = make_net(1e5f);
  ASSERT_TRUE(builder::lower_precision(*graph, options_for(DType::kF16)).ok());
  int wide = 0;
  for (const auto& node : graph->nodes()) wide += node->is("Conv") && node->outputs[0]->type.dtype == DType::kF32;
  EXPECT_EQ(wide, 1);
}

TEST(LowerPrecisionRules, layers_get_the_types_that_were_asked_for) {
  auto graph = make_net();
  std::string first, sum;
  for (const auto& node : graph->nodes()) {
    if (node->is("Conv") && first.empty()) first = node->source_nodes.front();
    if (node->is("ReduceSum")) sum = node->source_nodes.front();
  }
  builder::BuildOptions options = options_for(DType::kF16);
  options.layer_types[first].precision = builder::LayerType::kF32;
  options.layer_types[sum].precision = builder::LayerType::kF16;  // which f16 alone leaves wide
  builder::LoweringReasons reasons;
  ASSERT_TRUE(builder::lower_precision(*graph, options, &reasons).ok());
  EXPECT_TRUE(builder::broken_constraints(*graph, options.layer_types, reasons).empty());
  int wide = 0;
  for (const auto& node : graph->nodes()) {
    wide += node->is("Conv") && node->outputs[0]->type.dtype == DType::kF32;
    if (node->is("ReduceSum")) {
      EXPECT_EQ(node->outputs[0]->type.dtype, DType::kF16);
    }
  }
  EXPECT_EQ(wide, 1);
  const auto built = builder::build_plan(*graph, options);
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  for (const builder::LayerReport& layer : built->report.layers) {
    if (layer.op == "ReduceSum") {
      EXPECT_EQ(layer.precision(), "f16/f32/f32");
    }
  }
}

// Products of whole numbers give f32 alone: an epilogue stores their result in the type of the float layers behind, without one they keep f32.
const char* const kQuantized = R"ir(graph net(%x: i8[2,8,9,11]) -> (%y, %z) {
  %w1 = const i8[16,8,1,1] #w1
  %scale = const f32[16] #scale
  %w2 = const f32[16,16,1,16] #w2
  %a = sinter.QuantizedConv(%x, %w1, %scale) [pads=[0,0,0,0], strides=[1,1], dilations=[1,1], group=1, auto_pad="NOTSET"]
  %b = Relu(%a)
  %y = Conv(%b, %w2) [pads=[0,8,0,7], strides=[1,1], dilations=[1,1], group=1, auto_pad="NOTSET"]
  %c = sinter.QuantizedConv(%x, %w1, %scale) [pads=[0,0,0,0], strides=[2,2], dilations=[1,1], group=1, auto_pad="NOTSET"]
  %z = Conv(%c, %w2) [pads=[0,8,0,7], strides=[1,1], dilations=[1,1], group=1, auto_pad="NOTSET"]
}
)ir";

TEST(LowerPrecisionRules, products_of_whole_numbers_are_stored_narrow_by_their_epilogues_alone) {
  ir::BlobMap blobs{{"w1", random_integers(DType::kI8, {16, 8, 1, 1}, -3, 3, 1)}, {"scale", random_tensor({16}, 2)}, {"w2", random_tensor({16, 16, 1, 16}, 3)}};
  auto graph = ir::parse(kQuantized, &blobs);
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  ASSERT_TRUE(ir::infer_types(**graph).ok());
  ASSERT_TRUE(passes::run_pipeline(**graph, {}).ok());
  const std::vector<Value> inputs{random_integers(DType::kI8, {2, 8, 9, 11}, -20, 20, 9)};  // sums stay within f16
  const auto wanted = ir::evaluate(**graph, inputs);
  ASSERT_TRUE(wanted.ok());
  builder::BuildOptions options = options_for(DType::kF16);
  options.tactic_filter.push_back("cuda.conv_dense");
  const Status lowered = builder::lower_precision(**graph, options);
  ASSERT_TRUE(lowered.ok()) << lowered.to_string();
  std::multiset<DType> types;
  for (const auto& node : (*graph)->nodes()) {
    if (!node->is("QuantizedConv", "sinter")) continue;
    types.insert(node->output()->type.dtype);
    EXPECT_EQ(node->inputs[2]->type.dtype, DType::kF32) << "scales keep their digits";
  }
  EXPECT_EQ(types, (std::multiset<DType>{DType::kF32, DType::kF16}));
  const auto got = ir::evaluate(**graph, inputs);
  ASSERT_TRUE(got.ok()) << got.status().to_string();
  for (size_t i = 0; i < 2; ++i) EXPECT_LT(distance((*got)[i].tensor(), (*wanted)[i].tensor()), 1e-3);
}

TEST(LowerPrecisionRules, nothing_changes_unless_permitted) {
  const auto graph = make_net();
  const std::string before = ir::print(*graph);
  ASSERT_TRUE(builder::lower_precision(*graph, options_for(DType::kF32)).ok());
  EXPECT_EQ(ir::print(*graph), before);
}

}  // namespace
}  // namespace sinter::testing
