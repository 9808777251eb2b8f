// Rows for recurrent operators.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

TacticRow recurrent(const std::string& op, int64_t gates, int64_t steps, int64_t batch, int64_t input, int64_t hidden, const std::string& direction) {
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  TacticRow row(op);
  row.outputs = op == "LSTM" ? 3 : 2;
  row.attr("hidden_size", hidden).attr("direction", direction);
  row.input(random_tensor({steps, batch, input}, 1));
  row.constant_input(random_tensor({directions, gates * hidden, input}, 2, 0.3f)).constant_input(random_tensor({directions, gates * hidden, hidden}, 3, 0.3f));
  row.constant_input(random_tensor({directions, 2 * gates * hidden}, 4, 0.3f));
  return row;
}

TacticRow lstm(int64_t steps, int64_t batch, int64_t input, int64_t hidden, const std::string& direction) {
  return recurrent("LSTM", 4, steps, batch, input, hidden, direction);
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

TEST(Recurrent, gru) {
  for (const int64_t linear : {0, 1}) {
    check(recurrent("GRU", 3, 5, 1, 7, 12, "forward").attr("linear_before_reset", linear), kTolerance);
    check(recurrent("GRU", 3, 3, 2, 40, 33, "reverse").attr("linear_before_reset", linear), kTolerance);
    check(recurrent("GRU", 3, 4, 3, 16, 70, "bidirectional").attr("linear_before_reset", linear), kTolerance);
    check(recurrent("GRU", 3, 1, 1, 1, 1, "forward").attr("linear_before_reset", linear), kTolerance);
    TacticRow state = recurrent("GRU", 3, 4, 2, 9, 17, "forward").attr("linear_before_reset", linear);
    state.absent().input(random_tensor({1, 2, 17}, 5));
    check(state, kTolerance);
    TacticRow no_bias = recurrent("GRU", 3, 4, 2, 9, 17, "bidirectional").attr("linear_before_reset", linear);
    no_bias.inputs.pop_back();
    no_bias.constant.pop_back();
    check(no_bias, kTolerance);
  }
}

TEST(Recurrent, rnn) {
  for (const std::string direction : {"forward", "reverse", "bidirectional"}) {
    check(recurrent("RNN", 1, 5, 1, 7, 12, direction), kTolerance);
    check(recurrent("RNN", 1, 4, 3, 20, 65, direction).attr("activations", std::vector<std::string>{"Relu", "Relu"}), kTolerance);
    check(recurrent("RNN", 1, 3, 2, 5, 1, direction).attr("activations", std::vector<std::string>{"Sigmoid", "Sigmoid"}), kTolerance);
  }
}

// No steps: the states are returned as they came.
TEST(Recurrent, no_steps) {
  for (const char* op : {"LSTM", "GRU", "RNN"}) {
    const int64_t gates = op[0] == 'L' ? 4 : op[0] == 'G' ? 3 : 1;
    TacticRow row = recurrent(op, gates, 0, 2, 5, 6, "forward");
    row.absent().input(random_tensor({1, 2, 6}, 5));
    check(row, {});
  }
}

// Other activations, limits, lengths and peepholes are the reference kernel's.
TEST(Recurrent, what_is_declined) {
  EXPECT_EQ(check(recurrent("GRU", 3, 2, 1, 3, 4, "forward").attr("activations", std::vector<std::string>{"HardSigmoid", "Tanh"}), {}, true), 0);
  EXPECT_EQ(check(recurrent("RNN", 1, 2, 1, 3, 4, "forward").attr("activations", std::vector<std::string>{"Softsign"}), {}, true), 0);
  EXPECT_EQ(check(recurrent("RNN", 1, 2, 1, 3, 4, "bidirectional").attr("activations", std::vector<std::string>{"Tanh", "Relu"}), {}, true), 0);
  EXPECT_EQ(check(recurrent("GRU", 3, 2, 1, 3, 4, "forward").attr("clip", 1.0f), {}, true), 0);
  TacticRow lengths = recurrent("LSTM", 4, 3, 2, 3, 4, "forward");
  lengths.input(Tensor::from_i64({2, 3}).cast(DType::kI32));
  EXPECT_EQ(check(lengths, {}, true), 0);
}

}  // namespace
}  // namespace sinter::testing
