#include "ops/svm.h"

#include <cmath>

namespace sinter::ops {

double SvmFunction::operator()(const double* a, const double* b, int64_t count) const {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += kind == SvmKernel::kRbf ? (a[i] - b[i]) * (a[i] - b[i]) : a[i] * b[i];
  switch (kind) {
    case SvmKernel::kPoly: return std::pow(gamma * sum + coef0, degree);
    case SvmKernel::kRbf: return std::exp(-gamma * sum);
    case SvmKernel::kSigmoid: return std::tanh(gamma * sum + coef0);
    default: return sum;
  }
}

Result<SvmFunction> read_svm_function(const Attributes& attributes) {
  constexpr const char* kNames[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
  const std::string& name = attributes.s("kernel_type");
  const std::vector<double> params = numbers_of(attributes, "kernel_params");
  SvmFunction function;
  const auto* const found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) return make_error(Code::kInvalidModel, "kernel_type is '{}': expected LINEAR, POLY, RBF or SIGMOID; correct the model", name);
  function.kind = static_cast<SvmKernel>(found - std::begin(kNames));
  if (!params.empty() && params.size() != 3)
    return make_error(Code::kInvalidModel, "kernel_params has {} numbers: expected gamma, coef0 and degree; correct the model", params.size());
  if (params.size() == 3) {
    function.gamma = params[0];
    function.coef0 = params[1];
    function.degree = params[2];
  }
  return function;
}

void add_svm_attributes(OpDef& op) {
  for (const char* name : {"coefficients", "kernel_params", "rho", "support_vectors"}) op.attr(name, AttrKind::kFloats, false);
  op.attr("kernel_type", std::string("LINEAR")).attr("post_transform", std::string("NONE"));
}

}  // namespace sinter::ops
