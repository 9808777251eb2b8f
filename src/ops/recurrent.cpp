// Shapes, directions and the loop over time of the recurrent operators.
#include "ops/recurrent.h"

#include <algorithm>
#include <cmath>

#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace {

Result<Activation> make_activation(std::string name, std::optional<float> alpha, std::optional<float> beta) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto a = [&](double fallback) { return alpha ? static_cast<double>(*alpha) : fallback; };
  const auto b = [&](double fallback) { return beta ? static_cast<double>(*beta) : fallback; };
  if (name == "relu") return Activation([](double x) { return x <= 0 ? 0.0 : x; });
  if (name == "tanh") return Activation([](double x) { return std::tanh(x); });
  if (name == "sigmoid") return Activation([](double x) { return 1 / (1 + std::exp(-x)); });
  if (name == "affine") return Activation([p = a(1), q = b(0)](double x) { return p * x + q; });
  if (name == "leakyrelu") return Activation([p = a(0.01)](double x) { return x < 0 ? p * x : x; });
  if (name == "thresholdedrelu") return Activation([p = a(1)](double x) { return x < p ? 0.0 : x; });
  if (name == "scaledtanh") return Activation([p = a(1), q = b(1)](double x) { return p * std::tanh(q * x); });
  if (name == "hardsigmoid")
    return Activation([p = a(0.2), q = b(0.5)](double x) {
      const double y = p * x + q;
      return y < 0 ? 0.0 : y > 1 ? 1.0 : y;
    });
  if (name == "elu") return Activation([p = a(1)](double x) { return x < 0 ? p * std::expm1(x) : x; });
  if (name == "softsign") return Activation([](double x) { return x / (1 + std::abs(x)); });
  if (name == "softplus")
    return Activation([](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); });
  return make_error(Code::kUnsupported,
                    "activation '{}' is unknown: expected one of Relu, Tanh, Sigmoid, Affine, LeakyRelu, "
                    "ThresholdedRelu, ScaledTanh, HardSigmoid, Elu, Softsign, Softplus; correct the model",
                    name);
}

Result<int64_t> direction_count(const Attributes& attributes) {
  const std::string direction = attributes.s_or("direction", "forward");
  if (direction == "bidirectional") return int64_t{2};
  if (direction == "forward" || direction == "reverse") return int64_t{1};
  return make_error(Code::kInvalidModel,
                    "attribute 'direction' is '{}': expected forward, reverse or bidirectional; correct the model",
                    direction);
}

// Alphas and betas go, in order, to the functions that have one.
Result<std::vector<Activation>> read_activations(const Attributes& attributes, const std::vector<std::string>& defaults,
                                                 int64_t directions) {
  std::vector<std::string> names;
  if (const auto* given = attributes.find_as<std::vector<std::string>>("activations")) names = *given;
  const size_t needed = defaults.size() * static_cast<size_t>(directions);
  for (size_t i = names.size(); i < needed; ++i)
    names.push_back(names.size() >= defaults.size() ? names[i - defaults.size()] : defaults[i]);
  std::vector<float> alphas, betas;
  if (const auto* given = attributes.find_as<std::vector<float>>("activation_alpha")) alphas = *given;
  if (const auto* given = attributes.find_as<std::vector<float>>("activation_beta")) betas = *given;
  const auto takes = [](const std::string& name, std::initializer_list<std::string_view> list) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  size_t alpha = 0, beta = 0;
  std::vector<Activation> activations;
  for (size_t i = 0; i < needed; ++i) {
    std::optional<float> a, b;
    if (takes(names[i], {"Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu"}) &&
        alpha < alphas.size())
      a = alphas[alpha++];
    if (takes(names[i], {"Affine", "ScaledTanh", "HardSigmoid"}) && beta < betas.size()) b = betas[beta++];
    SINTER_ASSIGN(Activation activation, make_activation(names[i], a, b));
    activations.push_back(std::move(activation));
  }
  return activations;
}

Status read_shape(const EvalContext& context, int gates, RecurrentShape& shape) {
  SINTER_TRY(check_rank(context, 0, 3, 3));
  SINTER_TRY(check_rank(context, 1, 3, 3));
  SINTER_ASSIGN(shape.directions, at_node(context, direction_count(context.attributes())));
  const Tensor& x = context.tensor(0);
  shape.batch_first = context.attributes().i_or("layout", 0) != 0;
  shape.gates = gates;
  shape.steps = x.dim(shape.batch_first ? 1 : 0);
  shape.batch = x.dim(shape.batch_first ? 0 : 1);
  shape.input = x.dim(2);
  shape.hidden = context.tensor(1).dim(1) / gates;
  const int64_t rows = gates * shape.hidden;
  SINTER_TRY(check_dims(context, 1, {shape.directions, rows, shape.input}));
  SINTER_TRY(check_dims(context, 2, {shape.directions, rows, shape.hidden}));
  if (context.has_input(3)) SINTER_TRY(check_dims(context, 3, {shape.directions, 2 * rows}));
  return ok_status();
}

// Length of every sequence of the batch.
Status read_lengths(const EvalContext& context, const RecurrentShape& shape, std::vector<int64_t>& lengths) {
  lengths.assign(shape.batch, shape.steps);
  if (!context.has_input(4)) return ok_status();
  SINTER_TRY(check_dims(context, 4, {shape.batch}));
  lengths = context.tensor(4).to_i64();
  for (const int64_t length : lengths)
    if (length < 0 || length > shape.steps)
      return context.error(
          fmt::format("'sequence_lens' holds {}: expected values in [0,{}]; correct the input", length, shape.steps));
  return ok_status();
}

// The state as [directions, batch, hidden] in double; zeros when absent.
Status read_state(const EvalContext& context, const RecurrentShape& shape, int input, Tensor& state) {
  state = zeros_f64({shape.directions, shape.batch, shape.hidden});
  if (!context.has_input(input)) return ok_status();
  Dims dims{shape.directions, shape.batch, shape.hidden};
  if (shape.batch_first) std::swap(dims[0], dims[1]);
  SINTER_TRY(check_dims(context, input, dims));
  const Tensor given = widened(context.tensor(input));
  for (int64_t d = 0; d < shape.directions; ++d)
    for (int64_t n = 0; n < shape.batch; ++n)
      std::copy_n(
          given.data<double>() + (shape.batch_first ? n * shape.directions + d : d * shape.batch + n) * shape.hidden,
          shape.hidden, state.data<double>() + (d * shape.batch + n) * shape.hidden);
  return ok_status();
}

void store_state(EvalContext& context, const RecurrentShape& shape, int output, const Tensor& state) {
  if (!context.wants_output(output)) return;
  Dims dims = state.dims();
  if (shape.batch_first) std::swap(dims[0], dims[1]);
  Tensor out(DType::kF64, dims);
  for (int64_t d = 0; d < shape.directions; ++d)
    for (int64_t n = 0; n < shape.batch; ++n)
      std::copy_n(
          state.data<double>() + (d * shape.batch + n) * shape.hidden, shape.hidden,
          out.data<double>() + (shape.batch_first ? n * shape.directions + d : d * shape.batch + n) * shape.hidden);
  store(context, output, context.tensor(0).dtype(), out);
}

}  // namespace

double clip_gate(const Attributes& attributes, double v) {
  const float* clip = attributes.find_as<float>("clip");
  if (!clip || *clip <= 0 || std::isnan(v)) return v;
  return std::clamp(v, -static_cast<double>(*clip), static_cast<double>(*clip));
}

OpDef recurrent_op(std::string name, std::optional<std::vector<std::string>> activations) {
  OpDef op(std::move(name), 7);
  op.input("X", "T")
      .input("W", "T")
      .input("R", "T")
      .input("B", "T", ParamKind::kOptional)
      .input("sequence_lens", "T1", ParamKind::kOptional)
      .input("initial_h", "T", ParamKind::kOptional)
      .output("Y", "T", ParamKind::kOptional)
      .output("Y_h", "T", ParamKind::kOptional)
      .type("T", kFloatTypes)
      .type("T1", dtype_set(DType::kI32))
      .attr("activation_alpha", AttrKind::kFloats, false)
      .attr("activation_beta", AttrKind::kFloats, false);
  if (activations)
    op.attr("activations", std::move(*activations));
  else
    op.attr("activations", AttrKind::kStrings, false);
  op.attr("clip", AttrKind::kFloat, false)
      .attr("direction", std::string("forward"))
      .attr("hidden_size", AttrKind::kInt, false)
      .attr("layout", int64_t{0});
  return op;
}

Status infer_recurrent(InferContext& context, int gates, int states) {
  for (int i = 0; i < 3; ++i) SINTER_TRY(check_rank(context, i, 3, 3));
  const Attributes& attributes = context.attributes();
  SINTER_ASSIGN(const int64_t directions, at_node(context, direction_count(attributes)));
  const Shape *x = context.input_shape(0), *w = context.input_shape(1), *r = context.input_shape(2);
  const bool batch_first = attributes.i_or("layout", 0) != 0;
  std::optional<Shape> y, state;
  std::optional<Dim> hidden;
  if (attributes.has("hidden_size"))
    hidden = Dim(attributes.i("hidden_size"));
  else if (r)
    hidden = (*r)[2];
  else if (w)
    hidden = floordiv((*w)[1], Dim(gates));
  if (x && hidden) {
    const Dim &steps = (*x)[batch_first ? 1 : 0], &batch = (*x)[batch_first ? 0 : 1];
    if (w && decide_equal((*w)[2], (*x)[2]) == false)
      return context.error(fmt::format(
          "the weights are {} but the input {} has {} features: weight dim 2 must be equal; check the exporter",
          to_string(*w), to_string(*x), (*x)[2].to_string()));
    if (w && decide_equal((*w)[1], *hidden * Dim(gates)) == false)
      return context.error(
          fmt::format("the weights are {}: expected dim 1 to be {} times the hidden size {}; check the exporter",
                      to_string(*w), gates, hidden->to_string()));
    y = batch_first ? Shape{batch, steps, directions, *hidden} : Shape{steps, directions, batch, *hidden};
    state = batch_first ? Shape{batch, directions, *hidden} : Shape{directions, batch, *hidden};
  }
  if (context.has_output(0)) context.set_output(0, ValueType::tensor(input_dtype(context, 0), y));
  for (int i = 1; i <= states; ++i)
    if (context.has_output(i)) context.set_output(i, ValueType::tensor(input_dtype(context, 0), state));
  return ok_status();
}

Status evaluate_recurrent(EvalContext& context, int gates, const std::vector<std::string>& functions, bool has_cell,
                          const RecurrentCell& cell) {
  RecurrentShape shape;
  SINTER_TRY(read_shape(context, gates, shape));
  std::vector<int64_t> lengths;
  SINTER_TRY(read_lengths(context, shape, lengths));
  SINTER_ASSIGN(const std::vector<Activation> activations,
                at_node(context, read_activations(context.attributes(), functions, shape.directions)));
  Tensor h, c;
  SINTER_TRY(read_state(context, shape, 5, h));
  if (has_cell)
    SINTER_TRY(read_state(context, shape, 6, c));
  else
    c = zeros_f64({shape.directions, shape.batch, shape.hidden});
  const bool peeps = has_cell && context.has_input(7);
  if (peeps) SINTER_TRY(check_dims(context, 7, {shape.directions, 3 * shape.hidden}));
  const Tensor x = widened(context.tensor(0)), w = widened(context.tensor(1)), r = widened(context.tensor(2));
  const Tensor bias = context.has_input(3) ? widened(context.tensor(3)) : Tensor();
  const Tensor peepholes = peeps ? widened(context.tensor(7)) : Tensor();
  const int64_t rows = gates * shape.hidden, hidden = shape.hidden, positions = shape.steps * shape.batch;
  const Dims y_dims = shape.batch_first ? Dims{shape.batch, shape.steps, shape.directions, hidden}
                                        : Dims{shape.steps, shape.directions, shape.batch, hidden};
  SINTER_TRY(check_output_dims(context, y_dims));
  Tensor y = zeros_f64(y_dims);
  std::vector<double> projected(static_cast<size_t>(positions * rows));
  for (int64_t d = 0; d < shape.directions; ++d) {
    RecurrentDirection direction;
    direction.w = w.data<double>() + d * rows * shape.input;
    direction.r = r.data<double>() + d * rows * hidden;
    if (bias.defined()) {
      direction.w_bias = bias.data<double>() + d * 2 * rows;
      direction.r_bias = direction.w_bias + rows;
    }
    if (peeps) direction.peepholes = peepholes.data<double>() + d * 3 * hidden;
    direction.activations.assign(activations.begin() + d * functions.size(),
                                 activations.begin() + (d + 1) * functions.size());
    multiply({&x, 0, shape.input, 1}, {&w, d * rows * shape.input, 1, shape.input}, positions, shape.input, rows,
             projected.data());
    if (direction.w_bias)
      for (int64_t i = 0; i < positions * rows; ++i) projected[i] += direction.w_bias[i % rows];
    const bool reverse = d == 1 || context.attributes().s_or("direction", "forward") == "reverse";
    for (int64_t n = 0; n < shape.batch; ++n)
      for (int64_t t = 0; t < lengths[n]; ++t) {
        const int64_t step = reverse ? lengths[n] - 1 - t : t;
        const int64_t position = shape.batch_first ? n * shape.steps + step : step * shape.batch + n;
        double* state = h.data<double>() + (d * shape.batch + n) * hidden;
        cell(shape, direction, projected.data() + position * rows, state,
             c.data<double>() + (d * shape.batch + n) * hidden);
        const int64_t at = shape.batch_first ? (n * shape.steps + step) * shape.directions + d
                                             : (step * shape.directions + d) * shape.batch + n;
        std::copy_n(state, hidden, y.data<double>() + at * hidden);
      }
  }
  if (context.wants_output(0)) store(context, 0, context.tensor(0).dtype(), y);
  store_state(context, shape, 1, h);
  if (has_cell) store_state(context, shape, 2, c);
  return ok_status();
}

}  // namespace sinter::ops
