// Transpose: y[i[perm[0]], i[perm[1]], …] = x[i]; without perm the axes are reversed. A view when only axes of size 1
// move.
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace transpose_impl {

template <typename Context>
Status read_perm(const Context& context, int rank, std::vector<int>& perm) {
  std::vector<int64_t> reversed;
  for (int axis = rank - 1; axis >= 0; --axis) reversed.push_back(axis);
  const std::vector<int64_t> given = context.attributes().ints_or("perm", reversed);
  if (static_cast<int>(given.size()) != rank)
    return context.error(
        fmt::format("attribute 'perm' names {} axes, but the input has rank {}: expected each axis once; "
                    "correct the attribute",
                    given.size(), rank));
  return check_axes(context, given, rank, perm);
}

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  if (input) {
    std::vector<int> perm;
    SINTER_TRY(read_perm(context, static_cast<int>(input->size()), perm));
    output.emplace();
    for (const int axis : perm) output->push_back((*input)[axis]);
    if (input->size() <= 1)
      if (auto elements = context.input_elements(0)) context.set_output_elements(0, std::move(*elements));
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  std::vector<int> perm;
  SINTER_TRY(read_perm(context, x.rank(), perm));
  const Dims strides = row_major_strides(x.dims());
  Dims dims;
  Region from;
  for (const int axis : perm) {
    dims.push_back(x.dims()[axis]);
    from.strides.push_back(strides[axis]);
  }
  return move_data(context, 0, x, dims, [&](const Tensor& source, Tensor& target) {
    copy_strided(source, from, target);
    return ok_status();
  });
}

}  // namespace transpose_impl

OpDef define_transpose() {
  OpDef op("Transpose", 1);
  op.input("data", "T")
      .output("transposed", "T")
      .type("T", kAllTensorTypes & ~dtype_set(DType::kF6E2M3, DType::kF6E3M2))
      .attr("perm", AttrKind::kInts, false)
      .fact(kMovesData);
  op.infer = transpose_impl::infer;
  op.evaluate = transpose_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
