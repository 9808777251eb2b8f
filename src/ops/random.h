// What the random operators share: the generator, and filling a tensor of any float type.
//
// With attribute 'seed' a node gives the same numbers every time; without one each evaluation differs. ONNX prescribes
// no generator.
#pragma once

#include <cmath>
#include <cstring>
#include <random>

#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"

namespace sinter::ops {

using Generator = std::mt19937_64;

inline Generator make_generator(const Attributes& attributes) {
  if (const float* seed = attributes.find_as<float>("seed")) {
    uint32_t bits;
    std::memcpy(&bits, seed, 4);
    return Generator(bits);
  }
  if (const int64_t* seed = attributes.find_as<int64_t>("seed")) return Generator(static_cast<uint64_t>(*seed));
  std::random_device device;
  return Generator((static_cast<uint64_t>(device()) << 32) | device());
}

// Uniform in [0, 1) with 53 bits: the same on every standard library.
inline double uniform(Generator& generator) { return static_cast<double>(generator() >> 11) * 0x1p-53; }

// Standard normal, by Box and Muller.
inline double normal(Generator& generator) {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform(generator)));
  return radius * std::cos(2.0 * 3.14159265358979323846 * uniform(generator));
}

// Output 0 of `dtype` (a float type) and `dims`, filled by draw(generator).
template <typename Draw>
Status fill_random(EvalContext& context, DType dtype, const Dims& dims, Draw draw) {
  SINTER_TRY(check_output_dims(context, dims));
  Generator generator = make_generator(context.attributes());
  const bool known = visit_float(dtype, [&]<typename T>(TypeTag<T>) {
    Tensor& y = context.allocate(0, dtype, dims);
    for (int64_t i = 0; i < y.count(); ++i) y.data<T>()[i] = static_cast<T>(draw(generator));
  });
  if (known) return ok_status();
  return context.error(
      fmt::format("attribute 'dtype' is {}: expected a float type; correct the attribute", dtype_name(dtype)));
}

// Attribute 'dtype', or `fallback` when it is absent.
template <typename Context>
Status output_dtype(const Context& context, DType fallback, DType& dtype) {
  dtype = fallback;
  if (const int64_t* given = context.attributes().template find_as<int64_t>("dtype")) {
    SINTER_ASSIGN(dtype, dtype_attribute(context, "dtype", *given));
  }
  return ok_status();
}

// What one number of the normal operators (attributes mean, scale) and of the uniform ones (low, high) is drawn by.
inline auto normal_draw(const Attributes& attributes) {
  const double mean = attributes.f("mean"), scale = attributes.f("scale");
  return [=](Generator& g) { return mean + scale * normal(g); };
}
inline auto uniform_draw(const Attributes& attributes) {
  const double low = attributes.f("low"), high = attributes.f("high");
  return [=](Generator& g) { return low + (high - low) * uniform(g); };
}

// fill_random() with the shape of attribute 'shape', or with input 0's shape; dtype as output_dtype (f32, or input 0's,
// when absent).
template <typename Draw>
Status fill_random_shape(EvalContext& context, Draw draw) {
  DType dtype;
  SINTER_TRY(output_dtype(context, DType::kF32, dtype));
  return fill_random(context, dtype, context.attributes().ints("shape"), draw);
}
template <typename Draw>
Status fill_random_like(EvalContext& context, Draw draw) {
  DType dtype;
  SINTER_TRY(output_dtype(context, context.tensor(0).dtype(), dtype));
  return fill_random(context, dtype, context.tensor(0).dims(), draw);
}

// The shape rules of these two.
inline Status infer_random_shape(InferContext& context) {
  DType dtype;
  SINTER_TRY(output_dtype(context, DType::kF32, dtype));
  const Dims& dims = context.attributes().ints("shape");
  if (!checked_count(dims))
    return context.error(
        fmt::format("attribute 'shape' is {}: expected sizes; correct the attribute", to_string(dims)));
  context.set_output(0, ValueType::tensor(dtype, to_shape(dims)));
  return ok_status();
}
inline Status infer_random_like(InferContext& context) {
  DType dtype;
  SINTER_TRY(output_dtype(context, input_dtype(context, 0), dtype));
  context.set_output(0, ValueType::tensor(dtype, context.input_type(0).shape));
  return ok_status();
}

}  // namespace sinter::ops
