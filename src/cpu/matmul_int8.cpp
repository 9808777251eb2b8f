// cpu.matmul_int8: matrix products of 8-bit integers, row-major (cpu/kernels/matmul_bytes.h). A constant right operand is packed ahead, any
// other at run time; scale and zero points may be known at run time only (dynamic quantization).
#include <algorithm>

#include "cpu/byte_dense.h"
#include "cpu/cpu_tactic.h"
#include "cpu/kernels/matmul_bytes.h"
#include "cpu/matmul_geometry.h"

namespace sinter::cpu {
namespace {

int64_t right_count(const Problem& problem) {
  const Dims& b = problem.inputs[kByteW].opt;
  return product(b, 0, b.size() - 2);
}

bool is_ahead(const Problem& problem) { return problem.inputs[kByteW].constant && problem.inputs[kByteW].is_static(); }

class MatmulInt8Kernel final : public Kernel {
 public:
  MatmulInt8Kernel(const Problem& problem, const KernelTable& table, ByteColumns columns, std::span<const Tensor> blobs)
      : problem_(problem), table_(table), columns_(std::move(columns)), is_signed_(problem.inputs[kByteX].dtype == DType::kI8) {
    right_.is_unsigned = problem.inputs[kByteW].dtype == DType::kU8;
    if (is_ahead(problem)) packed_ = {blobs[0], blobs[1]};
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    SINTER_ASSIGN(shape_, matmul_shape(problem_, inputs[0], inputs[1], outputs[0]));
    if (shape_.k > kLongestByteSum) return make_error(Code::kUnsupported, "cpu.matmul_int8: sums of {} products, exact up to {}", shape_.k, kLongestByteSum);
    columns_.set_dims(inputs, outputs[0], shape_.n, shape_.k, flips_source(table_, is_signed_));
    zeros_.assign(static_cast<size_t>(shape_.n), 0);
    blocking_ = matmul_bytes_blocking(table_, shape_);
    return matmul_bytes_workspace_bytes(shape_, blocking_, flips_source(table_, is_signed_), !packed_.empty(), has_weight_zero(problem_), threads);
  }

  Status launch(const LaunchArgs& args) override {
    columns_.update(args, zeros_.data());
    ByteRight right = right_;
    if (packed_.empty()) {
      right.plain = static_cast<const uint8_t*>(args.inputs[kByteW]);
    } else {
      right.packed = packed_[0].data<int8_t>();
      right.sums = packed_[1].data<int32_t>();
    }
    const ByteSource source{args.inputs[kByteX], is_signed_, columns_.x_zero()};
    matmul_bytes(table_, shape_, blocking_, source, right, args.outputs[0], columns_.at(args, shape_.n), *args.team, args.workspace);
    return ok_status();
  }

 private:
  Problem problem_;
  const KernelTable& table_;
  ByteColumns columns_;
  bool is_signed_;
  ByteRight right_;
  std::vector<Tensor> packed_;
  std::vector<int32_t> zeros_;  // the kernel takes the columns' sums off, a problem of the batch at a time
  MatmulShape shape_;
  GemmBlocking blocking_;
};

std::string unsuitable(const Problem& problem) {
  if (std::string reason = byte_dense_unsuitable(problem); !reason.empty()) return reason;
  if (problem.inputs[kByteX].rank() < 2 || problem.inputs[kByteW].rank() < 2) return "an operand is no matrix";
  const Dims& b = problem.inputs[kByteW].opt;
  if (b[b.size() - 2] > kLongestByteSum) return fmt::format("sums of {} products, exact up to {}", b[b.size() - 2], kLongestByteSum);
  for (const int input : {kByteScale, kByteWZero}) {
    if (input >= problem.op_input_count() || !problem.inputs[static_cast<size_t>(input)].present) continue;
    const Dims& dims = problem.inputs[static_cast<size_t>(input)].opt;
    if (product(dims) != 1 && (dims.back() != b.back() || product(dims) != b.back())) return "scales or zero points that are not one a column";
  }
  return "";
}

class MatmulInt8 final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "QuantizedMatMul", "sinter")) return;
    if (const std::string reason = unsuitable(problem); !reason.empty()) return answer.decline(reason);
    const auto shape = matmul_shape_at_optimum(problem);
    if (!shape.ok()) return answer.decline(shape.status().message());
    const auto match = match_byte_epilogue(problem, problem.outputs[0].rank() - 1);
    if (!match.ok()) return answer.decline(match.status().message());
    for (const std::string& config : byte_configs(problem.isa)) {
      Offer offer;
      offer.config = config;
      offer.output_layouts = {Layout::kRowMajor};
      book_byte_dense(problem, *match, Layout::kRowMajor, offer);
      offer.packed_inputs[kByteW] = is_ahead(problem);
      const KernelTable& table = *byte_kernel_table(problem.isa, config);
      offer.workspace_bytes = matmul_bytes_workspace_bytes(*shape, matmul_bytes_blocking(table, *shape),
                                                           flips_source(table, problem.inputs[kByteX].dtype == DType::kI8), is_ahead(problem),
                                                           has_weight_zero(problem), problem.threads);
      answer.offer(std::move(offer));
    }
  }

  Result<std::vector<Tensor>> prepare(const Problem& problem, const Offer& offer, std::span<const Tensor> constants) const override {
    SINTER_ASSIGN(const MatmulShape shape, matmul_shape_at_optimum(problem));
    SINTER_ASSIGN(const ByteDense match, match_byte_epilogue(problem, problem.outputs[0].rank() - 1));
    std::vector<Tensor> blobs;
    if (is_ahead(problem)) {
      const int64_t count = right_count(problem), bytes = matmul_bytes_packed_bytes(shape.n, shape.k), sums = matmul_bytes_sums(shape.n);
      blobs = {Tensor(DType::kI8, {count * bytes}), Tensor(DType::kI32, {count * sums})};
      for (int64_t i = 0; i < count; ++i) {
        matmul_bytes_pack(kernel_table(problem.isa), shape.n, shape.k, constants[kByteW].data<uint8_t>() + i * shape.n * shape.k,
                          problem.inputs[kByteW].dtype == DType::kU8, blobs[0].data<int8_t>() + i * bytes, blobs[1].data<int32_t>() + i * sums);
      }
    }
    append_byte_constants(problem, match, offer, constants, blobs);
    return blobs;
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    const auto damaged = [&](std::string_view what) { return make_error(Code::kInvalidEngine, "{}: {}; the engine is damaged: rebuild it", id(), what); };
    if (const std::string reason = unsuitable(problem); !reason.empty()) return damaged(reason);
    const KernelTable* table = byte_kernel_table(problem.isa, offer.config);
    if (table == nullptr) return damaged(fmt::format("unknown config '{}'", offer.config));
    SINTER_ASSIGN(const MatmulShape shape, matmul_shape_at_optimum(problem));
    SINTER_ASSIGN(const ByteDense match, match_byte_epilogue(problem, problem.outputs[0].rank() - 1));
    const int64_t bytes = matmul_bytes_packed_bytes(shape.n, shape.k) * right_count(problem), sums = matmul_bytes_sums(shape.n) * right_count(problem);
    const bool fits = !is_ahead(problem) || (blobs.size() >= 2 && blobs[0].dtype() == DType::kI8 && blobs[0].count() == bytes &&
                                             blobs[1].dtype() == DType::kI32 && blobs[1].count() == sums);
    if (!fits) return damaged(fmt::format("found {} blobs, expected {} bytes of the right operand and {} sums first", blobs.size(), bytes, sums));
    SINTER_ASSIGN(ByteColumns columns, ByteColumns::make(id(), problem, offer, match, blobs, is_ahead(problem) ? 2 : 0));
    return std::unique_ptr<Kernel>(std::make_unique<MatmulInt8Kernel>(problem, *table, std::move(columns), blobs));
  }
};

}  // namespace

SINTER_CPU_TACTIC(matmul_int8, MatmulInt8)

}  // namespace sinter::cpu
