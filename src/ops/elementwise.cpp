// Broadcast plans and the errors of elementwise kernels.
#include "ops/elementwise.h"

#include <algorithm>

#include "ops/indexing.h"

namespace sinter::ops {

Result<BroadcastPlan> BroadcastPlan::make(const std::vector<Dims>& operands) {
  BroadcastPlan plan;
  for (const Dims& dims : operands) {
    SINTER_ASSIGN(plan.dims_, broadcast(plan.dims_, dims));
  }
  const auto count = checked_count(plan.dims_);
  if (!count) return make_error(Code::kInvalidArgument, "the broadcast result {} is too large", to_string(plan.dims_));
  plan.count_ = *count;

  const size_t rank = plan.dims_.size();
  std::vector<Dims> full(operands.size(), Dims(rank, 0));
  for (size_t i = 0; i < operands.size(); ++i) {
    const Dims own = row_major_strides(operands[i]);
    for (size_t axis = 0; axis < own.size(); ++axis)
      if (operands[i][axis] != 1) full[i][axis + rank - own.size()] = own[axis];
  }
  plan.strides_.resize(operands.size());
  for (size_t axis = 0; axis < rank; ++axis) {
    const int64_t size = plan.dims_[axis];
    if (size == 1) continue;
    const bool merge =
        !plan.walk_.empty() && std::equal(full.begin(), full.end(), plan.strides_.begin(),
                                          [&](const Dims& f, const Dims& s) { return s.back() == f[axis] * size; });
    if (merge)
      plan.walk_.back() *= size;
    else
      plan.walk_.push_back(size);
    for (size_t i = 0; i < operands.size(); ++i) {
      if (merge)
        plan.strides_[i].back() = full[i][axis];
      else
        plan.strides_[i].push_back(full[i][axis]);
    }
  }
  if (plan.walk_.empty()) {
    plan.walk_ = {1};
    for (Dims& strides : plan.strides_) strides = {0};
  }
  plan.run_ = plan.walk_.back();
  return plan;
}

Status unsupported_dtype(const EvalContext& context, int input) {
  return context.error(fmt::format("input {} is {}: no reference kernel for that element type; insert a Cast before it",
                                   input, dtype_name(context.tensor(input).dtype())));
}

Status plan_inputs(const EvalContext& context, int count, BroadcastPlan& plan) {
  std::vector<Dims> operands;
  for (int i = 0; i < count; ++i) operands.push_back(context.tensor(i).dims());
  auto made = BroadcastPlan::make(operands);
  if (!made.ok()) return context.error(made.status().message());
  plan = std::move(made).value();
  return ok_status();
}

Status check_same_dtype(const EvalContext& context, int count) {
  for (int i = 1; i < count; ++i)
    if (context.tensor(i).dtype() != context.tensor(0).dtype())
      return context.error(fmt::format("input {} is {} but input 0 is {}: expected one element type; insert a Cast", i,
                                       dtype_name(context.tensor(i).dtype()), dtype_name(context.tensor(0).dtype())));
  return ok_status();
}

Status sum_floats(EvalContext& context, bool mean) {
  const int inputs = context.input_count();
  SINTER_TRY(check_same_dtype(context, inputs));
  BroadcastPlan plan;
  SINTER_TRY(plan_inputs(context, inputs, plan));
  const DType dtype = context.tensor(0).dtype();
  const bool known = visit_float(dtype, [&]<typename T>(TypeTag<T>) {
    std::vector<const T*> x;
    for (int input = 0; input < inputs; ++input) x.push_back(context.tensor(input).data<T>());
    T* y = context.allocate(0, dtype, plan.dims()).template data<T>();
    plan.for_each_run([&](int64_t at, const int64_t* offsets) {
      for (int64_t i = 0; i < plan.run(); ++i) {
        Compute<T> sum = x[0][offsets[0] + i * plan.run_stride(0)];
        for (int input = 1; input < inputs; ++input) sum += x[input][offsets[input] + i * plan.run_stride(input)];
        y[at + i] = static_cast<T>(mean ? sum / static_cast<Compute<T>>(inputs) : sum);
      }
    });
  });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

bool pointwise_with_constants(PointwiseOp op, std::initializer_list<float> constants, PointwiseProgram& program) {
  program = PointwiseProgram();
  program.inputs = 1;
  std::array<int16_t, 3> args{0, -1, -1};
  size_t count = 1;
  for (const float constant : constants) args[count++] = program.append_constant(constant);
  const int16_t result = count == 3   ? program.append(op, {args[0], args[1], args[2]})
                         : count == 2 ? program.append(op, {args[0], args[1]})
                                      : program.append(op, {args[0]});
  program.outputs = {result};
  return true;
}

bool pointwise_chain(PointwiseOp op, int inputs, PointwiseProgram& program) {
  if (inputs < 2) return false;
  program = PointwiseProgram();
  program.inputs = inputs;
  int16_t result = 0;
  for (int i = 1; i < inputs; ++i) result = program.append(op, {result, static_cast<int16_t>(i)});
  program.outputs = {result};
  return true;
}

}  // namespace sinter::ops
