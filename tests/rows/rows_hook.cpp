// Every row of tests/ops again, the whole way: a graph of the one node, optimised, tuned, written as an engine, loaded and run, must give what the reference kernel
// gave. Once with all inputs as the graph's, once with all but the first as constants. Then in the variants of support/variants.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "ops/op_harness.h"
#include "session/run.h"
#include "support/variants.h"

namespace sinter::testing {
namespace {

void compare(const Tensor& got, const Tensor& wanted, const std::string& where) {
  ASSERT_EQ(got.type().to_string(), wanted.type().to_string()) << where;
  if (wanted.dtype() == DType::kString || contains(kComplexTypes, wanted.dtype())) {
    EXPECT_TRUE(got.identical(wanted)) << where;
    return;
  }
  const std::vector<double> a = got.to_f64(), b = wanted.to_f64();
  const double tolerance = kernel_tolerance(wanted.dtype());
  for (size_t i = 0; i < a.size(); ++i) {
    const bool same = (std::isnan(a[i]) && std::isnan(b[i])) || a[i] == b[i] || std::fabs(a[i] - b[i]) <= tolerance * std::max(1.0, std::fabs(b[i]));
    EXPECT_TRUE(same) << where << ", element " << i << ": got " << a[i] << ", the reference kernel " << b[i];
  }
}

ir::Model model_of(const RowRun& row, bool constants, std::vector<Value>& inputs) {
  ir::Model model;
  model.graph = std::make_unique<ir::Graph>();
  std::vector<ir::Value*> values;
  for (size_t i = 0; i < row.inputs.size(); ++i) {
    const Tensor& tensor = row.inputs[i];
    const std::string name = fmt::format("x{}", i);
    if (!tensor.defined()) {
      values.push_back(nullptr);
    } else if (constants && i > 0) {
      values.push_back(model.graph->add_constant(name, tensor));
    } else {
      values.push_back(model.graph->add_input(name, tensor.type()));
      model.graph->inputs.back()->onnx_names = {name};
      inputs.emplace_back(tensor);
    }
  }
  std::vector<std::string> names;
  for (size_t i = 0; i < row.results.size(); ++i) names.push_back(fmt::format("y{}", i));
  ir::Node* node = model.graph->add_node(row.op, "node", values, names, row.attributes);
  for (ir::Value* output : node->outputs) {
    output->onnx_names = {output->name};
    model.graph->outputs.push_back(output);
  }
  return model;
}

bool holds_nan(const Tensor& tensor) {
  if (!tensor.defined() || !contains(kFloatTypes, tensor.dtype())) return false;
  const std::vector<double> values = tensor.to_f64();
  return std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

// The reference kernel leaves out what a mask hides; fast ones, like ONNX's own reference, multiply it by 0, which NaN survives.
bool is_beyond_fast_kernels(const RowRun& row) {
  return row.op->name == "Attention" && std::any_of(row.inputs.begin(), row.inputs.end(), holds_nan);
}

// A mask of Attention: see above. DynamicQuantizeLinear has no grid for a range that is no number. LpNormalization squares in f32, where denormals vanish.
bool is_beyond_special_values(const RowRun& row) {
  return row.op->name == "Attention" || row.op->name == "DynamicQuantizeLinear" || row.op->name == "LpNormalization";
}

VariantCounts counts;

// Large sizes for the first rows of an operator only: reference kernels are plain loops.
void take_every_way(const RowRun& row, const ir::Model& model, const std::vector<Value>& inputs, bool constants, const std::string& where) {
  constexpr int kLargeRows = 2;
  static std::map<std::string, int> seen;
  VariantOptions options;
  options.given_optimised = false;
  options.sizes = constants ? std::vector<int64_t>{0, 17} : std::vector<int64_t>{0, 1, 17};
  options.special_values = !kSlowed && !is_beyond_special_values(row);
  options.large = !kSlowed && !constants && seen[row.op->full_name()]++ < kLargeRows;
  for (const std::string& failure : check_variants(model, inputs, options, counts)) ADD_FAILURE() << where << ", " << failure;
}

void take_the_whole_way(const RowRun& row) {
  if (row.op->is(kNondeterministic) || row.inputs.empty() || is_beyond_fast_kernels(row)) return;
  static const onnx::ModelRunner runner = session::engine_runner(session::BuildRequest());
  for (const bool constants : {false, true}) {
    if (constants && row.inputs.size() < 2) continue;
    const std::string where = fmt::format("{}, {}", row.op->full_name(), constants ? "constants" : "inputs");
    std::vector<Value> inputs;
    const ir::Model model = model_of(row, constants, inputs);
    const Status inferred = ir::infer_types(*model.graph);
    ASSERT_TRUE(inferred.ok()) << where << ": " << inferred.to_string();
    const Result<std::vector<Value>> outputs = runner(model, inputs);
    ASSERT_TRUE(outputs.ok()) << where << ": " << outputs.status().to_string();
    ASSERT_EQ(outputs->size(), row.results.size()) << where;
    for (size_t i = 0; i < row.results.size(); ++i) {
      ASSERT_TRUE((*outputs)[i].is_tensor()) << where;
      compare((*outputs)[i].tensor(), row.results[i], fmt::format("{}, output {}", where, i));
    }
    take_every_way(row, model, inputs, constants, where);
  }
}

class Rows : public ::testing::Environment {
 public:
  void SetUp() override { row_hook = take_the_whole_way; }
  void TearDown() override {
    for (const auto& [kind, count] : counts) std::printf("rows: %s %lld\n", kind.c_str(), static_cast<long long>(count));
  }
};
[[maybe_unused]] const ::testing::Environment* const rows = ::testing::AddGlobalTestEnvironment(new Rows);

}  // namespace
}  // namespace sinter::testing
