// Einsum: the product of the operands' elements, summed over every label that the output lacks. Floats are accumulated
// in double, integers in 64 bits with wraparound. Plain loops over all labels: the reference for what passes turn into
// matrix products.
#include "ops/einsum_equation.h"
#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace einsum_impl {

Status infer(InferContext& context) {
  std::optional<Shape> output;
  std::vector<int> ranks;
  for (int i = 0; i < context.input_count() && context.input_shape(i); ++i)
    ranks.push_back(static_cast<int>(context.input_shape(i)->size()));
  if (static_cast<int>(ranks.size()) == context.input_count()) {
    const auto equation = parse_einsum(context.attributes().s("equation"), ranks);
    if (!equation.ok()) return context.error(equation.status().message());
    Shape sizes(static_cast<size_t>(equation->labels), Dim(1));
    for (size_t i = 0; i < ranks.size(); ++i) {
      const Shape& shape = *context.input_shape(static_cast<int>(i));
      for (size_t axis = 0; axis < shape.size(); ++axis) {
        Dim& size = sizes[equation->operands[i][axis]];
        if (size.is(1) || (!size.is_constant() && shape[axis].is_constant() && !shape[axis].is(1)))
          size = shape[axis];
        else if (size.is_constant() && shape[axis].is_constant() && !shape[axis].is(1) && !(size == shape[axis]))
          return context.error(fmt::format(
              "axis {} of input {} has size {} where another axis of the same label has {}: expected equal; "
              "correct the model",
              axis, i, shape[axis].value(), size.value()));
      }
    }
    output.emplace();
    for (const int label : equation->output) output->push_back(sizes[label]);
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

struct Loops {
  Dims kept, summed;                               // sizes of the output's labels, of the others
  std::vector<Dims> kept_strides, summed_strides;  // of each operand
};

Status make_loops(const EvalContext& context, const EinsumEquation& equation, Loops& loops) {
  Dims sizes(static_cast<size_t>(equation.labels), 1);
  std::vector<Dims> strides(equation.operands.size(), Dims(sizes.size(), 0));
  for (size_t i = 0; i < equation.operands.size(); ++i) {
    const Dims& dims = context.tensor(static_cast<int>(i)).dims();
    const Dims own = row_major_strides(dims);
    for (size_t axis = 0; axis < dims.size(); ++axis) {
      const int label = equation.operands[i][axis];
      if (dims[axis] == 1) continue;
      if (sizes[label] != 1 && sizes[label] != dims[axis])
        return context.error(fmt::format(
            "axis {} of input {} has size {} where another axis of the same label has {}: expected equal; correct "
            "the model",
            axis, i, dims[axis], sizes[label]));
      sizes[label] = dims[axis];
      strides[i][label] += own[axis];  // a repeated label walks the diagonal
    }
  }
  std::vector<bool> in_output(sizes.size(), false);
  for (const int label : equation.output) in_output[label] = true;
  std::vector<int> order = equation.output;
  for (int label = 0; label < equation.labels; ++label)
    if (!in_output[label]) order.push_back(label);
  loops.kept_strides.resize(strides.size());
  loops.summed_strides.resize(strides.size());
  for (size_t k = 0; k < order.size(); ++k) {
    const bool kept = k < equation.output.size();
    (kept ? loops.kept : loops.summed).push_back(sizes[order[k]]);
    for (size_t i = 0; i < strides.size(); ++i)
      (kept ? loops.kept_strides : loops.summed_strides)[i].push_back(strides[i][order[k]]);
  }
  return check_output_dims(context, loops.kept);
}

Status evaluate(EvalContext& context) {
  const int inputs = context.input_count();
  SINTER_TRY(check_same_dtype(context, inputs));
  std::vector<int> ranks;
  for (int i = 0; i < inputs; ++i) ranks.push_back(context.tensor(i).rank());
  const auto equation = parse_einsum(context.attributes().s("equation"), ranks);
  if (!equation.ok()) return context.error(equation.status().message());
  Loops loops;
  SINTER_TRY(make_loops(context, *equation, loops));
  const DType dtype = context.tensor(0).dtype();
  const bool known = visit_numeric(dtype, [&]<typename T>(TypeTag<T>) {
    using A = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;
    T* y = context.allocate(0, dtype, loops.kept).template data<T>();
    std::vector<const T*> base(static_cast<size_t>(inputs));
    for_each_index(loops.kept, [&](const Dims& outer) {
      for (int i = 0; i < inputs; ++i) base[i] = context.tensor(i).data<T>() + offset_of(outer, loops.kept_strides[i]);
      A sum = 0;
      for_each_index(loops.summed, [&](const Dims& inner) {
        A product = 1;
        for (int i = 0; i < inputs; ++i)
          product *= static_cast<A>(static_cast<Compute<T>>(base[i][offset_of(inner, loops.summed_strides[i])]));
        sum += product;
      });
      *y++ = static_cast<T>(sum);
    });
  });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace einsum_impl

OpDef define_einsum() {
  OpDef op("Einsum", 12);
  op.input("Inputs", "T", ParamKind::kVariadic)
      .output("Output", "T")
      .type("T", kNumericTypes)
      .attr("equation", AttrKind::kString, true);
  op.infer = einsum_impl::infer;
  op.evaluate = einsum_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
