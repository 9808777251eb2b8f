// Two operators of domain "example", as a plugin for Sinter.
//
//   Frame      cuts a signal into overlapping pieces and weighs each with a Hann window: x f32[..., n] → f32[..., frames, size]. Attributes: size, step, window.
//   KeepAbove  the elements of a vector that are above a threshold, and where they are: how many that is only the data say.
//
//   g++ -std=c++17 -O2 -shared -fPIC -Iinclude examples/plugin/operators.cpp -o libexample_plugin.so
#include <sinter/plugin.hpp>

#include <cmath>

using sinter::custom::Dim;
using sinter::custom::fail;
using sinter::custom::Operator;
using sinter::custom::Run;
using sinter::custom::Shapes;

namespace {

constexpr uint64_t kF32 = SINTER_PLUGIN_SET(SINTER_PLUGIN_F32);
constexpr uint64_t kI64 = SINTER_PLUGIN_SET(SINTER_PLUGIN_I64);

// --- Frame ---

enum FrameAttribute { kSize, kStep, kWindow };

// The rule works on expressions: a model with a dynamic length gets its frames as a formula of that length.
void infer_frame(Shapes& s) {
  const int64_t size = s.integer(kSize), step = s.integer(kStep);
  if (s.rank(0) < 1) fail("Frame needs a signal of rank 1 at least");
  if (size < 1 || step < 1) fail("size is " + std::to_string(size) + " and step " + std::to_string(step) + "; both must be at least 1");
  std::vector<Dim> dims = s.dims(0);
  const Dim frames = ((dims.back() - size) / step + 1).max(0);
  dims.back() = frames;
  dims.push_back(s.number(size));
  s.output(0, SINTER_PLUGIN_F32, dims);
}

// Made once for a node and shape, not in every run.
struct FrameWindow {
  explicit FrameWindow(Run& run) : weights(static_cast<size_t>(run.integer(kSize)), 1.0f) {
    const std::string kind = run.text(kWindow);
    if (kind != "hann" && kind != "none") fail("window is '" + kind + "'; it can be 'hann' or 'none'");
    const double turn = 2 * 3.14159265358979323846 / static_cast<double>(weights.size());
    for (size_t i = 0; kind == "hann" && i < weights.size(); ++i) weights[i] = static_cast<float>(0.5 - 0.5 * std::cos(turn * static_cast<double>(i)));
  }
  std::vector<float> weights;
};

void run_frame(Run& r) {
  const float* x = r.input<float>(0);
  float* y = r.output<float>(0);
  const std::vector<int64_t> shape = r.output_dims(0);
  const int64_t size = shape.back(), frames = shape[shape.size() - 2], length = r.dims(0).back(), step = r.integer(kStep);
  const float* weights = r.state<FrameWindow>()->weights.data();
  const int64_t pieces = size > 0 ? r.output_count_of(0) / size : 0;
  r.parallel(pieces, 64, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const float* from = x + piece / frames * length + piece % frames * step;
      for (int64_t i = 0; i < size; ++i) y[piece * size + i] = from[i] * weights[i];
    }
  });
}

// --- KeepAbove ---

void infer_keep_above(Shapes& s) {
  if (s.rank(0) != 1) fail("KeepAbove needs a vector");
  const Dim kept = s.data_dependent("kept", s.dim(0, 0));
  s.output(0, SINTER_PLUGIN_F32, {kept});
  if (s.outputs() > 1) s.output(1, SINTER_PLUGIN_I64, {kept});
}

void run_keep_above(Run& r) {
  const float* x = r.input<float>(0);
  const float threshold = r.real(0);
  int64_t kept = 0;
  for (int64_t i = 0; i < r.input_count_of(0); ++i) {
    if (!(x[i] > threshold)) continue;
    r.output<float>(0)[kept] = x[i];
    if (r.wants_output(1)) r.output<int64_t>(1)[kept] = i;
    ++kept;
  }
  r.set_size(0, 0, kept);
  if (r.wants_output(1)) r.set_size(1, 0, kept);
}

Operator<infer_frame, run_frame> frame = Operator<infer_frame, run_frame>("example", "Frame")
                                             .input("x", kF32)
                                             .output("y", kF32)
                                             .required("size", SINTER_PLUGIN_INT)
                                             .attribute("step", int64_t{1})
                                             .attribute("window", "hann")
                                             .state<FrameWindow>();

Operator<infer_keep_above, run_keep_above> keep_above = Operator<infer_keep_above, run_keep_above>("example", "KeepAbove")
                                                            .input("x", kF32)
                                                            .output("values", kF32)
                                                            .output("indices", kI64, nullptr, SINTER_PLUGIN_OPTIONAL)
                                                            .attribute("threshold", 0.0f);

}  // namespace

#ifndef EXAMPLE_VERSION
#define EXAMPLE_VERSION "1.0.0"
#endif
SINTER_PLUGIN_LIBRARY("example", EXAMPLE_VERSION, frame, keep_above)
