// The weighted negative log-likelihood and its reductions.
#include "ops/losses.h"

#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace {

template <typename Context>
Status read_reduction(const Context& context, std::string& reduction) {
  reduction = context.attributes().s("reduction");
  if (reduction == "none" || reduction == "sum" || reduction == "mean") return ok_status();
  return context.error(
      fmt::format("attribute 'reduction' is '{}': expected none, sum or mean; correct the model", reduction));
}

}  // namespace

Status infer_class_loss(InferContext& context) {
  std::string reduction;
  SINTER_TRY(read_reduction(context, reduction));
  SINTER_TRY(check_rank(context, 0, 2, 1 << 20));
  std::optional<Shape> shape;
  if (reduction != "none") {
    shape = Shape{};
  } else if (const Shape* x = context.input_shape(0)) {
    shape = *x;
    shape->erase(shape->begin() + 1);
  } else if (const Shape* target = context.input_shape(1)) {
    shape = *target;
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  if (context.has_output(1)) context.set_output(1, context.input_type(0));
  return ok_status();
}

Status evaluate_class_loss(EvalContext& context, const Tensor& log_probabilities) {
  std::string reduction;
  SINTER_TRY(read_reduction(context, reduction));
  Dims dims = log_probabilities.dims();
  const int64_t classes = dims[1], inner = product(dims, 2);
  dims.erase(dims.begin() + 1);
  SINTER_TRY(check_dims(context, 1, dims));
  const bool weighted = context.has_input(2);
  if (weighted) SINTER_TRY(check_dims(context, 2, {classes}));
  const std::vector<double> weights = weighted ? context.tensor(2).to_f64() : std::vector<double>();
  const std::vector<int64_t> targets = context.tensor(1).to_i64();
  const int64_t* ignored = context.attributes().find_as<int64_t>("ignore_index");
  Tensor loss(DType::kF64, dims);
  double sum = 0, weight_sum = 0;
  for (int64_t i = 0; i < loss.count(); ++i) {
    const int64_t target = targets[i];
    double& out = loss.data<double>()[i];
    out = 0;
    if (ignored && target == *ignored) continue;
    if (target < 0 || target >= classes)
      return context.error(fmt::format("a target is {}: expected classes in [0,{}]{}; correct the input", target,
                                       classes - 1, ignored ? " or the ignored one" : ""));
    const double weight = weighted ? weights[target] : 1;
    out = -log_probabilities.data<double>()[(i / inner * classes + target) * inner + i % inner] * weight;
    sum += out;
    weight_sum += weight;
  }
  if (reduction == "none") {
    store(context, 0, context.tensor(0).dtype(), loss);
  } else {
    const double value = reduction == "sum" ? sum : sum / weight_sum;
    store(context, 0, context.tensor(0).dtype(), Tensor::scalar<double>(DType::kF64, value));
  }
  return ok_status();
}

}  // namespace sinter::ops
