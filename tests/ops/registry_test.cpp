// The operator table as a whole: every definition is complete and agrees with itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/op_def.h"

namespace sinter {
namespace {

TEST(Registry, FindsByDomainAndName) {
  const OpDef* relu = find_op("", "Relu");
  ASSERT_NE(relu, nullptr);
  EXPECT_EQ(relu->name, "Relu");
  EXPECT_EQ(find_op("ai.onnx", "Relu"), relu);
  EXPECT_EQ(find_op("", "relu"), nullptr);
  EXPECT_EQ(find_op("com.example", "Relu"), nullptr);
}

TEST(Registry, IsSortedAndUnique) {
  std::set<std::string> names;
  std::pair<std::string, std::string> last;
  for (const OpDef* op : all_ops()) {
    const std::pair key(op->domain, op->name);
    EXPECT_TRUE(last < key) << op->full_name();
    last = key;
    EXPECT_TRUE(names.insert(op->full_name()).second) << op->full_name();
  }
}

TEST(Registry, EveryDefinitionIsComplete) {
  for (const OpDef* op : all_ops()) {
    EXPECT_NE(op->infer, nullptr) << op->name;
    EXPECT_NE(op->evaluate, nullptr) << op->name;
    EXPECT_GE(op->since, 1) << op->name;
    for (const auto* params : {&op->inputs, &op->outputs}) {
      for (const ParamDef& param : *params)
        EXPECT_NE(op->find_type(param.type), nullptr) << op->name << " " << param.name;
    }
  }
}

// Axes are i64 whatever the data's type is.
TEST(Registry, ReduceOperatorsTakeAxesOfI64Only) {
  int seen = 0;
  for (const OpDef* op : all_ops()) {
    if (!op->name.starts_with("Reduce")) continue;
    ++seen;
    ASSERT_EQ(op->inputs.size(), 2u) << op->name;
    EXPECT_EQ(op->find_type(op->inputs[1].type)->tensors, dtype_bit(DType::kI64)) << op->name;
  }
  EXPECT_EQ(seen, 10);
}

// A pointwise form must be a valid program that computes what the reference kernel of the operator's definition says;
// here: that it prints, parses and has one output.
TEST(Registry, PointwiseFormsAreValidPrograms) {
  for (const OpDef* op : all_ops()) {
    if (!op->pointwise) continue;
    Attributes attributes;
    for (const AttrDef& attribute : op->attributes)
      if (attribute.default_value) attributes.set(attribute.name, *attribute.default_value);
    for (int inputs = op->min_inputs(); inputs <= std::min(op->max_inputs(), 4); ++inputs) {
      PointwiseProgram program;
      if (!op->pointwise(attributes, inputs, program)) continue;
      EXPECT_EQ(program.inputs, inputs) << op->name;
      EXPECT_EQ(program.outputs.size(), 1u) << op->name;
      const auto parsed = PointwiseProgram::parse(program.to_string());
      ASSERT_TRUE(parsed.ok()) << op->name << ": " << parsed.status().to_string();
      EXPECT_EQ(parsed->to_string(), program.to_string());
    }
  }
}

}  // namespace
}  // namespace sinter
