// GRU over sequences of TYPE, in f32; gates in ONNX's order: update, reset, candidate. gru_project: x·Wᵀ and W's biases for all steps at once; gru_start: the first
// state; each step: gru_gates (the update gate, and what the candidate's product is made of), then gru_state. A warp an element. LINEAR: the reset
// gate multiplies the recurrent product (with its bias), else the state before it.
#include "recurrent.h"

// projected[direction][step][batch][3·hidden]; bias: W's three, then R's.
SINTER_KERNEL(gru_project, 256, (const TYPE* x, const TYPE* w, const TYPE* bias, f32* projected, i64 rows, i64 input, i64 hidden, i64 directions)) {
  after_previous();
  const i64 gates = 3 * hidden, element = (i64)block_x() * (block_threads() / 32) + warp();
  if (element >= directions * rows * gates) return;
  const i64 gate = element % gates, row = element / gates % rows, direction = element / gates / rows;
  f32 sum = warp_dot(x + row * input, w + (direction * gates + gate) * input, input);
  if (bias) sum += to_f32(bias[direction * 2 * gates + gate]);
  if (lane() == 0) projected[element] = sum;
}

SINTER_KERNEL(gru_start, 256, (const TYPE* initial, f32* h, i64 count)) {
  after_previous();
  const i64 i = grid_thread();
  if (i < count) h[i] = initial ? to_f32(initial[i]) : 0.0f;
}

struct GruArgs {
  i64 steps, batch, hidden, directions, step;
  i32 reverse;  // of the first direction; the second always is
  i32 padding;
};

SINTER_DEVICE i64 step_of(const GruArgs& args, i64 direction) { return direction == 1 || args.reverse ? args.steps - 1 - args.step : args.step; }

// reset[element]: the reset gate (LINEAR), or the state multiplied by it.
SINTER_KERNEL(gru_gates, 256, (const f32* projected, const TYPE* r, const TYPE* bias, const f32* h, f32* update, f32* reset, const GruArgs args)) {
  after_previous();
  const i64 element = (i64)block_x() * (block_threads() / 32) + warp();
  if (element >= args.directions * args.batch * args.hidden) return;
  const i64 j = element % args.hidden, b = element / args.hidden % args.batch, direction = element / args.hidden / args.batch, gates = 3 * args.hidden;
  const f32* state = h + (direction * args.batch + b) * args.hidden;
  const f32* own = projected + ((direction * args.steps + step_of(args, direction)) * args.batch + b) * gates;
  const TYPE* weights = r + direction * gates * args.hidden;
  f32 z = own[j] + warp_dot(state, weights + j * args.hidden, args.hidden);
  f32 gate = own[args.hidden + j] + warp_dot(state, weights + (args.hidden + j) * args.hidden, args.hidden);
  if (bias) {
    z += to_f32(bias[(2 * direction + 1) * gates + j]);
    gate += to_f32(bias[(2 * direction + 1) * gates + args.hidden + j]);
  }
  if (lane() != 0) return;
  update[element] = sigmoid(z);
  reset[element] = LINEAR ? sigmoid(gate) : sigmoid(gate) * state[j];
}

SINTER_KERNEL(gru_state, 256,
              (const f32* projected, const TYPE* r, const TYPE* bias, const f32* h, f32* next_h, const f32* update, const f32* reset, TYPE* y, TYPE* y_h,
               const GruArgs args)) {
  after_previous();
  const i64 element = (i64)block_x() * (block_threads() / 32) + warp();
  if (element >= args.directions * args.batch * args.hidden) return;
  const i64 j = element % args.hidden, b = element / args.hidden % args.batch, direction = element / args.hidden / args.batch, gates = 3 * args.hidden;
  const i64 step = step_of(args, direction), row = (direction * args.batch + b) * args.hidden, line = 2 * args.hidden + j;
  f32 product = warp_dot((LINEAR ? h : reset) + row, r + (direction * gates + line) * args.hidden, args.hidden);
  if (bias) product += to_f32(bias[(2 * direction + 1) * gates + line]);
  if (lane() != 0) return;
  const f32 own = projected[((direction * args.steps + step) * args.batch + b) * gates + line];
  const f32 candidate = tanhf(own + (LINEAR ? reset[element] * product : product));
  const f32 out = (1.0f - update[element]) * candidate + update[element] * h[element];
  next_h[element] = out;
  if (y) y[((step * args.directions + direction) * args.batch + b) * args.hidden + j] = from_f32<TYPE>(out);
  if (y_h && args.step + 1 == args.steps) y_h[element] = from_f32<TYPE>(out);
}
