// Rows for recurrent operators.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

TacticRow lstm(int64_t steps, int64_t batch, int64_t input, int64_t hidden, const std::string& direction) {
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  TacticRow row("LSTM");
  row.outputs = 3;
  row.attr("hidden_size", hidden).attr("direction", direction);
  row.input(random_tensor({steps, batch, input}, 1));
  row.constant_input(random_tensor({directions, 4 * hidden, input}, 2, 0.3f)).constant_input(random_tensor({directions, 4 * hidden, hidden}, 3, 0.3f));
  row.constant_input(random_tensor({directions, 8 * hidden}, 4, 0.3f));
  return row;
}

// Gates are in (0, 1): an error of a step shrinks in the next ones.
constexpr Tolerance kTolerance{1e-4, 2e-5};

TEST(Recurrent, lstm) {
  check(lstm(5, 1, 7, 12, "forward"), kTolerance);
  check(lstm(3, 2, 40, 33, "reverse"), kTolerance);
  check(lstm(4, 3, 16, 20, "bidirectional"), kTolerance);
  check(lstm(1, 1, 1, 1, "forward"), kTolerance);
}

TEST(Recurrent, lstm_with_initial_state) {
  TacticRow row = lstm(4, 2, 9, 17, "forward");
  row.absent().input(random_tensor({1, 2, 17}, 5)).input(random_tensor({1, 2, 17}, 6));
  check(row, kTolerance);
}

}  // namespace
}  // namespace sinter::testing
