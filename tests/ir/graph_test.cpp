// Graph mutation, the verifier, shape inference, patches and the reference evaluator on small graphs.
#include <gtest/gtest.h>

#include "ir/patch.h"

namespace sinter::ir {
namespace {

std::unique_ptr<Graph> parsed(std::string_view text) {
  auto graph = parse(text);
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  if (!graph.ok()) return nullptr;
  Status status = infer_types(**graph);
  EXPECT_TRUE(status.ok()) << status.to_string();
  status = verify(**graph);
  EXPECT_TRUE(status.ok()) << status.to_string();
  return std::move(graph).value();
}

TEST(Graph, NamesAreMadeUniqueAlsoAgainstBodies) {
  Graph graph;
  Value* x = graph.add_input("x", ValueType::tensor(DType::kF32, Shape{2}));
  Node* node = graph.add_node(find_op("", "Relu"), "", {x}, {"x"});
  EXPECT_EQ(node->output()->name, "x_1");
  EXPECT_EQ(node->name, "x_1");
  Graph* body = graph.add_subgraph(node, "body");
  EXPECT_EQ(body->add_value("x")->name, "x_2");
  EXPECT_EQ(graph.add_value("x_2")->name, "x_2_1");
  Value* captured = body->capture(x);
  EXPECT_EQ(captured->name, "x");
  EXPECT_EQ(body->capture(x), captured);
  EXPECT_EQ(graph.use_count(x), 2);
}

TEST(Graph, SortRestoresOrderAndNamesCycles) {
  auto graph = parsed("graph(%x: f32[2]) -> (%c) {\n%a = Relu(%x)\n%b = Relu(%a)\n%c = Relu(%b)\n}");
  Node* a = graph->find_node("a");
  Node* late = graph->add_node(find_op("", "Relu"), "late", {graph->find_value("x")}, {"l"});
  a->inputs[0] = late->output();
  graph->changed();
  EXPECT_FALSE(verify(*graph).ok());
  ASSERT_TRUE(graph->sort().ok());
  EXPECT_TRUE(verify(*graph).ok());
  EXPECT_EQ(graph->nodes().front()->name, "late");
  late->inputs[0] = graph->find_value("b");
  graph->changed();
  const Status cycle = graph->sort();
  ASSERT_FALSE(cycle.ok());
  EXPECT_NE(cycle.message().find("'late'"), std::string::npos);
  EXPECT_NE(cycle.message().find("cycle"), std::string::npos);
}

TEST(Graph, VerifierListsAllProblems) {
  auto graph = parsed("graph(%x: f32[2]) -> (%b) {\n%a = Relu(%x)\n%b = Add(%a, %x)\n}");
  graph->find_node("a")->inputs.clear();
  graph->find_node("b")->inputs[1] = nullptr;
  graph->changed();
  const Status status = verify(*graph);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("2 invariant(s)"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("required input 'B' is absent"), std::string::npos) << status.message();
}

TEST(Infer, DeclaredAndInferredAreMerged) {
  auto graph = parse("graph(%x: f32[batch,4]) -> (%z) {\n%y: f32[n,4] = Relu(%x)\n%z: f32[7,4] = Relu(%y)\n}");
  ASSERT_TRUE(graph.ok());
  ASSERT_TRUE(infer_types(**graph).ok());
  EXPECT_EQ((*graph)->find_value("y")->type.to_string(), "f32[batch,4]");
  EXPECT_EQ((*graph)->find_value("z")->type.to_string(), "f32[batch,4]");  // exact: an input binds batch
  graph = parse("graph(%x: f32[2,4]) -> (%y) {\n%y: f32[2,5] = Relu(%x)\n}");
  ASSERT_TRUE(graph.ok());
  const Status status = infer_types(**graph);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("node 'y' (Relu): output 'y' is declared f32[2,5] but its inputs make it f32[2,4]"),
            std::string::npos)
      << status.message();
}

TEST(Evaluate, ComputesAndRefusesWrongInputs) {
  auto graph = parsed("graph(%x: f32[n,2], %y: f32[2]) -> (%b, %x, %c) {\n%c = const f32[2] {1, -10}\n%a = Add(%x, %c)\n"
                      "%b = Add(%a, %y)\n}");
  std::vector<std::string> seen;
  auto result = evaluate(*graph, {Tensor::from_f32({1, 2, 3, 4}, {2, 2}), Tensor::from_f32({100, 200}, {2})},
                         [&](const Value& value, const sinter::Value&) { seen.push_back(value.name); });
  ASSERT_TRUE(result.ok()) << result.status().to_string();
  EXPECT_EQ((*result)[0].tensor().to_f64(), (std::vector<double>{102, 192, 104, 194}));
  EXPECT_EQ((*result)[2].tensor().to_f64(), (std::vector<double>{1, -10}));
  EXPECT_EQ(seen, (std::vector<std::string>{"x", "y", "a", "b"}));
  EXPECT_FALSE(evaluate(*graph, {Tensor::from_f32({1, 2}, {2, 1}), Tensor::from_f32({1, 2}, {2})}).ok());
  EXPECT_FALSE(evaluate(*graph, {Tensor::from_f32({1, 2}, {1, 2})}).ok());
}

TEST(Patch, ReplacesRenamesAndRemovesWhatIsDead) {
  auto graph = parsed("graph(%x: f32[2]) -> (%z) {\n%a = Relu(%x)\n%b = Relu(%a)\n%z = Relu(%b)\n}");
  Node* last = graph->find_node("z");
  {
    Patch dropped(*graph, *last);
    dropped.add_node(last->op, "t", {graph->find_value("x")}, 1, {}, {last});
  }
  EXPECT_EQ(graph->find_value("t_out"), nullptr);
  Patch patch(*graph, *last);
  Node* fused = patch.add_node(last->op, "z", {graph->find_value("x")}, 1, {},
                               {graph->find_node("a"), graph->find_node("b"), last});
  patch.replace(last->output(), fused->output());
  patch.remove(graph->find_node("b"));
  EXPECT_EQ(patch.refusal(), "");
  ASSERT_TRUE(patch.apply().ok());
  ASSERT_TRUE(verify(*graph).ok());
  ASSERT_EQ(graph->node_count(), 1u);
  EXPECT_EQ(print(*graph->nodes().front()), "%z: f32[2] = Relu(%x) from(\"a\", \"b\", \"z\")");
}

TEST(Patch, RefusesToLoseAnOutputNameOrASource) {
  auto graph = parsed("graph(%x: f32[2]) -> (%a, %b) {\n%a = Relu(%x)\n%b = Relu(%a)\n}");
  Patch rename(*graph, *graph->find_node("b"));
  rename.replace(graph->find_value("b"), graph->find_value("a"));
  EXPECT_NE(rename.refusal().find("both names must stay"), std::string::npos);
  Patch loses(*graph, *graph->find_node("b"));
  Node* made = loses.add_node(find_op("", "Relu"), "b", {graph->find_value("a")}, 1, {}, {graph->find_node("a")});
  loses.replace(graph->find_value("b"), made->output());
  loses.remove(graph->find_node("b"));
  const Status status = loses.apply();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("no new node carries its source 'b'"), std::string::npos);
}

}  // namespace
}  // namespace sinter::ir
