// Engine files: what goes in comes out, the same contents give the same bytes, failures leave no file behind.
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/files.h"
#include "engine/layout.h"
#include "support/plan_maker.h"

namespace sinter::engine {
namespace {

namespace fs = std::filesystem;

Tensor ramp(Dims dims) {
  Tensor tensor(DType::kF32, std::move(dims));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.data<float>()[i] = static_cast<float>(i) / 3;
  return tensor;
}

// Every kind of attribute, description and storage in one plan.
EngineContents rich_contents() {
  EngineContents contents;
  contents.manifest.sinter_version = "0.1.0";
  contents.manifest.model_name = "tiny \"model\".onnx";
  contents.manifest.precisions = {"f32"};
  contents.manifest.inputs = {{"x", ValueType::parse("f32[batch,16]").value(), {"x", "alias"}}};
  contents.manifest.more = {{"provider.onednn", "2.6.3"}};
  contents.manifest.profile = {{"batch", 1, 4, 8}};
  contents.report_json = "{\"layers\": []}";
  test::RegionMaker main = test::add_region(contents, "main");
  contents.plan.symbols.push_back({"batch", 1, 4, 8});
  contents.plan.threads = 2;
  contents.plan.cpu_model = "test cpu";
  const int32_t x = main.input("x", "f32[batch,16]"), w = main.constant("w", ramp({16}));
  Tensor words(DType::kString, {2});
  words.data<std::string>()[1] = std::string("two\0words", 9);
  main.constant("words", words);
  const int32_t r = main.arena("r", "f32[batch,16]"), y = main.arena("y", "f32[batch,16]");
  main.alias("view", "f32[16*batch]", r);
  plan::Step& relu = main.kernel("test.relu", "Relu", {x}, {r});
  relu.offer.config = "block=16";
  relu.offer.in_place_input = 0;
  relu.offer.estimate_us = 1.25;
  relu.tuned_us = 3.5;
  relu.problem.precision.tf32 = false;
  relu.problem.inputs[0].opt = {4, 16};
  Attributes attributes;
  attributes.set("i", int64_t{-7});
  attributes.set("f", -0.0f);
  attributes.set("s", std::string("text\n"));
  attributes.set("ints", std::vector<int64_t>{1, INT64_MIN});
  attributes.set("floats", std::vector<float>{std::numeric_limits<float>::quiet_NaN(), 1e-40f});
  attributes.set("strings", std::vector<std::string>{"", "b"});
  attributes.set("tensor", words);
  attributes.set("tensor2", ramp({2, 2}));
  attributes.set("type", ValueType::parse("seq(f32[*])").value());
  plan::Step& add = main.reference("Add", {r, w}, {y}, attributes);
  add.problem.epilogue_base = 2;
  add.problem.epilogue = PointwiseProgram::parse("1 | relu(0) | 1").value();
  main.output(y);
  contents.further.push_back({contents.plan, contents.blobs});
  contents.further[0].plan.symbols[0].max = 80;
  contents.further[0].plan.regions[0].steps[0].offer.config = "block=64";
  contents.manifest.further_profiles = {contents.further[0].plan.symbols};
  contents.manifest.shapes_to_warm = {{{2, 3}, {}}, {{4, 5}, {1}}};
  contents.portable = PortablePart{"graph text", {{"digest-w", ramp({16})}, {"digest-v", ramp({5})}}, {{"digest-p", {DType::kF32, {2, 8}, 0, {{8, 0}, {0, 1, 2, 3, 4, 5, 6, 7}}}}}};
  return contents;
}

std::shared_ptr<const EngineFile> read_back(const std::string& bytes) {
  auto kept = std::make_shared<std::string>(bytes);
  auto file = EngineFile::from_memory(*kept, kept, Verify::kFull);
  EXPECT_TRUE(file.ok()) << file.status().to_string();
  return *file;
}

TEST(EngineFile, KeepsEverything) {
  const EngineContents contents = rich_contents();
  const auto file = read_back(write_engine(contents).value());
  EXPECT_EQ(to_json(file->manifest()), to_json(contents.manifest));
  EXPECT_EQ(file->report_json(), contents.report_json);
  const plan::Region &before = contents.plan.regions[0], &after = file->plan().regions[0];
  ASSERT_EQ(after.values.size(), before.values.size());
  for (size_t v = 0; v < before.values.size(); ++v) {
    EXPECT_EQ(after.values[v].type, before.values[v].type);
    EXPECT_EQ(after.values[v].storage, before.values[v].storage);
    EXPECT_EQ(after.values[v].alias_offset_bytes, before.values[v].alias_offset_bytes);
  }
  ASSERT_EQ(after.steps.size(), 2u);
  EXPECT_EQ(after.steps[1].problem.attributes, before.steps[1].problem.attributes);
  EXPECT_TRUE(std::signbit(after.steps[1].problem.attributes.f("f")));
  EXPECT_EQ(after.steps[1].problem.epilogue.to_string(), before.steps[1].problem.epilogue.to_string());
  EXPECT_EQ(after.steps[0].problem.key(), before.steps[0].problem.key());
  EXPECT_EQ(after.steps[0].offer.config, "block=16");
  EXPECT_EQ(after.steps[0].offer.in_place_input, 0);
  EXPECT_EQ(after.steps[0].offer.estimate_us, 1.25);
  EXPECT_EQ(after.steps[0].tuned_us, 3.5);
  EXPECT_EQ(file->plan().symbols[0].max, 8);
  EXPECT_EQ(file->manifest().shapes_to_warm, contents.manifest.shapes_to_warm);
  ASSERT_EQ(file->profile_count(), 2u);
  EXPECT_EQ(file->plan(1).symbols[0].max, 80);
  EXPECT_EQ(file->plan(1).regions[0].steps[0].offer.config, "block=64");
  for (size_t b = 0; b < file->blobs().size(); ++b) EXPECT_EQ(file->blobs(1)[b].raw(), file->blobs()[b].raw());  // stored once
  ASSERT_EQ(file->blobs().size(), 2u);
  EXPECT_TRUE(file->blobs()[0].identical(contents.blobs[0]));
  EXPECT_TRUE(file->blobs()[1].identical(contents.blobs[1]));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(file->blobs()[0].raw()) % kBlobAlignment, 0u);
  const PortablePart part = file->portable().value();
  EXPECT_EQ(part.ir_text, "graph text");
  ASSERT_EQ(part.blobs.size(), 3u);
  EXPECT_EQ(part.blobs[1].first, "digest-v");
  EXPECT_TRUE(part.blobs[1].second.identical(ramp({5})));
  // A weight inside a packed blob: the halves of blob 0 the other way round.
  EXPECT_EQ(part.blobs[2].first, "digest-p");
  const std::vector<double> whole = contents.blobs[0].to_f64(), swapped = part.blobs[2].second.to_f64();
  EXPECT_TRUE(std::equal(whole.begin(), whole.begin() + 8, swapped.begin() + 8));
  EXPECT_TRUE(std::equal(whole.begin() + 8, whole.end(), swapped.begin()));
  // The weight that both parts have is there once.
  EXPECT_EQ(part.blobs[0].second.raw(), file->blobs()[0].raw());
}

TEST(EngineFile, SameContentsSameBytes) {
  const std::string bytes = write_engine(rich_contents()).value();
  EXPECT_EQ(write_engine(rich_contents()).value(), bytes);
  // Read and written again, too; the packed weight is named as packed again.
  const auto file = read_back(bytes);
  EngineContents again{file->manifest(), file->plan(), file->blobs(), file->report_json(), file->portable().value(), {{file->plan(1), file->blobs(1)}}};
  again.portable->packed = rich_contents().portable->packed;
  again.portable->blobs.pop_back();
  EXPECT_EQ(write_engine(again).value(), bytes);
}

TEST(EngineFile, AcceptsAPrefixOfJson) {
  const std::string bytes = write_engine(rich_contents()).value(), json = "{\"names\": {}}";
  const uint32_t length = static_cast<uint32_t>(json.size());
  const std::string prefixed = std::string(reinterpret_cast<const char*>(&length), 4) + json + bytes;
  EXPECT_EQ(read_back(prefixed)->plan().regions.size(), 1u);
  const uint32_t wrong = length + 1;
  EXPECT_FALSE(EngineFile::from_memory(std::string(reinterpret_cast<const char*>(&wrong), 4) + json + bytes, nullptr).ok());
}

TEST(EngineFile, SaysWhatIsWrong) {
  const std::string bytes = write_engine(rich_contents()).value();
  const auto message = [](std::string_view data) {
    auto file = EngineFile::from_memory(data, nullptr);
    EXPECT_FALSE(file.ok());
    EXPECT_EQ(file.status().code(), Code::kInvalidEngine);
    return file.status().message();
  };
  EXPECT_NE(message(bytes.substr(0, bytes.size() - 1)).find("truncated"), std::string::npos);
  EXPECT_NE(message(bytes.substr(0, 20)).find("too few"), std::string::npos);
  EXPECT_NE(message(std::string(200, 'x')).find("no Sinter engine"), std::string::npos);
  std::string other = bytes;
  other[8] = 9;
  EXPECT_NE(message(other).find("format version 9"), std::string::npos);
  other = bytes;
  other[bytes.size() - 1] ^= 1;  // in the last blob, of the portable part: seen when it is read
  auto file = EngineFile::from_memory(other, nullptr);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_FALSE((*file)->portable().ok());
  EXPECT_FALSE(EngineFile::from_memory(other, nullptr, Verify::kFull).ok());
  auto missing = EngineFile::open("/nonexistent/f.engine");
  EXPECT_EQ(missing.status().code(), Code::kNotFound);
  EXPECT_NE(missing.status().message().find("/nonexistent/f.engine"), std::string::npos);
}

class EngineFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "sinter_engine_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }
  size_t entries() const { return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator())); }
  fs::path folder_;
};

TEST_F(EngineFolder, WritesAndMapsAFile) {
  const std::string path = folder_ / "f.engine";
  ASSERT_TRUE(write_engine(rich_contents(), path).ok());
  EXPECT_EQ(entries(), 1u);
  auto file = EngineFile::open(path, Verify::kFull);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_EQ((*file)->size_bytes(), fs::file_size(path));
  // Views stay good after the file is replaced: it is renamed over, not written into.
  const Tensor weight = (*file)->blobs()[0];
  ASSERT_TRUE(write_engine(rich_contents(), path).ok());
  file = make_error(Code::kInternal, "dropped");
  EXPECT_TRUE(weight.identical(ramp({16})));
}

TEST_F(EngineFolder, FailuresLeaveNothingBehind) {
  EXPECT_EQ(write_engine(rich_contents(), folder_ / "none" / "f.engine").code(), Code::kNotFound);
  EXPECT_EQ(write_engine(rich_contents(), folder_.string()).code(), Code::kIo);
  EXPECT_EQ(write_engine(rich_contents(), "/dev/full").code(), Code::kIo);
  EXPECT_EQ(entries(), 0u);
  // A broken plan is refused before the old file is touched.
  const std::string path = folder_ / "f.engine";
  ASSERT_TRUE(write_file(path, "old").ok());
  EngineContents broken = rich_contents();
  broken.plan.regions[0].steps[0].inputs[0] = 99;
  EXPECT_FALSE(write_engine(broken, path).ok());
  EXPECT_EQ(read_file(path).value(), "old");
  EXPECT_EQ(entries(), 1u);
}

// Stands in for a full disk: with a limit on file sizes, writing fails at the same place with EFBIG.
TEST_F(EngineFolder, ARefusedWriteIsOneErrorAndNoFile) {
  const std::string path = folder_ / "f.engine";
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::_exit(write_engine(rich_contents(), path).code() == Code::kIo ? 0 : 1);
  }
  int state = -1;
  ASSERT_EQ(::waitpid(child, &state, 0), child);
  EXPECT_EQ(state, 0);
  EXPECT_EQ(entries(), 0u);
}

TEST(Manifest, JsonQuotesHostileText) {
  EXPECT_EQ(json_quote("a\"b\\c\n\t\x01"), "\"a\\\"b\\\\c\\n\\t\\u0001\"");
  EXPECT_EQ(json_quote("\xC3\xA9 \xFF \xC3"), "\"\xC3\xA9 \\u00ff \\u00c3\"");
}

}  // namespace
}  // namespace sinter::engine
