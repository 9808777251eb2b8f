// evaluate_op and infer_op with epilogues, on an operator made up here; Problem's texts; attributes.
#include "core/op_def.h"

#include <gtest/gtest.h>

#include <climits>
#include <cmath>

#include "core/problem.h"

namespace sinter {
namespace {

class TestEval final : public EvalContext {
 public:
  std::vector<Value> inputs, outputs{1};
  Attributes attrs;
  int input_count() const override { return static_cast<int>(inputs.size()); }
  int output_count() const override { return static_cast<int>(outputs.size()); }
  bool has_input(int index) const override { return index < input_count() && inputs[index].present(); }
  const Value& input(int index) const override { return inputs[index]; }
  bool wants_output(int) const override { return true; }
  Tensor& allocate(int index, DType dtype, Dims dims) override {
    outputs[index] = Tensor(dtype, std::move(dims));
    return outputs[index].tensor();
  }
  void set_output(int index, Value value) override { outputs[index] = std::move(value); }
  const Attributes& attributes() const override { return attrs; }
  Result<std::vector<Value>> run_subgraph(std::string_view, std::vector<Value>) override { return error("no bodies"); }
  Status error(std::string message) const override { return Status(Code::kInvalidArgument, "node 't': " + message); }
};

Status copy_first(EvalContext& context) {
  if (context.input_count() != 1) return context.error("the operator sees its epilogue's inputs");
  context.set_output(0, context.input(0));
  return ok_status();
}

Status allocate_too_much(EvalContext& context) {
  context.allocate(0, DType::kF32, {INT64_MAX, 4});
  return ok_status();
}

OpDef copy_op() {
  OpDef op("Copy", 1);
  op.input("X", "T").output("Y", "T").type("T", kAllTensorTypes);
  op.evaluate = copy_first;
  return op;
}

TEST(EvaluateOp, epilogue_broadcasts_and_narrows_to_the_result_type) {
  TestEval context;
  context.inputs = {Tensor::from_f32({1, 2, 3, 4, 5, 6}, {2, 3}).cast(DType::kF16), Tensor::from_f32({10, 20}, {2, 1}),
                    Tensor::from_i64({1, 0, 1}).cast(DType::kBool)};
  context.attrs.set(std::string(kEpilogueAttr), std::string("3 | add(0,1) mul(3,2) | 4"));
  context.attrs.set(std::string(kEpilogueBaseAttr), int64_t{1});
  const Status status = evaluate_op(copy_op(), context);
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(context.outputs[0].tensor().dtype(), DType::kF16);
  EXPECT_EQ(context.outputs[0].tensor().to_f64(), (std::vector<double>{11, 0, 13, 24, 0, 26}));
}

TEST(EvaluateOp, refuses_wrong_epilogues_and_reports_memory) {
  TestEval context;
  context.inputs = {Tensor::from_f32({1, 2}, {2}), Tensor::from_f32({1, 2, 3}, {3})};
  context.attrs.set(std::string(kEpilogueAttr), std::string("2 | add(0,1) | 2"));
  context.attrs.set(std::string(kEpilogueBaseAttr), int64_t{1});
  EXPECT_FALSE(evaluate_op(copy_op(), context).ok());
  context.inputs[1] = Tensor::from_f32({1, 2, 3, 4}, {2, 2});  // would widen the result
  EXPECT_FALSE(evaluate_op(copy_op(), context).ok());
  context.attrs.set(std::string(kEpilogueBaseAttr), int64_t{9});
  EXPECT_FALSE(evaluate_op(copy_op(), context).ok());
  context.attrs.set(std::string(kEpilogueAttr), std::string("nonsense"));
  EXPECT_FALSE(evaluate_op(copy_op(), context).ok());
  OpDef greedy = copy_op();
  greedy.evaluate = allocate_too_much;
  TestEval plain;
  EXPECT_EQ(evaluate_op(greedy, plain).code(), Code::kOutOfMemory);
}

TEST(OpDef, counts_and_lookup) {
  OpDef op("X", 1, "sinter");
  op.input("a", "T").input("b", "T", ParamKind::kOptional).output("y", "T").type("T", kFloatTypes);
  op.attr("axis", int64_t{-1}).attr("mode", AttrKind::kString, true);
  EXPECT_EQ(op.min_inputs(), 1);
  EXPECT_EQ(op.max_inputs(), 2);
  EXPECT_EQ(op.find_attribute("axis")->kind, AttrKind::kInt);
  EXPECT_TRUE(op.find_attribute("mode")->required);
  EXPECT_EQ(op.find_attribute("none"), nullptr);
  EXPECT_NE(op.find_type("T"), nullptr);
  EXPECT_EQ(op.full_name(), "sinter.X");
  OpDef variadic("V", 1);
  variadic.input("x", "T", ParamKind::kVariadic);
  EXPECT_EQ(variadic.min_inputs(), 1);
  EXPECT_EQ(variadic.max_inputs(), INT_MAX);
}

TEST(Attributes, equality_is_bitwise) {
  Attributes a, b;
  a.set("x", std::nanf(""));
  b.set("x", std::nanf(""));
  EXPECT_TRUE(a == b);
  b.set("x", 0.0f);
  a.set("x", -0.0f);
  EXPECT_FALSE(a == b);
  a.erase("x");
  EXPECT_EQ(a.i_or("n", 3), 3);
  EXPECT_EQ(a.s_or("s", "d"), "d");
}

TEST(Problem, key_holds_what_timings_depend_on) {
  Problem problem;
  problem.op = "Conv";
  problem.inputs.resize(2);
  problem.inputs[0].shape = to_shape({1, 64, 56, 56});
  problem.inputs[1].shape = to_shape({64, 64, 3, 3});
  problem.outputs.resize(1);
  problem.outputs[0].shape = to_shape({1, 64, 56, 56});
  EXPECT_EQ(problem.to_string(), "Conv f32[1,64,56,56] f32[64,64,3,3] → f32[1,64,56,56]");
  const std::string key = problem.key();
  Problem other = problem;
  other.node = "elsewhere";
  other.inputs[0].layout = Layout::kChannelsLast;
  EXPECT_EQ(other.key(), key);
  other.threads = 2;
  EXPECT_NE(other.key(), key);
  other = problem;
  other.attributes.set("strides", std::vector<int64_t>{2, 2});
  EXPECT_NE(other.key(), key);
  other = problem;
  other.inputs[0].shape[0] = Dim::symbol("n");
  other.inputs[0].opt = {1, 64, 56, 56};
  EXPECT_NE(other.key(), key);
  EXPECT_EQ(other.key().find('\n'), std::string::npos);
}

}  // namespace
}  // namespace sinter
