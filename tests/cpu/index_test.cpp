// Rows of the tactics that gather and scatter by index, select and scan.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

constexpr DType kIndexTypes[] = {DType::kI32, DType::kI64};

// The error of a launch of `op`'s only offer.
std::string launch_error(TacticRow row, DType out_dtype, const Dims& out) {
  complete_attributes(*find_op("", row.op), row.attributes);
  const Problem problem = make_problem(row, {Value(Tensor(out_dtype, out))}, 1);
  for (const Tactic* tactic : tactic_registry().all()) {
    Answer answer;
    tactic->query(problem, answer);
    if (tactic->device() != DeviceKind::kCpu || answer.offers.empty()) continue;  // a GPU's: tests/cuda/index_test.cpp
    auto kernel = tactic->bind(problem, answer.offers[0], {});
    std::vector<Dims> inputs;
    std::vector<const void*> in;
    for (const Value& value : row.inputs) {
      inputs.push_back(value.tensor().dims());
      in.push_back(value.tensor().raw());
    }
    const std::vector<Dims> outputs{out};
    const auto workspace = (*kernel)->specialize(inputs, outputs, 1);
    if (!workspace.ok()) return workspace.status().message();
    Tensor to(out_dtype, out), scratch(DType::kU8, {*workspace});
    void* pointers[] = {to.raw()};
    const Status status = (*kernel)->launch({in.data(), pointers, scratch.raw(), &inline_team()});
    return status.ok() ? "" : status.message();
  }
  return "no offer";
}

TEST(GatherElements, axes_types_and_smaller_indices) {
  for (const DType type : kIndexTypes) {
    for (const int64_t axis : {0, 1, 2, -1}) {
      const Dims dims = {4, 5, 6};
      check(TacticRow("GatherElements").attr("axis", axis).input(random_tensor(dims, 1)).input(random_integers(type, {4, 5, 6}, -4, 3, 2)), {});
      check(TacticRow("GatherElements").attr("axis", axis).input(random_tensor(dims, 1)).input(random_integers(type, {2, 3, 1}, -4, 3, 2)), {});
      check(TacticRow("GatherElements").attr("axis", axis).input(random_integers(DType::kI64, dims, -9, 9, 1)).input(random_integers(type, {3, 1, 5}, 0, 3, 2)), {});
      check(TacticRow("GatherElements").attr("axis", axis).input(random_integers(DType::kU8, dims, 0, 9, 1)).input(random_integers(type, {0, 1, 5}, 0, 3, 2)), {});
    }
    check(TacticRow("GatherElements").attr("axis", int64_t{1}).input(random_tensor({3, 4000}, 1)).input(random_integers(type, {3, 9000}, 0, 3999, 2)), {});
  }
  check(TacticRow("GatherElements").input(random_tensor({7}, 1)).input(random_integers(DType::kI64, {20}, -7, 6, 2)), {});
}

TEST(GatherNd, tuples_and_batches) {
  for (const int64_t width : {1, 2, 3}) {
    check(TacticRow("GatherND").input(random_tensor({4, 5, 6}, 1)).input(random_integers(DType::kI64, {3, 2, width}, -4, 3, 2)), {});
    check(TacticRow("GatherND").input(random_integers(DType::kI8, {4, 5, 6}, -9, 9, 1)).input(random_integers(DType::kI64, {width}, 0, 3, 2)), {});
  }
  check(TacticRow("GatherND").attr("batch_dims", int64_t{1}).input(random_tensor({3, 5, 600}, 1)).input(random_integers(DType::kI64, {3, 70, 1}, -5, 4, 2)), {});
  check(TacticRow("GatherND").attr("batch_dims", int64_t{2}).input(random_tensor({3, 5, 6, 2}, 1)).input(random_integers(DType::kI64, {3, 5, 2}, 0, 1, 2)), {});
  check(TacticRow("GatherND").input(random_tensor({4, 5}, 1)).input(Tensor(DType::kI64, {3, 0})), {});
  check(TacticRow("GatherND").input(random_tensor({4, 5}, 1)).input(Tensor(DType::kI64, {0, 2})), {});
}

TEST(ScatterElements, reductions_and_duplicates) {
  for (const char* reduction : {"none", "add", "mul", "max", "min"}) {
    for (const DType dtype : {DType::kF32, DType::kI64, DType::kI32}) {
      for (const int64_t axis : {0, 1, -1}) {
        const auto values = [&](Dims dims, uint32_t seed) { return random_integers(dtype, std::move(dims), -9, 9, seed); };
        TacticRow row("ScatterElements");
        row.attr("axis", axis).attr("reduction", std::string(reduction));
        row.input(values({5, 6, 7}, 1)).input(random_integers(DType::kI64, {4, 5, 5}, -5, 4, 2)).input(values({4, 5, 5}, 3));
        check(row, {});
      }
    }
    TacticRow special("ScatterElements");
    special.attr("reduction", std::string(reduction));
    special.input(random_tensor({5, 40}, 1, 1, true)).input(random_integers(DType::kI32, {5, 40}, 0, 4, 2)).input(random_tensor({5, 40}, 3, 1, true));
    check(special, {});
  }
  check(TacticRow("Scatter").input(random_tensor({5, 4}, 1)).input(random_integers(DType::kI64, {2, 4}, 0, 4, 2)).input(random_tensor({2, 4}, 3)), {});
  check(TacticRow("ScatterElements").input(random_integers(DType::kU8, {5, 4}, 0, 9, 1)).input(random_integers(DType::kI64, {0, 4}, 0, 4, 2)).input(random_integers(DType::kU8, {0, 4}, 0, 9, 1)), {});
}

TEST(ScatterNd, reductions_and_runs) {
  for (const char* reduction : {"none", "add", "mul", "max", "min"}) {
    TacticRow points("ScatterND");
    points.attr("reduction", std::string(reduction));
    TacticRow runs = points, integers = points;
    check(points.input(random_tensor({4, 5, 6}, 1)).input(random_integers(DType::kI64, {30, 3}, -4, 3, 2)).input(random_tensor({30}, 3)), {});
    check(runs.input(random_tensor({4, 5000}, 1)).input(random_integers(DType::kI64, {2, 3, 1}, 0, 3, 2)).input(random_tensor({2, 3, 5000}, 3)), {});
    check(integers.input(random_integers(DType::kI32, {4, 5}, -9, 9, 1)).input(random_integers(DType::kI64, {7, 1}, 0, 3, 2)).input(random_integers(DType::kI32, {7, 5}, -9, 9, 3)), {});
  }
  check(TacticRow("ScatterND").input(random_tensor({4, 5}, 1)).input(Tensor(DType::kI64, {0, 1})).input(Tensor(DType::kF32, {0, 5})), {});
  check(TacticRow("ScatterND").input(random_tensor({2, 3}, 1)).input(Tensor(DType::kI64, {2, 0})).input(random_tensor({2, 2, 3}, 3)), {});
}

TEST(Index, out_of_range_is_an_error_of_launch) {
  const Tensor data = random_tensor({4, 3}, 1);
  EXPECT_NE(launch_error(TacticRow("GatherElements").input(data).input(Tensor::from_i64({0, 1, 4}).reshaped({1, 3})), DType::kF32, {1, 3}).find("index 4"), std::string::npos);
  EXPECT_NE(launch_error(TacticRow("GatherND").input(data).input(Tensor::from_i64({0, -4}).reshaped({1, 2})), DType::kF32, {1}).find("index -4"), std::string::npos);
  EXPECT_NE(launch_error(TacticRow("ScatterND").input(data).input(Tensor::from_i64({3, 9}).reshaped({1, 2})).input(random_tensor({1}, 2)), DType::kF32, {4, 3}).find("index 9"), std::string::npos);
  EXPECT_NE(launch_error(TacticRow("ScatterElements").input(data).input(Tensor::from_i64({-5}).reshaped({1, 1})).input(random_tensor({1, 1}, 2)), DType::kF32, {4, 3}).find("index -5"), std::string::npos);
}

TEST(OneHot, axes_types_and_indices_out_of_range) {
  for (const DType type : kIndexTypes) {
    for (const int64_t axis : {0, 1, -1}) {
      TacticRow row("OneHot");
      row.attr("axis", axis).input(random_integers(type, {3, 50}, -12, 12, 1)).constant_input(Tensor::from_i64({9}).reshaped({}));
      TacticRow integers = row;
      check(row.constant_input(Tensor::from_f32({-1, 2}, {2})), {});
      check(integers.input(random_integers(DType::kI64, {2}, -9, 9, 1)), {});
    }
  }
  check(TacticRow("OneHot").input(random_integers(DType::kI64, {4}, 0, 3, 1)).constant_input(Tensor::from_i64({0}).reshaped({})).constant_input(Tensor::from_f32({0, 1}, {2})), {});
}

TacticRow top_k(Tensor x, int64_t k, int64_t axis, int64_t largest) {
  TacticRow row("TopK");
  row.outputs = 2;
  return row.attr("axis", axis).attr("largest", largest).input(std::move(x)).constant_input(Tensor::from_i64({k}));
}

TEST(TopK, sizes_axes_and_ties) {
  for (const int64_t largest : {0, 1}) {
    for (const int64_t axis : {0, 1, -1}) {
      for (const int64_t k : {0, 1, 3, 9}) {
        check(top_k(random_tensor({9, 12, 10}, 1), k, axis, largest), {});
        check(top_k(random_integers(DType::kF32, {9, 12, 10}, -2, 2, 1), k, axis, largest), {});  // ties
        check(top_k(random_integers(DType::kI64, {9, 12, 10}, INT64_MIN / 4, INT64_MAX / 4, 1), k, axis, largest), {});
        check(top_k(random_integers(DType::kI32, {9, 12, 10}, -3, 3, 1), k, axis, largest), {});
      }
    }
    for (const int64_t k : {1, 5, 300, 8400}) check(top_k(random_tensor({2, 8400}, 1), k, -1, largest), {});
    check(top_k(random_tensor({3, 500}, 1, 1, true), 20, -1, largest), {});
    check(top_k(random_tensor({3, 500}, 1, 1, true), 400, -1, largest), {});
    check(top_k(Tensor::from_f32({0.0f, -0.0f, 0.0f, -0.0f, 1e-40f, -1e-40f}, {6}), 6, 0, largest), {});
    check(top_k(random_tensor({0, 5}, 1), 2, 1, largest), {});
  }
}

TEST(CumSum, directions_axes_and_types) {
  for (const int64_t exclusive : {0, 1}) {
    for (const int64_t reverse : {0, 1}) {
      for (const int64_t axis : {0, 1, -1}) {
        for (const DType dtype : {DType::kF32, DType::kI32, DType::kI64}) {
          TacticRow row("CumSum");
          row.attr("exclusive", exclusive).attr("reverse", reverse);
          check(row.input(random_integers(dtype, {3, 33, 70}, -100, 100, 1)).constant_input(Tensor::from_i64({axis}).reshaped({})), {});
        }
        TacticRow special("CumSum");
        special.attr("exclusive", exclusive).attr("reverse", reverse);
        check(special.input(random_tensor({5, 6, 7}, 1, 1, true)).constant_input(Tensor::from_i64({axis})), {1e-6, 1e-6});
      }
    }
  }
  check(TacticRow("CumSum").input(random_integers(DType::kI32, {4}, 2000000000, 2000000000, 1)).constant_input(Tensor::from_i64({0})), {});
  check(TacticRow("CumSum").input(random_tensor({0, 3}, 1)).constant_input(Tensor::from_i64({1})), {});
}

}  // namespace
}  // namespace sinter::testing
