#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

TEST(Cast, pairs_of_types_and_layouts) {
  const Tensor values = random_tensor({2, 19, 5, 30}, 1, 100, true), integers = random_integers(DType::kI64, {2, 19, 5, 30}, -1000, 1000, 2);
  const DType types[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kBool, DType::kI32, DType::kI64};
  for (const DType from : types) {
    for (const DType to : types) {
      if (from == to) continue;
      const bool from_float = is_float(from), whole = is_integer(from) && (to == DType::kF16 || to == DType::kBF16);
      check(TacticRow("Cast").attr("to", int64_t{static_cast<int>(to)}).input((from_float ? values : integers).cast(from)), {}, whole);
    }
  }
}

}  // namespace
}  // namespace sinter::testing
