// .pb, .npy, .npz and .bin: what is written is read back; damaged files are refused.
#include "onnx/tensor_io.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>

#include "base/files.h"
#include "onnx/conformance.h"
#include "onnx/tensor_proto.h"

namespace sinter::onnx {
namespace {

class TensorIo : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("sinter_io_{}", getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::filesystem::path folder_;
};

Tensor sample(DType dtype) { return Tensor::from_f32({0, 1, 2, 3, 1, 0}, {2, 3}).cast(dtype); }

TEST_F(TensorIo, PbKeepsEveryType) {
  for (int i = 1; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype == DType::kString || dtype == DType::kC64 || dtype == DType::kC128) continue;
    const Tensor tensor = sample(dtype);
    ASSERT_TRUE(write_pb(path("t.pb"), Value(tensor), tensor.type(), "t").ok());
    const Result<Value> back = read_pb(path("t.pb"), tensor.type());
    ASSERT_TRUE(back.ok()) << dtype_name(dtype) << ": " << back.status().to_string();
    EXPECT_TRUE(back->tensor().identical(tensor)) << dtype_name(dtype);
  }
}

TEST_F(TensorIo, PbOfStringsSequencesAndOptionals) {
  Tensor strings(DType::kString, {2});
  strings.data<std::string>()[0] = "a";
  strings.data<std::string>()[1] = std::string("b\0c", 3);
  const Value sequence(Sequence{Value(strings), Value(Tensor::from_i64({1}))});
  const ValueType type = ValueType::sequence(ValueType());
  ASSERT_TRUE(write_pb(path("s.pb"), sequence, type).ok());
  const Result<Value> back = read_pb(path("s.pb"), type);
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(compare_values(*back, sequence, 0, 0).ok());
  for (const Value& value : {Value(), Value(Tensor::from_i64({1})), sequence}) {
    ASSERT_TRUE(write_pb(path("o.pb"), value, ValueType::optional(ValueType())).ok());
    const Result<Value> optional = read_pb(path("o.pb"), ValueType::optional(ValueType()));
    ASSERT_TRUE(optional.ok());
    EXPECT_TRUE(compare_values(*optional, value, 0, 0).ok());
  }
}

TEST_F(TensorIo, TypedFieldsAreRead) {
  TensorProto proto;
  proto.set_data_type(static_cast<int>(DType::kF16));
  proto.add_dims(2);
  proto.add_int32_data(0x3c00);
  proto.add_int32_data(0xc000);
  EXPECT_EQ(to_tensor(proto, nullptr)->to_f64(), (std::vector<double>{1, -2}));
  proto.set_data_type(static_cast<int>(DType::kU4));
  proto.set_dims(0, 3);
  proto.set_int32_data(0, 0x21);
  proto.set_int32_data(1, 0x03);
  EXPECT_EQ(to_tensor(proto, nullptr)->to_i64(), (std::vector<int64_t>{1, 2, 3}));
  proto.set_data_type(static_cast<int>(DType::kF32));
  EXPECT_FALSE(to_tensor(proto, nullptr).ok());
}

TEST_F(TensorIo, NpyRoundTrip) {
  for (const DType dtype : {DType::kF32, DType::kF64, DType::kF16, DType::kBool, DType::kI8, DType::kU8, DType::kI16,
                            DType::kU16, DType::kI32, DType::kU32, DType::kI64, DType::kU64}) {
    for (const Dims& dims : {Dims{2, 3}, Dims{6}, Dims{1, 6, 1}, Dims{}, Dims{0, 4}}) {
      const int64_t count = product(dims);
      const Tensor tensor = Tensor::from_f32(std::vector<float>(static_cast<size_t>(count), 1), dims).cast(dtype);
      ASSERT_TRUE(write_npy(path("t.npy"), tensor).ok());
      const Result<Tensor> back = read_npy(path("t.npy"));
      ASSERT_TRUE(back.ok()) << dtype_name(dtype) << to_string(dims) << ": " << back.status().to_string();
      EXPECT_TRUE(back->identical(tensor)) << dtype_name(dtype) << to_string(dims);
      EXPECT_EQ((std::filesystem::file_size(path("t.npy")) - static_cast<size_t>(tensor.bytes())) % 64, 0u);
    }
  }
  ASSERT_TRUE(write_npy(path("b.npy"), sample(DType::kBF16)).ok());
  EXPECT_EQ(read_npy(path("b.npy"))->dtype(), DType::kF32);
}

std::string npy(const std::string& header, const std::string& data, int version = 1) {
  std::string bytes = std::string("\x93NUMPY") + static_cast<char>(version) + '\0';
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  if (version > 1) bytes += std::string(2, '\0');
  return bytes + header + data;
}

std::string raw(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * 4};
}

TEST_F(TensorIo, NpyFortranOrderAndVersions) {
  const std::string header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n";
  for (const int version : {1, 2, 3}) {
    const Result<Tensor> tensor = parse_npy(npy(header, raw({0, 3, 1, 4, 2, 5}), version), "t.npy");
    ASSERT_TRUE(tensor.ok()) << tensor.status().to_string();
    EXPECT_EQ(tensor->to_f64(), (std::vector<double>{0, 1, 2, 3, 4, 5}));
  }
}

TEST_F(TensorIo, NpyRefusals) {
  const auto refusal = [](const std::string& bytes) {
    const Result<Tensor> tensor = parse_npy(bytes, "t.npy");
    EXPECT_FALSE(tensor.ok());
    return tensor.ok() ? "" : tensor.status().message();
  };
  EXPECT_NE(refusal("").find("t.npy"), std::string::npos);
  EXPECT_NE(refusal(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", raw({1}))).find("big-endian"),
            std::string::npos);
  EXPECT_NE(refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", raw({1}))).find("needs 12"),
            std::string::npos);
  EXPECT_NE(refusal(npy("{'descr': 'O', 'fortran_order': False, 'shape': (1,), }", "")).find("numpy"),
            std::string::npos);
  EXPECT_NE(refusal(npy("{'descr': '<f4', 'shape': (99999999999, 99999999999, 9999999), }", "")).find("memory"),
            std::string::npos);
  EXPECT_NE(refusal(npy("{'descr': '<f4', 'shape': (-1,), }", "")).find("shape"), std::string::npos);
}

void append(std::string& bytes, uint64_t value, int width) {
  for (int i = 0; i < width; ++i) bytes += i < 8 ? static_cast<char>(value >> (8 * i)) : '\0';
}

// A zip archive with one member.
std::string archive(const std::string& name, const std::string& content, int method) {
  std::string packed = content;
  if (method == 8) {
    packed.assign(content.size() + 100, '\0');
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
    stream.avail_in = static_cast<uInt>(content.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
  }
  const auto common = [&](std::string& bytes) {
    append(bytes, 20, 2);
    append(bytes, 0, 2);
    append(bytes, static_cast<uint64_t>(method), 2);
    append(bytes, 0, 4);
    append(bytes, crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())), 4);
    append(bytes, packed.size(), 4);
    append(bytes, content.size(), 4);
    append(bytes, name.size(), 2);
    append(bytes, 0, 2);
  };
  std::string bytes;
  append(bytes, 0x04034b50, 4);
  common(bytes);
  bytes += name + packed;
  const size_t directory = bytes.size();
  append(bytes, 0x02014b50, 4);
  append(bytes, 20, 2);
  common(bytes);
  append(bytes, 0, 2 + 2 + 2 + 4 + 4);
  bytes += name;
  const size_t directory_bytes = bytes.size() - directory;
  append(bytes, 0x06054b50, 4);
  append(bytes, 0, 4);
  append(bytes, 1, 2);
  append(bytes, 1, 2);
  append(bytes, directory_bytes, 4);
  append(bytes, directory, 4);
  append(bytes, 0, 2);
  return bytes;
}

TEST_F(TensorIo, NpzStoredAndDeflated) {
  const std::string array = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", raw({1, 2, 3, 4}));
  for (const int method : {0, 8}) {
    ASSERT_TRUE(write_file(path("a.npz"), archive("x.npy", array, method)).ok());
    const auto arrays = read_npz(path("a.npz"));
    ASSERT_TRUE(arrays.ok()) << arrays.status().to_string();
    EXPECT_EQ(arrays->at("x").to_f64(), (std::vector<double>{1, 2, 3, 4}));
  }
  std::string cut = archive("x.npy", array, 8);
  for (size_t size = 0; size < cut.size(); ++size) {
    ASSERT_TRUE(write_file(path("a.npz"), cut.substr(0, size)).ok());
    EXPECT_FALSE(read_npz(path("a.npz")).ok());
  }
}

TEST_F(TensorIo, RawElements) {
  ASSERT_TRUE(write_file(path("r.bin"), raw({1, 2})).ok());
  EXPECT_EQ(read_bin(path("r.bin"), DType::kF32, {2})->to_f64(), (std::vector<double>{1, 2}));
  EXPECT_NE(read_bin(path("r.bin"), DType::kF32, {3}).status().message().find("found 8 bytes"), std::string::npos);
  EXPECT_TRUE(read_value(path("r.bin"), ValueType::tensor(DType::kI32, to_shape({1, 2}))).ok());
  EXPECT_FALSE(read_value(path("r.bin"), ValueType::tensor(DType::kI32, Shape{Dim::symbol("n")})).ok());
}

TEST(CompareValues, FollowsNumpy) {
  const auto same = [](std::vector<float> a, std::vector<float> b) {
    const auto n = static_cast<int64_t>(a.size());
    return compare_values(Value(Tensor::from_f32(a, {n})), Value(Tensor::from_f32(b, {n})), 1e-3, 1e-7).ok();
  };
  EXPECT_TRUE(same({1.0005f, NAN, INFINITY}, {1, NAN, INFINITY}));
  EXPECT_FALSE(same({1.002f}, {1}));
  EXPECT_FALSE(same({INFINITY}, {-INFINITY}));
  EXPECT_FALSE(same({1}, {INFINITY}));
  EXPECT_FALSE(same({NAN}, {1}));
  EXPECT_FALSE(same({1e-6f}, {0}));
  EXPECT_FALSE(compare_values(Value(Tensor::from_f32({1}, {1})), Value(Tensor::from_f32({1}, {1, 1})), 1, 1).ok());
}

}  // namespace
}  // namespace sinter::onnx
