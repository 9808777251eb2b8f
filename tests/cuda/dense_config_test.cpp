#include "cuda/dense_config.h"

#include <set>

#include "support/tactic_harness.h"

namespace sinter::cuda {
namespace {

DeviceSpec device(int sm, int64_t shared, int processors) {
  return {DeviceKind::kCuda, sm, processors, shared, 4 << 20};
}

// Orin, Ampere, Ada, Hopper, Blackwell: what their blocks may have.
const DeviceSpec kDevices[] = {device(87, 163 << 10, 8),    device(80, 163 << 10, 108),
                               device(89, 99 << 10, 128),   device(90, 227 << 10, 132),
                               device(100, 227 << 10, 148), device(80, 48 << 10, 132)};  // the last: ampere+

TEST(DenseConfig, candidates_fit_the_device_and_survive_as_text) {
  for (const DeviceSpec& spec : kDevices) {
    for (const DenseMath math : {DenseMath::kTensor16, DenseMath::kTf32, DenseMath::kFma, DenseMath::kTensor8}) {
      for (const int64_t m : {1, 49, 128, 3136, 200704}) {
        for (const int64_t n : {1, 24, 64, 1000}) {
          for (const int64_t k : {1, 64, 4608}) {
            for (const bool b_rows : {false, true}) {
              const int element = math == DenseMath::kTensor8 ? 1 : math == DenseMath::kTensor16 ? 2 : 4;
              const bool own = math == DenseMath::kTensor16 || math == DenseMath::kTensor8;
              const std::vector<DenseConfig> found = dense_candidates({m, n, k, 1, math, element, b_rows, 16}, spec, 8);
              ASSERT_FALSE(found.empty());
              std::set<std::string> names;
              for (const DenseConfig& config : found) {
                const std::string text = to_string(config);
                EXPECT_LE(shared_bytes(config, element), spec.shared_bytes - 1024) << text;
                EXPECT_TRUE(!config.warpgroups || (spec.sm == 90 && !b_rows && own)) << text;
                EXPECT_TRUE(config.cluster == 1 || spec.sm >= 90) << text;
                EXPECT_TRUE(names.insert(text).second) << text << " twice";
                const auto parsed = parse_dense_config(text);
                ASSERT_TRUE(parsed.ok()) << parsed.status().to_string();
                EXPECT_EQ(to_string(*parsed), text);
              }
            }
          }
        }
      }
    }
  }
}

TEST(DenseConfig, damaged_text_is_an_error) {
  for (const char* text :
       {"", "wg ", "64x64x64", "64x64x64 s4 w2x2 ", "64x64x64 s4 w2x2 k", "64x64x64 s4 w2x2 k1", "64x64x64 s4 w2x2 k65",
        "64x64x64 s4 w2x2 c-2", "64x64x64 s4 w2x2 k2 c2", "64x64x64 s4 w2x2x", "wg 64x64x64 s4 w2x2",
        "wgs ", "wgs 64x64x64 s4 w2x2", "wgs 64x64x64 s2 w4x1 k2", "wgs 64x64x64 s2 w4x1 c2",
        "63x64x64 s4 w2x2", "64x64x64 s99 w2x2", "999999999999x1x1 s1 w1x1"}) {
    EXPECT_FALSE(parse_dense_config(text).ok()) << text;
  }
}

// What bind is given is checked before a kernel could read beyond it.
TEST(DenseConfig, bind_refuses_damaged_engines) {
  Problem problem;
  problem.op = "Conv";
  problem.device = sinter::testing::harness_device()->spec();
  for (const Dims& dims : {Dims{1, 16, 8, 8}, Dims{8, 16, 3, 3}}) {
    TensorDesc desc;
    desc.dtype = DType::kF16;
    desc.shape = to_shape(dims);
    desc.opt = dims;
    desc.constant = !problem.inputs.empty();
    problem.inputs.push_back(desc);
  }
  problem.outputs.push_back(problem.inputs[0]);
  problem.outputs[0].opt = {1, 8, 6, 6};
  problem.outputs[0].shape = to_shape(problem.outputs[0].opt);
  problem.attributes.set("strides", std::vector<int64_t>{1, 1});
  problem.attributes.set("pads", std::vector<int64_t>{0, 0, 0, 0});
  problem.attributes.set("dilations", std::vector<int64_t>{1, 1});
  problem.attributes.set("group", int64_t{1});
  problem.attributes.set("auto_pad", std::string("NOTSET"));
  const Tactic* const tactic = tactic_registry().find("cuda.conv_dense");
  ASSERT_NE(tactic, nullptr);
  Answer answer;
  tactic->query(problem, answer);
  ASSERT_FALSE(answer.offers.empty());
  Offer offer = answer.offers[0];
  const std::vector<Tensor> small{Tensor(DType::kF16, {8, 16}), Tensor(DType::kU8, {100})};
  EXPECT_EQ(tactic->bind(problem, offer, small).status().code(), Code::kInvalidEngine);
  EXPECT_EQ(tactic->bind(problem, offer, {}).status().code(), Code::kInvalidEngine);
  offer.config = "128x128x64 s3";
  EXPECT_EQ(tactic->bind(problem, offer, small).status().code(), Code::kInvalidEngine);
}

}  // namespace
}  // namespace sinter::cuda
