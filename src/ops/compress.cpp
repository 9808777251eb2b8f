// Compress: keeps the slices along an axis (without one: the elements of the flattened input) whose condition is true.
// A condition that is shorter drops the rest.
#include <algorithm>

#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace compress_impl {

Status infer(InferContext& context) {
  const int64_t* given = context.attributes().find_as<int64_t>("axis");
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  if (!given) {
    output = Shape{context.fresh_symbol("kept")};
  } else if (input) {
    int axis = 0;
    SINTER_TRY(check_axis(context, *given, static_cast<int64_t>(input->size()), axis));
    output = *input;
    (*output)[axis] = context.fresh_symbol("kept");
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  const Tensor& condition = context.tensor(1);
  if (condition.dtype() != DType::kBool || condition.rank() != 1)
    return context.error(fmt::format("'condition' is {}: expected a bool tensor of rank 1; correct the model",
                                     condition.type().to_string()));
  int axis = 0;
  Dims dims{x.count()};
  if (const int64_t* given = context.attributes().find_as<int64_t>("axis")) {
    SINTER_TRY(check_axis(context, *given, x.rank(), axis));
    dims = x.dims();
  }
  const int64_t outer = product(dims, 0, axis), length = dims[axis], inner = product(dims, axis + 1);
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < std::min(length, condition.count()); ++i)
    if (condition.data<bool>()[i]) kept.push_back(i);
  dims[axis] = static_cast<int64_t>(kept.size());
  Tensor& y = context.allocate(0, x.dtype(), dims);
  int64_t to = 0;
  for (int64_t o = 0; o < outer; ++o) {
    for (const int64_t i : kept) {
      copy_elements(x, (o * length + i) * inner, y, to, inner);
      to += inner;
    }
  }
  return ok_status();
}

}  // namespace compress_impl

OpDef define_compress() {
  OpDef op("Compress", 9);
  op.input("input", "T")
      .input("condition", "T1")
      .output("output", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("T1", kBoolType)
      .attr("axis", AttrKind::kInt, false)
      .fact(kMovesData);
  op.infer = compress_impl::infer;
  op.evaluate = compress_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
