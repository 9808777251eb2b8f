// MaxPool: the largest element of each window (NaN wins), and optionally its index in the whole input. storage_order=1
// counts the index column-major within a plane.
#include <cmath>
#include <limits>

#include "ops/indexing.h"
#include "ops/sliding_window.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace max_pool_impl {

// Index within a plane, row-major, as the column-major one.
int64_t column_major(int64_t index, const Dims& spatial) {
  int64_t result = 0, scale = product(spatial);
  for (size_t axis = spatial.size(); axis-- > 0;) {
    scale /= spatial[axis];
    result += index % spatial[axis] * scale;
    index /= spatial[axis];
  }
  return result;
}

double lowest(DType dtype) {
  if (dtype == DType::kI8) return -128;
  return dtype == DType::kU8 ? 0 : -std::numeric_limits<double>::infinity();
}

Status evaluate(EvalContext& context) {
  SlidingWindow window;
  Dims dims;
  SINTER_TRY(prepare_pool(context, window, dims));
  const Tensor& input = context.tensor(0);
  const Tensor x = widened(input);
  const WindowTaps taps = window_taps(window, x.dims(), dims);
  const Dims spatial(x.dims().begin() + 2, x.dims().end());
  const bool by_column = context.attributes().i("storage_order") != 0, wants_indices = context.wants_output(1);
  Tensor y(DType::kF64, dims), indices;
  if (wants_indices) indices = Tensor(DType::kI64, dims);
  const int64_t planes = dims[0] * dims[1], positions = static_cast<int64_t>(taps.included.size()),
                plane = product(spatial);
  for (int64_t p = 0; p < planes; ++p) {
    const double* from = x.data<double>() + p * plane;
    for (int64_t i = 0; i < positions; ++i) {
      double best = lowest(input.dtype());
      int64_t where = -1;
      for (int64_t t = taps.begin[i]; t < taps.begin[i + 1]; ++t) {
        const double value = from[taps.offsets[t]];
        if (where < 0 || value > best || (std::isnan(value) && !std::isnan(best))) {
          best = value;
          where = taps.offsets[t];
        }
      }
      y.data<double>()[p * positions + i] = best;
      if (!wants_indices) continue;
      const int64_t local = where < 0 ? 0 : where;
      indices.data<int64_t>()[p * positions + i] = p * plane + (by_column ? column_major(local, spatial) : local);
    }
  }
  store(context, 0, input.dtype(), y);
  if (wants_indices) context.set_output(1, indices);
  return ok_status();
}

}  // namespace max_pool_impl

OpDef define_max_pool() {
  OpDef op("MaxPool", 1);
  op.input("X", "T")
      .output("Y", "T")
      .output("Indices", "I", ParamKind::kOptional)
      .type("T", kFloatTypes | dtype_set(DType::kU8, DType::kI8))
      .type("I", dtype_set(DType::kI64))
      .attr("auto_pad", std::string("NOTSET"))
      .attr("ceil_mode", int64_t{0})
      .attr("dilations", AttrKind::kInts, false)
      .attr("kernel_shape", AttrKind::kInts, true)
      .attr("pads", AttrKind::kInts, false)
      .attr("storage_order", int64_t{0})
      .attr("strides", AttrKind::kInts, false);
  op.infer = infer_pool;
  op.evaluate = max_pool_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
