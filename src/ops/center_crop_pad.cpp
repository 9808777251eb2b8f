// CenterCropPad: crops or zero-pads axes to the sizes of input 1, keeping the centre; an odd difference goes to the
// end.
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace center_crop_pad_impl {

template <typename Context>
Status read_axes(const Context& context, int64_t rank, size_t sizes, std::vector<int>& axes) {
  std::vector<int64_t> all;
  for (int64_t i = 0; i < rank; ++i) all.push_back(i);
  SINTER_TRY(check_axes(context, context.attributes().ints_or("axes", all), rank, axes));
  if (axes.size() == sizes) return ok_status();
  return context.error(
      fmt::format("'shape' has {} entries for {} axes: expected one each; correct the model", sizes, axes.size()));
}

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  if (input) {
    output = *input;
    std::vector<int> axes;
    if (const auto wanted = context.input_elements(1)) {
      SINTER_TRY(read_axes(context, static_cast<int64_t>(input->size()), wanted->elements.size(), axes));
      for (size_t i = 0; i < axes.size(); ++i) (*output)[axes[i]] = wanted->elements[i];
    } else {
      output = fresh_shape(context, static_cast<int64_t>(input->size()), "crop");
    }
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  const std::vector<int64_t> wanted = read_indices(context.tensor(1));
  std::vector<int> axes;
  SINTER_TRY(read_axes(context, x.rank(), wanted.size(), axes));
  Dims dims = x.dims(), common = x.dims();
  const Dims from_strides = row_major_strides(x.dims());
  for (size_t i = 0; i < axes.size(); ++i) dims[axes[i]] = wanted[i];
  SINTER_TRY(check_output_dims(context, dims));
  Region from{0, from_strides}, to{0, row_major_strides(dims)};
  for (int i = 0; i < x.rank(); ++i) {
    const int64_t have = x.dims()[i], want = dims[i];
    common[i] = std::min(have, want);
    if (have > want)
      from.offset += (have - want) / 2 * from.strides[i];
    else
      to.offset += (want - have) / 2 * to.strides[i];
  }
  return move_data(context, 0, x, dims, [&](const Tensor& source, Tensor& target) {
    if (source.dtype() != DType::kString) std::memset(target.raw(), 0, static_cast<size_t>(target.bytes()));
    copy_region(source, from, target, to, common);
    return ok_status();
  });
}

}  // namespace center_crop_pad_impl

OpDef define_center_crop_pad() {
  OpDef op("CenterCropPad", 18);
  op.input("input_data", "T")
      .input("shape", "Tind")
      .output("output_data", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("Tind", dtype_set(DType::kI32, DType::kI64))
      .attr("axes", AttrKind::kInts, false)
      .fact(kMovesData);
  op.infer = center_crop_pad_impl::infer;
  op.evaluate = center_crop_pad_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
