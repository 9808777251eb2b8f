// cpu.lstm: LSTM in f32 with constant weights, default activations, any direction. Row-major.
//
// The input's share of all gates of all time steps is one matrix product (it has no recurrence); each step then adds h·Rᵀ with the
// gates as the product's residual, applies the activations in place and updates c and h. Gate order is ONNX's: i, o, f, c.
#include <algorithm>
#include <cstring>

#include "cpu/kernels/matmul.h"
#include "cpu/tactics.h"

namespace sinter::cpu {
namespace {

constexpr int kGates = 4;
enum Input { kX, kW, kR, kB, kLengths, kInitialH, kInitialC, kPeepholes };

struct Sizes {
  int64_t steps = 0, batch = 0, input = 0, hidden = 0, directions = 1;
  int64_t gates() const { return kGates * hidden; }
};

Sizes sizes_of(const Dims& x, const Dims& r) { return {x[0], x[1], x[2], r[2], r[0]}; }

MatmulShape input_product(const Sizes& s) {
  MatmulShape shape;
  shape.m = s.steps * s.batch;
  shape.n = s.gates();
  shape.k = shape.a_stride = s.input;
  shape.c_stride = s.gates();
  return shape;
}

MatmulShape recurrent_product(const Sizes& s) {
  MatmulShape shape;
  shape.m = s.batch;
  shape.n = s.gates();
  shape.k = shape.a_stride = s.hidden;
  shape.c_stride = s.gates();
  return shape;
}

int64_t aligned(int64_t bytes) { return (bytes + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment; }

class LstmKernel final : public Kernel {
 public:
  LstmKernel(const Problem& problem, std::span<const Tensor> blobs)
      : problem_(problem), table_(kernel_table(problem.isa)), blobs_(blobs.begin(), blobs.end()) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int threads) override {
    size_ = sizes_of(inputs[kX], inputs[kR]);
    input_blocking_ = matmul_blocking(table_, input_product(size_));
    recurrent_blocking_ = matmul_blocking(table_, recurrent_product(size_));
    gates_bytes_ = aligned(size_.steps * size_.batch * size_.gates() * 4);
    state_bytes_ = aligned(size_.batch * size_.hidden * 4);
    const int64_t products = std::max(matmul_workspace_bytes(input_product(size_), input_blocking_, threads),
                                      matmul_workspace_bytes(recurrent_product(size_), recurrent_blocking_, threads));
    return gates_bytes_ + 2 * state_bytes_ + aligned(products);
  }

  Status launch(const LaunchArgs& args) override {
    for (int64_t direction = 0; direction < size_.directions; ++direction) run(args, direction);
    return ok_status();
  }

 private:
  void run(const LaunchArgs& args, int64_t direction) {
    auto* base = static_cast<char*>(args.workspace);
    auto* gates = reinterpret_cast<float*>(base);
    auto* h = reinterpret_cast<float*>(base + gates_bytes_);
    auto* c = reinterpret_cast<float*>(base + gates_bytes_ + state_bytes_);
    void* scratch = base + gates_bytes_ + 2 * state_bytes_;
    const int64_t state = size_.batch * size_.hidden;
    start_state(args, kInitialH, direction, h);
    start_state(args, kInitialC, direction, c);

    const int64_t w_floats = matmul_packed_floats(size_.gates(), size_.input);
    const int64_t r_floats = matmul_packed_floats(size_.gates(), size_.hidden);
    Epilogue bias;
    if (blobs_.size() > 2) bias.bias = blobs_[2].data<float>() + direction * size_.gates();
    matmul(table_, input_product(size_), input_blocking_, static_cast<const float*>(args.inputs[kX]),
           blobs_[0].data<float>() + direction * w_floats, gates, bias, *args.team, scratch);
    const bool reversed = direction == 1 || problem_.attributes.s_or("direction", "forward") == "reverse";
    auto* y = problem_.outputs[0].present ? static_cast<float*>(args.outputs[0]) : nullptr;
    for (int64_t i = 0; i < size_.steps; ++i) {
      const int64_t step = reversed ? size_.steps - 1 - i : i;
      float* at = gates + step * size_.batch * size_.gates();
      Epilogue sum;
      sum.residual = at;
      sum.residual_stride = size_.gates();
      matmul(table_, recurrent_product(size_), recurrent_blocking_, h, blobs_[1].data<float>() + direction * r_floats, at, sum, *args.team, scratch);
      update(at, h, c);
      if (y != nullptr) std::memcpy(y + (step * size_.directions + direction) * state, h, static_cast<size_t>(state) * 4);
    }
    finish_state(args, 1, direction, h);
    finish_state(args, 2, direction, c);
  }

  // c = f·c + i·g;  h = o·tanh(c)
  void update(float* gates, float* h, float* c) const {
    Epilogue sigmoid, tanh;
    sigmoid.activation = Activation::kSigmoid;
    tanh.activation = Activation::kTanh;
    const int64_t hidden = size_.hidden, stride = size_.gates();
    for (int64_t b = 0; b < size_.batch; ++b) {
      float* i = gates + b * stride;
      const float *o = i + hidden, *f = o + hidden, *g = f + hidden;
      activate(i, 3 * hidden, sigmoid);
      activate(i + 3 * hidden, hidden, tanh);
      float *cell = c + b * hidden, *out = h + b * hidden;
      for (int64_t k = 0; k < hidden; ++k) out[k] = cell[k] = f[k] * cell[k] + i[k] * g[k];
      activate(out, hidden, tanh);
      for (int64_t k = 0; k < hidden; ++k) out[k] *= o[k];
    }
  }

  void activate(float* row, int64_t count, const Epilogue& epilogue) const {
    for (int64_t at = 0; at < count; at += kMaxTilePanels * kPanel) {
      const auto cols = static_cast<int>(std::min<int64_t>(kMaxTilePanels * kPanel, count - at));
      table_.activate(row + at, count, 1, cols, epilogue, 0, 0);
    }
  }

  void start_state(const LaunchArgs& args, int input, int64_t direction, float* state) const {
    const int64_t count = size_.batch * size_.hidden;
    const bool given = static_cast<int>(problem_.inputs.size()) > input && problem_.inputs[static_cast<size_t>(input)].present;
    if (given) std::memcpy(state, static_cast<const float*>(args.inputs[input]) + direction * count, static_cast<size_t>(count) * 4);
    else std::fill(state, state + count, 0.0f);
  }

  void finish_state(const LaunchArgs& args, size_t output, int64_t direction, const float* state) const {
    if (output >= problem_.outputs.size() || !problem_.outputs[output].present) return;
    const int64_t count = size_.batch * size_.hidden;
    std::memcpy(static_cast<float*>(args.outputs[output]) + direction * count, state, static_cast<size_t>(count) * 4);
  }

  Problem problem_;
  const KernelTable& table_;
  std::vector<Tensor> blobs_;
  Sizes size_;
  GemmBlocking input_blocking_, recurrent_blocking_;
  int64_t gates_bytes_ = 0, state_bytes_ = 0;
};

std::string unsuitable(const Problem& problem) {
  auto present = [&](size_t i) { return i < problem.inputs.size() && problem.inputs[i].present; };
  for (size_t i : {kX, kW, kR, kB, kInitialH, kInitialC}) {
    if (present(i) && problem.inputs[i].dtype != DType::kF32) return fmt::format("an input is {}, takes f32", dtype_name(problem.inputs[i].dtype));
  }
  for (size_t i : {kW, kR, kB}) {
    if (present(i) && !(problem.inputs[i].constant && problem.inputs[i].is_static())) return "weights or bias are not constant";
  }
  if (present(kLengths)) return "sequence lengths";
  if (present(kPeepholes)) return "peepholes";
  if (problem.has_epilogue()) return "an epilogue";
  const Attributes& a = problem.attributes;
  if (a.i_or("layout", 0) || a.i_or("input_forget", 0) || a.has("clip")) return "layout 1, input_forget or clip";
  if (const auto* names = a.find_as<std::vector<std::string>>("activations")) {
    for (size_t i = 0; i < names->size(); ++i) {
      if ((*names)[i] != (i % 3 == 0 ? "Sigmoid" : "Tanh")) return fmt::format("activation {}", (*names)[i]);
    }
  }
  return "";
}

class Lstm final : public Tactic {
 public:
  std::string_view id() const override { return "cpu.lstm"; }
  int version() const override { return 1; }

  void query(const Problem& problem, Answer& answer) const override {
    if (!problem.domain.empty() || problem.op != "LSTM") return;
    if (const std::string reason = unsuitable(problem); !reason.empty()) return answer.decline(reason);
    Offer offer;
    offer.input_layouts.assign(problem.inputs.size(), Layout::kRowMajor);
    offer.output_layouts.assign(problem.outputs.size(), Layout::kRowMajor);
    offer.packed_inputs.assign(problem.inputs.size(), false);
    offer.packed_inputs[kW] = offer.packed_inputs[kR] = true;
    if (problem.inputs.size() > kB) offer.packed_inputs[kB] = problem.inputs[kB].present;
    LstmKernel sized(problem, {});
    const std::vector<Dims> dims{problem.inputs[kX].opt, problem.inputs[kW].opt, problem.inputs[kR].opt};
    const auto workspace = sized.specialize(dims, {}, problem.threads);
    if (!workspace.ok()) return answer.decline(workspace.status().message());
    offer.workspace_bytes = *workspace;
    answer.offer(std::move(offer));
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const override {
    const Sizes s = sizes_of(problem.inputs[kX].opt, problem.inputs[kR].opt);
    const KernelTable& table = kernel_table(problem.isa);
    auto pack = [&](const Tensor& weights, int64_t k) {
      const int64_t floats = matmul_packed_floats(s.gates(), k);
      Tensor packed(DType::kF32, {s.directions * floats});
      for (int64_t d = 0; d < s.directions; ++d) {
        matmul_pack(table, s.gates(), k, weights.data<float>() + d * s.gates() * k, k, true, packed.data<float>() + d * floats);
      }
      return packed;
    };
    std::vector<Tensor> blobs{pack(constants[kW], s.input), pack(constants[kR], s.hidden)};
    if (offer.packed_inputs.size() <= kB || !offer.packed_inputs[kB]) return blobs;
    Tensor bias(DType::kF32, {s.directions * s.gates()});  // Wb + Rb
    for (int64_t d = 0; d < s.directions; ++d) {
      const float* both = constants[kB].data<float>() + d * 2 * s.gates();
      for (int64_t i = 0; i < s.gates(); ++i) bias.data<float>()[d * s.gates() + i] = both[i] + both[s.gates() + i];
    }
    blobs.push_back(std::move(bias));
    return blobs;
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    const Sizes s = sizes_of(problem.inputs[kX].opt, problem.inputs[kR].opt);
    const bool bias = offer.packed_inputs.size() > kB && offer.packed_inputs[kB];
    const bool fits = blobs.size() == (bias ? 3u : 2u) && blobs[0].count() == s.directions * matmul_packed_floats(s.gates(), s.input) &&
                      blobs[1].count() == s.directions * matmul_packed_floats(s.gates(), s.hidden) &&
                      (!bias || blobs[2].count() == s.directions * s.gates());
    if (!fits) return make_error(Code::kInvalidEngine, "cpu.lstm: the packed weights don't have the problem's sizes; the engine is damaged: rebuild it");
    return std::unique_ptr<Kernel>(std::make_unique<LstmKernel>(problem, blobs));
  }
};

}  // namespace

const Tactic& lstm() {
  static const Lstm tactic;
  return tactic;
}

}  // namespace sinter::cpu
