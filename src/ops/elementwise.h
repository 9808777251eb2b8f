// Elementwise reference kernels: numpy broadcasting, typed dispatch, one rounding.
//
// Scalar functions get the compute type of the element: double for f64, float for f32, f16 and bf16 (rounded once on
// store), integers as they are. A kernel is one generic lambda: map_float(context, [](auto x) { return std::sin(x); }).
#pragma once

#include <type_traits>

#include "core/op_def.h"

namespace sinter::ops {

template <typename T>
struct ComputeType {
  using type = T;
};
template <>
struct ComputeType<Half> {
  using type = float;
};
template <>
struct ComputeType<BFloat16> {
  using type = float;
};
template <typename T>
using Compute = typename ComputeType<T>::type;

// How several operands walk the broadcast result: axes merged where all walk them as one; the innermost is a run.
class BroadcastPlan {
 public:
  // Error: the dims do not broadcast.
  static Result<BroadcastPlan> make(const std::vector<Dims>& operands);
  const Dims& dims() const { return dims_; }
  int64_t run() const { return run_; }
  int64_t run_stride(int operand) const { return strides_[operand].back(); }  // 0 or 1
  // fn(output offset, operand offsets) at the start of every run.
  template <typename Fn>
  void for_each_run(Fn&& fn) const {
    if (count_ == 0) return;
    const size_t operands = strides_.size(), outer = walk_.size() - 1;
    Dims index(outer, 0), offsets(operands, 0);
    for (int64_t at = 0; at < count_; at += run_) {
      fn(at, static_cast<const int64_t*>(offsets.data()));
      for (size_t axis = outer; axis-- > 0;) {
        const bool carry = ++index[axis] == walk_[axis];
        for (size_t i = 0; i < operands; ++i)
          offsets[i] += carry ? -strides_[i][axis] * (walk_[axis] - 1) : strides_[i][axis];
        if (!carry) break;
        index[axis] = 0;
      }
    }
  }

 private:
  Dims dims_, walk_;
  std::vector<Dims> strides_;  // of each operand over walk_
  int64_t count_ = 0, run_ = 1;
};

// The error of a kernel that has no code for an input's dtype.
Status unsupported_dtype(const EvalContext& context, int input);
// A plan over the context's inputs [0, count); dims that do not broadcast become an error of the node.
Status plan_inputs(const EvalContext& context, int count, BroadcastPlan& plan);

// output 0 = fn(input 0), dtypes given.
template <typename Out, typename In, typename Fn>
void map_unary(EvalContext& context, DType out, Fn fn) {
  const Tensor& x = context.tensor(0);
  Tensor& y = context.allocate(0, out, x.dims());
  const In* from = x.data<In>();
  Out* to = y.data<Out>();
  for (int64_t i = 0; i < x.count(); ++i) to[i] = static_cast<Out>(fn(static_cast<Compute<In>>(from[i])));
}

// f16, bf16, f32, f64 → the same.
template <typename Fn>
Status map_float(EvalContext& context, Fn fn) {
  const DType dtype = context.tensor(0).dtype();
  const bool known = visit_float(dtype, [&]<typename T>(TypeTag<T>) { map_unary<T, T>(context, dtype, fn); });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

// out[i] = fn(a, b) with broadcasting, dtypes given.
template <typename Out, typename A, typename B, typename Fn>
Status map_binary(EvalContext& context, DType out, Fn fn) {
  BroadcastPlan plan;
  SINTER_TRY(plan_inputs(context, 2, plan));
  const A* a = context.tensor(0).data<A>();
  const B* b = context.tensor(1).data<B>();
  Out* y = context.allocate(0, out, plan.dims()).data<Out>();
  const int64_t run = plan.run(), step_a = plan.run_stride(0), step_b = plan.run_stride(1);
  plan.for_each_run([&](int64_t at, const int64_t* offsets) {
    const A* pa = a + offsets[0];
    const B* pb = b + offsets[1];
    for (int64_t i = 0; i < run; ++i)
      y[at + i] =
          static_cast<Out>(fn(static_cast<Compute<A>>(pa[i * step_a]), static_cast<Compute<B>>(pb[i * step_b])));
  });
  return ok_status();
}

// Both inputs must have one dtype: what a schema's shared type variable promises.
Status check_same_dtype(const EvalContext& context, int count);

// Floats and integers of one type T → T. `fn` sees floats in their compute type; `integer` sees integers as they are.
template <typename Fn, typename IntegerFn>
Status map_arithmetic(EvalContext& context, Fn fn, IntegerFn integer) {
  SINTER_TRY(check_same_dtype(context, 2));
  const DType dtype = context.tensor(0).dtype();
  Status status;
  const bool known =
      visit_float(dtype, [&]<typename T>(TypeTag<T>) { status = map_binary<T, T, T>(context, dtype, fn); }) ||
      visit_integer(dtype, [&]<typename T>(TypeTag<T>) { status = map_binary<T, T, T>(context, dtype, integer); });
  return known ? std::move(status) : unsupported_dtype(context, 0);
}

// Integers whose result depends on the low bits only (wraparound): one instance a width instead of one a type. `fn`
// works on uint64_t and is truncated.
template <typename Fn, typename IntegerFn>
Status map_wrapping(EvalContext& context, Fn fn, IntegerFn integer) {
  SINTER_TRY(check_same_dtype(context, 2));
  const DType dtype = context.tensor(0).dtype();
  Status status;
  if (visit_float(dtype, [&]<typename T>(TypeTag<T>) { status = map_binary<T, T, T>(context, dtype, fn); }))
    return status;
  if (!contains(kIntegerTypes, dtype)) return unsupported_dtype(context, 0);
  const auto wide = [&](uint64_t a, uint64_t b) { return integer(a, b); };
  switch (dtype_bits(dtype)) {
    case 8: return map_binary<uint8_t, uint8_t, uint8_t>(context, dtype, wide);
    case 16: return map_binary<uint16_t, uint16_t, uint16_t>(context, dtype, wide);
    case 32: return map_binary<uint32_t, uint32_t, uint32_t>(context, dtype, wide);
    default: return map_binary<uint64_t, uint64_t, uint64_t>(context, dtype, wide);
  }
}

// Bits of integers: `fn` works on uint64_t and is truncated.
template <typename Fn>
Status map_bits(EvalContext& context, Fn fn) {
  if (!contains(kIntegerTypes, context.tensor(0).dtype())) return unsupported_dtype(context, 0);
  return map_wrapping(
      context, [](auto a, auto) { return a; }, fn);
}

// Numeric types → bool.
template <typename Fn>
Status map_compare(EvalContext& context, Fn fn) {
  SINTER_TRY(check_same_dtype(context, 2));
  Status status;
  const bool known = visit_numeric(context.tensor(0).dtype(), [&]<typename T>(TypeTag<T>) {
    status = map_binary<bool, T, T>(context, DType::kBool, fn);
  });
  return known ? std::move(status) : unsupported_dtype(context, 0);
}

// All inputs of one numeric type, folded from left to right: y = fn(fn(x0, x1), x2)…. `fn` must return one of its
// arguments, so that nothing is rounded between.
template <typename Fn>
Status fold_numeric(EvalContext& context, Fn fn) {
  const int inputs = context.input_count();
  SINTER_TRY(check_same_dtype(context, inputs));
  BroadcastPlan plan;
  SINTER_TRY(plan_inputs(context, inputs, plan));
  const DType dtype = context.tensor(0).dtype();
  const bool known = visit_numeric(dtype, [&]<typename T>(TypeTag<T>) {
    T* y = context.allocate(0, dtype, plan.dims()).template data<T>();
    for (int input = 0; input < inputs; ++input) {
      const T* x = context.tensor(input).data<T>();
      const int64_t step = plan.run_stride(input);
      plan.for_each_run([&](int64_t at, const int64_t* offsets) {
        for (int64_t i = 0; i < plan.run(); ++i) {
          const T value = x[offsets[input] + i * step];
          y[at + i] = input == 0
                          ? value
                          : static_cast<T>(fn(static_cast<Compute<T>>(y[at + i]), static_cast<Compute<T>>(value)));
        }
      });
    }
  });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

// Sum of all float inputs, divided by their number when `mean`; one rounding.
Status sum_floats(EvalContext& context, bool mean);

// The program with one instruction over all inputs in order (OpDef::pointwise of plain operators).
template <PointwiseOp kOp>
bool pointwise_direct(const Attributes&, int inputs, PointwiseProgram& program) {
  program.inputs = inputs;
  if (inputs != pointwise_op_arity(kOp)) return false;
  PointwiseInstruction instruction;
  instruction.op = kOp;
  for (int i = 0; i < inputs; ++i) instruction.args[i] = static_cast<int16_t>(i);
  program.code = {instruction};
  program.outputs = {static_cast<int16_t>(inputs)};
  return true;
}

// The program op(input 0, constants…): activations with parameters.
bool pointwise_with_constants(PointwiseOp op, std::initializer_list<float> constants, PointwiseProgram& program);
// The program that folds all inputs with a two-operand instruction: op(op(0,1),2)…; one input is refused.
bool pointwise_chain(PointwiseOp op, int inputs, PointwiseProgram& program);

}  // namespace sinter::ops
