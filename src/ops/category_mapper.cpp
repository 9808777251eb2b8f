// CategoryMapper: strings become the integers of the same place in the two lists, or integers strings; what is in neither becomes the default.
#include <unordered_map>

#include "ops/classic_ml.h"

namespace sinter::ops {
namespace category_mapper_impl {

Status infer(InferContext& context) {
  const Shape* x = context.input_shape(0);
  const DType dtype = input_dtype(context, 0);
  context.set_output(0, ValueType::tensor(dtype == DType::kUndefined ? dtype : dtype == DType::kString ? DType::kI64 : DType::kString,
                                          x ? std::optional<Shape>(*x) : std::nullopt));
  return ok_status();
}

template <typename From, typename To>
void map_all(const Tensor& x, const std::vector<From>& from, const std::vector<To>& to, const To& fallback, Tensor& y) {
  std::unordered_map<From, size_t> places;
  for (size_t i = 0; i < from.size(); ++i) places[from[i]] = i;
  for (int64_t i = 0; i < x.count(); ++i) {
    const auto found = places.find(x.data<From>()[i]);
    y.data<To>()[i] = found == places.end() ? fallback : to[found->second];
  }
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  const Attributes& attributes = context.attributes();
  const std::vector<int64_t> numbers = attributes.ints_or("cats_int64s", {});
  const auto* texts = attributes.find_as<std::vector<std::string>>("cats_strings");
  if (!texts || texts->size() != numbers.size())
    return context.error(fmt::format("there are {} strings and {} integers: expected equal numbers; correct the model", texts ? texts->size() : 0, numbers.size()));
  if (x.dtype() == DType::kString) {
    map_all(x, *texts, numbers, attributes.i("default_int64"), context.allocate(0, DType::kI64, x.dims()));
  } else {
    map_all(x, numbers, *texts, attributes.s("default_string"), context.allocate(0, DType::kString, x.dims()));
  }
  return ok_status();
}

}  // namespace category_mapper_impl

OpDef define_category_mapper() {
  OpDef op("CategoryMapper", 1, "ai.onnx.ml");
  constexpr DTypeSet kTypes = dtype_set(DType::kString, DType::kI64);
  op.input("X", "T1").output("Y", "T2").type("T1", kTypes).type("T2", kTypes);
  op.attr("cats_int64s", AttrKind::kInts, false).attr("cats_strings", AttrKind::kStrings, false);
  op.attr("default_int64", int64_t{-1}).attr("default_string", std::string("_Unused"));
  op.infer = category_mapper_impl::infer;
  op.evaluate = category_mapper_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
