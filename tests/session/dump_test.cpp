// Tensors of a run in files: that they are the model's values, whatever layout and type they had, and what the index says of them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "onnx/import.h"
#include "onnx/tensor_io.h"
#include "session/calibrate.h"
#include "session/dump_tensors.h"
#include "session/run.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::session {
namespace {

class DumpTest : public ::testing::Test {
 protected:
  // x → Conv "c" → Relu "a/b" and Conv → Relu "A_b", their Concat "cat" (in place), pooled to "y"; `cat` is read by a third convolution whose Relu is "z".
  BuildRequest network() {
    test::ModelBuilder model;
    model.input("x", "f32[1,3,9,7]").output("y", "f32[1,32,1,1]").output("z", "f32[1,5,9,7]");
    for (const auto& [name, dims, seed] : {std::tuple<const char*, Dims, uint64_t>{"w1", {16, 3, 3, 3}, 1}, {"w2", {16, 3, 1, 1}, 2}, {"w3", {5, 32, 1, 1}, 3}}) {
      Tensor weights = random_tensor(DType::kF32, dims, seed).value();
      for (int64_t i = 0; i < weights.count(); ++i) weights.data<float>()[i] -= 0.4f;
      model.constant(name, weights);
    }
    const std::vector<onnx::AttributeProto> pads{test::attribute("pads", std::vector<int64_t>{1, 1, 1, 1})};
    model.node("Conv", {"x", "w1"}, {"c"}, pads).node("Relu", {"c"}, {"a/b"}).node("Conv", {"x", "w2"}, {"d"}).node("Relu", {"d"}, {"A_b"});
    model.node("Concat", {"a/b", "A_b"}, {"cat"}, {test::attribute("axis", 1)}).node("GlobalAveragePool", {"cat"}, {"y"});
    model.node("Conv", {"cat", "w3"}, {"e"}).node("Relu", {"e"}, {"z"});
    BuildRequest request;
    request.model_path = folder.path("model.onnx");
    request.build.threads = 1;
    std::ofstream(request.model_path, std::ios::binary) << model.bytes();
    return request;
  }
  // By name, of the imported model.
  static std::map<std::string, Tensor> expected(const BuildRequest& request, const Value& x) {
    const ir::Model model = onnx::import_model(request.model_path).value();
    std::map<std::string, Tensor> found{{"x", x.tensor()}};
    EXPECT_TRUE(ir::evaluate(*model.graph, {x}, [&](const ir::Value& value, const Value& content) { found[value.name] = content.tensor(); }).ok());
    return found;
  }
  testing::TemporaryFolder folder;
};

TEST_F(DumpTest, FilesHoldTheModelsValues) {
  const BuildRequest request = network();
  const auto engine = load_any(request);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  const Value x = random_tensor(DType::kF32, {1, 3, 9, 7}, 5).value();
  const auto report = dump_tensors(*engine, {x}, {folder.path("out"), {}, 1, request.model_path});
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  const auto values = expected(request, x);
  std::set<std::string> seen;
  for (const DumpedTensor& tensor : report->tensors) {
    if (tensor.names.empty() && tensor.name != "x") continue;
    const Tensor found = onnx::read_npy(folder.path("out/" + tensor.file)).value();
    const Tensor& wanted = values.at(tensor.name);
    ASSERT_EQ(found.dims(), wanted.dims()) << tensor.name;
    for (int64_t i = 0; i < found.count(); ++i) ASSERT_NEAR(found.data<float>()[i], wanted.data<float>()[i], 1e-4) << tensor.name << " at " << i;
    EXPECT_EQ(tensor.layer.empty(), tensor.name == "x");
    EXPECT_TRUE(seen.insert(tensor.name).second) << tensor.name << " twice";
  }
  for (const char* name : {"x", "a/b", "A_b", "cat", "y", "z"}) EXPECT_TRUE(seen.count(name)) << name;
  EXPECT_TRUE(std::filesystem::exists(folder.path("out/a_b.npy")));
  EXPECT_TRUE(std::filesystem::exists(folder.path("out/A_b~2.npy")));  // apart from a_b where capitals do not count
  for (const char* name : {"c", "d", "e"}) EXPECT_NE(std::find(report->fused_away.begin(), report->fused_away.end(), name), report->fused_away.end()) << name;
  EXPECT_NE(to_json(*report).find("\"fused_away\""), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(folder.path("out/index.json")));
}

TEST_F(DumpTest, WholeNumbersAreWrittenAsWhatTheyStandFor) {
  BuildRequest request = network();
  const Value x = random_tensor(DType::kF32, {1, 3, 9, 7}, 5).value();
  const auto values = expected(request, x);
  quant::Calibration calibration;
  for (const char* name : {"x", "a/b", "A_b", "cat", "z"}) {
    for (double value : values.at(name).to_f64()) calibration.ranges[name] = std::max(calibration.ranges[name], static_cast<float>(std::abs(value)));
  }
  request.calibration = std::make_shared<quant::Calibration>(calibration);
  request.build.precision.int8 = true;
  request.fastest = false;  // so small a network may be faster in f32
  const auto engine = load_any(request);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  const auto report = dump_tensors(*engine, {x}, {folder.path("out"), {}, 1, ""});
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  bool dequantized = false;
  for (const DumpedTensor& tensor : report->tensors) {
    if (!tensor.dequantized) continue;
    dequantized = true;
    const Tensor found = onnx::read_npy(folder.path("out/" + tensor.file)).value();
    EXPECT_EQ(found.dtype(), DType::kF32);
    EXPECT_NE(tensor.stored.find("8["), std::string::npos) << tensor.stored;
    for (double value : found.to_f64()) ASSERT_NEAR(value / tensor.scale, std::nearbyint(value / tensor.scale), 1e-3) << tensor.name;
  }
  EXPECT_TRUE(dequantized);
}

TEST_F(DumpTest, NamesChoose) {
  const BuildRequest request = network();
  const auto engine = load_any(request).value();
  const Value x = random_tensor(DType::kF32, {1, 3, 9, 7}, 5).value();
  const auto report = dump_tensors(engine, {x}, {folder.path("some"), {"c*t", "nowhere*"}, 1, request.model_path});
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  ASSERT_EQ(report->tensors.size(), 1u);
  EXPECT_EQ(report->tensors[0].name, "cat");
  EXPECT_EQ(report->unmatched, std::vector<std::string>{"nowhere*"});
  const auto fused = dump_tensors(engine, {x}, {folder.path("none"), {"c"}, 1, request.model_path});
  ASSERT_FALSE(fused.ok());
  EXPECT_EQ(fused.status().code(), Code::kNotFound);
  EXPECT_NE(fused.status().message().find("fused"), std::string::npos) << fused.status().message();
  std::ofstream(folder.path("file")) << "no folder";
  EXPECT_EQ(dump_tensors(engine, {x}, {folder.path("file/inside"), {}, 1, ""}).status().code(), Code::kIo);
}

TEST(Names, AStarIsAnyText) {
  for (const auto& [pattern, name] : {std::pair{"*", ""}, {"*", "a/b"}, {"a*", "a"}, {"a*c", "abcc"}, {"*b*", "abc"}, {"a**c", "ac"}, {"abc", "abc"}, {"*.bias", "l.1.bias"}}) {
    EXPECT_TRUE(matches(pattern, name)) << pattern << " " << name;
  }
  for (const auto& [pattern, name] : {std::pair{"", "a"}, {"a", ""}, {"a*c", "abd"}, {"*b", "abc"}, {"ab", "abc"}, {"a*b*c", "acb"}}) {
    EXPECT_FALSE(matches(pattern, name)) << pattern << " " << name;
  }
  EXPECT_FALSE(matches(std::string(40, '*') + "b", std::string(5000, 'a')));  // in no time
}

}  // namespace
}  // namespace sinter::session
