// Calibration, evaluation and comparison of small models made here, through the whole pipeline.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/files.h"
#include "onnx/tensor_io.h"
#include "quant/calibration_cache.h"
#include "session/accuracy.h"
#include "session/calibrate.h"
#include "session/compare.h"
#include "session/evaluate.h"
#include "session/run.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::session {
namespace {

Tensor filled(Dims dims, uint64_t seed, float scale = 1) {
  Tensor tensor = random_tensor(DType::kF32, dims, seed).value();
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.data<float>()[i] = (tensor.data<float>()[i] - 0.5f) * 2 * scale;
  return tensor;
}

class AccuracyTest : public ::testing::Test {
 protected:
  // x [batch,3,8,8] → Conv → Relu ("r") → Conv → Relu → pool → flatten → MatMul ("scores" of 4 classes). `leading`: "1" or a symbol.
  BuildRequest classifier(const std::string& leading, float noise = 0, const std::string& name = "model.onnx") {
    test::ModelBuilder model;
    model.input("x", "f32[" + leading + ",3,8,8]").output("scores", "f32[" + leading + ",4]");
    Tensor last = filled({8, 4}, 3);
    for (int64_t i = 0; i < last.count(); ++i) last.data<float>()[i] += noise * static_cast<float>(i % 3);
    model.constant("w1", filled({8, 3, 3, 3}, 1)).constant("w2", filled({8, 8, 3, 3}, 2)).constant("w3", last).constant("shape", Tensor::from_i64({-1, 8}));
    const std::vector<onnx::AttributeProto> pads{test::attribute("pads", std::vector<int64_t>{1, 1, 1, 1})};
    model.node("Conv", {"x", "w1"}, {"c1"}, pads).node("Relu", {"c1"}, {"r"}).node("Conv", {"r", "w2"}, {"c2"}, pads).node("Relu", {"c2"}, {"r2"});
    model.node("GlobalAveragePool", {"r2"}, {"g"}).node("Reshape", {"g", "shape"}, {"f"}).node("MatMul", {"f", "w3"}, {"scores"});
    return request_for(model, name);
  }
  BuildRequest request_for(test::ModelBuilder& model, const std::string& name) {
    BuildRequest request;
    request.model_path = folder.path(name);
    std::ofstream(request.model_path, std::ios::binary) << model.bytes();
    return request;
  }
  // `count` samples of f32[3,8,8], the k-th times (k + 1) / count, in one file.
  std::string samples(int64_t count, const std::string& name = "x.npy") {
    Tensor all = filled({count, 3, 8, 8}, 7);
    for (int64_t i = 0; i < all.count(); ++i) all.data<float>()[i] *= static_cast<float>(i / 192 + 1) / static_cast<float>(count);
    EXPECT_TRUE(onnx::write_npy(folder.path(name), all).ok());
    return folder.path(name);
  }
  static bool has(const std::vector<std::string>& texts, const std::string& part) {
    return std::any_of(texts.begin(), texts.end(), [&](const std::string& text) { return text.find(part) != std::string::npos; });
  }
  testing::TemporaryFolder folder;
};

TEST_F(AccuracyTest, RangesAreOfWhatTheModelComputes) {
  const BuildRequest request = classifier("1");
  CalibrateOptions options;
  options.data = samples(20);
  options.ranges.algorithm = quant::Algorithm::kMinMax;
  options.keep_histograms = true;
  const auto report = calibrate(request, options);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  const auto& ranges = report->calibration.ranges;
  EXPECT_EQ(report->calibration.samples, 20);
  EXPECT_EQ(report->calibration.algorithm, "minmax");
  // The evaluator of the imported graph says what every tensor holds.
  const ir::Model model = onnx::import_model(request.model_path).value();
  const Tensor all = onnx::read_npy(options.data).value();
  std::map<std::string, double> largest;
  std::map<std::string, int64_t> counts;
  for (int64_t k = 0; k < 20; ++k) {
    const Tensor one = Tensor::view(DType::kF32, {1, 3, 8, 8}, const_cast<float*>(all.data<float>()) + k * 192);
    ASSERT_TRUE(ir::evaluate(*model.graph, {Value(one)}, [&](const ir::Value& value, const Value& content) {
      for (double x : content.tensor().to_f64()) largest[value.name] = std::max(largest[value.name], std::fabs(x));
      counts[value.name] += content.tensor().count();
    }).ok());
  }
  for (const char* name : {"x", "r", "r2", "f", "scores"}) {
    ASSERT_TRUE(ranges.count(name)) << name;
    EXPECT_NEAR(ranges.at(name), largest.at(name), 1e-4 * largest.at(name)) << name;
    EXPECT_EQ(report->calibration.histograms.at(name).count(), counts.at(name)) << name;
  }
  EXPECT_TRUE(has(report->warnings, "20 samples, fewer than the 500"));
  EXPECT_FALSE(has(report->warnings, "still grew"));  // one batch has none before it
}

TEST_F(AccuracyTest, BatchesChangeNothing) {
  CalibrateOptions options;
  options.data = samples(10);
  options.ranges.algorithm = quant::Algorithm::kMinMax;
  std::vector<std::map<std::string, float, std::less<>>> found;
  for (const char* leading : {"1", "n", "4"}) {
    for (int64_t batch : {1, 3, 64}) {
      options.batch = batch;
      const auto report = calibrate(classifier(leading), options);
      ASSERT_TRUE(report.ok()) << report.status().to_string();
      EXPECT_EQ(report->calibration.samples, 10);
      found.push_back(report->calibration.ranges);
    }
  }
  for (const auto& ranges : found) {
    for (const char* name : {"x", "r", "scores"}) EXPECT_NEAR(ranges.at(name), found[0].at(name), 1e-4 * found[0].at(name)) << name;
  }
}

TEST_F(AccuracyTest, AFunctionMayGiveSamplesManyAtOnce) {
  CalibrateOptions options;
  const Tensor all = onnx::read_npy(samples(6)).value();
  int calls = 0;
  options.source = [&](size_t inputs) -> Result<std::optional<std::vector<Tensor>>> {
    EXPECT_EQ(inputs, 1u);
    if (calls++ == 2) return std::optional<std::vector<Tensor>>();
    return std::optional<std::vector<Tensor>>({all});
  };
  const auto report = calibrate(classifier("1"), options);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->calibration.samples, 12);
  EXPECT_TRUE(has(report->warnings, "6 of 12 samples are nearly equal"));
}

TEST_F(AccuracyTest, AStoppedCalibrationGoesOn) {
  BuildRequest request = classifier("1");
  request.build.timing_cache = folder.path("timings");  // the same kernels each time: the same last bits
  CalibrateOptions options;
  options.data = samples(30);
  options.cache = folder.path("whole.cache");
  options.batch = 8;
  const auto whole = calibrate(request, options);
  ASSERT_TRUE(whole.ok()) << whole.status().to_string();
  EXPECT_TRUE(has(whole->warnings, "still grew in the last batch (6 samples)"));

  options.cache = folder.path("parts.cache");
  for (int64_t stop : {7, 19}) {
    options.progress = [&](int64_t done, int64_t total) {
      EXPECT_EQ(total, 30);
      return done < stop;
    };
    const auto stopped = calibrate(request, options);
    ASSERT_FALSE(stopped.ok());
    EXPECT_EQ(stopped.status().code(), Code::kCancelled);
    EXPECT_TRUE(std::filesystem::exists(options.cache + ".resume"));
    EXPECT_FALSE(std::filesystem::exists(options.cache));
  }
  options.progress = nullptr;
  const auto resumed = calibrate(request, options);
  ASSERT_TRUE(resumed.ok()) << resumed.status().to_string();
  EXPECT_EQ(resumed->resumed, 19);
  EXPECT_EQ(resumed->calibration.samples, 30);
  EXPECT_FALSE(std::filesystem::exists(options.cache + ".resume"));
  EXPECT_EQ(read_file(options.cache).value(), read_file(folder.path("whole.cache")).value());

  // A state of other data is no use; a damaged one is said.
  ASSERT_TRUE(write_file(options.cache + ".resume", "sinter calibration, interrupted 1\nother\n").ok());
  EXPECT_EQ(calibrate(request, options)->resumed, 0);
  ASSERT_TRUE(write_file(options.cache + ".resume", "rubbish").ok());
  EXPECT_NE(calibrate(request, options).status().message().find("remove the file"), std::string::npos);
}

TEST_F(AccuracyTest, NotANumberNamesTensorAndSample) {
  test::ModelBuilder model;
  model.input("x", "f32[1,4]").output("y", "f32[1,4]");
  model.node("Sqrt", {"x"}, {"roots"}).node("MatMul", {"roots", "w"}, {"y"}).constant("w", filled({4, 4}, 1));
  const BuildRequest request = request_for(model, "roots.onnx");
  Tensor good = Tensor::from_f32({1, 2, 3, 4}, {1, 4}), bad = Tensor::from_f32({1, -2, 3, 4}, {1, 4});
  std::filesystem::create_directories(folder.path("roots"));
  ASSERT_TRUE(onnx::write_npy(folder.path("roots/a.npy"), good).ok());
  ASSERT_TRUE(onnx::write_npy(folder.path("roots/b.npy"), bad).ok());
  CalibrateOptions options;
  options.data = folder.path("roots");
  const auto report = calibrate(request, options);
  ASSERT_FALSE(report.ok());
  EXPECT_NE(report.status().message().find("'roots'"), std::string::npos) << report.status().message();
  EXPECT_NE(report.status().message().find("b.npy"), std::string::npos) << report.status().message();
}

TEST_F(AccuracyTest, ConstantActivationsAreWarnedOf) {
  test::ModelBuilder model;
  model.input("x", "f32[1,4]").output("y", "f32[1,4]");
  model.node("Relu", {"x"}, {"dead"}).node("MatMul", {"dead", "w"}, {"y"}).constant("w", filled({4, 4}, 1));
  ASSERT_TRUE(onnx::write_npy(folder.path("negative.npy"), Tensor::from_f32({-1, -2, -3, -4}, {1, 4})).ok());
  CalibrateOptions options;
  options.data = folder.path("negative.npy");
  const auto report = calibrate(request_for(model, "dead.onnx"), options);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_TRUE(has(report->warnings, "'dead' = 0"));
  EXPECT_EQ(report->calibration.ranges.at("dead"), 0);
}

TEST_F(AccuracyTest, CachesOfOtherNetworksAreRefused) {
  const BuildRequest request = classifier("1");
  const auto cache = [&](const std::string& text) {
    EXPECT_TRUE(write_file(folder.path("c.cache"), text).ok());
    return read_calibration(folder.path("c.cache"), request.model_path, {});
  };
  const auto own = cache("TRT-7103-MinMaxCalibration\nx: 3c010a14\nc1: 3c010a14\n(Unnamed Layer* 3) [Shuffle]_output: 1\n");
  ASSERT_TRUE(own.ok()) << own.status().to_string();
  EXPECT_EQ(own->algorithm, "TRT-7103-MinMaxCalibration");
  EXPECT_NEAR(own->ranges.at("x"), 1.00025, 1e-5);
  EXPECT_TRUE(cache("TRT-1-A\nx: 1\nr: 1\nelsewhere: 1\n").ok());
  const auto foreign = cache("TRT-1-A\nx: 1\nlayer9: 1\nlayer10: 1\n");
  ASSERT_FALSE(foreign.ok());
  EXPECT_NE(foreign.status().message().find("'layer9', 'layer10'"), std::string::npos) << foreign.status().message();
}

TEST_F(AccuracyTest, Int8NeedsRangesFromSomewhere) {
  BuildRequest request = classifier("1");
  CalibrateOptions options;
  EXPECT_TRUE(resolve_int8(request, options).ok());
  EXPECT_EQ(request.calibration, nullptr);
  request.build.precision.int8 = true;
  const Status none = resolve_int8(request, options);
  ASSERT_FALSE(none.ok());
  for (const char* way : {"--calib-data", "--calib-cache", "QuantizeLinear"}) EXPECT_NE(none.message().find(way), std::string::npos) << none.message();
  options.cache = folder.path("new.cache");
  EXPECT_EQ(resolve_int8(request, options).code(), Code::kNotFound);
  options.data = samples(5);
  ASSERT_TRUE(resolve_int8(request, options).ok());
  ASSERT_NE(request.calibration, nullptr);
  EXPECT_EQ(request.calibration->samples, 5);
  EXPECT_TRUE(std::filesystem::exists(options.cache));
  options.data = folder.path("nowhere");  // not looked at: the cache has entries
  ASSERT_TRUE(resolve_int8(request, options).ok());
  EXPECT_EQ(request.calibration->samples, 0);
  const auto engine = load_any(request);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
}

TEST_F(AccuracyTest, AccuracyCountsByRank) {
  const BuildRequest request = classifier("n");
  const std::string data = samples(12);
  const auto engine = load_any(request).value();
  // Labels: the highest class for even samples, the lowest for odd ones.
  const auto context = runtime::ExecutionContext::create(engine).value();
  const Tensor scores = (*context->run(std::vector<Value>{onnx::read_npy(data).value()}))[0].tensor();
  std::string labels = "file,class_index\n";
  for (int64_t k = 0; k < 12; ++k) {
    const float* row = scores.data<float>() + 4 * k;
    const auto place = k % 2 == 0 ? std::max_element(row, row + 4) : std::min_element(row, row + 4);
    if (k != 5) labels += fmt::format("x.npy#{},{}\n", k, place - row);
  }
  ASSERT_TRUE(write_file(folder.path("labels.csv"), labels).ok());
  EvaluateOptions options;
  options.data = data;
  options.labels = folder.path("labels.csv");
  for (int64_t batch : {1, 5}) {
    options.batch = batch;
    const auto evaluation = evaluate(engine, 1, options);
    ASSERT_TRUE(evaluation.ok()) << evaluation.status().to_string();
    EXPECT_EQ(evaluation->samples, 11);
    EXPECT_EQ(evaluation->unlabelled, 1);
    EXPECT_EQ(evaluation->top1, 6);
    EXPECT_EQ(evaluation->top5, 11);
    EXPECT_EQ(evaluation->classes, 4);
    EXPECT_NE(to_json(*evaluation).find("\"top1\": 54.54"), std::string::npos) << to_json(*evaluation);
  }
  ASSERT_TRUE(write_file(options.labels, "x.npy#0,4\n").ok());
  EXPECT_NE(evaluate(engine, 1, options).status().message().find("class 4"), std::string::npos);
  ASSERT_TRUE(write_file(options.labels, "y,1\n").ok());
  EXPECT_NE(evaluate(engine, 1, options).status().message().find("none of the 12"), std::string::npos);
}

TEST_F(AccuracyTest, ChangesToExpectAreOfAllPairs) {
  const auto reference = load_any(classifier("1")).value(), other = load_any(classifier("1", 3.0f, "other.onnx")).value();
  const std::string data = samples(40);
  const AccuracyProbe probe = open_probe(reference, {data, "", "", 500}, 1).value();
  EXPECT_EQ(probe.measure(reference)->expected_disagreement, 0);
  std::vector<double> margins, changes;
  for (const std::vector<Value>& sample : probe.samples()) {
    const auto scores_of = [&](const auto& engine) { return (*runtime::ExecutionContext::create(engine).value()->run(sample))[0].tensor(); };
    const Tensor a = scores_of(reference), b = scores_of(other);
    const auto winner = std::max_element(a.data<float>(), a.data<float>() + 4) - a.data<float>();
    const auto ahead = [&](const Tensor& scores) {
      double second = -1e30;
      for (int64_t i = 0; i < 4; ++i) second = i == winner ? second : std::max<double>(second, scores.data<float>()[i]);
      return scores.data<float>()[winner] - second;
    };
    margins.push_back(ahead(a));
    changes.push_back(ahead(b) - ahead(a));
  }
  double pairs = 0;
  for (const double margin : margins) pairs += static_cast<double>(std::count_if(changes.begin(), changes.end(), [&](double change) { return margin + change < 0; }));
  const auto agreement = probe.measure(other);
  ASSERT_TRUE(agreement.ok());
  EXPECT_NEAR(agreement->expected_disagreement, pairs / 1600, 1e-3);
  EXPECT_GT(agreement->expected_disagreement, 0);
}

TEST(Rank, EqualScoresAndNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor scores = Tensor::from_f32({1, 3, 3, nan}, {1, 4});
  EXPECT_EQ(rank_of(scores, 1), 1);  // NaN comes first, as in numpy
  EXPECT_EQ(rank_of(scores, 2), 2);
  EXPECT_EQ(rank_of(scores, 3), 4);
  EXPECT_EQ(rank_of(scores, 9), 4);
}

TEST_F(AccuracyTest, ComparisonsSayWhatIsToBlame) {
  const BuildRequest model = classifier("1"), other = classifier("1", 0.5f, "other.onnx");
  CompareOptions options;
  options.data = samples(9);
  const auto same = compare(model, model, options);
  ASSERT_TRUE(same.ok()) << same.status().to_string();
  EXPECT_EQ(same->verdict, "same");
  EXPECT_EQ(same->samples, 9);
  EXPECT_EQ(same->outputs[0].same_top1, 9);
  EXPECT_LT(same->outputs[0].distance.relative_l2(), 1e-5);

  const auto converted = compare(model, other, options);
  ASSERT_TRUE(converted.ok()) << converted.status().to_string();
  EXPECT_EQ(converted->verdict, "conversion");

  BuildRequest int8 = model;
  int8.build.precision.int8 = true;
  int8.fastest = false;  // so small a network may be faster in f32
  CalibrateOptions calibration;
  calibration.data = options.data;
  ASSERT_TRUE(resolve_int8(int8, calibration).ok());
  options.layers = true;
  const auto precision = compare(model, int8, options);
  ASSERT_TRUE(precision.ok()) << precision.status().to_string();
  EXPECT_EQ(precision->verdict, "precision") << precision->explanation;
  EXPECT_GT(precision->outputs[0].distance.cosine(), 0.98);
  ASSERT_GE(precision->layers.errors.size(), 3u);
  EXPECT_EQ(precision->layers.unmatched, 0);
  for (const LayerError& error : precision->layers.errors) {
    EXPECT_LT(error.alone, 0.1) << error.layer;
    EXPECT_TRUE(error.fed) << error.layer;
  }
  EXPECT_NE(to_text(*precision).find("verdict: precision"), std::string::npos);
  EXPECT_NE(to_json(*precision).find("\"alone\""), std::string::npos);

  // A model that is wrong and quantized besides: the conversion comes first.
  int8.model_path = other.model_path;
  EXPECT_EQ(compare(model, int8, options)->verdict, "conversion");
}

TEST_F(AccuracyTest, OneBadLayerIsNamed) {
  // The same network with one other weight in the first layer: only that layer is off when each is fed with A's values.
  const BuildRequest good = classifier("1");
  onnx::ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(read_file(good.model_path).value()));
  for (auto& tensor : *proto.mutable_graph()->mutable_initializer()) {
    if (tensor.name() != "w1") continue;
    Tensor changed = filled({8, 3, 3, 3}, 1);
    changed.data<float>()[0] += 2;
    tensor = onnx::from_tensor(changed, "w1");
  }
  BuildRequest bad = good;
  bad.model_path = folder.path("bad.onnx");
  std::ofstream(bad.model_path, std::ios::binary) << proto.SerializeAsString();
  CompareOptions options;
  options.layers = true;
  const auto comparison = compare(good, bad, options);
  ASSERT_TRUE(comparison.ok()) << comparison.status().to_string();
  const auto& errors = comparison->layers.errors;
  ASSERT_GE(errors.size(), 3u);
  EXPECT_EQ(errors[0].tensor, "r");
  EXPECT_GT(errors[0].alone, 1e-2);
  for (size_t i = 1; i < errors.size(); ++i) {
    EXPECT_LT(errors[i].alone, 1e-5) << errors[i].layer;
    EXPECT_GT(errors[i].accumulated, 1e-3) << errors[i].layer;
  }
}

TEST_F(AccuracyTest, SavedOutputsTakeTheirPlace) {
  const BuildRequest model = classifier("1");
  const auto engine = load_any(model).value();
  const auto context = runtime::ExecutionContext::create(engine).value();
  CompareOptions options;
  options.data = samples(4);
  const Tensor all = onnx::read_npy(options.data).value();
  Tensor saved(DType::kF32, {4, 4});
  for (int64_t k = 0; k < 4; ++k) {
    const Tensor one = Tensor::view(DType::kF32, {1, 3, 8, 8}, const_cast<float*>(all.data<float>()) + k * 192);
    std::memcpy(saved.data<float>() + 4 * k, (*context->run(std::vector<Value>{one}))[0].tensor().raw(), 16);
  }
  std::filesystem::create_directories(folder.path("saved"));
  ASSERT_TRUE(onnx::write_npy(folder.path("saved/scores.npy"), saved).ok());
  BuildRequest outputs;
  outputs.model_path = folder.path("saved");
  for (const auto& [a, b] : {std::pair{outputs, model}, std::pair{model, outputs}}) {
    const auto comparison = compare(a, b, options);
    ASSERT_TRUE(comparison.ok()) << comparison.status().to_string();
    EXPECT_EQ(comparison->verdict, "same");
    EXPECT_EQ(comparison->samples, 4);
  }
  EXPECT_EQ(compare(outputs, outputs, options)->verdict, "same");
  saved.data<float>()[3] += 1;
  ASSERT_TRUE(onnx::write_npy(folder.path("saved/scores.npy"), saved).ok());
  EXPECT_EQ(compare(outputs, model, options)->verdict, "conversion");
  EXPECT_NE(compare(outputs, model, {}).status().message().find("--data"), std::string::npos);
  options.data = samples(5, "five.npy");
  EXPECT_NE(compare(outputs, model, options).status().message().find("4 samples"), std::string::npos);
}

TEST_F(AccuracyTest, NotFiniteAndTooLargeForF16AreNamed) {
  test::ModelBuilder model;
  model.input("x", "f32[1,4]").output("y", "f32[1,4]");
  model.constant("big", Tensor::from_f32({1e5f, 0, 0, 0, 0, 1e-6f, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, {4, 4})).constant("w", filled({4, 4}, 2));
  model.node("MatMul", {"x", "big"}, {"wide"}).node("Exp", {"wide"}, {"e"}).node("MatMul", {"e", "w"}, {"y"});
  const BuildRequest request = request_for(model, "wide.onnx");
  ASSERT_TRUE(onnx::write_npy(folder.path("one.npy"), Tensor::from_f32({1, 1, 1, 1}, {1, 4})).ok());
  CompareOptions options;
  options.data = folder.path("one.npy");
  options.layers = true;
  const auto comparison = compare(request, request, options);
  ASSERT_TRUE(comparison.ok()) << comparison.status().to_string();
  const LayerComparison& layers = comparison->layers;
  EXPECT_NE(layers.not_finite_a.find("infinite"), std::string::npos) << layers.not_finite_a;
  EXPECT_EQ(layers.not_finite_a, layers.not_finite_b);
  ASSERT_FALSE(layers.ranges.empty());
  const auto wide = std::find_if(layers.ranges.begin(), layers.ranges.end(), [](const LayerRange& range) { return range.tensor == "wide"; });
  if (wide != layers.ranges.end()) {
    EXPECT_EQ(wide->beyond_f16, 1);
    EXPECT_EQ(wide->below_f16, 1);
  }
}

}  // namespace
}  // namespace sinter::session
