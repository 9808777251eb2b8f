// What the window operators share.
#include "ops/cosine_window.h"

#include <cmath>

#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {

namespace cosine_window_impl {

Status infer(InferContext& context) {
  SINTER_ASSIGN(const DType dtype,
                dtype_attribute(context, "output_datatype", context.attributes().i("output_datatype")));
  const auto size = context.input_elements(0);
  const bool known = size && size->elements.size() == 1;
  context.set_output(0, ValueType::tensor(dtype, Shape{known ? size->elements[0] : context.fresh_symbol("window")}));
  return ok_status();
}

}  // namespace cosine_window_impl

OpDef cosine_window_op(std::string name) {
  OpDef op(std::move(name), 17);
  op.input("size", "T1")
      .output("output", "T2")
      .type("T1", dtype_set(DType::kI32, DType::kI64))
      .type("T2", kNumericTypes)
      .attr("output_datatype", int64_t{1})
      .attr("periodic", int64_t{1});
  op.infer = cosine_window_impl::infer;
  return op;
}

Status evaluate_window(EvalContext& context, double a0, double a1, double a2) {
  SINTER_ASSIGN(const DType dtype,
                dtype_attribute(context, "output_datatype", context.attributes().i("output_datatype")));
  const std::vector<int64_t> given = read_indices(context.tensor(0));
  if (given.size() != 1 || given[0] < 0 || !contains(kNumericTypes, dtype))
    return context.error(
        fmt::format("size is {} and the type {}: expected one count and a numeric type; correct the model",
                    to_string(given), dtype_name(dtype)));
  const int64_t size = given[0];
  SINTER_TRY(check_output_dims(context, {size}));
  const double length = static_cast<double>(context.attributes().i("periodic") != 0 ? size : size - 1);
  Tensor window(DType::kF64, {size});
  for (int64_t i = 0; i < size; ++i) {
    const double phase = 2.0 * 3.14159265358979323846 * static_cast<double>(i) / length;
    // A symmetric window of one point has length 0: its point is the peak. In this order the peak is 1 exactly, which an integer type would cut.
    window.data<double>()[i] = length > 0 ? a2 * std::cos(2 * phase) - a1 * std::cos(phase) + a0 : 1.0;
  }
  context.set_output(0, window.cast(dtype));
  return ok_status();
}

}  // namespace sinter::ops
