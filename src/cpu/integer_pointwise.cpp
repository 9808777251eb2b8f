// Elementwise operators on i32 and i64 (token ids, positions, masks), and Where on every element of 1, 2, 4 or 8 bytes that
// cpu.pointwise does not compute with. Row-major with broadcasting: axes that all operands step through alike are merged, and the rows that
// are left run in loops for each kind of broadcast operand.
#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/strided_copy.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartElements = 16384;

// Steps are 0 or 1, in elements, for operands a, b and c.
using RowFn = void (*)(void* d, const void* a, const void* b, const void* c, int64_t n, const int64_t* steps);

template <typename T, typename R, R (*kOp)(T, T)>
void binary_row(void* d, const void* a, const void* b, const void*, int64_t n, const int64_t* steps) {
  const auto *x = static_cast<const T*>(a), *y = static_cast<const T*>(b);
  auto* to = static_cast<R*>(d);
  if (steps[0] != 0 && steps[1] != 0) {
    for (int64_t i = 0; i < n; ++i) to[i] = kOp(x[i], y[i]);
  } else if (steps[0] != 0) {
    for (int64_t i = 0; i < n; ++i) to[i] = kOp(x[i], *y);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = kOp(*x, y[i * steps[1]]);
  }
}

// By masks: conditions that change often would mislead a branch.
template <typename T, int64_t kX, int64_t kY>
void choose(T* to, const uint8_t* condition, const T* x, const T* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const T mask = static_cast<T>(-static_cast<std::make_signed_t<T>>(condition[i] != 0)), a = x[i * kX], b = y[i * kY];
    to[i] = static_cast<T>((a & mask) | (b & static_cast<T>(~mask)));
  }
}

template <typename T>
void where_row(void* d, const void* a, const void* b, const void* c, int64_t n, const int64_t* steps) {
  const auto* condition = static_cast<const uint8_t*>(a);
  const auto *x = static_cast<const T*>(b), *y = static_cast<const T*>(c);
  auto* to = static_cast<T*>(d);
  if (steps[0] == 0) {
    const T* from = *condition != 0 ? x : y;
    const int64_t step = *condition != 0 ? steps[1] : steps[2];
    if (step != 0) std::copy_n(from, n, to);
    else std::fill_n(to, n, *from);
  } else if (steps[1] != 0) {
    steps[2] != 0 ? choose<T, 1, 1>(to, condition, x, y, n) : choose<T, 1, 0>(to, condition, x, y, n);
  } else {
    steps[2] != 0 ? choose<T, 0, 1>(to, condition, x, y, n) : choose<T, 0, 0>(to, condition, x, y, n);
  }
}

// Sums, differences and products wrap around; division truncates, by zero it gives 0.
template <typename T>
struct Integer {
  using U = std::make_unsigned_t<T>;
  static T add(T a, T b) { return static_cast<T>(static_cast<U>(a) + static_cast<U>(b)); }
  static T sub(T a, T b) { return static_cast<T>(static_cast<U>(a) - static_cast<U>(b)); }
  static T mul(T a, T b) { return static_cast<T>(static_cast<U>(a) * static_cast<U>(b)); }
  static T div(T a, T b) { return b == 0 ? T{0} : b == T{-1} ? sub(T{0}, a) : static_cast<T>(a / b); }
  static T remainder(T a, T b) { return b == 0 || b == T{-1} ? T{0} : static_cast<T>(a % b); }
  static T floor_mod(T a, T b) {
    const T r = remainder(a, b);
    return r != 0 && (r < 0) != (b < 0) ? static_cast<T>(r + b) : r;
  }
  static T max(T a, T b) { return a > b ? a : b; }
  static T min(T a, T b) { return a < b ? a : b; }
  static uint8_t equal(T a, T b) { return a == b; }
  static uint8_t less(T a, T b) { return a < b; }
  static uint8_t less_equal(T a, T b) { return a <= b; }
  static uint8_t greater(T a, T b) { return a > b; }
  static uint8_t greater_equal(T a, T b) { return a >= b; }
};

template <typename T>
RowFn integer_row(const Problem& problem) {
  using I = Integer<T>;
  const std::string& op = problem.op;
  if (op == "Add" || op == "Sum") return &binary_row<T, T, &I::add>;
  if (op == "Sub") return &binary_row<T, T, &I::sub>;
  if (op == "Mul") return &binary_row<T, T, &I::mul>;
  if (op == "Div") return &binary_row<T, T, &I::div>;
  if (op == "Mod") return problem.attributes.i_or("fmod", 0) != 0 ? &binary_row<T, T, &I::remainder> : &binary_row<T, T, &I::floor_mod>;
  if (op == "Max") return &binary_row<T, T, &I::max>;
  if (op == "Min") return &binary_row<T, T, &I::min>;
  if (op == "Equal") return &binary_row<T, uint8_t, &I::equal>;
  if (op == "Less") return &binary_row<T, uint8_t, &I::less>;
  if (op == "LessOrEqual") return &binary_row<T, uint8_t, &I::less_equal>;
  if (op == "Greater") return &binary_row<T, uint8_t, &I::greater>;
  if (op == "GreaterOrEqual") return &binary_row<T, uint8_t, &I::greater_equal>;
  return nullptr;
}

// The loop for the problem; null when there is none.
RowFn row_of(const Problem& problem) {
  if (!problem.domain.empty() || problem.inputs.empty()) return nullptr;
  if (problem.op == "Where" && problem.inputs.size() == 3) {
    constexpr DTypeSet kComputed = dtype_set(DType::kF32, DType::kF16, DType::kBF16, DType::kBool);  // by cpu.pointwise
    if (problem.inputs[0].dtype != DType::kBool || contains(kComputed, problem.inputs[1].dtype)) return nullptr;
    switch (element_bytes(problem.inputs[1].dtype)) {
      case 1: return &where_row<uint8_t>;
      case 2: return &where_row<uint16_t>;
      case 4: return &where_row<uint32_t>;
      case 8: return &where_row<uint64_t>;
      default: return nullptr;
    }
  }
  if (problem.inputs.size() != 2 || problem.inputs[0].dtype != problem.inputs[1].dtype) return nullptr;
  if (problem.inputs[0].dtype == DType::kI32) return integer_row<int32_t>(problem);
  return problem.inputs[0].dtype == DType::kI64 ? integer_row<int64_t>(problem) : nullptr;
}

class IntegerPointwiseKernel final : public Kernel {
 public:
  explicit IntegerPointwiseKernel(const Problem& problem) : row_(row_of(problem)), out_bytes_(element_bytes(problem.outputs[0].dtype)) {
    for (const TensorDesc& desc : problem.inputs) bytes_.push_back(element_bytes(desc.dtype));
  }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    const Dims& out = outputs[0];
    loops_.clear();
    std::array<Dims, 3> strides;
    for (size_t k = 0; k < inputs.size(); ++k) {
      const Dims own = row_major_strides(inputs[k]);
      strides[k].assign(out.size(), 0);
      const size_t lead = out.size() - inputs[k].size();
      for (size_t i = 0; i < inputs[k].size(); ++i) strides[k][lead + i] = inputs[k][i] == 1 ? 0 : own[i];
    }
    for (size_t i = 0; i < out.size(); ++i) {
      if (out[i] == 1) continue;
      Loop loop{out[i], {}};
      for (size_t k = 0; k < inputs.size(); ++k) loop.steps[k] = strides[k][i];
      bool joins = !loops_.empty();
      for (size_t k = 0; joins && k < inputs.size(); ++k) joins = loops_.back().steps[k] == loop.steps[k] * loop.size;
      if (joins) loop.size *= loops_.back().size, loops_.pop_back();
      loops_.push_back(loop);
    }
    if (loops_.empty()) loops_.push_back({1, {}});
    count_ = product(out);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    if (count_ == 0) return ok_status();
    const Loop& inner = loops_.back();
    // A row may be split, so that one long row is shared too.
    const int64_t piece = std::min(inner.size, kMinPartElements), pieces = ceil_quotient(inner.size, piece), rows = count_ / inner.size;
    args.team->split(rows * pieces, std::max<int64_t>(1, kMinPartElements / piece), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) row(args, i / pieces, i % pieces * piece, std::min(piece, inner.size - i % pieces * piece));
    });
    return ok_status();
  }

 private:
  struct Loop {
    int64_t size;
    std::array<int64_t, 3> steps{};
  };

  void row(const LaunchArgs& args, int64_t row, int64_t first, int64_t n) const {
    const Loop& inner = loops_.back();
    const int64_t at = row * inner.size + first;
    std::array<int64_t, 3> offsets{};
    for (size_t k = 0; k < 3; ++k) offsets[k] = first * inner.steps[k];
    for (size_t i = loops_.size() - 1; i-- > 0;) {
      for (size_t k = 0; k < 3; ++k) offsets[k] += row % loops_[i].size * loops_[i].steps[k];
      row /= loops_[i].size;
    }
    const char* operands[3] = {};
    for (size_t k = 0; k < bytes_.size(); ++k) operands[k] = static_cast<const char*>(args.inputs[k]) + offsets[k] * bytes_[k];
    row_(static_cast<char*>(args.outputs[0]) + at * out_bytes_, operands[0], operands[1], operands[2], n, inner.steps.data());
  }

  RowFn row_;
  int out_bytes_;
  std::vector<int> bytes_;
  std::vector<Loop> loops_;
  int64_t count_ = 0;
};

class IntegerPointwise final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (row_of(problem) == nullptr) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<IntegerPointwiseKernel>(problem));
  }
};

}  // namespace

SINTER_CPU_TACTIC(integer_pointwise, IntegerPointwise)

}  // namespace sinter::cpu
