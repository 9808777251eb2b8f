// GatherND and ScatterND (all reductions of f32, i32 and i64), row-major, any element type of whole bytes. An index out of range is
// an error of the data: launch reports it, before anything is scattered. Scattering works in place; updates are applied in order, so
// threads share the runs, not the tuples.
#include <algorithm>
#include <cstring>

#include "cpu/index_access.h"
#include "cpu/kernels/strided_copy.h"
#include "cpu/update.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartBytes = 32 << 10;

// Tuples of indices into the leading axes of a tensor, and the runs behind them.
struct TupleShape {
  int64_t tuples = 0, width = 0, run = 1;
  int64_t per_batch = 1, batch_elements = 0;  // tuples of a batch, elements of it
  Dims sizes, strides;                        // of the axes that a tuple indexes

  // `batch` leading axes are shared by data and indices.
  void set(const Dims& data, const Dims& indices, size_t batch) {
    width = indices.back();
    const size_t behind = batch + static_cast<size_t>(width);
    tuples = product(indices, 0, indices.size() - 1);
    run = product(data, behind);
    per_batch = std::max<int64_t>(1, product(indices, batch, indices.size() - 1));
    batch_elements = product(data, batch);
    const Dims all = row_major_strides(data);
    sizes.assign(data.begin() + static_cast<std::ptrdiff_t>(batch), data.begin() + static_cast<std::ptrdiff_t>(behind));
    strides.assign(all.begin() + static_cast<std::ptrdiff_t>(batch), all.begin() + static_cast<std::ptrdiff_t>(behind));
  }

  // Offset of tuple t's run in elements; -1 - k: its index k is out of range.
  int64_t offset(const Indices& indices, int64_t t) const {
    int64_t at = t / per_batch * batch_elements;
    for (int64_t k = 0; k < width; ++k) {
      const int64_t index = indices.at(t * width + k, sizes[static_cast<size_t>(k)]);
      if (index < 0) return -1 - k;
      at += index * strides[static_cast<size_t>(k)];
    }
    return at;
  }
  Status bad(std::string_view node, std::string_view op, const Indices& indices, int64_t t) const {
    const int64_t k = -1 - offset(indices, t);
    return bad_index(node, op, indices, t * width + k, sizes[static_cast<size_t>(k)]);
  }
};

std::string misfit(const Dims& data, const Dims& indices, int64_t batch) {
  const int64_t rank = static_cast<int64_t>(data.size());
  if (indices.empty() || batch < 0 || batch >= static_cast<int64_t>(indices.size()) || batch > rank || indices.back() > rank - batch) return "tuples do not fit the data";
  return std::equal(data.begin(), data.begin() + batch, indices.begin()) ? "" : "batch axes differ";
}

class GatherNdKernel final : public Kernel {
 public:
  explicit GatherNdKernel(const Problem& problem)
      : batch_(problem.attributes.i_or("batch_dims", 0)), bytes_(element_bytes(problem.inputs[0].dtype)), node_(problem.node) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const std::string reason = misfit(inputs[0], inputs[1], batch_);
    if (!reason.empty()) {
      return make_error(Code::kInvalidArgument, "node '{}' (GatherND): data is {} and indices are {}: {}; correct the model", node_, to_string(inputs[0]), to_string(inputs[1]), reason);
    }
    shape_.set(inputs[0], inputs[1], static_cast<size_t>(batch_));
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* data = static_cast<const char*>(args.inputs[0]);
    auto* output = static_cast<char*>(args.outputs[0]);
    const Indices indices(args.inputs[1], true);
    const int64_t run_bytes = shape_.run * bytes_;
    std::atomic<int64_t> bad{-1};
    args.team->split(shape_.tuples, std::max<int64_t>(1, kMinPartBytes / std::max<int64_t>(run_bytes, 8)), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        const int64_t at = shape_.offset(indices, t);
        if (at < 0) return bad.store(t);
        move(output + t * run_bytes, data + at * bytes_, run_bytes);
      }
    });
    return bad.load() < 0 ? ok_status() : shape_.bad(node_, "GatherND", indices, bad.load());
  }

 private:
  // Single elements without a call.
  static void move(char* to, const char* from, int64_t bytes) {
    if (bytes == 4) std::memcpy(to, from, 4);
    else if (bytes == 8) std::memcpy(to, from, 8);
    else std::memcpy(to, from, static_cast<size_t>(bytes));
  }

  int64_t batch_;
  int bytes_;
  std::string node_;
  TupleShape shape_;
};

class ScatterNdKernel final : public Kernel {
 public:
  explicit ScatterNdKernel(const Problem& problem)
      : update_(find_update(problem.attributes.s_or("reduction", "none"), problem.inputs[0].dtype)), bytes_(element_bytes(problem.inputs[0].dtype)),
        node_(problem.node) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const std::string reason = misfit(inputs[0], inputs[1], 0);
    if (!reason.empty()) {
      return make_error(Code::kInvalidArgument, "node '{}' (ScatterND): data is {} and indices are {}: {}; correct the model", node_, to_string(inputs[0]), to_string(inputs[1]), reason);
    }
    shape_.set(inputs[0], inputs[1], 0);
    Dims expected(inputs[1].begin(), inputs[1].end() - 1);
    expected.insert(expected.end(), inputs[0].begin() + shape_.width, inputs[0].end());
    if (inputs[2] != expected) {
      return make_error(Code::kInvalidArgument, "node '{}' (ScatterND): updates are {}; expected {}; correct the model", node_, to_string(inputs[2]), to_string(expected));
    }
    count_ = product(inputs[0]);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const Indices indices(args.inputs[1], true);
    for (int64_t t = 0; t < shape_.tuples && shape_.run > 0; ++t) {
      if (shape_.offset(indices, t) < 0) return shape_.bad(node_, "ScatterND", indices, t);
    }
    auto* output = static_cast<char*>(args.outputs[0]);
    copy_unless_same(args, count_ * bytes_);
    const auto* updates = static_cast<const char*>(args.inputs[2]);
    args.team->split(shape_.run, std::max<int64_t>(64, kMinPartBytes / std::max<int64_t>(shape_.tuples * bytes_, 1)), [&](int64_t begin, int64_t end) {
      for (int64_t t = 0; t < shape_.tuples; ++t) {
        update_(output + (shape_.offset(indices, t) + begin) * bytes_, updates + (t * shape_.run + begin) * bytes_, end - begin, bytes_);
      }
    });
    return ok_status();
  }

 private:
  UpdateFn update_;
  int bytes_;
  std::string node_;
  TupleShape shape_;
  int64_t count_ = 0;
};

class GatherNd final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    const bool scatters = is_op(problem, "ScatterND");
    if (!scatters && !is_op(problem, "GatherND")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    const DType dtype = problem.inputs[0].dtype;
    if (element_bytes(dtype) == 0) return answer.decline("elements are not whole bytes");
    if (problem.inputs[1].dtype != DType::kI64) return answer.decline("indices are not i64");
    if (problem.inputs[1].rank() == 0) return answer.decline("indices are a scalar");
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    if (scatters) {
      if (find_update(problem.attributes.s_or("reduction", "none"), dtype) == nullptr) return answer.decline(fmt::format("no such reduction of {}", dtype_name(dtype)));
      offer.in_place_input = 0;
    }
    answer.offer(std::move(offer));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    if (is_op(problem, "GatherND")) return std::unique_ptr<Kernel>(std::make_unique<GatherNdKernel>(problem));
    return std::unique_ptr<Kernel>(std::make_unique<ScatterNdKernel>(problem));
  }
};

}  // namespace

SINTER_CPU_TACTIC(gather_nd, GatherNd)

}  // namespace sinter::cpu
