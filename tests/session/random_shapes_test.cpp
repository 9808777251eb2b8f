// Ten thousand shapes that follow no order, inside one range: every result is right to the bit, and memory does not grow.
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include "runtime/context.h"
#include "session/session.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::session {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRuns = 300;
constexpr bool kMeasured = false;
#else
constexpr int kRuns = 10000;
constexpr bool kMeasured = true;
#endif
// Of addresses, arenas among them, which the allocator does not count.
int64_t mapped_bytes() {
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * ::getpagesize();
}

constexpr int64_t kIn = 3, kMiddle = 5, kOut = 4, kMost = 20;

// What is allocated at this moment, whatever the allocator keeps besides.
int64_t live_heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

// Whole numbers small enough that every sum of them is exact in f32, whatever its order.
void fill(Tensor& tensor, std::mt19937& random) {
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.data<float>()[i] = static_cast<float>(static_cast<int>(random() % 7) - 3);
}

// x[n,3,h,w] → 3x3 convolution, Relu → to channels last → reshaped by its own shape to [n, h*w, 5] → product with [5,4] → y; and its sum over positions → s.
class RandomShapes : public ::testing::Test {
 protected:
  RandomShapes() : filter_(DType::kF32, {kMiddle, kIn, 3, 3}), product_(DType::kF32, {kMiddle, kOut}) {
    std::mt19937 random(1);
    fill(filter_, random);
    fill(product_, random);
    Tensor keep(DType::kI64, {1}), flat(DType::kI64, {2});
    keep.data<int64_t>()[0] = 0;
    flat.data<int64_t>()[0] = -1;
    flat.data<int64_t>()[1] = kMiddle;
    Tensor one(DType::kI64, {1});
    one.data<int64_t>()[0] = 1;
    test::ModelBuilder model;
    model.input("x", "f32[n,3,h,w]").output("y", "f32[n,p,4]").output("s", "f32[n,4]");
    model.constant("filter", filter_).constant("product", product_).constant("zero", keep).constant("flat", flat).constant("one", one);
    model.node("Conv", {"x", "filter"}, {"c"}, {test::attribute("pads", std::vector<int64_t>{1, 1, 1, 1})}).node("Relu", {"c"}, {"r"});
    model.node("Transpose", {"r"}, {"t"}, {test::attribute("perm", std::vector<int64_t>{0, 2, 3, 1})}).node("Shape", {"x"}, {"shape"}).node("Gather", {"shape", "zero"}, {"batch"});
    model.node("Concat", {"batch", "flat"}, {"to"}, {test::attribute("axis", int64_t{0})}).node("Reshape", {"t", "to"}, {"f"}).node("MatMul", {"f", "product"}, {"y"});
    model.node("ReduceSum", {"y", "one"}, {"s"}, {test::attribute("keepdims", int64_t{0})});
    BuildRequest request;
    request.model_path = folder_.path("model.onnx");
    std::ofstream(request.model_path, std::ios::binary) << model.bytes();
    request.build.threads = 1;
    const auto shape = [](int64_t n, int64_t h, int64_t w) { return ShapeMap{{"x", Shape{Dim(n), Dim(kIn), Dim(h), Dim(w)}}}; };
    request.min_shapes = shape(1, 1, 1);
    request.shapes = shape(2, 8, 8);
    request.max_shapes = shape(4, kMost, kMost);
    auto built = build_model(request);
    EXPECT_TRUE(built.ok()) << built.status().to_string();
    engine_ = runtime::Engine::from_contents(std::move(built->contents)).value();
  }

  std::vector<float> expected(const Tensor& x) const {
    const int64_t n = x.dims()[0], h = x.dims()[2], w = x.dims()[3];
    const float* in = x.data<float>();
    std::vector<float> y(static_cast<size_t>(n * h * w * kOut), 0.0f);
    for (int64_t b = 0; b < n; ++b) {
      for (int64_t r = 0; r < h; ++r) {
        for (int64_t c = 0; c < w; ++c) {
          float* out = y.data() + ((b * h + r) * w + c) * kOut;
          for (int64_t m = 0; m < kMiddle; ++m) {
            float sum = 0;
            for (int64_t k = 0; k < kIn; ++k) {
              for (int64_t dr = std::max<int64_t>(0, 1 - r); dr < std::min<int64_t>(3, h + 1 - r); ++dr) {
                for (int64_t dc = std::max<int64_t>(0, 1 - c); dc < std::min<int64_t>(3, w + 1 - c); ++dc) {
                  sum += in[((b * kIn + k) * h + r + dr - 1) * w + c + dc - 1] * filter_.data<float>()[((m * kIn + k) * 3 + dr) * 3 + dc];
                }
              }
            }
            if (sum > 0) {
              for (int64_t o = 0; o < kOut; ++o) out[o] += sum * product_.data<float>()[m * kOut + o];
            }
          }
        }
      }
    }
    return y;
  }

  void check(runtime::ExecutionContext& context, std::mt19937& random) const {
    const Dims dims{1 + static_cast<int64_t>(random() % 4), kIn, 1 + static_cast<int64_t>(random() % kMost), 1 + static_cast<int64_t>(random() % kMost)};
    Tensor x(DType::kF32, dims);
    fill(x, random);
    ASSERT_TRUE(context.set_input(0, x).ok());
    const Status status = context.execute();
    ASSERT_TRUE(status.ok()) << to_string(dims) << " " << status.to_string();
    const std::vector<float> y = expected(x);
    const Tensor &got = context.output(0).tensor(), &sums = context.output(1).tensor();
    ASSERT_EQ(got.dims(), (Dims{dims[0], dims[2] * dims[3], kOut}));
    ASSERT_EQ(std::memcmp(got.raw(), y.data(), y.size() * sizeof(float)), 0) << to_string(dims);
    std::vector<float> sum(static_cast<size_t>(dims[0] * kOut), 0.0f);
    for (size_t i = 0; i < y.size(); ++i) sum[i / (static_cast<size_t>(dims[2] * dims[3]) * kOut) * kOut + i % kOut] += y[i];
    ASSERT_EQ(sums.dims(), (Dims{dims[0], kOut}));
    ASSERT_EQ(std::memcmp(sums.raw(), sum.data(), sum.size() * sizeof(float)), 0) << to_string(dims);
  }

  const sinter::testing::TemporaryFolder folder_;
  Tensor filter_, product_;
  std::shared_ptr<const runtime::Engine> engine_;
};

TEST_F(RandomShapes, AreRightAndMemoryIsFlat) {
  const auto context = runtime::ExecutionContext::create(engine_, {.threads = 1}).value();
  std::mt19937 random(2);
  int64_t before = 0, mapped_before = 0;
  for (int run = 0; run < kRuns; ++run) {
    check(*context, random);
    if (HasFatalFailure()) return;
    if (run != kRuns / 5) continue;
    before = live_heap_bytes();
    mapped_before = mapped_bytes();
  }
  const int64_t grown = live_heap_bytes() - before;
  RecordProperty("grown_bytes", static_cast<int>(grown));
  if (!kMeasured) return;
  EXPECT_LT(grown, 64 << 10) << "bytes more are allocated after " << kRuns * 4 / 5 << " shapes";
  EXPECT_LT(mapped_bytes() - mapped_before, 64 << 20) << "an arena a shape would be gigabytes";
}

// The bits of the outputs for inputs of one shape after the other; values are no whole numbers, so that another order of additions would show.
std::vector<std::vector<float>> outputs_of(runtime::ExecutionContext& context, int rounds) {
  std::mt19937 random(5);
  std::vector<std::vector<float>> results;
  for (int round = 0; round < rounds; ++round) {
    Tensor x(DType::kF32, {1 + static_cast<int64_t>(random() % 4), kIn, 1 + static_cast<int64_t>(random() % kMost), 1 + static_cast<int64_t>(random() % kMost)});
    for (int64_t i = 0; i < x.count(); ++i) x.data<float>()[i] = static_cast<float>(random() % 10007) / 997.0f - 5.0f;
    EXPECT_TRUE(context.set_input(0, x).ok());
    EXPECT_TRUE(context.execute().ok());
    for (const size_t output : {0, 1}) {
      const Tensor& made = context.output(output).tensor();
      results.emplace_back(made.data<float>(), made.data<float>() + made.count());
    }
  }
  return results;
}

TEST_F(RandomShapes, ContextsSideBySideGiveTheBitsOfOneAlone) {
  constexpr int kRounds = kMeasured ? 150 : 40;
  for (const int threads : {1, 2}) {
    const auto made = [&] { return runtime::ExecutionContext::create(engine_, {.threads = threads, .max_shapes = 3}).value(); };
    const auto alone = outputs_of(*made(), kRounds);
    std::vector<std::vector<float>> results[2];
    std::vector<std::thread> runners;
    for (auto& result : results) runners.emplace_back([&] { result = outputs_of(*made(), kRounds); });
    for (std::thread& runner : runners) runner.join();
    for (const auto& result : results) {
      ASSERT_EQ(result.size(), alone.size());
      for (size_t i = 0; i < alone.size(); ++i) {
        ASSERT_EQ(result[i].size(), alone[i].size());
        EXPECT_EQ(std::memcmp(result[i].data(), alone[i].data(), alone[i].size() * sizeof(float)), 0) << "output " << i % 2 << " of run " << i / 2;
      }
    }
  }
}

}  // namespace
}  // namespace sinter::session
