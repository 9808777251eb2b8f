// Packings that are found are exact, and the tactics' common ones are found.
#include <gtest/gtest.h>

#include <random>

#include "builder/builder.h"
#include "builder/packing.h"
#include "ir/graph.h"

namespace sinter::builder {
namespace {

Tensor random_tensor(Dims dims, uint32_t seed) {
  Tensor tensor(DType::kF32, std::move(dims));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.data<float>()[i] = normal(random);
  return tensor;
}

// 72 and 100 are no multiples of any panel: padding occurs.
const char* const kNet = R"ir(graph net(%x: f32[1,24,9,11]) -> (%y) {
  %w = const f32[72,24,3,3] #w
  %fc = const f32[72,100] #fc
  %a = Conv(%x, %w) [pads=[1,1,1,1], strides=[1,1], dilations=[1,1], group=1, auto_pad="NOTSET"]
  %g = GlobalAveragePool(%a)
  %h = Flatten(%g) [axis=1]
  %y = MatMul(%h, %fc)
}
)ir";

TEST(Packing, IsFoundAndExact) {
  const Tensor w = random_tensor({72, 24, 3, 3}, 1), fc = random_tensor({72, 100}, 2);
  const ir::BlobMap blobs{{"w", w}, {"fc", fc}};
  auto graph = ir::parse(kNet, &blobs);
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  ASSERT_TRUE(ir::infer_types(**graph).ok());
  BuildOptions options;
  options.find_packings = true;
  options.tactic_filter = {"cpu.conv_brgemm", "cpu.matmul_brgemm", "cpu.global_pool", "cpu.reformat"};
  const auto built = build_plan(**graph, options);
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  for (const Tensor& weight : {w, fc}) {
    const auto packed = built->packed_weights.find(ir::digest(weight));
    ASSERT_NE(packed, built->packed_weights.end());
    const auto back = plan::unpack(packed->second, built->blobs[static_cast<size_t>(packed->second.blob)]);
    ASSERT_TRUE(back.ok()) << back.status().to_string();
    EXPECT_TRUE(back->identical(weight));
  }
}

// What "packs" by arithmetic must not be taken for a permutation.
class Doubling : public Tactic {
 public:
  std::string_view id() const override { return "test.doubling"; }
  int version() const override { return 1; }
  void query(const Problem&, Answer&) const override {}
  Result<std::vector<Tensor>> prepare(const Problem&, const Offer&, std::span<const Tensor> constants) const override {
    Tensor packed = constants[0].clone();
    for (int64_t i = 0; i < packed.count(); ++i) packed.data<float>()[i] *= 2;
    return std::vector<Tensor>{packed};
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem&, const Offer&, std::span<const Tensor>) const override {
    return make_error(Code::kUnsupported, "test.doubling does not run");
  }
};

TEST(Packing, ArithmeticIsNoPermutation) {
  const Doubling tactic;
  const std::vector<Tensor> constants{random_tensor({128, 64}, 3)};
  const auto blobs = tactic.prepare({}, {}, constants);
  EXPECT_FALSE(find_packing(tactic, {}, {}, constants, 0, *blobs).has_value());
}

}  // namespace
}  // namespace sinter::builder
