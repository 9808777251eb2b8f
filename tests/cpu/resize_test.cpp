#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

TacticRow resize(const char* mode, const char* coordinates, Dims input) {
  TacticRow row("Resize");
  row.attr("mode", std::string(mode)).attr("coordinate_transformation_mode", std::string(coordinates));
  return row.input(random_tensor(std::move(input), 1)).absent();
}

TEST(Resize, modes_scales_sizes_and_layouts) {
  for (const char* mode : {"nearest", "linear"}) {
    for (const char* coordinates : {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"}) {
      for (const Dims& dims : {Dims{1, 19, 5, 7}, Dims{2, 16, 4, 9}}) {
        check(resize(mode, coordinates, dims).constant_input(Tensor::from_f32({1, 1, 2, 2}, {4})), {1e-5, 1e-5});
        check(resize(mode, coordinates, dims).constant_input(Tensor::from_f32({1, 1, 0.6f, 1.7f}, {4})), {1e-5, 1e-5});
        check(resize(mode, coordinates, dims).absent().constant_input(Tensor::from_i64({dims[0], dims[1], 9, 3})), {1e-5, 1e-5});
      }
    }
  }
  for (const DType dtype : {DType::kI8, DType::kU8}) {
    for (const Dims& dims : {Dims{1, 19, 5, 7}, Dims{2, 16, 4, 9}}) {
      TacticRow row = resize("nearest", "asymmetric", dims);
      row.inputs[0] = Value(random_integers(dtype, dims, 0, 127, 3));
      check(row.constant_input(Tensor::from_f32({1, 1, 2, 1.7f}, {4})), {});
    }
  }
  for (const char* rounding : {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"}) {
    check(resize("nearest", "asymmetric", {1, 3, 6, 6}).attr("nearest_mode", std::string(rounding)).constant_input(Tensor::from_f32({1, 1, 1.5f, 0.5f}, {4})), {});
    for (const char* coordinates : {"asymmetric", "half_pixel", "align_corners"}) {
      for (const float scale : {0.6f, 1.3f, 2.4f})
        check(resize("nearest", coordinates, {1, 3, 13, 24}).attr("nearest_mode", std::string(rounding)).constant_input(Tensor::from_f32({1, 1, scale, 1.7f}, {4})), {});
      check(resize("nearest", coordinates, {1, 3, 7, 24}).attr("nearest_mode", std::string(rounding)).absent().constant_input(Tensor::from_i64({1, 3, 4, 50})), {});
    }
    check(resize("nearest", "half_pixel", {1, 3, 6, 6}).attr("nearest_mode", std::string(rounding)).constant_input(Tensor::from_f32({1, 1, 1.5f, 0.5f}, {4})), {});
  }
}

}  // namespace
}  // namespace sinter::testing
