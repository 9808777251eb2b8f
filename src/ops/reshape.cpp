// Reshape: the same elements under the shape that input 1 lists. One -1 is solved from the number of elements; a 0
// copies the input's dim at that place (with allowzero it is a size).
#include <algorithm>

#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace reshape_impl {

// product(dims) / product(others), after cancelling equal factors, so that symbolic quotients come out exact.
Dim quotient(std::vector<Dim> dims, const std::vector<Dim>& others) {
  std::vector<Dim> rest;
  for (const Dim& other : others) {
    const auto same = std::find(dims.begin(), dims.end(), other);
    if (same == dims.end())
      rest.push_back(other);
    else
      dims.erase(same);
  }
  return floordiv(product(dims), product(rest));
}

// The output shape for tracked elements of 'shape'. `input` may be unknown: then 0 and -1 get symbols.
Status resolve(InferContext& context, const Shape* input, const std::vector<Dim>& wanted, Shape& output) {
  const bool allow_zero = context.attributes().i("allowzero") != 0;
  int unknown = -1;
  output.clear();
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].is(0) && !allow_zero) {
      if (input && i >= input->size())
        return context.error(fmt::format(
            "entry {} of 'shape' is 0, but the input {} has rank {}: expected an axis to copy; correct the shape", i,
            to_string(*input), input->size()));
      output.push_back(input ? (*input)[i] : context.fresh_symbol(fmt::format("dim{}", i)));
    } else if (wanted[i].is(-1)) {
      if (unknown >= 0)
        return context.error(
            fmt::format("'shape' is {}: expected at most one -1; correct the shape", to_string(Shape(wanted))));
      unknown = static_cast<int>(i);
      output.push_back(1);
    } else if (wanted[i].is_constant() && wanted[i].value() < 0) {
      return context.error(
          fmt::format("'shape' is {}: expected sizes, 0 or -1; correct the shape", to_string(Shape(wanted))));
    } else {
      output.push_back(wanted[i]);
    }
  }
  if (!input) {
    if (unknown >= 0) output[unknown] = context.fresh_symbol("rest");
    return ok_status();
  }
  const Dim have = product(*input);
  if (unknown >= 0) {
    std::vector<Dim> others = output;
    others.erase(others.begin() + unknown);
    const Dim known = product(others);
    if (known.is(0))
      output[unknown] = have.is(0) ? Dim(0) : context.fresh_symbol("rest");
    else
      output[unknown] = quotient(*input, others);
  }
  const Dim made = product(output);
  if (have.is_constant() && made.is_constant() && !(have == made))
    return context.error(fmt::format("can't reshape {} ({} elements) to {}: expected as many elements; correct 'shape'",
                                     to_string(*input), have.value(), to_string(Shape(wanted))));
  return ok_status();
}

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  if (const auto wanted = context.input_elements(1)) {
    output.emplace();
    SINTER_TRY(resolve(context, input, wanted->elements, *output));
    const auto elements = context.input_elements(0);
    const auto dims = constant_dims(*output);
    if (elements && dims && dims->size() <= 1) track(context, 0, *dims, elements->elements);
  } else if (const Shape* shape = context.input_shape(1); shape && shape->size() == 1 && (*shape)[0].is_constant()) {
    output = fresh_shape(context, (*shape)[0].value(), "dim");
    if (output->empty()) SINTER_TRY(resolve(context, input, {}, *output));
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  Dims dims = read_indices(context.tensor(1));
  const bool allow_zero = context.attributes().i("allowzero") != 0;
  int unknown = -1;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0 && !allow_zero && i < x.dims().size()) dims[i] = x.dims()[i];
    if (dims[i] == -1 && unknown < 0) {
      unknown = static_cast<int>(i);
      dims[i] = 1;
    }
  }
  auto count = checked_count(dims);
  if (unknown >= 0 && count && *count > 0) {
    dims[unknown] = x.count() / *count;
    count = checked_count(dims);
  } else if (unknown >= 0 && count) {
    dims[unknown] = 0;
  }
  if (!count || *count != x.count())
    return context.error(fmt::format("can't reshape {} ({} elements) to {}: expected as many elements; correct 'shape'",
                                     to_string(x.dims()), x.count(), to_string(read_indices(context.tensor(1)))));
  context.set_output(0, x.reshaped(std::move(dims)));
  return ok_status();
}

}  // namespace reshape_impl

OpDef define_reshape() {
  OpDef op("Reshape", 5);
  op.input("data", "T")
      .input("shape", "I64")
      .output("reshaped", "T")
      .type("T", kAllTensorTypes & ~dtype_set(DType::kF6E2M3, DType::kF6E3M2))
      .type("I64", dtype_bit(DType::kI64))
      .attr("allowzero", int64_t{0})
      .fact(kViewOnly);
  op.infer = reshape_impl::infer;
  op.evaluate = reshape_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
