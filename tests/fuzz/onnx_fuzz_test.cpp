// Damaged and hostile ONNX files: always one clear error or a good model, never a crash. Replay one with
// SINTER_FUZZ_ONLY=<number>; more of them with SINTER_FUZZ_COUNT=<count>; other seeds with SINTER_FUZZ_SEEDS=<folder of
// .onnx files>.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "../../fuzz/fuzz_targets.h"
#include "base/files.h"
#include "onnx/import.h"
#include "support/model_builder.h"
#include "support/mutate.h"

namespace sinter::onnx {
namespace {

using test::attribute;
using test::ModelBuilder;

std::string convolution_model() {
  ModelBuilder builder(11);
  builder.input("x", "f32[n,3,8,8]").output("y", "f32[n,4]");
  builder.constant("w", Tensor::from_f32(std::vector<float>(4 * 3 * 3 * 3, 0.25f), {4, 3, 3, 3}));
  builder.constant("axes", Tensor::from_i64({2, 3})).constant("shape", Tensor::from_i64({0, -1}));
  builder.node("Conv", {"x", "w"}, {"c"}, {attribute("pads", std::vector<int64_t>{1, 1, 1, 1}), attribute("group", 1)});
  builder.node("Clip", {"c"}, {"r"}).node("GlobalAveragePool", {"r"}, {"g"});
  builder.node("Reshape", {"g", "shape"}, {"f"}).node("Softmax", {"f"}, {"y"});
  return builder.bytes();
}

std::string loop_model() {
  GraphProto body;
  *body.add_input() = test::value_info("i", "i64[]");
  *body.add_input() = test::value_info("keep", "bool[]");
  *body.add_input() = test::value_info("state", "f32[2]");
  *body.add_node() = test::node("Add", {"state", "step"}, {"next"});
  *body.add_node() = test::node("Identity", {"keep"}, {"keep_out"});
  *body.add_output() = test::value_info("keep_out", "bool[]");
  *body.add_output() = test::value_info("next", "f32[2]");
  ModelBuilder builder(16);
  builder.input("x", "f32[2]").output("y", "f32[2]");
  builder.constant("step", Tensor::from_f32({1, 2}, {2})).constant("trips", Tensor::scalar(DType::kI64, int64_t{3}));
  builder.node("Loop", {"trips", "", "x"}, {"y"}, {attribute("body", body)});
  return builder.bytes();
}

std::string function_model() {
  ModelBuilder builder(18);
  builder.import(1, "local");
  FunctionProto* function = builder.model.add_functions();
  function->set_name("Twice");
  function->set_domain("local");
  function->add_input("a");
  function->add_output("b");
  function->add_attribute("alpha");
  OperatorSetIdProto* opset = function->add_opset_import();
  opset->set_version(18);
  *function->add_node() =
      test::node("LeakyRelu", {"a"}, {"t"}, {test::attribute_reference("alpha", "alpha", kAttrFloat)});
  *function->add_node() = test::node("Add", {"t", "t"}, {"b"});
  builder.input("x", "f32[4]").output("y", "f32[4]");
  builder.node("Twice", {"x"}, {"m"}, {attribute("alpha", 0.5f)}, "local");
  builder.node("Twice", {"m"}, {"y"}, {attribute("alpha", 0.25f)}, "local");
  return builder.bytes();
}

std::string shapes_model() {
  ModelBuilder builder(13);
  builder.input("x", "f32[n,6]").input("s", "seq(f32[*])").output("y", "f32[*]");
  builder.constant("begin", Tensor::from_i64({0}))
      .constant("end", Tensor::from_i64({1}))
      .constant("six", Tensor::from_i64({2, 3}));
  builder.node("Shape", {"x"}, {"d"}).node("Slice", {"d", "begin", "end"}, {"n"});
  builder.node("Concat", {"n", "six"}, {"target"}, {attribute("axis", 0)}).node("Reshape", {"x", "target"}, {"r"});
  builder.node("Transpose", {"r"}, {"t"}, {attribute("perm", std::vector<int64_t>{2, 0, 1})});
  builder.node("ReduceSum", {"t", "begin"}, {"y"}, {attribute("keepdims", 0)});
  return builder.bytes();
}

std::string contributed_model() {
  ModelBuilder builder(17);
  builder.import(1, "com.microsoft").input("x", "u8[1,4,4,6]").input("f", "f32[2,40]").output("y", "f32[*]").output("z", "f32[*]");
  builder.constant("s", Tensor::scalar(DType::kF32, 0.5f)).constant("o", Tensor::scalar(DType::kU8, uint8_t{3}));
  builder.constant("w", Tensor::from_i64(std::vector<int64_t>(5 * 3 * 8, 0x5a)).cast(DType::kU8).reshaped({5, 3, 8}));
  builder.constant("ws", Tensor::from_f32(std::vector<float>(15, 0.25f), {15}));
  const char* domain = "com.microsoft";
  builder.node("QLinearAveragePool", {"x", "s", "o", "s", "o"}, {"p"},
               {attribute("kernel_shape", std::vector<int64_t>{2, 2}), attribute("channels_last", 1)}, domain);
  builder.node("QLinearConcat", {"s", "o", "p", "s", "o", "p", "s", "o"}, {"c"}, {attribute("axis", 1)}, domain);
  builder.node("QLinearAdd", {"c", "s", "o", "c", "s", "o", "s", "o"}, {"a"}, {}, domain);
  builder.node("QLinearSoftmax", {"a", "s", "o", "s", "o"}, {"m"}, {attribute("axis", 1), attribute("opset", 11)}, domain);
  builder.node("DequantizeLinear", {"m", "s", "o"}, {"y"}, {}, domain);
  builder.node("MatMulNBits", {"f", "w", "ws"}, {"n"},
               {attribute("K", 40), attribute("N", 5), attribute("bits", 4), attribute("block_size", 16)}, domain);
  builder.node("FusedMatMul", {"n", "n"}, {"z"}, {attribute("transB", 1), attribute("alpha", 0.5f)}, domain);
  return builder.bytes();
}

std::vector<std::string> seeds() {
  std::vector<std::string> files{convolution_model(), loop_model(), function_model(), shapes_model(), contributed_model()};
  for (const char* name : {"node/test_loop16_seq_none/model.onnx", "node/test_scan9_sum/model.onnx",
                           "node/test_if_opt/model.onnx", "node/test_resize_upsample_scales_nearest/model.onnx",
                           "node/test_attention_4d_expanded/model.onnx", "simple/test_sequence_model1/model.onnx"}) {
    const Result<std::string> file = read_file(std::string(SINTER_SOURCE_DIR "/../shared/onnx-backend-tests/") + name);
    if (file.ok()) files.push_back(*file);
  }
  if (const char* folder = std::getenv("SINTER_FUZZ_SEEDS")) {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() == ".onnx" && entry.file_size() < 100000) paths.push_back(entry.path().string());
    }
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) files.push_back(read_file(path).value());
  }
  return files;
}

uint64_t number_from(const char* variable, uint64_t fallback) {
  const char* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : fallback;
}

void run(const std::string& bytes) { fuzz_onnx(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()); }

TEST(FuzzOnnx, SeedsAreGood) {
  for (const std::string& bytes : {convolution_model(), loop_model(), function_model(), shapes_model(), contributed_model()}) {
    const auto findings = check_bytes(bytes, "seed.onnx");
    EXPECT_TRUE(findings.empty()) << findings.front().to_string();
  }
}

TEST(FuzzOnnx, MutatedFilesNeverCrash) {
  test::Mutator mutator(seeds(), 1);
  const uint64_t count = number_from("SINTER_FUZZ_COUNT", 4000);
  const uint64_t only = number_from("SINTER_FUZZ_ONLY", UINT64_MAX);
  for (uint64_t i = only == UINT64_MAX ? 0 : only; i < (only == UINT64_MAX ? count : only + 1); ++i) {
    const auto mutation = mutator.at(i);
    SCOPED_TRACE("mutation " + std::to_string(i) + ": " + mutation.what);
    if (std::getenv("SINTER_FUZZ_TRACE")) std::fprintf(stderr, "%llu\n", static_cast<unsigned long long>(i));
    run(mutation.bytes);
  }
}

TEST(FuzzOnnx, MutatedTensorsNeverCrash) {
  std::vector<std::string> files{
      from_tensor(Tensor::from_f32({1, 2, 3, 4, 5, 6}, {2, 3}), "t").SerializeAsString(),
      from_tensor(Tensor::from_i64({1, 2, 3})).SerializeAsString(),
      from_sequence(Value(Sequence{Value(Tensor::from_i64({7})), Value(Tensor::from_i64({8, 9}))})).SerializeAsString(),
      from_optional(Value(Tensor::from_i64({7}))).SerializeAsString()};
  const char header[] = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }";
  files.push_back(std::string("\x93NUMPY\x01\x00\x3a\x00", 10) + header + std::string(24, 'x'));
  test::Mutator mutator(files, 2);
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto mutation = mutator.at(i);
    SCOPED_TRACE("mutation " + std::to_string(i) + ": " + mutation.what);
    fuzz_tensor(reinterpret_cast<const uint8_t*>(mutation.bytes.data()), mutation.bytes.size());
  }
}

// Fields set to what a hostile writer would choose, one at a time.
TEST(FuzzOnnx, HostileFieldsAreRefused) {
  const auto edit = [](void (*change)(ModelProto&)) {
    ModelProto model;
    EXPECT_TRUE(model.ParseFromString(convolution_model()));
    change(model);
    const std::string bytes = model.SerializeAsString();
    run(bytes);
    const Result<ir::Model> imported = import_bytes(bytes, "hostile.onnx");
    EXPECT_FALSE(imported.ok());
    EXPECT_NE(imported.status().message().find("hostile.onnx"), std::string::npos) << imported.status().message();
  };
  edit([](ModelProto& m) { m.mutable_graph()->mutable_initializer(0)->set_dims(0, -1); });
  edit([](ModelProto& m) { m.mutable_graph()->mutable_initializer(0)->set_dims(0, INT64_MAX); });
  edit([](ModelProto& m) {
    TensorProto* t = m.mutable_graph()->mutable_initializer(0);
    t->set_dims(0, int64_t{1} << 32);
    t->set_dims(1, int64_t{1} << 32);
  });
  edit([](ModelProto& m) { m.mutable_graph()->mutable_initializer(0)->set_data_type(99); });
  edit([](ModelProto& m) { m.mutable_graph()->mutable_initializer(0)->set_data_type(-1); });
  edit([](ModelProto& m) { m.mutable_graph()->mutable_initializer(0)->set_raw_data("abc"); });
  edit([](ModelProto& m) {
    TensorProto* t = m.mutable_graph()->mutable_initializer(0);
    t->clear_raw_data();
    t->set_dims(0, int64_t{1} << 40);
    t->add_float_data(1);
  });
  edit([](ModelProto& m) {
    TensorProto* t = m.mutable_graph()->mutable_initializer(0);
    t->set_data_location(kLocationExternal);
    t->add_external_data()->set_key("location");
    t->mutable_external_data(0)->set_value("/etc/passwd");
  });
  edit([](ModelProto& m) {
    SparseTensorProto* sparse = m.mutable_graph()->add_sparse_initializer();
    *sparse->mutable_values() = from_tensor(Tensor::from_f32({1}, {1}), "sparse");
    *sparse->mutable_indices() = from_tensor(Tensor::from_i64({0}));
    sparse->add_dims(int64_t{1} << 40);
  });
  edit([](ModelProto& m) {
    SparseTensorProto* sparse = m.mutable_graph()->add_sparse_initializer();
    *sparse->mutable_values() = from_tensor(Tensor::from_f32({1}, {1}), "sparse");
    *sparse->mutable_indices() = from_tensor(Tensor::from_i64({12}));
    sparse->add_dims(10);
  });
  edit([](ModelProto& m) { m.mutable_graph()->mutable_node(0)->set_input(0, "r"); });
  edit([](ModelProto& m) { m.mutable_graph()->mutable_node(0)->set_op_type(std::string(100000, 'x')); });
  edit([](ModelProto& m) { m.mutable_graph()->mutable_node(0)->mutable_attribute(0)->set_ints(0, INT64_MIN); });
  edit([](ModelProto& m) { m.mutable_opset_import(0)->set_version(-5); });
  edit([](ModelProto& m) { m.clear_opset_import(); });
  edit([](ModelProto& m) { m.clear_graph(); });
  edit([](ModelProto& m) { m.set_ir_version(-1); });
  edit([](ModelProto& m) { m.mutable_graph()->clear_output(); });
}

// Each function calls the one before it twice: a small file that would be 2^40 nodes.
TEST(FuzzOnnx, FunctionsThatExplodeAreRefused) {
  ModelBuilder builder(18);
  builder.import(1, "local");
  for (int i = 0; i < 40; ++i) {
    FunctionProto* function = builder.model.add_functions();
    function->set_name("f" + std::to_string(i));
    function->set_domain("local");
    function->add_input("a");
    function->add_output("b");
    for (const char* domain : {"", "local"}) {
      OperatorSetIdProto* opset = function->add_opset_import();
      opset->set_domain(domain);
      opset->set_version(18);
    }
    const std::string callee = "f" + std::to_string(i - 1);
    *function->add_node() = i == 0 ? test::node("Relu", {"a"}, {"t"}) : test::node(callee, {"a"}, {"t"}, {}, "local");
    *function->add_node() = i == 0 ? test::node("Relu", {"t"}, {"b"}) : test::node(callee, {"t"}, {"b"}, {}, "local");
  }
  builder.input("x", "f32[1]").output("y", "f32[1]").node("f39", {"x"}, {"y"}, {}, "local");
  const Result<ir::Model> model = import_bytes(builder.bytes(), "hostile.onnx");
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.status().code(), Code::kUnsupported);
}

}  // namespace
}  // namespace sinter::onnx
