// Col2Im: sums the columns of sliding blocks back into an image: [n, c·prod(block), l] → [n, c, image…]; the inverse of
// unfolding, with overlaps added. Floats are summed in double; integers wrap around.
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace col2im_impl {

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  const auto image = context.input_elements(1), block = context.input_elements(2);
  std::optional<Shape> output;
  if (input && input->size() != 3)
    return context.error(
        fmt::format("the input is {}: expected [n, c·block, l]; correct the model", to_string(*input)));
  if (input && image) {
    output = Shape{(*input)[0],
                   block ? floordiv((*input)[1], product(Shape(block->elements))) : context.fresh_symbol("channels")};
    output->insert(output->end(), image->elements.begin(), image->elements.end());
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

struct Window {
  Dims image, block, strides, dilations, pads,
      places;  // pads: begins, then ends; places: positions of the block an axis
};

Status read_window(const EvalContext& context, Window& w) {
  const Tensor& x = context.tensor(0);
  w.image = read_indices(context.tensor(1));
  w.block = read_indices(context.tensor(2));
  const size_t n = w.image.size();
  const Attributes& a = context.attributes();
  w.strides = a.ints_or("strides", Dims(n, 1));
  w.dilations = a.ints_or("dilations", Dims(n, 1));
  w.pads = a.ints_or("pads", Dims(2 * n, 0));
  bool valid = x.rank() == 3 && n > 0 && w.block.size() == n && w.strides.size() == n && w.dilations.size() == n &&
               w.pads.size() == 2 * n;
  constexpr int64_t kMost = int64_t{1} << 30;  // sums and products of two such numbers fit
  for (size_t i = 0; valid && i < n; ++i) {
    valid = w.image[i] >= 0 && w.image[i] < kMost && w.block[i] > 0 && w.block[i] < kMost && w.strides[i] > 0 &&
            w.dilations[i] > 0 && w.dilations[i] < kMost && w.pads[i] >= 0 && w.pads[i] < kMost && w.pads[i + n] >= 0 &&
            w.pads[i + n] < kMost;
    if (!valid) break;
    const int64_t free = w.image[i] + w.pads[i] + w.pads[i + n] - w.dilations[i] * (w.block[i] - 1) - 1;
    w.places.push_back(free < 0 ? 0 : free / w.strides[i] + 1);
  }
  const auto block_size = checked_count(w.block), places = checked_count(w.places);
  valid = valid && block_size && places && x.dims()[1] % *block_size == 0 && x.dims()[2] == *places;
  if (valid) return ok_status();
  return context.error(fmt::format(
      "input {}, image {}, block {}: expected [n, c·block, positions] that fit strides, pads and dilations; "
      "correct the model",
      to_string(x.dims()), to_string(w.image), to_string(w.block)));
}

template <typename T>
void add_columns(const Tensor& x, const Window& w, int64_t planes, Tensor& y) {
  using A = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;
  const int64_t image = product(w.image), places = product(w.places), block = product(w.block);
  const Dims strides = row_major_strides(w.image);
  std::vector<A> sums(static_cast<size_t>(image));
  for (int64_t plane = 0; plane < planes; ++plane) {
    std::fill(sums.begin(), sums.end(), A(0));
    const T* from = x.data<T>() + plane * block * places;
    for_each_index(w.block, [&](const Dims& inside) {
      for_each_index(w.places, [&](const Dims& place) {
        int64_t at = 0;
        bool valid = true;
        for (size_t i = 0; i < place.size(); ++i) {
          const int64_t position = place[i] * w.strides[i] + inside[i] * w.dilations[i] - w.pads[i];
          valid = valid && position >= 0 && position < w.image[i];
          at += position * strides[i];
        }
        if (valid) sums[at] += static_cast<A>(static_cast<Compute<T>>(*from));
        ++from;
      });
    });
    for (int64_t i = 0; i < image; ++i) y.data<T>()[plane * image + i] = static_cast<T>(sums[i]);
  }
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  Window window;
  SINTER_TRY(read_window(context, window));
  Dims dims{x.dims()[0], x.dims()[1] / product(window.block)};
  const int64_t planes = product(dims);
  dims.insert(dims.end(), window.image.begin(), window.image.end());
  SINTER_TRY(check_output_dims(context, dims));
  const bool known = visit_numeric(x.dtype(), [&]<typename T>(TypeTag<T>) {
    add_columns<T>(x, window, planes, context.allocate(0, x.dtype(), dims));
  });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace col2im_impl

OpDef define_col2im() {
  OpDef op("Col2Im", 18);
  op.input("input", "T")
      .input("image_shape", "I64")
      .input("block_shape", "I64")
      .output("output", "T")
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("I64", dtype_bit(DType::kI64))
      .attr("dilations", AttrKind::kInts, false)
      .attr("pads", AttrKind::kInts, false)
      .attr("strides", AttrKind::kInts, false);
  op.infer = col2im_impl::infer;
  op.evaluate = col2im_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
