// Edits of files: what each does, and what is refused without a trace.
#include "onnx/editor.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "onnx/import.h"

namespace sinter::onnx {
namespace {

namespace fs = std::filesystem;

// x -> MatMul(w) "mm" -> m -> Relu "act" -> r -> Odd "odd" -> y, and c = w2 + w2 "constant" that "sum" adds to r for the output z.
ModelProto small() {
  ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  GraphProto& graph = *model.mutable_graph();
  graph.set_name("small");
  const auto end = [](ValueInfoProto* info, const char* name, int64_t columns) {
    info->set_name(name);
    auto* type = info->mutable_type()->mutable_tensor_type();
    type->set_elem_type(1);
    type->mutable_shape()->add_dim()->set_dim_value(2);
    type->mutable_shape()->add_dim()->set_dim_value(columns);
  };
  end(graph.add_input(), "x", 4);
  end(graph.add_output(), "z", 3);
  const auto node = [&](const char* op, const char* name, std::vector<const char*> inputs, const char* output) {
    NodeProto* made = graph.add_node();
    made->set_op_type(op);
    made->set_name(name);
    for (const char* input : inputs) made->add_input(input);
    made->add_output(output);
  };
  node("MatMul", "mm", {"x", "w"}, "m");
  node("Relu", "act", {"m"}, "r");
  node("Add", "constant", {"w2", "w2"}, "c");
  node("Add", "sum", {"r", "c"}, "z");
  const auto weight = [&](const char* name, std::vector<int64_t> dims, float value) {
    TensorProto* tensor = graph.add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(1);
    int64_t count = 1;
    for (const int64_t dim : dims) tensor->add_dims(dim), count *= dim;
    for (int64_t i = 0; i < count; ++i) tensor->add_float_data(value);
  };
  weight("w", {4, 3}, 0.5f);
  weight("w2", {3}, 1.5f);
  return model;
}

class EditorTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/sinter_editor_XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  ModelEditor open(const ModelProto& model) {
    const std::string path = folder_ + "/m.onnx";
    std::ofstream(path, std::ios::binary) << model.SerializeAsString();
    Result<ModelEditor> editor = ModelEditor::open(path);
    EXPECT_TRUE(editor.ok()) << editor.status().message();
    return std::move(editor).value();
  }
  static std::string ops(const ModelEditor& editor) {
    std::string text;
    for (const auto& node : editor.proto().graph().node()) text += (text.empty() ? "" : " ") + node.op_type();
    return text;
  }
  static void good(ModelEditor& editor, const char* edit) {
    const auto done = editor.apply(edit);
    EXPECT_TRUE(done.ok()) << edit << ": " << done.status().message();
  }
  // Refused with this in the message, and nothing changed.
  static void bad(ModelEditor& editor, const char* edit, const char* part) {
    const std::string before = editor.proto().SerializeAsString();
    const auto done = editor.apply(edit);
    ASSERT_FALSE(done.ok()) << edit;
    EXPECT_NE(std::string(done.status().message()).find(part), std::string::npos) << done.status().message();
    EXPECT_EQ(before, editor.proto().SerializeAsString()) << edit;
  }
  static void valid(const ModelEditor& editor) {
    std::vector<std::string> warnings;
    const Status status = editor.validate(warnings);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  std::string folder_;
};

TEST_F(EditorTest, Words) {
  const auto words = split_words("  a \"b c\" 'd\"e' f\"g h\"i ''");
  ASSERT_TRUE(words.ok());
  EXPECT_EQ(words.value(), (std::vector<std::string>{"a", "b c", "d\"e", "fg hi", ""}));
  EXPECT_FALSE(split_words("a 'b").ok());
}

TEST_F(EditorTest, OperatorsAndAttributes) {
  ModelEditor editor = open(small());
  good(editor, "replace-op Relu LeakyRelu");
  good(editor, "set-attr act alpha=0.25");
  good(editor, "set-attr act alpha=1");  // a float stays one
  EXPECT_EQ(editor.proto().graph().node(1).attribute(0).f(), 1);
  EXPECT_EQ(editor.proto().graph().node(1).attribute_size(), 1);
  valid(editor);
  good(editor, "remove-attr act alpha");
  EXPECT_EQ(editor.proto().graph().node(1).attribute_size(), 0);
  good(editor, "replace-op LeakyRelu mine::Plugin");
  EXPECT_EQ(editor.proto().graph().node(1).domain(), "mine");
  EXPECT_EQ(editor.proto().opset_import(1).domain(), "mine");
  std::vector<std::string> warnings;
  EXPECT_TRUE(editor.validate(warnings).ok());  // valid, though nobody here can run it
  EXPECT_FALSE(warnings.empty());
  good(editor, "replace-op mine::Plugin Relu");
  valid(editor);
  bad(editor, "replace-op Absent Relu", "no node of that operator");
  bad(editor, "set-attr nobody a=1", "none of that name");
  bad(editor, "set-attr act a", "expected NAME=VALUE");
  bad(editor, "remove-attr act absent", "no attribute 'absent'");
}

TEST_F(EditorTest, Names) {
  ModelEditor editor = open(small());
  good(editor, "rename x images");
  good(editor, "rename z \"my scores\"");
  good(editor, "rename-node mm product");
  EXPECT_EQ(editor.proto().graph().input(0).name(), "images");
  EXPECT_EQ(editor.proto().graph().node(0).input(0), "images");
  EXPECT_EQ(editor.proto().graph().node(3).output(0), "my scores");
  EXPECT_EQ(editor.proto().graph().node(0).name(), "product");
  valid(editor);
  bad(editor, "rename r m", "named 'm' already");
  bad(editor, "rename absent a", "none of that name");
  bad(editor, "rename-node product act", "named 'act' already");
}

TEST_F(EditorTest, NodesRemovedAndInserted) {
  ModelEditor editor = open(small());
  good(editor, "remove act");
  EXPECT_EQ(ops(editor), "MatMul Add Add");
  EXPECT_EQ(editor.proto().graph().node(2).input(0), "m");
  valid(editor);
  good(editor, "insert-after m Clip limit");
  EXPECT_EQ(ops(editor), "MatMul Add Clip Add");
  EXPECT_EQ(editor.proto().graph().node(2).input(0), "m_before");
  EXPECT_EQ(editor.proto().graph().node(3).input(0), "m");  // the reader reads the new node's
  valid(editor);
  good(editor, "insert-after x Neg");
  EXPECT_EQ(editor.proto().graph().input(0).name(), "x");
  for (const auto& node : editor.proto().graph().node()) {
    if (node.op_type() == "Neg") { EXPECT_EQ(node.input(0), "x"); }
    if (node.op_type() == "MatMul") { EXPECT_EQ(node.input(0), "x_after"); }
  }
  good(editor, "insert-after z Sigmoid last");
  EXPECT_EQ(editor.proto().graph().output(0).name(), "z");
  good(editor, "insert Mul twice inputs=z,w2 outputs=zz");
  good(editor, "outputs zz");
  valid(editor);
  bad(editor, "insert Mul more inputs=absent outputs=q", "no value 'absent'");
  bad(editor, "insert Mul more inputs=z outputs=zz", "named 'zz' already");
  bad(editor, "insert Mul more inputs=z", "no outputs");
  bad(editor, "insert-after absent Relu", "none of that name");
  // One that makes a graph output leaves it its name.
  ModelEditor other = open(small());
  good(other, "remove sum");
  EXPECT_EQ(ops(other), "MatMul Relu Add Identity");
  valid(other);
  good(other, "remove-op Identity");
  EXPECT_EQ(ops(other), "MatMul Relu Add Identity");
}

TEST_F(EditorTest, PartsAndEnds) {
  ModelEditor editor = open(small());
  good(editor, "extract inputs=m outputs=r");
  EXPECT_EQ(ops(editor), "Relu");
  EXPECT_EQ(editor.proto().graph().initializer_size(), 0);
  EXPECT_EQ(editor.proto().graph().input(0).type().tensor_type().shape().dim(1).dim_value(), 3);  // inferred
  valid(editor);
  good(editor, "set-shape m Nx3");
  good(editor, "set-type r f32[N,3]");
  EXPECT_EQ(editor.proto().graph().input(0).type().tensor_type().shape().dim(0).dim_param(), "N");
  valid(editor);
  bad(editor, "set-type absent f32[1]", "none of that name among inputs and outputs");
  bad(editor, "set-type r what", "what");
  bad(editor, "set-shape m -1x3", "sizes from 0 on");
  bad(editor, "outputs absent", "none of that name");
  bad(editor, "extract nothing", "expected inputs=A,B outputs=C");
  // A type that can't be inferred must be given.
  ModelProto odd = small();
  odd.mutable_graph()->mutable_node(0)->set_op_type("Odd");
  odd.mutable_graph()->clear_value_info();
  ModelEditor unknown = open(odd);
  bad(unknown, "extract inputs=m outputs=z", "give it, as in m:f32");
  good(unknown, "extract inputs=m:f32[2,3] outputs=z");
  valid(unknown);
  EXPECT_EQ(ops(unknown), "Relu Add Add");
}

TEST_F(EditorTest, OrderAndRest) {
  ModelProto model = small();
  model.mutable_graph()->mutable_node()->SwapElements(0, 3);
  ModelEditor editor = open(model);
  EXPECT_EQ(editor.apply("toposort").value(), "sorted");
  EXPECT_EQ(editor.apply("toposort").value(), "sorted already");
  EXPECT_EQ(editor.apply("cleanup").value(), "0 nodes and 0 weights removed");
  good(editor, "outputs r");
  EXPECT_EQ(editor.apply("cleanup").value(), "2 nodes and 1 weight removed");
  valid(editor);
  ModelProto cyclic = small();
  cyclic.mutable_graph()->mutable_node(0)->set_input(0, "z");
  ModelEditor round = open(cyclic);
  bad(round, "toposort", "a cycle through");
}

TEST_F(EditorTest, ConstantsOnTheirOwn) {
  ModelEditor editor = open(small());
  const auto part = editor.constant_part({});
  ASSERT_TRUE(part.ok());
  ModelProto model;
  ASSERT_TRUE(model.ParseFromString(part.value()));
  EXPECT_EQ(model.graph().node_size(), 1);
  EXPECT_EQ(model.graph().output(0).name(), "c");
  EXPECT_EQ(model.graph().initializer_size(), 1);
  EXPECT_EQ(editor.constant_part({"::Add"}).value(), "");
  ModelProto result;
  result.mutable_graph()->add_output()->set_name("c");
  TensorProto* values = result.mutable_graph()->add_initializer();
  values->set_name("c");
  values->set_data_type(1);
  values->add_dims(3);
  for (int i = 0; i < 3; ++i) values->add_float_data(3);
  EXPECT_EQ(editor.adopt_constants(result).value(), 1);
  EXPECT_EQ(ops(editor), "MatMul Relu Add");
  EXPECT_EQ(editor.proto().graph().initializer_size(), 2);  // w and c
  valid(editor);
  EXPECT_EQ(editor.constant_part({}).value(), "");
}

TEST_F(EditorTest, WhatIsNoValidModelIsNotWritten) {
  ModelEditor editor = open(small());
  good(editor, "set-type x i64[2,4]");
  std::vector<std::string> warnings;
  const Status status = editor.validate(warnings);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(std::string(status.message()).find("is no valid one, so it is not written"), std::string::npos) << status.message();
  for (const char* edit : {"", "frobnicate", "rename x", "cleanup now", "rename 'x"}) {
    EXPECT_FALSE(editor.apply(edit).ok()) << edit;
  }
  EXPECT_FALSE(ModelEditor::open(folder_ + "/absent.onnx").ok());
}

}  // namespace
}  // namespace sinter::onnx
