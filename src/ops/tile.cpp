// Tile: the input repeated along each axis as often as input 1 says.
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace tile_impl {

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  if (input) {
    output = *input;
    const auto repeats = context.input_elements(1);
    if (repeats && repeats->elements.size() != input->size())
      return context.error(
          fmt::format("'repeats' has {} entries, but the input {} has rank {}: expected one an axis; correct the model",
                      repeats->elements.size(), to_string(*input), input->size()));
    for (size_t i = 0; i < output->size(); ++i) {
      if (repeats)
        (*output)[i] *= repeats->elements[i];
      else
        (*output)[i] = context.fresh_symbol("tile");
    }
    const auto elements = context.input_elements(0);
    const auto dims = constant_dims(*output);
    if (elements && repeats && dims && dims->size() == 1 && product(*dims) <= kMaxTrackedElements) {
      std::vector<Dim> tiled;
      for (int64_t i = 0; i < (*dims)[0]; ++i) tiled.push_back(elements->elements[i % elements->dims[0]]);
      track(context, 0, *dims, std::move(tiled));
    }
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  const std::vector<int64_t> repeats = read_indices(context.tensor(1));
  if (static_cast<int>(repeats.size()) != x.rank())
    return context.error(
        fmt::format("'repeats' has {} entries, but the input {} has rank {}: expected one an axis; correct the model",
                    repeats.size(), to_string(x.dims()), x.rank()));
  // Walked as [repeat0, dim0, repeat1, dim1, …] with stride 0 for repeats.
  const Dims strides = row_major_strides(x.dims());
  Dims dims, split;
  Region from;
  for (int i = 0; i < x.rank(); ++i) {
    int64_t size = 0;
    if (repeats[i] < 0 || __builtin_mul_overflow(x.dims()[i], repeats[i], &size))
      return context.error(fmt::format(
          "'repeats' is {}: expected counts that are not negative and fit; correct the model", to_string(repeats)));
    dims.push_back(size);
    split.insert(split.end(), {repeats[i], x.dims()[i]});
    from.strides.insert(from.strides.end(), {0, strides[i]});
  }
  return move_data(context, 0, x, dims, [&](const Tensor& source, Tensor& target) {
    copy_region(source, from, target, {0, row_major_strides(split)}, split);
    return ok_status();
  });
}

}  // namespace tile_impl

OpDef define_tile() {
  OpDef op("Tile", 6);
  op.input("input", "T")
      .input("repeats", "T1")
      .output("output", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("T1", dtype_bit(DType::kI64))
      .fact(kMovesData);
  op.infer = tile_impl::infer;
  op.evaluate = tile_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
