// LSTM over sequences of TYPE, in f32. lstm_project: x·Wᵀ and both biases for all steps; a warp an element. lstm_start: the state before the first step.
// lstm_step: one step of every direction; a warp an element of the hidden state. Gates are in ONNX's order: input, output, forget, cell.
#include "recurrent.h"

// projected[direction][step][batch][4·hidden]
SINTER_KERNEL(lstm_project, 256, (const TYPE* x, const TYPE* w, const TYPE* bias, f32* projected, i64 rows, i64 input, i64 hidden, i64 directions)) {
  after_previous();
  const i64 gates = 4 * hidden, element = (i64)block_x() * (block_threads() / 32) + warp();
  if (element >= directions * rows * gates) return;
  const i64 gate = element % gates, row = element / gates % rows, direction = element / gates / rows;
  f32 sum = warp_dot(x + row * input, w + (direction * gates + gate) * input, input);
  if (bias) sum += to_f32(bias[direction * 2 * gates + gate]) + to_f32(bias[direction * 2 * gates + gates + gate]);
  if (lane() == 0) projected[element] = sum;
}

SINTER_KERNEL(lstm_start, 256, (const TYPE* initial_h, const TYPE* initial_c, f32* h, f32* c, i64 count)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= count) return;
  h[i] = initial_h ? to_f32(initial_h[i]) : 0.0f;
  c[i] = initial_c ? to_f32(initial_c[i]) : 0.0f;
}

struct LstmArgs {
  i64 steps, batch, hidden, directions, step;
  i32 reverse;  // of the first direction; the second always is
  i32 padding;
};

SINTER_KERNEL(lstm_step, 256,
              (const f32* projected, const TYPE* r, const f32* h, f32* next_h, f32* c, TYPE* y, TYPE* y_h, TYPE* y_c, const LstmArgs args)) {
  after_previous();
  const i64 element = (i64)block_x() * (block_threads() / 32) + warp();
  if (element >= args.directions * args.batch * args.hidden) return;
  const i64 j = element % args.hidden, b = element / args.hidden % args.batch, direction = element / args.hidden / args.batch;
  const i64 step = direction == 1 || args.reverse ? args.steps - 1 - args.step : args.step;
  const f32* state = h + (direction * args.batch + b) * args.hidden;
  const f32* own = projected + ((direction * args.steps + step) * args.batch + b) * 4 * args.hidden;
  f32 gate[4];
#pragma unroll
  for (int g = 0; g < 4; ++g) {
    gate[g] = own[g * args.hidden + j] + warp_dot(state, r + ((direction * 4 + g) * args.hidden + j) * args.hidden, args.hidden);
  }
  if (lane() != 0) return;
  const f32 cell = sigmoid(gate[2]) * c[element] + sigmoid(gate[0]) * tanhf(gate[3]);
  const f32 out = sigmoid(gate[1]) * tanhf(cell);
  c[element] = cell;
  next_h[element] = out;
  if (y) y[((step * args.directions + direction) * args.batch + b) * args.hidden + j] = from_f32<TYPE>(out);
  if (args.step + 1 < args.steps) return;
  if (y_h) y_h[element] = from_f32<TYPE>(out);
  if (y_c) y_c[element] = from_f32<TYPE>(cell);
}
