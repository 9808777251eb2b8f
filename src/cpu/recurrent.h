// What the tactics for LSTM, GRU and RNN share: f32, constant weights, any direction, row-major, no sequence lengths.
//
// The input's share of all gates of all time steps is one matrix product (it has no recurrence). Each step then makes products of the
// state with the recurrent weights and updates the state; that is the cell's, a class derived from RecurrentKernel.
#pragma once

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/matmul.h"

namespace sinter::cpu {

struct RecurrentSizes {
  int64_t steps = 0, batch = 0, input = 0, hidden = 0, directions = 1;
};

// Consecutive gates whose recurrent weights are packed together and multiplied in one product.
struct GateRange {
  int first = 0, count = 1;
};

struct CellSpec {
  int gates = 1;
  int states = 1;                          // 2: with a cell state
  std::vector<GateRange> products;         // of the state with the recurrent weights
  int separate_bias = -1;                  // this gate's recurrent bias is not added to the input's
  int scratch_gates = 0;                   // floats a batch entry that the step needs, in hidden sizes
  std::vector<std::string> activations;    // the only ones taken, one direction's
};

class RecurrentKernel : public Kernel {
 public:
  RecurrentKernel(const Problem& problem, CellSpec spec, std::span<const Tensor> blobs);
  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) final;
  Status launch(const LaunchArgs& args) final;

 protected:
  struct Step {
    float* gates;    // [batch][gates * hidden]: the input's share with its biases; may be written
    float *h, *c;    // [batch][hidden]; c: only with two states
    float* scratch;  // [batch][scratch_gates * hidden]
    int64_t direction;
    ThreadTeam* team;
    void* workspace;
  };
  virtual void step(const Step& step) const = 0;

  // c[batch][stride] = a[batch][hidden] times the weights of product `which` (+ residual or bias of the epilogue).
  void multiply(const Step& step, size_t which, const float* a, float* c, int64_t stride, const Epilogue& epilogue) const;
  void activate(float* row, int64_t count, Activation activation) const;
  // The separate recurrent bias of the step's direction, null when there is none.
  const float* separate_bias(const Step& step) const;

  int64_t batch() const { return size_.batch; }
  int64_t hidden() const { return size_.hidden; }
  int64_t row_floats() const { return spec_.gates * size_.hidden; }

 private:
  MatmulShape input_product() const;
  MatmulShape state_product(size_t which, int64_t stride) const;
  bool present(size_t input) const { return input < problem_.inputs.size() && problem_.inputs[input].present; }
  void run(const LaunchArgs& args, int64_t direction) const;
  void start_state(const LaunchArgs& args, size_t input, int64_t direction, float* state) const;
  void finish_state(const LaunchArgs& args, size_t output, int64_t direction, const float* state) const;

  Problem problem_;
  CellSpec spec_;
  const KernelTable& table_;
  std::vector<Tensor> blobs_;
  RecurrentSizes size_;
  GemmBlocking input_blocking_;
  std::vector<GemmBlocking> state_blocking_;
  int64_t gates_bytes_ = 0, state_bytes_ = 0, scratch_bytes_ = 0;
};

// The tactic's part; derived classes say which cell and make its kernel.
class RecurrentTactic : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;
  void query(const Problem& problem, Answer& answer) const final;
  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const final;
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const final;

 protected:
  virtual std::string_view op() const = 0;
  virtual CellSpec cell(const Problem& problem) const = 0;
  // Why this cell can't take the problem; "" when it can.
  virtual std::string unsuitable(const Problem&) const { return ""; }
  virtual std::unique_ptr<Kernel> make(const Problem& problem, CellSpec spec, std::span<const Tensor> blobs) const = 0;
};

}  // namespace sinter::cpu
