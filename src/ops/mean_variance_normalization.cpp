// MeanVarianceNormalization: y = (x - mean) / (sqrt(variance) + 1e-9), statistics over `axes`, as the function in the
// specification.
#include <cmath>

#include "ops/indexing.h"
#include "ops/normalization.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace mean_variance_normalization_impl {

constexpr double kEpsilon = 1e-9;  // specification: added to the standard deviation

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  std::vector<int> axes;
  SINTER_TRY(check_axes(context, context.attributes().ints("axes"), x.rank(), axes));
  const Dims strides = row_major_strides(x.dims());
  Dims outer = x.dims(), inner(x.rank(), 1);
  for (const int axis : axes) {
    outer[axis] = 1;
    inner[axis] = x.dim(axis);
  }
  Tensor y = widened_copy(x);
  std::vector<int64_t> offsets;
  for_each_index(inner, [&](const Dims& index) { offsets.push_back(offset_of(index, strides)); });
  std::vector<double> values(offsets.size());
  for_each_index(outer, [&](const Dims& index) {
    double* base = y.data<double>() + offset_of(index, strides);
    for (size_t i = 0; i < offsets.size(); ++i) values[i] = base[offsets[i]];
    const Moments m = moments(values.data(), static_cast<int64_t>(values.size()));
    for (size_t i = 0; i < offsets.size(); ++i)
      base[offsets[i]] = (values[i] - m.mean) / (std::sqrt(m.variance) + kEpsilon);
  });
  store(context, 0, x.dtype(), y);
  return ok_status();
}

}  // namespace mean_variance_normalization_impl

OpDef define_mean_variance_normalization() {
  OpDef op("MeanVarianceNormalization", 9);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).attr("axes", std::vector<int64_t>{0, 2, 3});
  op.infer = infer_same;
  op.evaluate = mean_variance_normalization_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
