// The text form: exact round trips, and no crash on hostile text.
#include <gtest/gtest.h>

#include <random>

#include "ir/graph.h"

namespace sinter::ir {
namespace {

const char* const kSample = R"ir(graph main(%x: f32[batch,3], %"odd name": f32[3]) -> (%z, %x) {
  %c = const f32[3] {1, -2.5, 3e-20}
  %h names("a", "b") = const f16[2] {0.5, 65504}
  %n = const f32[1] hex 0100c07f
  %s = const string[2] {"plain", "q\"uo\\te\x01"}
  %b = const bool[2,1] {1, 0}
  %e = const i64[0] {}
  %y: f32[batch,3] ~(2*batch) = Add(%x, %c) "add one" [f=1.5, i=-3, l=[1,2], lf=[1.0,nan], ls=["u"], o=[]f, q=[]s, s="t", t=i32[] {7}, u=[], v=nan:7fc00001, w=type "seq(f32[*])"] from("n1", "n2")
  %z names() = Relu(%y)
    body then_branch graph inner(%p: f32[1]) captures(%y, %c) -> (%r) {
    %r = Add(%y, %p)
    }
}
)ir";

TEST(Text, RoundTripIsStable) {
  auto graph = parse(kSample);
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  const std::string once = print(**graph);
  auto again = parse(once);
  ASSERT_TRUE(again.ok()) << again.status().to_string() << "\n" << once;
  EXPECT_EQ(print(**again), once);
  EXPECT_EQ(print(*(*again)->clone()), once);
  const Node* add = (*again)->find_node("add one");
  ASSERT_NE(add, nullptr);
  EXPECT_EQ(add->source_nodes, (std::vector<std::string>{"n1", "n2"}));
  EXPECT_EQ(add->output()->elements->elements[0], Dim(2) * Dim::symbol("batch"));
  EXPECT_EQ((*again)->find_value("h")->onnx_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE((*again)->find_node("z")->output()->onnx_names.empty());
  EXPECT_EQ((*again)->users(add->output()).size(), 2u);  // Relu's input and the body's capture
}

TEST(Text, DigestsNeedTheirBlob) {
  Graph graph;
  Tensor big(DType::kF32, {5, 7});
  for (int i = 0; i < 35; ++i) big.data<float>()[i] = static_cast<float>(i) / 3;
  graph.outputs.push_back(graph.add_constant("big", big));
  const std::string text = print(graph);
  EXPECT_NE(text.find("#" + digest(big)), std::string::npos);
  EXPECT_FALSE(parse(text).ok());
  const BlobMap blobs = collect_blobs(graph);
  auto again = parse(text, &blobs);
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_TRUE((*again)->find_value("big")->constant.identical(big));
  auto whole = parse(print(graph, -1));
  ASSERT_TRUE(whole.ok()) << whole.status().to_string();
  EXPECT_TRUE((*whole)->find_value("big")->constant.identical(big));
  BlobMap wrong{{digest(big), big.reshaped({35})}};
  EXPECT_FALSE(parse(text, &wrong).ok());
}

TEST(Text, ErrorsNameTheLine) {
  auto error = [](const std::string& body) {
    auto graph = parse("graph(%x: f32[2]) -> (%y) {\n" + body + "\n}");
    return graph.ok() ? std::string("parsed") : graph.status().message();
  };
  EXPECT_NE(error("%y = Relu(%nothing)").find("line 2: value 'nothing' is not defined"), std::string::npos);
  EXPECT_NE(error("%y = Nonsense(%x)").find("operator 'Nonsense' is unknown"), std::string::npos);
  EXPECT_NE(error("%x = Relu(%x)").find("defined again"), std::string::npos);
  EXPECT_NE(error("%y = const f32[2] {1}").find("1 elements for dims [2]"), std::string::npos);
  EXPECT_NE(error("%y = const f32[9223372036854775807,9223372036854775807] {1}").find("fit the memory"), std::string::npos);
  EXPECT_NE(error("%y = const f32[4000000000] hex 00").find("cut off"), std::string::npos);
  EXPECT_NE(error("%y = Relu(%x) [a=1, a=2]").find("attribute 'a' twice"), std::string::npos);
  EXPECT_NE(error("%z = Relu(%x)").find("'y' is not defined"), std::string::npos);
}

// Every prefix and thousands of seeded mutations: an error or a graph, and what parses prints to a fixed point.
TEST(Text, SurvivesMutations) {
  const std::string text = kSample;
  for (size_t size = 0; size < text.size(); ++size) (void)parse(std::string_view(text).substr(0, size));
  std::mt19937 random(7);
  const std::string_view letters = "%()[]{}\"\\,:=~_#-0123456789abcxnf \n";
  int parsed = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string mutated = text;
    for (int change = 0; change < 1 + round % 3; ++change) {
      const size_t at = random() % mutated.size();
      switch (random() % 3) {
        case 0: mutated[at] = letters[random() % letters.size()]; break;
        case 1: mutated.erase(at, 1 + random() % 4); break;
        default: mutated.insert(at, 1, letters[random() % letters.size()]);
      }
    }
    auto graph = parse(mutated);
    if (!graph.ok()) continue;
    ++parsed;
    const std::string once = print(**graph, -1);
    auto again = parse(once);
    ASSERT_TRUE(again.ok()) << again.status().to_string() << "\n" << mutated << "\n" << once;
    EXPECT_EQ(print(**again, -1), once);
  }
  EXPECT_GT(parsed, 100);
}

}  // namespace
}  // namespace sinter::ir
