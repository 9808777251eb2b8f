// Support vector machines: what SVMClassifier and SVMRegressor share.
#pragma once

#include "ops/classic_ml.h"

namespace sinter::ops {

enum class SvmKernel : uint8_t { kLinear, kPoly, kRbf, kSigmoid };

struct SvmFunction {
  SvmKernel kind = SvmKernel::kLinear;
  double gamma = 0, coef0 = 0, degree = 0;
  double operator()(const double* a, const double* b, int64_t count) const;
};

// From kernel_type and kernel_params (gamma, coef0, degree).
Result<SvmFunction> read_svm_function(const Attributes& attributes);
void add_svm_attributes(OpDef& op);

}  // namespace sinter::ops
