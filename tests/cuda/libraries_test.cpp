// Offers of cuBLASLt and cuDNN: numbers, what they decline, configurations that do not fit, failures of calls, missing libraries.
#include <dlfcn.h>

#include <cstdlib>

#include "cuda/environment.h"
#include "cuda/library_api.h"
#include "cuda/nets.h"
#include "mock_cuda/control.h"
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

constexpr Tolerance kTf32{2e-3, 4e-3};

Tolerance of(DType dtype) { return dtype == DType::kF16 ? Tolerance{1.0 / 1024, 1e-3} : dtype == DType::kBF16 ? Tolerance{1.0 / 128, 8e-3} : kTf32; }

const Tactic& tactic(const char* id) { return *tactic_registry().find(id); }

Problem problem_of(TacticRow& row) { return make_problem(row, reference_outputs(row), 1); }

// Offers of one tactic; its reason when there are none.
Answer ask(const char* id, TacticRow row) {
  Answer answer;
  tactic(id).query(problem_of(row), answer);
  return answer;
}

bool there(const char* id, std::string& why) {
  const auto status = find_tactic_source(tactic(id).source());
  why = status.message();
  return status.ok();
}
#define NEEDS(id)                                        \
  if (std::string why; !there(id, why)) GTEST_SKIP() << why

TacticRow product_row(const char* op, const Dims& a, const Dims& b, DType dtype) {
  TacticRow row(op);
  const float scale = 1.0f / std::sqrt(static_cast<float>(a.back()));
  row.input(random_tensor(a, 1).cast(dtype)).constant_input(random_tensor(b, 2, scale).cast(dtype));
  return row;
}

TEST(CublasLt, products_batches_and_types) {
  NEEDS("cuda.cublaslt_matmul");
  const char* id = "cuda.cublaslt_matmul";
  for (const DType dtype : {DType::kF16, DType::kBF16, DType::kF32}) {
    check_with(id, product_row("MatMul", {24, 40}, {40, 16}, dtype), of(dtype));
    check_with(id, product_row("MatMul", {2, 3, 8, 16}, {16, 24}, dtype), of(dtype));
    TacticRow batched("MatMul");
    batched.input(random_tensor({2, 3, 8, 16}, 1, 0.25f).cast(dtype)).input(random_tensor({2, 3, 16, 24}, 2).cast(dtype));
    check_with(id, batched, of(dtype));
  }
  TacticRow exact = product_row("MatMul", {24, 40}, {40, 16}, DType::kF32);
  exact.precision.tf32 = false;
  check_with(id, exact, {2e-6, 2e-6});
  for (const int64_t ta : {0, 1}) {
    for (const int64_t tb : {0, 1}) {
      TacticRow row("Gemm");
      row.attr("transA", ta).attr("transB", tb).attr("alpha", 0.5f);
      row.input(random_tensor(ta ? Dims{32, 24} : Dims{24, 32}, 1, 0.25f)).constant_input(random_tensor(tb ? Dims{16, 32} : Dims{32, 16}, 2));
      check_with(id, row, kTf32);
    }
  }
}

TEST(CublasLt, epilogues) {
  NEEDS("cuda.cublaslt_matmul");
  const char* id = "cuda.cublaslt_matmul";
  const DType dtype = DType::kF16;
  const Tensor bias = random_tensor({16}, 3).cast(dtype), addend = random_tensor({24, 16}, 4).cast(dtype);
  const auto row = [&] { return product_row("MatMul", {24, 40}, {40, 16}, dtype); };
  check_with(id, TacticRow(row()).with_epilogue("2 | add(0,1) | 2", {bias}), of(dtype));
  check_with(id, TacticRow(row()).with_epilogue("2 | add(1,0) relu(2) | 3", {bias}), of(dtype));
  check_with(id, TacticRow(row()).with_epilogue("2 | add(0,1) gelu_tanh(2) | 3", {bias}), of(dtype));
  check_with(id, TacticRow(row()).with_epilogue("3 | add(0,1) add(3,2) relu(4) | 5", {bias, addend}), of(dtype));
  TacticRow wide = TacticRow(row()).with_epilogue("2 | add(0,1) relu(2) | 3", {random_tensor({16}, 3)});  // an f32 bias is packed as f16
  wide.constant.back() = true;
  check_with(id, wide, {2.0 / 1024, 2e-3});
  wide.constant.back() = false;
  EXPECT_TRUE(ask(id, wide).offers.empty());
  TacticRow gemm = product_row("Gemm", {24, 40}, {40, 16}, dtype);
  check_with(id, gemm.attr("beta", 1.0f).constant_input(bias), of(dtype));
  for (const char* text : {"1 | tanh(0) | 1", "1 | relu(0) exp(1) | 2", "1 | mul(0,0) | 1"}) {
    const Answer answer = ask(id, TacticRow(row()).with_epilogue(text));
    EXPECT_TRUE(answer.offers.empty()) << text;
    EXPECT_FALSE(answer.declines.empty()) << text;
  }
}

TacticRow conv_row(const Dims& x, const Dims& w, std::vector<int64_t> pads, DType dtype, int64_t stride = 1, int64_t group = 1) {
  TacticRow row("Conv");
  const float scale = 1.0f / std::sqrt(static_cast<float>(product(w, 1)));
  const size_t spatial = w.size() - 2;
  row.attr("strides", std::vector<int64_t>(spatial, stride)).attr("pads", std::move(pads)).attr("dilations", std::vector<int64_t>(spatial, 1)).attr("group", group);
  return row.input(random_tensor(x, 1).cast(dtype)).constant_input(random_tensor(w, 2, scale).cast(dtype));
}

TEST(Cudnn, convolutions_and_epilogues) {
  NEEDS("cuda.cudnn_conv");
  const char* id = "cuda.cudnn_conv";
  for (const DType dtype : {DType::kF16, DType::kBF16, DType::kF32}) {
    TacticRow row = conv_row({2, 16, 9, 8}, {24, 16, 3, 3}, {1, 1, 1, 1}, dtype);
    check_with(id, row, of(dtype));
    row.input(random_tensor({24}, 3).cast(dtype));
    check_with(id, row, of(dtype));
    check_with(id, TacticRow(row).with_epilogue("1 | relu(0) | 1"), of(dtype));
    check_with(id, TacticRow(row).with_epilogue("2 | add(0,1) relu(2) | 3", {random_tensor({2, 24, 9, 8}, 4).cast(dtype)}), of(dtype));
  }
  const DType f16 = DType::kF16;
  check_with(id, conv_row({1, 16, 11, 7}, {32, 16, 3, 3}, {1, 0, 1, 2}, f16, 2), of(f16));
  check_with(id, conv_row({2, 16, 20}, {8, 16, 3}, {1, 1}, f16), of(f16));
  check_with(id, conv_row({1, 16, 6, 6}, {16, 16, 1, 1}, {0, 0, 0, 0}, f16).with_epilogue("2 | silu(0) mul(2,1) | 3", {random_tensor({16, 1, 1}, 5).cast(f16)}), of(f16));
  const Answer declined = ask(id, conv_row({1, 16, 6, 6}, {16, 16, 1, 1}, {0, 0, 0, 0}, f16).with_epilogue("1 | exp(0) | 1"));
  EXPECT_TRUE(declined.offers.empty());
  ASSERT_FALSE(declined.declines.empty());
  EXPECT_NE(declined.declines[0].reason.find("'exp'"), std::string::npos);
}

// The error of binding the offer with another configuration.
std::string bind_error(const char* id, TacticRow row, Offer offer, const std::string& config) {
  const DeviceScope scope(harness_device());
  Problem problem = problem_of(row);
  for (size_t i = 0; i < offer.input_layouts.size(); ++i) problem.inputs[i].layout = offer.input_layouts[i];
  problem.outputs[0].layout = offer.output_layouts[0];
  offer.config = config;
  std::vector<Tensor> constants(row.inputs.size());
  constants[1] = row.inputs[1].tensor();
  const auto blobs = tactic(id).prepare(problem, offer, constants);
  auto kernel = tactic(id).bind(problem, offer, *blobs);
  if (!kernel.ok()) return kernel.status().message();
  const std::vector<Dims> inputs{problem.inputs[0].opt, problem.inputs[1].opt}, outputs{problem.outputs[0].opt};
  const auto workspace = (*kernel)->specialize(inputs, outputs, 1);
  return workspace.ok() ? "" : workspace.status().message();
}

TEST(CublasLt, configurations_of_others) {
  NEEDS("cuda.cublaslt_matmul");
  const char* id = "cuda.cublaslt_matmul";
  const TacticRow row = product_row("MatMul", {24, 40}, {40, 16}, DType::kF16);
  const Answer answer = ask(id, row);
  ASSERT_FALSE(answer.offers.empty());
  const Offer& offer = answer.offers[0];
  const std::string algo = offer.config.substr(offer.config.find(' '));
  EXPECT_EQ(bind_error(id, row, offer, offer.config), "");
  EXPECT_NE(bind_error(id, row, offer, "v120000" + algo).find("was built with cuBLASLt 120000"), std::string::npos);
  for (const std::string& text : {std::string(), std::string("v"), std::string("v130100 a"), algo, offer.config + "0", offer.config.substr(0, offer.config.size() - 1) + "x"}) {
    EXPECT_NE(bind_error(id, row, offer, text).find("the engine is damaged"), std::string::npos) << text;
  }
  if (on_real_gpu()) return;  // the library may take any number
  const std::string unknown = offer.config.substr(0, offer.config.find(" a") + 2) + std::string(128, '7');
  EXPECT_NE(bind_error(id, row, offer, unknown).find("does not take the engine's algorithm"), std::string::npos);
}

TEST(Cudnn, configurations_of_others) {
  NEEDS("cuda.cudnn_conv");
  const char* id = "cuda.cudnn_conv";
  const TacticRow row = conv_row({1, 16, 6, 6}, {16, 16, 3, 3}, {1, 1, 1, 1}, DType::kF16);
  const Answer answer = ask(id, row);
  ASSERT_FALSE(answer.offers.empty());
  const Offer& offer = answer.offers[0];
  const std::string version = offer.config.substr(0, offer.config.find(' '));
  EXPECT_EQ(bind_error(id, row, offer, offer.config), "");
  EXPECT_NE(bind_error(id, row, offer, "v90000 e5 k").find("was built with cuDNN '90000'"), std::string::npos);
  EXPECT_NE(bind_error(id, row, offer, version + " e98765 k").find("this library has not the engine"), std::string::npos);
  for (const char* text : {" ", " e", " e5", " e5 k2", " e5 k2=", " e5 k2=1,", " e5 k2=1;", " e99999999999999999999 k"}) {
    EXPECT_NE(bind_error(id, row, offer, version + text).find("the engine is damaged"), std::string::npos) << text;
  }
  EXPECT_FALSE(bind_error(id, row, offer, "").empty());
}

void fail_next(const char* knob, const char* call, int result) {
  void* library = dlopen(std::getenv(knob), RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(library, nullptr);
  reinterpret_cast<MockLibraryFailFn>(dlsym(library, kMockLibraryFail))(call, result);
}

TEST(Libraries, failures_of_calls_are_reasons) {
  if (on_real_gpu()) GTEST_SKIP() << "only the mocks fail on demand";
  ASSERT_TRUE(find_tactic_source("CUBLAS_LT").ok());
  ASSERT_TRUE(find_tactic_source("CUDNN").ok());
  fail_next("SINTER_CUBLASLT", "cublasLtMatmulAlgoGetHeuristic", 15);
  const Answer product = ask("cuda.cublaslt_matmul", product_row("MatMul", {8, 40}, {40, 16}, DType::kF16));
  ASSERT_EQ(product.declines.size(), 1u);
  EXPECT_NE(product.declines[0].reason.find("cublasLtMatmulAlgoGetHeuristic failed with status 15"), std::string::npos) << product.declines[0].reason;
  fail_next("SINTER_CUDNN", "cudnnBackendFinalize", 3000);
  const Answer conv = ask("cuda.cudnn_conv", conv_row({3, 16, 6, 6}, {16, 16, 3, 3}, {1, 1, 1, 1}, DType::kF16));
  ASSERT_EQ(conv.declines.size(), 1u);
  EXPECT_NE(conv.declines[0].reason.find("CUDNN_STATUS_NOT_SUPPORTED"), std::string::npos) << conv.declines[0].reason;
}

TEST(Libraries, sources_are_known_by_name) {
  EXPECT_EQ(tactic("cuda.cublaslt_matmul").source(), "CUBLAS_LT");
  EXPECT_EQ(tactic("cuda.cudnn_conv").source(), "CUDNN");
  EXPECT_FALSE(find_tactic_source("CUBLAS").ok());
}

TEST(LibrariesChild, are_missing) {
  if (!is_child()) GTEST_SKIP() << "runs in a child of Libraries.missing_ones_are_named, where they are hidden";
  const auto product = cuda::cublaslt();
  ASSERT_FALSE(product.ok());
  EXPECT_NE(product.status().message().find("hidden by SINTER_CUBLASLT=none"), std::string::npos) << product.status().message();
  const auto conv = cuda::cudnn();
  ASSERT_FALSE(conv.ok());
  for (const char* part : {"/nowhere/libcudnn.so", "SINTER_CUDNN", "leave it out of --tacticSources"}) {
    EXPECT_NE(conv.status().message().find(part), std::string::npos) << conv.status().message();
  }
  const Answer answer = ask("cuda.cudnn_conv", conv_row({1, 16, 6, 6}, {16, 16, 3, 3}, {1, 1, 1, 1}, DType::kF16));
  EXPECT_TRUE(answer.offers.empty());
  ASSERT_EQ(answer.declines.size(), 1u);
  EXPECT_NE(answer.declines[0].reason.find("/nowhere/libcudnn.so"), std::string::npos);
}

TEST(Libraries, missing_ones_are_named) {
  const Child child = run_child("LibrariesChild.are_missing", "SINTER_CUBLASLT=none SINTER_CUDNN=/nowhere/libcudnn.so");
  EXPECT_EQ(child.code, 0) << child.text;
}

}  // namespace
}  // namespace sinter::testing
