// LSTM in every direction with its usual activations, f32, f16 and bf16: the products with the inputs for all steps at once, then a launch a step.
// Sequence lengths, peepholes, clipping, coupled gates and batch-first tensors are declined. Bound by the latency of steps.
#include <algorithm>

#include "cuda/cuda_tactic.h"
#include "cuda/recurrent.h"

namespace sinter::cuda {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;

// As in kernels/lstm.cu.
struct LstmArgs {
  int64_t steps = 0, batch = 0, hidden = 0, directions = 0, step = 0;
  int32_t reverse = 0, padding = 0;
};

class LstmKernel final : public Kernel {
 public:
  LstmKernel(Function project, Function start, Function step, const Problem& problem)
      : project_(std::move(project)), start_(std::move(start)), step_(std::move(step)), inputs_(problem.inputs.size()), outputs_(problem.outputs.size()) {
    args_.reverse = problem.attributes.s_or("direction", "forward") == "reverse";
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    args_.steps = inputs[0][0];
    args_.batch = inputs[0][1];
    input_ = inputs[0][2];
    args_.directions = inputs[2][0];
    args_.hidden = inputs[2][2];
    count_ = args_.directions * args_.batch * args_.hidden;
    projected_ = 4 * count_ * args_.steps;
    if (args_.steps == 0 && count_ > 0) return make_error(Code::kUnsupported, "an LSTM over no steps; expected at least one");
    return (projected_ + 3 * count_) * static_cast<int64_t>(sizeof(float));
  }

  Status launch(const LaunchArgs& args) override {
    auto* projected = static_cast<float*>(args.workspace);
    float *h = projected + projected_, *next = h + count_, *c = next + count_;
    const auto in = [&](size_t i) { return i < inputs_ ? args.inputs[i] : nullptr; };
    const auto out = [&](size_t i) { return i < outputs_ ? args.outputs[i] : nullptr; };
    Launch how;
    how.threads = kThreads;
    how.stream = args.stream;
    how.grid.x = ceil_quotient(projected_, kWarps);
    const int64_t rows = args_.steps * args_.batch;
    SINTER_TRY(cuda::launch(project_, how, in(0), in(1), in(3), projected, rows, input_, args_.hidden, args_.directions));
    how.grid.x = ceil_quotient(count_, kThreads);
    SINTER_TRY(cuda::launch(start_, how, in(5), in(6), h, c, count_));
    how.grid.x = ceil_quotient(count_, kWarps);
    for (args_.step = 0; args_.step < args_.steps; ++args_.step) {
      SINTER_TRY(cuda::launch(step_, how, projected, in(2), h, next, c, out(0), out(1), out(2), args_));
      std::swap(h, next);
    }
    return ok_status();
  }

 private:
  Function project_, start_, step_;
  size_t inputs_, outputs_;
  LstmArgs args_;
  int64_t input_ = 0, count_ = 0, projected_ = 0;
};

std::string unsuitable(const Problem& problem) {
  if (has(problem.inputs, 7)) return "peepholes";
  if (problem.attributes.i_or("input_forget", 0) != 0) return "coupled gates";
  return recurrent_unsuitable(problem, 3);
}

class Lstm final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "LSTM")) return;
    const std::string reason = unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    const Dims &x = problem.inputs[0].opt, &r = problem.inputs[2].opt;
    offer.workspace_bytes = r[0] * x[1] * r[2] * (4 * x[0] + 3) * static_cast<int64_t>(sizeof(float));
    answer.offer(std::move(offer));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function project, load_code(blobs, "lstm_project"));
    SINTER_ASSIGN(Function start, load_code(blobs, "lstm_start"));
    SINTER_ASSIGN(Function step, load_code(blobs, "lstm_step"));
    return std::unique_ptr<Kernel>(std::make_unique<LstmKernel>(std::move(project), std::move(start), std::move(step), problem));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"lstm.cu", {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype))}, ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(lstm, Lstm)

}  // namespace sinter::cuda
