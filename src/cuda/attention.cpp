// cuda.attention: Attention without past keys or further results: kernels/attention.cu on tensor cores (f16, bf16,
// tf32; heads up to 128), kernels/attention_fma.cu in f32 for full accuracy and for heads of up to 256. Additive and
// boolean masks, causal masking, softcap, key heads shared by groups of query heads, 3-d and 4-d inputs.
#include <cmath>

#include "cuda/broadcast.h"
#include "cuda/cuda_tactic.h"
#include "cuda/dense_launch.h"
#include "cuda/kernels/attention_params.h"
#include "tactic/arithmetic.h"

namespace sinter::cuda {
namespace {

constexpr size_t kMask = 3;
constexpr int64_t kMostTensor = 128, kMostFma = 256, kFmaQueries = 64, kFmaKeys = 32;

struct Config {
  int warps = 0, keys = 0;  // warps 0: the FMA kernel
  bool fma() const { return warps == 0; }
};
constexpr Config kFma{0, kFmaKeys}, kTensor[] = {{4, 64}, {4, 32}, {2, 32}, {2, 64}};

std::string to_string(Config config) {
  return config.fma() ? "fma" : fmt::format("q{} k{}", config.warps * 16, config.keys);
}
Result<Config> parse_config(std::string_view text) {
  if (text == "fma") return kFma;
  for (const Config& config : kTensor) {
    if (to_string(config) == text) return config;
  }
  return make_error(Code::kInvalidEngine,
                    "cuda.attention: found config '{}', expected one of this version's tiles; build the engine again",
                    text);
}

struct Sizes {
  Dim q_heads = 1, kv_heads = 1, size = 1, v_size = 1;
};

Sizes read_sizes(const Problem& problem) {
  const Shape &q = problem.inputs[0].shape, &k = problem.inputs[1].shape, &v = problem.inputs[2].shape;
  Sizes s;
  if (q.size() == 4) return {q[1], k[1], q[3], v[3]};
  s.q_heads = problem.attributes.i_or("q_num_heads", 1);
  s.kv_heads = problem.attributes.i_or("kv_num_heads", 1);
  s.size = floordiv(q[2], s.q_heads);
  s.v_size = floordiv(v[2], s.kv_heads);
  return s;
}

bool has_mask(const Problem& problem) { return problem.inputs.size() > kMask && problem.inputs[kMask].present; }
int64_t padded_head(const Sizes& s) { return round_up(std::max(s.size.value(), s.v_size.value()), 16); }

int64_t row_bytes(int64_t head, int element) {
  int64_t bytes = 64;
  while (bytes < head * element) bytes *= 2;
  return bytes;
}
// As the kernels lay it out.
int64_t shared_bytes(Config config, int64_t head, int element) {
  if (config.fma()) return ((kFmaQueries + 2 * kFmaKeys) * (head + 4) + kFmaQueries * (kFmaKeys + 4)) * 4;
  return (config.warps * 16 + 4 * config.keys) * row_bytes(head, element);
}

std::string unsuitable(const Problem& problem, const Sizes& s) {
  if (problem.has_epilogue()) return "no epilogue";
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const TensorDesc& desc = problem.inputs[i];
    if (i > kMask && desc.present) return "past keys or padded lengths";
    if (i < kMask && (!desc.present || desc.dtype != problem.inputs[0].dtype)) return "operands of different types";
    if (i < kMask && desc.rank() != problem.inputs[0].rank()) return "ranks differ";
  }
  for (size_t i = 1; i < problem.outputs.size(); ++i) {
    if (problem.outputs[i].present) return "present keys or scores are wanted";
  }
  if (!is_compute_float(problem.inputs[0].dtype) || problem.outputs[0].dtype != problem.inputs[0].dtype)
    return "not f32, f16 or bf16";
  const Attributes& attributes = problem.attributes;
  if (attributes.i_or("left_window_size", -1) >= 0 || attributes.i_or("right_window_size", -1) >= 0) return "a window";
  for (const Dim& dim : {s.q_heads, s.kv_heads, s.size, s.v_size}) {
    if (!dim.is_constant() || dim.value() < 1) return "heads of unknown number or size";
  }
  if (s.q_heads.value() % s.kv_heads.value() != 0) return "query heads are no multiple of key heads";
  if (padded_head(s) > kMostFma) return fmt::format("heads of {} elements, takes up to {}", padded_head(s), kMostFma);
  if (!has_mask(problem)) return "";
  const TensorDesc& mask = problem.inputs[kMask];
  if (!is_compute_float(mask.dtype) && mask.dtype != DType::kBool) return "mask not f32, f16, bf16 or bool";
  if (mask.rank() < 1 || mask.rank() > 4) return "rank of the mask";
  return "";
}

sinter_kernels::AttentionTensor tensor_of(const Dims& dims, int64_t heads) {
  const bool packed = dims.size() == 3;
  const int64_t rows = dims[dims.size() - 2], size = packed ? dims[2] / heads : dims[3];
  if (packed) return {nullptr, rows * dims[2], size, dims[2]};
  return {nullptr, heads * rows * size, rows * size, size};
}

class AttentionKernel final : public Kernel {
 public:
  AttentionKernel(const Problem& problem, const Sizes& s, Config config, Function function)
      : attributes_(problem.attributes),
        sizes_(s),
        config_(config),
        function_(std::move(function)),
        has_mask_(has_mask(problem)),
        element_(element_bytes(problem.inputs[0].dtype)) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    const int64_t heads = sizes_.q_heads.value(), kv_heads = sizes_.kv_heads.value();
    const Dims &q = inputs[0], &k = inputs[1], &v = inputs[2];
    p_ = {};
    p_.q = tensor_of(q, heads);
    p_.k = tensor_of(k, kv_heads);
    p_.v = tensor_of(v, kv_heads);
    p_.y = tensor_of(outputs[0], heads);
    const int64_t queries = q[q.size() - 2], keys = k[k.size() - 2];
    if (queries >= INT32_MAX / 2 || keys >= INT32_MAX / 2 || heads > 65535 || q[0] > 65535) {
      return make_error(Code::kUnsupported,
                        "{} queries, {} keys and {} batches are more than this kernel takes; use smaller inputs",
                        queries, keys, q[0]);
    }
    p_.queries = static_cast<int>(queries);
    p_.keys = static_cast<int>(keys);
    p_.heads_per_kv = static_cast<int>(heads / kv_heads);
    p_.size = static_cast<int>(sizes_.size.value());
    p_.v_size = static_cast<int>(sizes_.v_size.value());
    p_.scale = attributes_.f_or("scale", 1.0f / std::sqrt(static_cast<float>(p_.size)));
    p_.softcap = attributes_.f_or("softcap", 0);
    if (has_mask_) set_mask(inputs[kMask]);
    grid_ = {ceil_quotient(queries, config_.fma() ? kFmaQueries : config_.warps * 16), heads, q[0]};
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    p_.q.data = const_cast<void*>(args.inputs[0]);
    p_.k.data = const_cast<void*>(args.inputs[1]);
    p_.v.data = const_cast<void*>(args.inputs[2]);
    p_.y.data = args.outputs[0];
    if (has_mask_) p_.mask.data = const_cast<void*>(args.inputs[kMask]);
    Launch how;
    how.grid = grid_;
    how.threads = config_.fma() ? 256 : config_.warps * 32;
    how.shared_bytes = static_cast<int>(shared_bytes(config_, padded_head(sizes_), element_));
    how.stream = args.stream;
    return cuda::launch(function_, how, p_);
  }

 private:
  void set_mask(const Dims& dims) {
    Dims padded(4, 1);
    std::copy(dims.begin(), dims.end(), padded.end() - static_cast<std::ptrdiff_t>(dims.size()));
    const Dims strides = row_major_strides(padded);
    const auto stride = [&](size_t axis) { return padded[axis] == 1 ? int64_t{0} : strides[axis]; };
    p_.mask = {nullptr, stride(0), stride(1), stride(2)};
    p_.mask_key = stride(3);
    p_.mask_keys = static_cast<int>(padded[3]);
  }

  Attributes attributes_;
  Sizes sizes_;
  Config config_;
  Function function_;
  bool has_mask_;
  int element_;
  sinter_kernels::AttentionParams p_{};
  Grid grid_;
};

class Attention final : public CudaTactic, public TypedTactic {
 public:
  using CudaTactic::CudaTactic;
  Arithmetic arithmetic(const Problem& problem, const Offer& offer) const override {
    const auto config = parse_config(offer.config);
    return config.ok() && !config->fma() ? matrix_arithmetic(problem) : plain_arithmetic(problem);
  }

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Attention") || problem.inputs.size() < 3) return;
    const Sizes s = read_sizes(problem);
    if (const std::string reason = unsuitable(problem, s); !reason.empty()) return answer.decline(reason);
    const int64_t head = padded_head(s);
    const int element = element_bytes(problem.inputs[0].dtype);
    const bool full_f32 = problem.inputs[0].dtype == DType::kF32 && !problem.precision.tf32;
    bool any = false;
    for (const Config& config : kTensor) {
      const bool registers = element == 2 || config.keys * head <= 64 * 64;
      if (full_f32 || head > kMostTensor || !registers ||
          shared_bytes(config, head, element) > problem.device.shared_bytes - 1024)
        continue;
      answer.offer(uniform_offer(problem, Layout::kRowMajor, to_string(config)));
      any = true;
    }
    if (any) return;
    if (shared_bytes(kFma, head, 4) > problem.device.shared_bytes - 1024)
      return answer.decline("heads that do not fit into shared memory");
    answer.offer(uniform_offer(problem, Layout::kRowMajor, to_string(kFma)));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer,
                                       std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(const Config config, parse_config(offer.config));
    const Sizes s = read_sizes(problem);
    if (const std::string reason = unsuitable(problem, s); !reason.empty())
      return make_error(Code::kInvalidEngine, "{}: {}", id(), reason);
    SINTER_ASSIGN(Function function, load_code(blobs, config.fma() ? "attention_fma" : "attention"));
    const int element = element_bytes(problem.inputs[0].dtype);
    SINTER_TRY(function.allow_shared(static_cast<int>(shared_bytes(config, padded_head(s), element))));
    return std::unique_ptr<Kernel>(std::make_unique<AttentionKernel>(problem, s, config, std::move(function)));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer& offer) const override {
    SINTER_ASSIGN(const Config config, parse_config(offer.config));
    const Sizes s = read_sizes(problem);
    const int element = element_bytes(problem.inputs[0].dtype);
    Source source{config.fma() ? "attention_fma.cu" : "attention.cu", {}, ""};
    const auto define = [&](std::string_view name, const auto& value) {
      source.defines.push_back(fmt::format("{}={}", name, value));
    };
    define("TYPE", device_type(problem.inputs[0].dtype));
    define("HEAD", padded_head(s));
    define("KEYS", config.keys);
    if (!config.fma()) {
      define("MATH", element == 4 ? 1 : 0);
      define("WARPS", config.warps);
      define("VEC", std::min(copy_bytes(s.size, element), copy_bytes(s.v_size, element)));
    }
    const bool mask = has_mask(problem), allows = mask && problem.inputs[kMask].dtype == DType::kBool;
    define("MASK", mask ? allows ? 2 : 1 : 0);
    define("MASK_TYPE", mask ? device_type(problem.inputs[kMask].dtype) : "f32");
    define("CAUSAL", int{problem.attributes.i_or("is_causal", 0) != 0});
    define("SOFTCAP", int{problem.attributes.f_or("softcap", 0) != 0});
    return source;
  }
};

}  // namespace

SINTER_CUDA_TACTIC(attention, Attention)

}  // namespace sinter::cuda
