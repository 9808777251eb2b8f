// LabelEncoder: every element that is a key becomes the value of the same number, others the default. NaN keys match
// NaN; of equal keys the last counts. As opset 1 of the domain means it, classes_strings are the one list and their places the other.
#include <cmath>
#include <map>
#include <numeric>

#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace label_encoder_impl {

constexpr DTypeSet kTypes = dtype_set(DType::kF32, DType::kI16, DType::kI32, DType::kI64, DType::kString, DType::kF64);

// The attribute <what>_tensor, _int64s, _floats or _strings as a 1-d tensor; undefined when none is there.
Tensor read_list(const Attributes& attributes, const std::string& what) {
  if (const Tensor* tensor = attributes.find_as<Tensor>(what + "_tensor")) return *tensor;
  if (const auto* values = attributes.find_as<std::vector<int64_t>>(what + "_int64s")) return Tensor::from_i64(*values);
  if (const auto* values = attributes.find_as<std::vector<float>>(what + "_floats"))
    return Tensor::from_f32(*values, {static_cast<int64_t>(values->size())});
  if (const auto* values = attributes.find_as<std::vector<std::string>>(what + "_strings")) {
    Tensor tensor(DType::kString, {static_cast<int64_t>(values->size())});
    std::copy(values->begin(), values->end(), tensor.data<std::string>());
    return tensor;
  }
  return {};
}

// classes_strings: strings become their places, or places strings, by the type of the input.
void read_classes(const std::vector<std::string>& classes, bool from_strings, Tensor& keys, Tensor& values) {
  Tensor texts(DType::kString, {static_cast<int64_t>(classes.size())});
  std::copy(classes.begin(), classes.end(), texts.data<std::string>());
  std::vector<int64_t> places(classes.size());
  std::iota(places.begin(), places.end(), int64_t{0});
  keys = from_strings ? texts : Tensor::from_i64(places);
  values = from_strings ? Tensor::from_i64(places) : texts;
}

template <typename Context>
Status read_lists(const Context& context, DType input, Tensor& keys, Tensor& values) {
  if (const auto* classes = context.attributes().template find_as<std::vector<std::string>>("classes_strings")) {
    read_classes(*classes, input == DType::kString, keys, values);
    return ok_status();
  }
  keys = read_list(context.attributes(), "keys");
  values = read_list(context.attributes(), "values");
  if (keys.defined() && values.defined() && keys.count() == values.count() && contains(kTypes, keys.dtype()) &&
      contains(kTypes, values.dtype()))
    return ok_status();
  return context.error(fmt::format(
      "there are {} keys and {} values: expected one list of each, equally long, of f32, f64, i16, i32, i64 or "
      "string; correct the model",
      keys.count(), values.count()));
}

Status infer(InferContext& context) {
  Tensor keys, values;
  if (input_dtype(context, 0) == DType::kUndefined && context.attributes().has("classes_strings")) return ok_status();
  SINTER_TRY(read_lists(context, input_dtype(context, 0), keys, values));
  const Shape* x = context.input_shape(0);
  context.set_output(0, ValueType::tensor(values.dtype(), x ? std::optional<Shape>(*x) : std::nullopt));
  return ok_status();
}

// What stands for the elements without a key: one element of the values' type.
Tensor read_default(const Attributes& attributes, DType dtype) {
  if (const Tensor* tensor = attributes.find_as<Tensor>("default_tensor");
      tensor && tensor->count() >= 1 && tensor->dtype() == dtype)
    return *tensor;
  Tensor value(dtype, {1});
  if (dtype == DType::kString)
    *value.data<std::string>() = attributes.s_or("default_string", "_Unused");
  else if (is_float(dtype))
    value = Tensor::from_f32({attributes.f_or("default_float", -0.0f)}, {1}).cast(dtype);
  else
    value = Tensor::from_i64({attributes.i_or("default_int64", -1)}).cast(dtype);
  return value;
}

template <typename T>
struct Less {
  bool operator()(const T& a, const T& b) const {
    if constexpr (std::is_floating_point_v<T>)
      if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
    return a < b;
  }
};

template <typename T>
void encode(const Tensor& x, const Tensor& keys, const Tensor& values, const Tensor& fallback, Tensor& y) {
  std::map<T, int64_t, Less<T>> index;
  for (int64_t i = 0; i < keys.count(); ++i) index[keys.data<T>()[i]] = i;
  for (int64_t i = 0; i < x.count(); ++i) {
    const auto found = index.find(x.data<T>()[i]);
    if (found == index.end())
      copy_elements(fallback, 0, y, i, 1);
    else
      copy_elements(values, found->second, y, i, 1);
  }
}

Status evaluate(EvalContext& context) {
  Tensor keys, values;
  const Tensor& x = context.tensor(0);
  SINTER_TRY(read_lists(context, x.dtype(), keys, values));
  if (x.dtype() != keys.dtype())
    return context.error(fmt::format("the input is {} but the keys are {}: expected one type; insert a Cast",
                                     dtype_name(x.dtype()), dtype_name(keys.dtype())));
  const Tensor fallback = read_default(context.attributes(), values.dtype());
  Tensor& y = context.allocate(0, values.dtype(), x.dims());
  switch (x.dtype()) {
    case DType::kF32: encode<float>(x, keys, values, fallback, y); break;
    case DType::kF64: encode<double>(x, keys, values, fallback, y); break;
    case DType::kI16: encode<int16_t>(x, keys, values, fallback, y); break;
    case DType::kI32: encode<int32_t>(x, keys, values, fallback, y); break;
    case DType::kI64: encode<int64_t>(x, keys, values, fallback, y); break;
    default: encode<std::string>(x, keys, values, fallback, y); break;
  }
  return ok_status();
}

}  // namespace label_encoder_impl

OpDef define_label_encoder() {
  OpDef op("LabelEncoder", 1, "ai.onnx.ml");
  op.input("X", "T1")
      .output("Y", "T2")
      .type("T1", label_encoder_impl::kTypes)
      .type("T2", label_encoder_impl::kTypes)
      .attr("classes_strings", AttrKind::kStrings, false)
      .attr("default_float", -0.0f)
      .attr("default_int64", int64_t{-1})
      .attr("default_string", std::string("_Unused"))
      .attr("default_tensor", AttrKind::kTensor, false)
      .attr("keys_floats", AttrKind::kFloats, false)
      .attr("keys_int64s", AttrKind::kInts, false)
      .attr("keys_strings", AttrKind::kStrings, false)
      .attr("keys_tensor", AttrKind::kTensor, false)
      .attr("values_floats", AttrKind::kFloats, false)
      .attr("values_int64s", AttrKind::kInts, false)
      .attr("values_strings", AttrKind::kStrings, false)
      .attr("values_tensor", AttrKind::kTensor, false);
  op.infer = label_encoder_impl::infer;
  op.evaluate = label_encoder_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
