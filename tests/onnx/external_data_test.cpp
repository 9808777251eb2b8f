// External data: every layout is read; nothing outside the model's folder is.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/files.h"
#include "onnx/import.h"
#include "onnx/inspect.h"
#include "support/model_builder.h"

namespace sinter::onnx {
namespace {

namespace fs = std::filesystem;
using test::ModelBuilder;

class ExternalDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() /
            fmt::format("sinter_external_{}", ::testing::UnitTest::GetInstance()->random_seed() + getpid());
    fs::remove_all(root_);
    fs::create_directories(root_ / "model");
    const float values[] = {0, 1, 2, 3, 4, 5};
    const std::string bytes(reinterpret_cast<const char*>(values), sizeof values);
    ASSERT_TRUE(write_file((root_ / "model/w.bin").string(), bytes).ok());
    ASSERT_TRUE(write_file((root_ / "secret.bin").string(), bytes).ok());
    ASSERT_TRUE(write_file((root_ / "model/odd.bin").string(), "x" + bytes).ok());
  }
  void TearDown() override { fs::remove_all(root_); }

  // y = x + w, w f32[2] outside the file.
  std::string save(const std::string& location, const std::string& offset = "", const std::string& length = "") {
    ModelBuilder builder;
    builder.input("x", "f32[2]").output("y", "f32[2]").node("Add", {"x", "w"}, {"y"});
    TensorProto* w = builder.graph().add_initializer();
    w->set_name("w");
    w->set_data_type(1);
    w->add_dims(2);
    w->set_data_location(kLocationExternal);
    for (const auto& [key, value] :
         {std::pair<std::string, std::string>{"location", location}, {"offset", offset}, {"length", length}}) {
      if (value.empty()) continue;
      StringStringEntryProto* entry = w->add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    const std::string path = (root_ / "model/m.onnx").string();
    EXPECT_TRUE(write_file(path, builder.bytes()).ok());
    return path;
  }

  std::vector<double> load(const std::string& path) {
    const Result<ir::Model> model = import_model(path);
    EXPECT_TRUE(model.ok()) << model.status().to_string();
    return model.ok() ? model->graph->find_value("w")->constant.to_f64() : std::vector<double>();
  }

  std::string refusal(const std::string& path) {
    const Result<ir::Model> model = import_model(path);
    EXPECT_FALSE(model.ok());
    return model.ok() ? "" : model.status().message();
  }

  fs::path root_;
};

TEST_F(ExternalDataTest, EveryLayout) {
  EXPECT_EQ(load(save("w.bin")), (std::vector<double>{0, 1}));
  EXPECT_EQ(load(save("w.bin", "8")), (std::vector<double>{2, 3}));
  EXPECT_EQ(load(save("w.bin", "16", "8")), (std::vector<double>{4, 5}));
  EXPECT_EQ(load(save("./w.bin", "4")), (std::vector<double>{1, 2}));
  EXPECT_EQ(load(save("odd.bin", "5")), (std::vector<double>{1, 2}));  // not aligned
  fs::create_directories(root_ / "model/sub");
  fs::copy(root_ / "model/w.bin", root_ / "model/sub/v.bin");
  EXPECT_EQ(load(save("sub/v.bin")), (std::vector<double>{0, 1}));
}

TEST_F(ExternalDataTest, TheHashCoversTheData) {
  const std::string path = save("w.bin");
  const std::string before = import_model(path)->content_hash;
  const float other[] = {9, 9, 9, 9, 9, 9};
  ASSERT_TRUE(write_file((root_ / "model/w.bin").string(), {reinterpret_cast<const char*>(other), sizeof other}).ok());
  EXPECT_NE(import_model(path)->content_hash, before);
}

// Sparse files: they take no space.
TEST_F(ExternalDataTest, ModelsOfMoreThanTwoGigabytes) {
  const std::string large = (root_ / "model/large.bin").string();
  fs::copy(root_ / "model/w.bin", large);
  fs::resize_file(large, (uintmax_t{3} << 30) + 8);
  EXPECT_EQ(load(save("large.bin", "3221225472", "8")), (std::vector<double>{0, 0}));
  const std::string path = (root_ / "model/too_large.onnx").string();
  fs::copy(root_ / "model/w.bin", path);
  fs::resize_file(path, uintmax_t{1} << 31);
  EXPECT_NE(refusal(path).find("2147483648 bytes; protobuf messages are limited to 2147483647"), std::string::npos)
      << refusal(path);
}

TEST_F(ExternalDataTest, SizesAreChecked) {
  EXPECT_NE(refusal(save("w.bin", "20")).find("8 bytes at offset 20 are needed but the file has 24"),
            std::string::npos);
  EXPECT_NE(refusal(save("w.bin", "0", "12")).find("length is 12"), std::string::npos);
  EXPECT_NE(refusal(save("w.bin", "9223372036854775807")).find("offset"), std::string::npos);
  EXPECT_NE(refusal(save("w.bin", "-4")).find("offset is '-4'"), std::string::npos);
  EXPECT_NE(refusal(save("w.bin", "4x")).find("offset is '4x'"), std::string::npos);
  EXPECT_NE(refusal(save("")).find("no 'location'"), std::string::npos);
}

TEST_F(ExternalDataTest, NothingOutsideTheFolder) {
  EXPECT_NE(refusal(save("../secret.bin")).find("leaves the model's folder"), std::string::npos);
  EXPECT_NE(refusal(save("sub/../../secret.bin")).find("leaves the model's folder"), std::string::npos);
  EXPECT_NE(refusal(save((root_ / "secret.bin").string())).find("absolute path"), std::string::npos);
  fs::create_symlink(root_ / "secret.bin", root_ / "model/link.bin");
  EXPECT_NE(refusal(save("link.bin")).find("symbolic link leads out"), std::string::npos);
  fs::create_directory_symlink(root_, root_ / "model/up");
  EXPECT_NE(refusal(save("up/secret.bin")).find("symbolic link leads out"), std::string::npos);
  fs::create_symlink("w.bin", root_ / "model/inside.bin");  // a link that stays inside is fine
  EXPECT_EQ(load(save("inside.bin")), (std::vector<double>{0, 1}));
}

TEST_F(ExternalDataTest, OddFiles) {
  EXPECT_NE(refusal(save("missing.bin")).find("no such file"), std::string::npos);
  EXPECT_NE(refusal(save(".")).find("m.onnx"), std::string::npos);
  ASSERT_EQ(mkfifo((root_ / "model/pipe").c_str(), 0600), 0);
  EXPECT_NE(refusal(save("pipe")).find("regular file"), std::string::npos);  // and does not wait for a writer
}

TEST_F(ExternalDataTest, ModelsInMemoryHaveNone) {
  const std::string bytes = *read_file(save("w.bin"));
  EXPECT_NE(import_bytes(bytes, "m.onnx").status().message().find("read from memory"), std::string::npos);
  EXPECT_TRUE(import_bytes(bytes, "m.onnx", (root_ / "model").string()).ok());
}

TEST_F(ExternalDataTest, InspectListsTheFiles) {
  const Result<ModelInfo> info = inspect_model(save("w.bin", "8"));
  ASSERT_TRUE(info.ok());
  ASSERT_EQ(info->external_files.size(), 1u);
  EXPECT_EQ(info->external_files[0].location, "w.bin");
  EXPECT_EQ(info->external_files[0].bytes, 24);
  EXPECT_EQ(info->initializer_bytes, 8);
  EXPECT_EQ(info->operators.at("Add"), 1);
  EXPECT_EQ(inspect_model(save("missing.bin"))->external_files[0].bytes, -1);
}

}  // namespace
}  // namespace sinter::onnx
