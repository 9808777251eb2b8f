// RegexFullMatch: whether each string matches the pattern (RE2 syntax) from its first to its last character.
#include "ops/regular_expression.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace regex_full_match_impl {

Status infer(InferContext& context) {
  const Shape* x = context.input_shape(0);
  context.set_output(0, ValueType::tensor(DType::kBool, x ? std::optional<Shape>(*x) : std::nullopt));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  SINTER_ASSIGN(const RegularExpression pattern,
                at_node(context, RegularExpression::parse(context.attributes().s_or("pattern", ""))));
  Tensor& y = context.allocate(0, DType::kBool, x.dims());
  for (int64_t i = 0; i < x.count(); ++i) y.data<bool>()[i] = pattern.full_match(x.data<std::string>()[i]);
  return ok_status();
}

}  // namespace regex_full_match_impl

OpDef define_regex_full_match() {
  OpDef op("RegexFullMatch", 20);
  op.input("X", "T1")
      .output("Y", "T2")
      .type("T1", kStringType)
      .type("T2", kBoolType)
      .attr("pattern", AttrKind::kString, false);
  op.infer = regex_full_match_impl::infer;
  op.evaluate = regex_full_match_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
