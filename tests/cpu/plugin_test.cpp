// The kernels of plugins, through the tactic of the CPU or of a GPU.
#include "plugin/library.h"
#include "plugin/support.h"
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

TEST(Plugin, rows) {
  const auto library = plugin::load(test::plugin_path("roll"));
  ASSERT_TRUE(library.ok()) << library.status().to_string();
  for (const Dims& dims : {Dims{1}, Dims{7}, Dims{3, 5}, Dims{64, 33}, Dims{2, 0}, Dims{}}) {
    for (const int64_t shift : {0, 1, 5, -2, 1000}) {
      TacticRow row("Roll", "roll");
      row.attr("shift", shift).input(random_tensor(dims, 3, 1, true));
      check(row, {0, 0});
    }
  }
  TacticRow integers("Roll", "roll");
  integers.attr("shift", int64_t{3}).input(random_integers(DType::kI64, {11}, INT64_MIN / 2, INT64_MAX / 2, 5));
  check(integers, {0, 0});
}

TEST(Plugin, any_length) {
  ASSERT_TRUE(plugin::load(test::plugin_path("roll")).ok());
  TacticRow row("Roll", "roll");
  row.attr("shift", int64_t{2}).input(random_tensor({4, 9}, 7));
  row.shapes = {{Dim(4), Dim::symbol("n")}};
  row.output_shapes = row.shapes;
  check(row, {0, 0});
}

}  // namespace
}  // namespace sinter::testing
