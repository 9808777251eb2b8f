#include "cpu/recurrent.h"

#include <algorithm>
#include <cstring>

namespace sinter::cpu {
namespace {

enum Input : size_t { kX, kW, kR, kB, kLengths, kInitialH, kInitialC, kPeepholes };

RecurrentSizes sizes_of(const Dims& x, const Dims& r) { return {x[0], x[1], x[2], r[2], r[0]}; }

int64_t aligned(int64_t bytes) { return round_up(bytes, kTensorAlignment); }

bool has(const Problem& problem, size_t input) { return input < problem.inputs.size() && problem.inputs[input].present; }

// Why no cell takes the problem; "" when one may.
std::string common_refusal(const Problem& problem, const CellSpec& spec) {
  for (const size_t i : {kX, kW, kR, kB, kInitialH, kInitialC}) {
    if (has(problem, i) && problem.inputs[i].dtype != DType::kF32) return fmt::format("an input is {}, takes f32", dtype_name(problem.inputs[i].dtype));
  }
  for (const size_t i : {kW, kR, kB}) {
    if (has(problem, i) && !(problem.inputs[i].constant && problem.inputs[i].is_static())) return "weights or bias are not constant";
  }
  if (has(problem, kLengths)) return "sequence lengths";
  if (has(problem, kPeepholes)) return "peepholes";
  if (problem.has_epilogue()) return "an epilogue";
  const Attributes& a = problem.attributes;
  if (a.i_or("layout", 0) || a.i_or("input_forget", 0) || a.has("clip")) return "layout 1, input_forget or clip";
  if (const auto* names = a.find_as<std::vector<std::string>>("activations")) {
    const size_t wanted = spec.activations.size() * (a.s_or("direction", "forward") == "bidirectional" ? 2 : 1);
    for (size_t i = 0; i < std::min(wanted, names->size()); ++i) {
      if ((*names)[i] != spec.activations[i % spec.activations.size()]) return fmt::format("activation {}", (*names)[i]);
    }
  }
  return "";
}

Tensor pack(const KernelTable& table, const Tensor& weights, const RecurrentSizes& s, int gates, GateRange range, int64_t k) {
  const int64_t n = range.count * s.hidden, floats = matmul_packed_floats(n, k);
  Tensor packed(DType::kF32, {s.directions * floats});
  for (int64_t d = 0; d < s.directions; ++d) {
    const float* from = weights.data<float>() + (d * gates + range.first) * s.hidden * k;
    matmul_pack(table, n, k, from, k, true, packed.data<float>() + d * floats);
  }
  return packed;
}

}  // namespace

RecurrentKernel::RecurrentKernel(const Problem& problem, CellSpec spec, std::span<const Tensor> blobs)
    : problem_(problem), spec_(std::move(spec)), table_(kernel_table(problem.isa)), blobs_(blobs.begin(), blobs.end()) {}

MatmulShape RecurrentKernel::input_product() const {
  MatmulShape shape;
  shape.m = size_.steps * size_.batch;
  shape.n = shape.c_stride = row_floats();
  shape.k = shape.a_stride = size_.input;
  return shape;
}

MatmulShape RecurrentKernel::state_product(size_t which, int64_t stride) const {
  MatmulShape shape;
  shape.m = size_.batch;
  shape.n = spec_.products[which].count * size_.hidden;
  shape.k = shape.a_stride = size_.hidden;
  shape.c_stride = stride;
  return shape;
}

Result<int64_t> RecurrentKernel::specialize(std::span<const Dims> inputs, std::span<const Dims>, int threads) {
  size_ = sizes_of(inputs[kX], inputs[kR]);
  input_blocking_ = matmul_blocking(table_, input_product());
  gates_bytes_ = aligned(size_.steps * size_.batch * row_floats() * 4);
  state_bytes_ = aligned(size_.batch * size_.hidden * 4);
  scratch_bytes_ = aligned(size_.batch * spec_.scratch_gates * size_.hidden * 4);
  int64_t products = matmul_workspace_bytes(input_product(), input_blocking_, threads);
  state_blocking_.clear();
  for (size_t i = 0; i < spec_.products.size(); ++i) {
    const MatmulShape shape = state_product(i, row_floats());
    state_blocking_.push_back(matmul_blocking(table_, shape));
    products = std::max(products, matmul_workspace_bytes(shape, state_blocking_.back(), threads));
  }
  return gates_bytes_ + spec_.states * state_bytes_ + scratch_bytes_ + aligned(products);
}

Status RecurrentKernel::launch(const LaunchArgs& args) {
  for (int64_t direction = 0; direction < size_.directions; ++direction) run(args, direction);
  return ok_status();
}

void RecurrentKernel::run(const LaunchArgs& args, int64_t direction) const {
  auto* base = static_cast<char*>(args.workspace);
  auto* gates = reinterpret_cast<float*>(base);
  Step step;
  step.h = reinterpret_cast<float*>(base + gates_bytes_);
  step.c = spec_.states == 2 ? reinterpret_cast<float*>(base + gates_bytes_ + state_bytes_) : nullptr;
  step.scratch = reinterpret_cast<float*>(base + gates_bytes_ + spec_.states * state_bytes_);
  step.direction = direction;
  step.team = args.team;
  step.workspace = base + gates_bytes_ + spec_.states * state_bytes_ + scratch_bytes_;
  start_state(args, kInitialH, direction, step.h);
  if (spec_.states == 2) start_state(args, kInitialC, direction, step.c);

  Epilogue bias;
  if (has(problem_, kB)) bias.bias = blobs_[1 + spec_.products.size()].data<float>() + direction * row_floats();
  matmul(table_, input_product(), input_blocking_, static_cast<const float*>(args.inputs[kX]),
         blobs_[0].data<float>() + direction * matmul_packed_floats(row_floats(), size_.input), gates, bias, *args.team, step.workspace);
  const bool reversed = direction == 1 || problem_.attributes.s_or("direction", "forward") == "reverse";
  auto* y = problem_.outputs[0].present ? static_cast<float*>(args.outputs[0]) : nullptr;
  const int64_t state = size_.batch * size_.hidden;
  for (int64_t i = 0; i < size_.steps; ++i) {
    const int64_t at = reversed ? size_.steps - 1 - i : i;
    step.gates = gates + at * size_.batch * row_floats();
    this->step(step);
    if (y != nullptr) std::memcpy(y + (at * size_.directions + direction) * state, step.h, static_cast<size_t>(state) * 4);
  }
  finish_state(args, 1, direction, step.h);
  if (spec_.states == 2) finish_state(args, 2, direction, step.c);
}

void RecurrentKernel::multiply(const Step& step, size_t which, const float* a, float* c, int64_t stride, const Epilogue& epilogue) const {
  const MatmulShape shape = state_product(which, stride);
  const float* packed = blobs_[1 + which].data<float>() + step.direction * matmul_packed_floats(shape.n, shape.k);
  matmul(table_, shape, state_blocking_[which], a, packed, c, epilogue, *step.team, step.workspace);
}

void RecurrentKernel::activate(float* row, int64_t count, Activation activation) const {
  Epilogue epilogue;
  epilogue.activation = activation;
  for (int64_t at = 0; at < count; at += kMaxTilePanels * kPanel) {
    const auto cols = static_cast<int>(std::min<int64_t>(kMaxTilePanels * kPanel, count - at));
    table_.activate(row + at, count, 1, cols, epilogue, 0, 0);
  }
}

const float* RecurrentKernel::separate_bias(const Step& step) const {
  if (!has(problem_, kB) || spec_.separate_bias < 0) return nullptr;
  return blobs_.back().data<float>() + step.direction * size_.hidden;
}

void RecurrentKernel::start_state(const LaunchArgs& args, size_t input, int64_t direction, float* state) const {
  const int64_t count = size_.batch * size_.hidden;
  if (has(problem_, input)) std::memcpy(state, static_cast<const float*>(args.inputs[input]) + direction * count, static_cast<size_t>(count) * 4);
  else std::fill(state, state + count, 0.0f);
}

void RecurrentKernel::finish_state(const LaunchArgs& args, size_t output, int64_t direction, const float* state) const {
  if (output >= problem_.outputs.size() || !problem_.outputs[output].present) return;
  const int64_t count = size_.batch * size_.hidden;
  std::memcpy(static_cast<float*>(args.outputs[output]) + direction * count, state, static_cast<size_t>(count) * 4);
}

void RecurrentTactic::query(const Problem& problem, Answer& answer) const {
  if (!problem.domain.empty() || problem.op != op()) return;
  const CellSpec spec = cell(problem);
  std::string reason = common_refusal(problem, spec);
  if (reason.empty()) reason = unsuitable(problem);
  if (!reason.empty()) return answer.decline(reason);
  Offer offer = uniform_offer(problem, Layout::kRowMajor);
  offer.packed_inputs.assign(problem.inputs.size(), false);
  offer.packed_inputs[kW] = offer.packed_inputs[kR] = true;
  if (problem.inputs.size() > kB) offer.packed_inputs[kB] = problem.inputs[kB].present;
  const auto sized = make(problem, spec, {});
  const std::vector<Dims> dims{problem.inputs[kX].opt, problem.inputs[kW].opt, problem.inputs[kR].opt};
  const auto workspace = sized->specialize(dims, {}, problem.threads);
  if (!workspace.ok()) return answer.decline(workspace.status().message());
  offer.workspace_bytes = *workspace;
  answer.offer(std::move(offer));
}

// W; R, one blob a product; with a bias, those of W and R added, then R's separate one.
Result<std::vector<Tensor>> RecurrentTactic::prepare(const Problem& problem, const Offer&, std::span<const Tensor> constants) const {
  const RecurrentSizes s = sizes_of(problem.inputs[kX].opt, problem.inputs[kR].opt);
  const CellSpec spec = cell(problem);
  const KernelTable& table = kernel_table(problem.isa);
  std::vector<Tensor> blobs{pack(table, constants[kW], s, spec.gates, {0, spec.gates}, s.input)};
  for (const GateRange& range : spec.products) blobs.push_back(pack(table, constants[kR], s, spec.gates, range, s.hidden));
  if (!has(problem, kB)) return blobs;
  const int64_t row = spec.gates * s.hidden;
  Tensor bias(DType::kF32, {s.directions * row}), separate(DType::kF32, {s.directions * s.hidden});
  for (int64_t d = 0; d < s.directions; ++d) {
    const float* both = constants[kB].data<float>() + d * 2 * row;
    for (int64_t i = 0; i < row; ++i) {
      const bool apart = i / s.hidden == spec.separate_bias;
      bias.data<float>()[d * row + i] = apart ? both[i] : both[i] + both[row + i];
      if (apart) separate.data<float>()[d * s.hidden + i % s.hidden] = both[row + i];
    }
  }
  blobs.push_back(std::move(bias));
  if (spec.separate_bias >= 0) blobs.push_back(std::move(separate));
  return blobs;
}

Result<std::unique_ptr<Kernel>> RecurrentTactic::bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const {
  const RecurrentSizes s = sizes_of(problem.inputs[kX].opt, problem.inputs[kR].opt);
  const CellSpec spec = cell(problem);
  const int64_t row = spec.gates * s.hidden;
  std::vector<int64_t> wanted{matmul_packed_floats(row, s.input)};
  for (const GateRange& range : spec.products) wanted.push_back(matmul_packed_floats(range.count * s.hidden, s.hidden));
  if (has(problem, kB)) wanted.push_back(row);
  if (has(problem, kB) && spec.separate_bias >= 0) wanted.push_back(s.hidden);
  bool fits = blobs.size() == wanted.size();
  for (size_t i = 0; fits && i < wanted.size(); ++i) fits = blobs[i].count() == s.directions * wanted[i];
  if (!fits) return make_error(Code::kInvalidEngine, "{}: the packed weights don't have the problem's sizes; the engine is damaged: rebuild it", id());
  return make(problem, spec, blobs);
}

}  // namespace sinter::cpu
