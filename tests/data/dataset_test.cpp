// Folders of every kind as samples, and what is said of those that are none.
#include "data/dataset.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "base/files.h"
#include "data/labels.h"
#include "data/pictures.h"
#include "onnx/tensor_io.h"
#include "support/temporary.h"

namespace sinter::data {
namespace {

const Preprocess kPlain{};

class DatasetTest : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view bytes) {
    std::filesystem::create_directories(std::filesystem::path(folder.path(name)).parent_path());
    ASSERT_TRUE(write_file(folder.path(name), bytes).ok());
  }
  void write(const std::string& name, const Tensor& tensor) {
    std::filesystem::create_directories(std::filesystem::path(folder.path(name)).parent_path());
    ASSERT_TRUE(onnx::write_npy(folder.path(name), tensor).ok());
  }
  Result<std::unique_ptr<Dataset>> open(const std::vector<InputSpec>& inputs, const std::optional<Preprocess>& p = std::nullopt, const std::string& name = "") {
    return open_dataset(folder.path(name), inputs, p);
  }
  void refused(const Result<std::unique_ptr<Dataset>>& result, const char* says) {
    ASSERT_FALSE(result.ok()) << says;
    EXPECT_NE(result.status().message().find(says), std::string::npos) << result.status().message();
  }
  testing::TemporaryFolder folder;
};

Tensor counting(Dims dims, float from = 0) {
  Tensor tensor(DType::kF32, std::move(dims));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.data<float>()[i] = from + static_cast<float>(i);
  return tensor;
}

TEST_F(DatasetTest, PicturesInOrderOfTheirNames) {
  write("b.PNG", test::png_of(test::pattern(4, 6)));
  write("sub/a.jpeg", test::jpeg_of(test::gradient(4, 6)));
  write("a.jpg", test::jpeg_of(test::gradient(4, 6)));
  write("labels.csv", "file,class_index\n");
  write("notes.md", "text");
  const auto dataset = open({{"x", DType::kF32, Dims{-1, 3, 4, 6}}}, kPlain);
  ASSERT_TRUE(dataset.ok()) << dataset.status().to_string();
  ASSERT_EQ((*dataset)->size(), 3u);
  EXPECT_EQ((*dataset)->name(0), "a.jpg");
  EXPECT_EQ((*dataset)->name(1), "b.PNG");
  EXPECT_EQ((*dataset)->name(2), "sub/a.jpeg");
  const auto sample = (*dataset)->sample(1);
  ASSERT_TRUE(sample.ok());
  EXPECT_EQ((*sample)[0].dims(), (Dims{1, 3, 4, 6}));
  EXPECT_EQ((*sample)[0].data<float>()[1], 37);
  const auto half = open({{"x", DType::kF16, Dims{1, 3, 4, 6}}}, kPlain);
  ASSERT_TRUE(half.ok());
  EXPECT_EQ((*(*half)->sample(1))[0].dtype(), DType::kF16);
  refused(open({{"x", DType::kF32, Dims{1, 3, 4, 6}}}), "--preprocess");
  refused(open({{"x", DType::kF32, Dims{1, 3, 8, 8}}}, kPlain), "expected input 'x' of f32[1,3,8,8]");
  refused(open({{"x", DType::kF32, Dims{1, 3, 4, 6}}, {"y", DType::kF32, Dims{1}}}, kPlain), "'x', 'y'");
}

TEST_F(DatasetTest, ListsChooseFiles) {
  for (const char* name : {"0.png", "1.png", "2.png"}) write(name, test::png_of(test::pattern(4, 6)));
  write("even.txt", "0.png\r\n\n2.png");
  const auto dataset = open({{"x", DType::kF32, Dims{1, 3, 4, 6}}}, kPlain, "even.txt");
  ASSERT_TRUE(dataset.ok()) << dataset.status().to_string();
  ASSERT_EQ((*dataset)->size(), 2u);
  EXPECT_EQ((*dataset)->name(1), "2.png");
  EXPECT_TRUE((*dataset)->sample(1).ok());
  write("odd.txt", "0.gif\n");
  refused(open({{"x", DType::kF32, Dims{1, 3, 4, 6}}}, kPlain, "odd.txt"), "unknown format");
}

TEST_F(DatasetTest, ArraysWithAndWithoutBatch) {
  write("a.npy", counting({2, 3}));
  write("b.npy", counting({1, 2, 3}, 10));
  write("c.npy", counting({3, 2, 3}, 20));
  write("d.npy", Tensor::from_i64({1, 2, 3, 4, 5, 6}).reshaped({2, 3}));
  const auto dataset = open({{"x", DType::kF32, Dims{1, 2, 3}}});
  ASSERT_TRUE(dataset.ok()) << dataset.status().to_string();
  ASSERT_EQ((*dataset)->size(), 6u);
  EXPECT_EQ((*dataset)->name(3), "c.npy#1");
  const float firsts[] = {0, 10, 20, 26, 32, 1};
  for (size_t i = 0; i < 6; ++i) {
    const auto sample = (*dataset)->sample(i);
    ASSERT_TRUE(sample.ok()) << sample.status().to_string();
    EXPECT_EQ((*sample)[0].dims(), (Dims{1, 2, 3}));
    EXPECT_EQ((*sample)[0].data<float>()[0], firsts[i]);
  }
  const auto whole = open({{"x", DType::kF32, Dims{3, 2, 3}}}, std::nullopt, "c.npy");
  ASSERT_EQ((*whole)->size(), 1u);
  EXPECT_EQ((*(*whole)->sample(0))[0].dims(), (Dims{3, 2, 3}));
  const auto wrong = open({{"x", DType::kF32, Dims{1, 2, 4}}}, std::nullopt, "a.npy");
  ASSERT_TRUE(wrong.ok());
  EXPECT_NE((*wrong)->sample(0).status().message().find("f32[1,2,4]"), std::string::npos);
  const auto integers = open({{"x", DType::kI64, Dims{1, 2, 3}}}, std::nullopt, "a.npy");
  EXPECT_NE((*integers)->sample(0).status().message().find("f32"), std::string::npos);
}

TEST_F(DatasetTest, RawElements) {
  const Tensor values = counting({2, 3});
  write("a.bin", {static_cast<const char*>(values.raw()), 24});
  const auto dataset = open({{"x", DType::kF32, Dims{-1, 2, 3}}});
  ASSERT_TRUE(dataset.ok());
  EXPECT_EQ((*(*dataset)->sample(0))[0].dims(), (Dims{1, 2, 3}));
  const auto fixed = open({{"x", DType::kF32, Dims{2, 3}}});
  EXPECT_EQ((*(*fixed)->sample(0))[0].dims(), (Dims{2, 3}));
  const auto wrong = open({{"x", DType::kF32, Dims{1, 5}}});
  EXPECT_FALSE((*wrong)->sample(0).ok());
  const auto open_shape = open({{"x", DType::kF32, Dims{1, -1}}});
  EXPECT_NE((*open_shape)->sample(0).status().message().find("known shape"), std::string::npos);
}

TEST_F(DatasetTest, SeveralInputsAFolderEach) {
  for (int i = 0; i < 3; ++i) {
    write("a_b/" + std::to_string(i) + ".npy", counting({1, 2}, static_cast<float>(i)));
    write("y/" + std::to_string(i) + ".npy", counting({1}, static_cast<float>(10 * i)));
  }
  const std::vector<InputSpec> inputs{{"a/b", DType::kF32, Dims{1, 2}}, {"y", DType::kF32, Dims{1}}};
  const auto dataset = open(inputs);
  ASSERT_TRUE(dataset.ok()) << dataset.status().to_string();
  ASSERT_EQ((*dataset)->size(), 3u);
  const auto sample = (*dataset)->sample(2);
  ASSERT_TRUE(sample.ok()) << sample.status().to_string();
  EXPECT_EQ((*sample)[0].data<float>()[1], 3);
  EXPECT_EQ((*sample)[1].data<float>()[0], 20);
  write("y/3.npy", counting({1}));
  refused(open(inputs), "3 samples for input 'a/b', 4 for input 'y'");
}

TEST_F(DatasetTest, SeveralInputsAFileEach) {
  write("x.npy", counting({3, 2}));
  write("y.npy", counting({3, 1}, 7));
  const InputSpec x{"x", DType::kF32, Dims{1, 2}}, y{"y", DType::kF32, Dims{1, 1}};
  const auto dataset = open({x, y});
  ASSERT_TRUE(dataset.ok()) << dataset.status().to_string();
  ASSERT_EQ((*dataset)->size(), 3u);
  EXPECT_EQ((*(*dataset)->sample(1))[1].data<float>()[0], 8);
  write("w.npy", counting({1, 2}, 50));
  std::filesystem::remove(folder.path("y.npy"));
  const auto only = open({x});
  ASSERT_TRUE(only.ok());
  EXPECT_EQ((*only)->size(), 4u);
}

TEST_F(DatasetTest, NothingAndMixturesAreErrors) {
  const std::vector<InputSpec> inputs{{"x", DType::kF32, Dims{1, 2}}};
  refused(open(inputs, kPlain, "nowhere"), "no such folder");
  std::filesystem::create_directories(folder.path("empty"));
  refused(open(inputs, kPlain, "empty"), "found no samples");
  write("mixed/a.npy", counting({1, 2}));
  write("mixed/b.bin", "12345678");
  refused(open(inputs, kPlain, "mixed"), "expected one kind");
  refused(open({}, kPlain, "mixed"), "no inputs");
}

TEST_F(DatasetTest, DamagedSamplesAreSkippedUpToFivePercent) {
  const std::string good = test::png_of(test::pattern(4, 6));
  for (int i = 0; i < 40; ++i) write(fmt::format("{:02}.png", i), i == 7 || i == 20 ? good.substr(0, 50) : good);
  const auto dataset = open({{"x", DType::kF32, Dims{1, 3, 4, 6}}}, kPlain);
  ASSERT_TRUE(dataset.ok()) << dataset.status().to_string();
  SampleReader reader(**dataset);
  size_t seen = 0;
  for (;; ++seen) {
    const auto sample = reader.next();
    ASSERT_TRUE(sample.ok()) << sample.status().to_string();
    if (!sample->has_value()) break;
    EXPECT_NE(reader.index(), 7u);
  }
  EXPECT_EQ(seen, 38u);
  EXPECT_EQ(reader.skipped(), 2u);
  write("30.png", "rubbish");
  SampleReader again(**dataset);
  Status status = ok_status();
  for (;;) {
    const auto sample = again.next();
    if (!sample.ok()) status = sample.status();
    if (!sample.ok() || !sample->has_value()) break;
  }
  EXPECT_NE(status.message().find("3 of 40"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("30.png"), std::string::npos) << status.message();
}

TEST(Labels, NamedAndUnnamedColumns) {
  const Labels named = Labels::parse("class_name,file,class_index\n\"tench, a fish\",a.jpg,0\r\n\"say \"\"x\"\"\",d/b.jpg,7\n", "l").value();
  EXPECT_EQ(named.find("a.jpg"), 0);
  EXPECT_EQ(named.find("x/a.jpg"), 0);
  EXPECT_EQ(named.find("d/b.jpg"), 7);
  EXPECT_FALSE(named.find("b.jpg").has_value());
  const Labels plain = Labels::parse("a.jpg,3\nb.jpg,4", "l").value();
  EXPECT_EQ(plain.size(), 2u);
  EXPECT_EQ(plain.find("b.jpg"), 4);
  for (const char* bad : {"", "file,class_index\n", "a.jpg\n", "a.jpg,x\n", "a.jpg,-1\n", ",1\n", "a.jpg,1\na.jpg,1\n", "a.jpg,99999999999999999999\n", "\"a"}) {
    EXPECT_FALSE(Labels::parse(bad, "l").ok()) << bad;
  }
  EXPECT_NE(Labels::parse("a,1\nb,2\nc,x\n", "l.csv").status().message().find("line 3"), std::string::npos);
}

}  // namespace
}  // namespace sinter::data
