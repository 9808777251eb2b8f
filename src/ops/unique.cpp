// Unique: the distinct elements (or, with 'axis', sub-tensors) of the input, sorted or in order of first appearance,
// with the index of each one's first appearance, the inverse mapping and the counts. NaNs are equal to one another and
// sort last.
#include <algorithm>
#include <complex>
#include <numeric>

#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace unique_impl {

Status infer(InferContext& context) {
  const int64_t* given = context.attributes().find_as<int64_t>("axis");
  const Shape* input = context.input_shape(0);
  const Dim count = context.fresh_symbol("unique");
  std::optional<Shape> output = Shape{count}, inverse;
  if (input) {
    inverse = Shape{product(*input)};
    if (given) {
      int axis = 0;
      SINTER_TRY(check_axis(context, *given, static_cast<int64_t>(input->size()), axis));
      inverse = Shape{(*input)[axis]};
      output = *input;
      (*output)[axis] = count;
    }
  } else if (given) {
    output.reset();
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  if (context.has_output(1)) context.set_output(1, ValueType::tensor(DType::kI64, Shape{count}));
  if (context.has_output(2)) context.set_output(2, ValueType::tensor(DType::kI64, std::move(inverse)));
  if (context.has_output(3)) context.set_output(3, ValueType::tensor(DType::kI64, Shape{count}));
  return ok_status();
}

// -1, 0, 1 in a total order.
template <typename T>
int compare(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
    const int real = compare(a.real(), b.real());
    return real != 0 ? real : compare(a.imag(), b.imag());
  } else if constexpr (std::is_same_v<T, std::string>) {
    return a < b ? -1 : b < a ? 1 : 0;
  } else {
    const auto x = static_cast<Compute<T>>(a), y = static_cast<Compute<T>>(b);
    if (x != x || y != y) return (x != x) - (y != y);
    return x < y ? -1 : y < x ? 1 : 0;
  }
}

// The slices x[..., i, ...] along one axis; without an axis every element is a slice.
struct Slices {
  int64_t outer = 1, count = 1, inner = 1;
};

template <typename T>
int compare_slices(const T* x, const Slices& s, int64_t a, int64_t b) {
  for (int64_t o = 0; o < s.outer; ++o) {
    const T* base = x + o * s.count * s.inner;
    for (int64_t i = 0; i < s.inner; ++i)
      if (const int order = compare(base[a * s.inner + i], base[b * s.inner + i])) return order;
  }
  return 0;
}

struct Groups {
  std::vector<int64_t> first, inverse, counts;
};

template <typename T>
Groups group(const T* x, const Slices& slices, bool sorted) {
  std::vector<int64_t> order(static_cast<size_t>(slices.count));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return compare_slices(x, slices, a, b) < 0; });
  Groups groups;
  groups.inverse.resize(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || compare_slices(x, slices, order[i - 1], order[i]) != 0) {
      groups.first.push_back(order[i]);
      groups.counts.push_back(0);
    }
    groups.inverse[order[i]] = static_cast<int64_t>(groups.first.size()) - 1;
    ++groups.counts.back();
  }
  if (sorted) return groups;

  std::vector<int64_t> ranks(groups.first.size()), place(groups.first.size());
  std::iota(ranks.begin(), ranks.end(), int64_t{0});
  std::sort(ranks.begin(), ranks.end(), [&](int64_t a, int64_t b) { return groups.first[a] < groups.first[b]; });
  Groups by_appearance;
  for (size_t i = 0; i < ranks.size(); ++i) {
    place[ranks[i]] = static_cast<int64_t>(i);
    by_appearance.first.push_back(groups.first[ranks[i]]);
    by_appearance.counts.push_back(groups.counts[ranks[i]]);
  }
  for (const int64_t old : groups.inverse) by_appearance.inverse.push_back(place[old]);
  return by_appearance;
}

void put(EvalContext& context, int index, const std::vector<int64_t>& values) {
  if (context.wants_output(index)) context.set_output(index, Tensor::from_i64(values));
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  Slices slices{1, x.count(), 1};
  Dims dims{0};
  int axis = 0;
  if (const int64_t* given = context.attributes().find_as<int64_t>("axis")) {
    SINTER_TRY(check_axis(context, *given, x.rank(), axis));
    slices = {product(x.dims(), 0, axis), x.dims()[axis], product(x.dims(), axis + 1)};
    dims = x.dims();
  }
  const bool sorted = context.attributes().i("sorted") != 0;
  Groups groups;
  const bool known =
      visit_dtype(x.dtype(), [&]<typename T>(TypeTag<T>) { groups = group(x.data<T>(), slices, sorted); });
  if (!known) return unsupported_dtype(context, 0);
  const int64_t count = static_cast<int64_t>(groups.first.size());
  dims[axis] = count;
  Tensor& y = context.allocate(0, x.dtype(), dims);
  for (int64_t o = 0; o < slices.outer; ++o)
    for (int64_t i = 0; i < count; ++i)
      copy_elements(x, (o * slices.count + groups.first[i]) * slices.inner, y, (o * count + i) * slices.inner,
                    slices.inner);
  put(context, 1, groups.first);
  put(context, 2, groups.inverse);
  put(context, 3, groups.counts);
  return ok_status();
}

}  // namespace unique_impl

OpDef define_unique() {
  OpDef op("Unique", 11);
  op.input("X", "T")
      .output("Y", "T")
      .output("indices", "I64", ParamKind::kOptional)
      .output("inverse_indices", "I64", ParamKind::kOptional)
      .output("counts", "I64", ParamKind::kOptional)
      .type("T", kNumericTypes | kComplexTypes | kBoolType | kStringType)
      .type("I64", dtype_bit(DType::kI64))
      .attr("axis", AttrKind::kInt, false)
      .attr("sorted", int64_t{1});
  op.infer = unique_impl::infer;
  op.evaluate = unique_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
