// GRU in every direction with its usual activations, f32, f16 and bf16, the reset gate before or after the recurrent product (kernels/gru.cu): the
// products with the inputs for all steps at once, then two launches a step. Sequence lengths, clipping and batch-first tensors are declined.
// Bound by the latency of steps.
#include <algorithm>

#include "cuda/cuda_tactic.h"
#include "cuda/recurrent.h"

namespace sinter::cuda {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;

// As in kernels/gru.cu.
struct GruArgs {
  int64_t steps = 0, batch = 0, hidden = 0, directions = 0, step = 0;
  int32_t reverse = 0, padding = 0;
};

struct Functions {
  Function project, start, gates, state;
};

class GruKernel final : public Kernel {
 public:
  GruKernel(Functions functions, const Problem& problem) : functions_(std::move(functions)), inputs_(problem.inputs.size()), outputs_(problem.outputs.size()) {
    args_.reverse = problem.attributes.s_or("direction", "forward") == "reverse";
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    args_.steps = inputs[0][0];
    args_.batch = inputs[0][1];
    input_ = inputs[0][2];
    args_.directions = inputs[2][0];
    args_.hidden = inputs[2][2];
    count_ = args_.directions * args_.batch * args_.hidden;
    projected_ = 3 * count_ * args_.steps;
    if (args_.steps == 0 && count_ > 0) return make_error(Code::kUnsupported, "a GRU over no steps; expected at least one");
    return (projected_ + 4 * count_) * static_cast<int64_t>(sizeof(float));
  }

  Status launch(const LaunchArgs& args) override {
    auto* projected = static_cast<float*>(args.workspace);
    float *h = projected + projected_, *next = h + count_, *update = next + count_, *reset = update + count_;
    const auto in = [&](size_t i) { return i < inputs_ ? args.inputs[i] : nullptr; };
    const auto out = [&](size_t i) { return i < outputs_ ? args.outputs[i] : nullptr; };
    Launch how;
    how.threads = kThreads;
    how.stream = args.stream;
    how.grid.x = ceil_quotient(projected_, kWarps);
    const int64_t rows = args_.steps * args_.batch;
    SINTER_TRY(cuda::launch(functions_.project, how, in(0), in(1), in(3), projected, rows, input_, args_.hidden, args_.directions));
    how.grid.x = ceil_quotient(count_, kThreads);
    SINTER_TRY(cuda::launch(functions_.start, how, in(5), h, count_));
    how.grid.x = ceil_quotient(count_, kWarps);
    for (args_.step = 0; args_.step < args_.steps; ++args_.step) {
      SINTER_TRY(cuda::launch(functions_.gates, how, projected, in(2), in(3), h, update, reset, args_));
      SINTER_TRY(cuda::launch(functions_.state, how, projected, in(2), in(3), h, next, update, reset, out(0), out(1), args_));
      std::swap(h, next);
    }
    return ok_status();
  }

 private:
  Functions functions_;
  size_t inputs_, outputs_;
  GruArgs args_;
  int64_t input_ = 0, count_ = 0, projected_ = 0;
};

class Gru final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "GRU")) return;
    const std::string reason = recurrent_unsuitable(problem, 2);
    if (!reason.empty()) return answer.decline(reason);
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    const Dims &x = problem.inputs[0].opt, &r = problem.inputs[2].opt;
    offer.workspace_bytes = r[0] * x[1] * r[2] * (3 * x[0] + 4) * static_cast<int64_t>(sizeof(float));
    answer.offer(std::move(offer));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    Functions functions;
    SINTER_ASSIGN(functions.project, load_code(blobs, "gru_project"));
    SINTER_ASSIGN(functions.start, load_code(blobs, "gru_start"));
    SINTER_ASSIGN(functions.gates, load_code(blobs, "gru_gates"));
    SINTER_ASSIGN(functions.state, load_code(blobs, "gru_state"));
    return std::unique_ptr<Kernel>(std::make_unique<GruKernel>(std::move(functions), problem));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    const bool linear = problem.attributes.i_or("linear_before_reset", 0) != 0;
    return Source{"gru.cu", {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype)), fmt::format("LINEAR={}", linear ? 1 : 0)}, ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(gru, Gru)

}  // namespace sinter::cuda
