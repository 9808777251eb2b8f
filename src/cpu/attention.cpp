// Attention (ONNX opset 23 and later), f32, 3-d and 4-d inputs, with an additive or boolean mask and causal masking; heads of keys may be
// shared by groups of query heads. Past keys, windows, softcap and the further outputs are declined.
//
// A unit of work is a block of queries of one head: scores = Q·Kᵀ by the dense kernels, softmax over rows that are still in the
// first cache levels, output = scores·V, and the division by the row sums at the end. The scores never reach main memory. K and V of a
// head are packed once for all blocks of queries and all query heads that share them (once in each thread that has some of these).
#include <algorithm>
#include <cmath>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/matmul.h"
#include "cpu/kernels/row_kernels.h"
#include "cpu/kernels/strided_copy.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kFewQueries = 28, kManyQueries = 256;  // of a block: two tall tiles of the kernels, and enough
constexpr int64_t kScoreFloats = 16 << 10;               // of a block, where that many queries need no more: 64 KiB
constexpr int64_t kMostScoreFloats = 256 << 10;          // 1 MiB, for any number of keys up to that
constexpr size_t kMask = 3;

bool has_mask(const Problem& problem) { return problem.inputs.size() > kMask && problem.inputs[kMask].present; }

// Where rows of one head are: element (batch, head, row) at batch * n + head * h + row * r.
struct HeadStrides {
  int64_t n = 0, h = 0, r = 0;
};

struct Sizes {
  int64_t batch = 0, q_heads = 0, kv_heads = 0, queries = 0, keys = 0, size = 0, v_size = 0;
};

Sizes read_sizes(const Attributes& attributes, const Dims& q, const Dims& k, const Dims& v) {
  Sizes s;
  const bool packed = q.size() == 3;
  s.batch = q[0];
  s.q_heads = packed ? attributes.i_or("q_num_heads", 1) : q[1];
  s.kv_heads = packed ? attributes.i_or("kv_num_heads", 1) : k[1];
  s.queries = q[q.size() - 2];
  s.keys = k[k.size() - 2];
  s.size = packed ? q[2] / s.q_heads : q[3];
  s.v_size = packed ? v[2] / s.kv_heads : v[3];
  return s;
}

HeadStrides strides_of(bool packed, int64_t heads, int64_t rows, int64_t size) {
  return packed ? HeadStrides{rows * heads * size, size, heads * size} : HeadStrides{heads * rows * size, rows * size, size};
}

class AttentionKernel final : public Kernel {
 public:
  explicit AttentionKernel(const Problem& problem)
      : attributes_(problem.attributes), table_(kernel_table(problem.isa)), rows_(row_kernels(problem.isa)),
        causal_(problem.attributes.i_or("is_causal", 0) != 0), has_mask_(has_mask(problem)),
        bool_mask_(has_mask_ && problem.inputs[kMask].dtype == DType::kBool) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int threads) override {
    s_ = read_sizes(attributes_, inputs[0], inputs[1], inputs[2]);
    const bool packed = inputs[0].size() == 3;
    q_ = strides_of(packed, s_.q_heads, s_.queries, s_.size);
    k_ = strides_of(packed, s_.kv_heads, s_.keys, s_.size);
    v_ = strides_of(packed, s_.kv_heads, s_.keys, s_.v_size);
    y_ = strides_of(packed, s_.q_heads, s_.queries, s_.v_size);
    scale_ = attributes_.f_or("scale", 1.0f / std::sqrt(static_cast<float>(s_.size)));
    if (has_mask_) set_mask(inputs[kMask]);
    block_ = block_of_queries();
    score_stride_ = round_up(s_.keys, 16);
    scores_bytes_ = round_up(block_ * (score_stride_ + 1) * 4, 64);
    qk_ = {1, block_, s_.keys, s_.size, q_.r, score_stride_, 0, 0, 0, k_.r, true};
    pv_ = {1, block_, s_.v_size, s_.keys, score_stride_, y_.r, 0, 0, 0, v_.r, false};
    qk_blocking_ = matmul_blocking(table_, qk_);
    pv_blocking_ = matmul_blocking(table_, pv_);
    packed_k_bytes_ = round_up(matmul_packed_floats(s_.keys, s_.size) * 4, 64);
    packed_v_bytes_ = round_up(matmul_packed_floats(s_.v_size, s_.keys) * 4, 64);
    const int64_t dense = std::max(matmul_workspace_bytes(qk_, qk_blocking_, 1), matmul_workspace_bytes(pv_, pv_blocking_, 1));
    thread_bytes_ = scores_bytes_ + packed_k_bytes_ + packed_v_bytes_ + round_up(dense, 64);
    return thread_bytes_ * threads;
  }

  Status launch(const LaunchArgs& args) override {
    const int64_t blocks = ceil_quotient(s_.queries, block_), units = s_.batch * s_.q_heads * blocks;
    if (s_.v_size == 0) return ok_status();
    const int parts = static_cast<int>(std::min<int64_t>(args.team->size(), units));
    args.team->run(parts, [&](int part) {
      const Scratch scratch = carve(static_cast<char*>(args.workspace) + part * thread_bytes_);
      int64_t packed = -1;  // the head of keys that the scratch holds
      for (int64_t u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const int64_t n = u / blocks / s_.q_heads, head = u / blocks % s_.q_heads;
        const int64_t kv_head = n * s_.kv_heads + head / (s_.q_heads / s_.kv_heads);
        if (packed != kv_head && s_.keys != 0) pack(args, kv_head, scratch);
        packed = kv_head;
        run_block(args, n, head, u % blocks * block_, scratch);
      }
    });
    return ok_status();
  }

 private:
  void set_mask(const Dims& dims) {
    Dims padded(4, 1);
    std::copy(dims.begin(), dims.end(), padded.end() - static_cast<std::ptrdiff_t>(dims.size()));
    const Dims strides = row_major_strides(padded);
    for (size_t i = 0; i < 4; ++i) mask_[i] = padded[i] == 1 ? 0 : strides[i];
  }

  // Of one thread.
  struct Scratch {
    float *scores, *sums, *k, *v;
    void* dense;
  };

  Scratch carve(char* at) const {
    auto* scores = reinterpret_cast<float*>(at);
    at += scores_bytes_;
    auto* k = reinterpret_cast<float*>(at);
    at += packed_k_bytes_;
    return {scores, scores + block_ * score_stride_, k, reinterpret_cast<float*>(at), at + packed_v_bytes_};
  }

  // So many that their scores stay in the first cache levels; blocks of nearly equal size.
  int64_t block_of_queries() const {
    const int64_t keys = std::max<int64_t>(s_.keys, 1), queries = std::max<int64_t>(s_.queries, 1);
    const int64_t most = std::min(std::clamp(kScoreFloats / keys, kFewQueries, kManyQueries), std::max<int64_t>(kMostScoreFloats / keys, 1));
    return ceil_quotient(queries, ceil_quotient(queries, most));
  }

  void pack(const LaunchArgs& args, int64_t kv_head, const Scratch& scratch) const {
    const int64_t n = kv_head / s_.kv_heads, head = kv_head % s_.kv_heads;
    matmul_pack(table_, s_.keys, s_.size, static_cast<const float*>(args.inputs[1]) + n * k_.n + head * k_.h, k_.r, true, scratch.k);
    matmul_pack(table_, s_.v_size, s_.keys, static_cast<const float*>(args.inputs[2]) + n * v_.n + head * v_.h, v_.r, false, scratch.v);
  }

  void run_block(const LaunchArgs& args, int64_t n, int64_t head, int64_t first, const Scratch& scratch) const {
    const int64_t rows = std::min(block_, s_.queries - first);
    const auto* q = static_cast<const float*>(args.inputs[0]) + n * q_.n + head * q_.h + first * q_.r;
    auto* y = static_cast<float*>(args.outputs[0]) + n * y_.n + head * y_.h + first * y_.r;
    if (s_.keys == 0) {
      for (int64_t r = 0; r < rows; ++r) std::fill_n(y + r * y_.r, s_.v_size, 0.0f);
      return;
    }
    const Epilogue none;
    MatmulShape qk = qk_, pv = pv_;
    qk.m = pv.m = rows;
    matmul(table_, qk, qk_blocking_, q, scratch.k, scratch.scores, none, inline_team(), scratch.dense);
    for (int64_t r = 0; r < rows; ++r) {
      float* row = scratch.scores + r * score_stride_;
      scale_and_mask(args.inputs, n * mask_[0] + head * mask_[1] + (first + r) * mask_[2], row);
      scratch.sums[r] = softmax(row, causal_ ? std::min(s_.keys, first + r + 1) : s_.keys);
    }
    matmul(table_, pv, pv_blocking_, scratch.scores, scratch.v, y, none, inline_team(), scratch.dense);
    for (int64_t r = 0; r < rows; ++r) rows_.scale(y + r * y_.r, y + r * y_.r, 1.0f / scratch.sums[r], s_.v_size);
  }

  // A position that is masked with -infinity stays masked whatever its score is.
  void scale_and_mask(const void* const* inputs, int64_t offset, float* row) const {
    if (has_mask_ && !bool_mask_ && mask_[3] != 0) {
      rows_.scale_masked(row, row, scale_, static_cast<const float*>(inputs[kMask]) + offset, s_.keys);
      return;
    }
    rows_.scale(row, row, scale_, s_.keys);
    if (!has_mask_) return;
    if (bool_mask_) {
      const uint8_t* m = static_cast<const uint8_t*>(inputs[kMask]) + offset;
      for (int64_t j = 0; j < s_.keys; ++j) row[j] = m[j * mask_[3]] != 0 ? row[j] : -HUGE_VALF;
      return;
    }
    const float m = static_cast<const float*>(inputs[kMask])[offset];
    for (int64_t j = 0; j < s_.keys; ++j) row[j] = m == -HUGE_VALF ? m : row[j] + m;
  }

  // Exponentials of the first n scores, zeros behind; their sum, 1 for a row without any key.
  float softmax(float* row, int64_t n) const {
    std::fill(row + n, row + s_.keys, 0.0f);
    const float high = rows_.max(row, n);
    if (high == -HUGE_VALF) {
      std::fill_n(row, n, 0.0f);
      return 1;
    }
    return rows_.exp_sum(row, row, high, n);
  }

  Attributes attributes_;
  const KernelTable& table_;
  const RowKernels& rows_;
  bool causal_, has_mask_, bool_mask_;
  Sizes s_;
  HeadStrides q_, k_, v_, y_;
  int64_t mask_[4] = {0, 0, 0, 0};
  float scale_ = 1;
  int64_t block_ = 1, score_stride_ = 0, scores_bytes_ = 0, packed_k_bytes_ = 0, packed_v_bytes_ = 0, thread_bytes_ = 0;
  MatmulShape qk_, pv_;
  GemmBlocking qk_blocking_, pv_blocking_;
};

std::string unsuitable(const Problem& problem) {
  if (problem.has_epilogue()) return "no epilogue";
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const TensorDesc& desc = problem.inputs[i];
    if (i > kMask && desc.present) return "past keys or padded lengths";
    if (i < kMask && (!desc.present || desc.dtype != DType::kF32)) return "not f32";
    if (i < kMask && desc.rank() != problem.inputs[0].rank()) return "ranks differ";
  }
  for (size_t i = 1; i < problem.outputs.size(); ++i) {
    if (problem.outputs[i].present) return "present keys or scores are wanted";
  }
  const Attributes& attributes = problem.attributes;
  if (attributes.f_or("softcap", 0) != 0) return "softcap";
  if (attributes.i_or("left_window_size", -1) >= 0 || attributes.i_or("right_window_size", -1) >= 0) return "a window";
  if (!has_mask(problem)) return "";
  const TensorDesc& mask = problem.inputs[kMask];
  if (mask.dtype != DType::kF32 && mask.dtype != DType::kBool) return "mask not f32 or bool";
  if (mask.rank() < 1 || mask.rank() > 4) return "rank of the mask";
  const Dim& keys = problem.inputs[1].shape[static_cast<size_t>(problem.inputs[1].rank() - 2)];
  if (mask.shape.back() != keys && !mask.shape.back().is(1)) return "a mask of another length than the keys";
  return "";
}

class Attention final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Attention")) return;
    const std::string reason = unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    AttentionKernel kernel(problem);
    std::vector<Dims> dims;
    for (const TensorDesc& desc : problem.inputs) dims.push_back(desc.opt);
    const Dims outputs[] = {problem.outputs[0].opt};
    const auto bytes = kernel.specialize(dims, outputs, problem.threads);
    if (bytes.ok()) offer.workspace_bytes = *bytes;
    answer.offer(std::move(offer));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<AttentionKernel>(problem));
  }
};

}  // namespace

SINTER_CPU_TACTIC(attention, Attention)

}  // namespace sinter::cpu
