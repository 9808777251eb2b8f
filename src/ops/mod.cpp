// Mod: fmod=0: a - floor(a/b)*b, the sign of b; fmod=1: a - trunc(a/b)*b, the sign of a. Floats with fmod=0 follow
// Python's rules for zeros and infinities. An integer modulo 0 gives 0 (undefined in ONNX, no trap here).
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace mod_impl {

Status infer(InferContext& context) {
  SINTER_TRY(infer_broadcast(context));
  const bool truncates = context.attributes().i("fmod") != 0;
  propagate_elements(context, 2, [&](const auto& v) -> std::optional<Dim> {
    if (v[1].is(0)) return std::nullopt;
    if (truncates && !(never_negative(v[0]) && never_negative(v[1]))) return std::nullopt;
    return mod(v[0], v[1]);
  });
  return ok_status();
}

// std::fmod is exact; only the sign has to be brought over to b's.
template <typename T>
T floor_mod(T a, T b) {
  T r = std::fmod(a, b);
  if (r == 0) return std::copysign(T(0), b);
  return (r < 0) != (b < 0) ? r + b : r;
}

Status evaluate(EvalContext& context) {
  const bool truncates = context.attributes().i("fmod") != 0;
  const auto floats = [=](auto a, auto b) { return truncates ? std::fmod(a, b) : floor_mod(a, b); };
  return map_arithmetic(context, floats, [=](auto a, auto b) {
    using T = decltype(a);
    if (b == 0 || (std::is_signed_v<T> && b == T(-1))) return T(0);
    const T r = static_cast<T>(a % b);
    return !truncates && r != 0 && (r < 0) != (b < 0) ? static_cast<T>(r + b) : r;
  });
}

bool pointwise(const Attributes& attributes, int inputs, PointwiseProgram& program) {
  return attributes.i("fmod") != 0 && pointwise_direct<PointwiseOp::kFmod>(attributes, inputs, program);
}

}  // namespace mod_impl

OpDef define_mod() {
  OpDef op("Mod", 10);
  op.input("A", "T")
      .input("B", "T")
      .output("C", "T")
      .type("T", kNumericTypes)
      .attr("fmod", int64_t{0})
      .fact(kElementwise);
  op.infer = mod_impl::infer;
  op.evaluate = mod_impl::evaluate;
  op.pointwise = mod_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
