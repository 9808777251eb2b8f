// MelWeightMatrix: triangles with peaks of 1, equally spaced on the mel scale 2595·log10(1 + f/700): [dft_length/2 + 1,
// num_mel_bins].
#include <cmath>

#include "ops/control_flow.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace mel_weight_matrix_impl {

constexpr double kMelScale = 2595, kMelHertz = 700;  // specification

Status infer(InferContext& context) {
  SINTER_ASSIGN(const DType dtype,
                dtype_attribute(context, "output_datatype", context.attributes().i("output_datatype")));
  const auto dim = [&](int input, std::string_view hint) {
    const auto elements = context.input_elements(input);
    return elements && elements->elements.size() == 1 ? elements->elements[0] : context.fresh_symbol(hint);
  };
  const Dim bins = dim(0, "mel_bins"), length = dim(1, "dft_length");
  context.set_output(0, ValueType::tensor(dtype, Shape{floordiv(length, Dim(2)) + 1, bins}));
  return ok_status();
}

double mel(double hertz) { return kMelScale * std::log10(1 + hertz / kMelHertz); }

// Spectrum bins of the triangles' corners.
std::vector<int64_t> corner_bins(int64_t bins, int64_t length, double rate, double low, double high) {
  std::vector<int64_t> corners;
  const double step = (mel(high) - mel(low)) / static_cast<double>(bins + 2);
  for (int64_t i = 0; i < bins + 2; ++i) {
    const double hertz = kMelHertz * (std::pow(10, (static_cast<double>(i) * step + mel(low)) / kMelScale) - 1);
    const double bin = std::floor(static_cast<double>(length + 1) * hertz / rate);
    corners.push_back(bin >= 0 && bin < 1e15 ? static_cast<int64_t>(bin) : -1);
  }
  return corners;
}

Status evaluate(EvalContext& context) {
  SINTER_ASSIGN(const int64_t bins, read_scalar(context, 0));
  SINTER_ASSIGN(const int64_t length, read_scalar(context, 1));
  SINTER_ASSIGN(const int64_t rate, read_scalar(context, 2));
  SINTER_ASSIGN(const DType dtype,
                dtype_attribute(context, "output_datatype", context.attributes().i("output_datatype")));
  if (bins < 0 || length < 0 || rate < 1 || context.tensor(3).count() != 1 || context.tensor(4).count() != 1 ||
      !contains(kNumericTypes, dtype))
    return context.error(
        fmt::format("{} mel bins, DFT length {}, sample rate {}, type {}: expected positive scalars and a number type; "
                    "correct the model",
                    bins, length, rate, dtype_name(dtype)));
  const Dims dims{length / 2 + 1, bins};
  SINTER_TRY(check_output_dims(context, dims));
  const std::vector<int64_t> corners = corner_bins(bins, length, static_cast<double>(rate),
                                                   context.tensor(3).to_f64()[0], context.tensor(4).to_f64()[0]);
  Tensor y = zeros_f64(dims);
  const auto put = [&](int64_t row, int64_t column, double value) {
    if (row >= 0 && row < dims[0]) y.data<double>()[row * bins + column] = value;
  };
  for (int64_t i = 0; i < bins; ++i) {
    const int64_t low = corners[i], centre = corners[i + 1], high = corners[i + 2];
    if (low < 0 || centre < low || high < centre) continue;
    if (centre == low)
      put(centre, i, 1);
    else
      for (int64_t j = low; j <= std::min(centre, dims[0] - 1); ++j)
        put(j, i, static_cast<double>(j - low) / static_cast<double>(centre - low));
    for (int64_t j = centre; j < std::min(high, dims[0]); ++j)
      put(j, i, static_cast<double>(high - j) / static_cast<double>(high - centre));
  }
  store(context, 0, dtype, y);
  return ok_status();
}

}  // namespace mel_weight_matrix_impl

OpDef define_mel_weight_matrix() {
  OpDef op("MelWeightMatrix", 17);
  op.input("num_mel_bins", "T1")
      .input("dft_length", "T1")
      .input("sample_rate", "T1")
      .input("lower_edge_hertz", "T2")
      .input("upper_edge_hertz", "T2")
      .output("output", "T3")
      .type("T1", dtype_set(DType::kI32, DType::kI64))
      .type("T2", kFloatTypes)
      .type("T3", kNumericTypes)
      .attr("output_datatype", int64_t{1});
  op.infer = mel_weight_matrix_impl::infer;
  op.evaluate = mel_weight_matrix_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
