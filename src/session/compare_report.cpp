// A comparison as text and as JSON.
#include <cmath>
#include <nlohmann/json.hpp>

#include "session/compare.h"

namespace sinter::session {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no infinity.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

double percent(int64_t part, int64_t whole) { return whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0; }

Json output_json(const OutputComparison& output, int64_t samples) {
  const Distance& d = output.distance;
  Json json = {{"name", output.name}, {"cosine", number(d.cosine())}, {"least_cosine", number(d.least_cosine())}, {"relative_l2", number(d.relative_l2())},
               {"max_error", number(d.max_error())}, {"differently_finite", d.differently_finite()}};
  if (output.scores) {
    json["top1_agreement"] = percent(output.same_top1, samples);
    json["top5_agreement"] = percent(output.in_top5, samples);
    json["top1_agreement_count"] = output.same_top1;
    json["top5_agreement_count"] = output.in_top5;
  }
  if (output.labelled > 0) {
    const auto accuracy = [&](int64_t top1, int64_t top5) {
      return Json{{"top1", percent(top1, output.labelled)}, {"top5", percent(top5, output.labelled)}, {"top1_count", top1}, {"top5_count", top5}};
    };
    json["labelled"] = output.labelled;
    json["accuracy"] = {{"a", accuracy(output.a_top1, output.a_top5)}, {"b", accuracy(output.b_top1, output.b_top5)}};
  }
  return json;
}

Json layers_json(const LayerComparison& layers) {
  Json errors = Json::array(), ranges = Json::array();
  for (const LayerError& e : layers.errors) {
    errors.push_back({{"layer", e.layer}, {"op", e.op}, {"type", e.type}, {"tensor", e.tensor}, {"alone", number(e.alone)}, {"cosine", number(e.cosine)},
                      {"max_error", number(e.max_error)}, {"accumulated", number(e.accumulated)}, {"fed", e.fed}});
  }
  for (const LayerRange& r : layers.ranges) {
    ranges.push_back({{"layer", r.layer}, {"tensor", r.tensor}, {"beyond_f16", r.beyond_f16}, {"below_f16", r.below_f16}, {"count", r.count}});
  }
  return {{"samples", layers.samples}, {"matched", layers.matched}, {"unmatched", layers.unmatched}, {"errors", errors}, {"f16_ranges", ranges},
          {"not_finite_a", layers.not_finite_a}, {"not_finite_b", layers.not_finite_b}};
}

std::string shortened(const std::string& text, size_t most) { return text.size() <= most ? text : "…" + text.substr(text.size() - most + 1); }

std::string layers_text(const LayerComparison& layers) {
  constexpr size_t kMostRows = 30;
  std::string text = fmt::format("\nlayers of B by the error that each introduces alone (fed with A's values; {} samples, {} layers, {} without a counterpart in A):\n", layers.samples,
                                 layers.matched, layers.unmatched);
  text += fmt::format("  {:>9} {:>9} {:>9} {:>11}  {:<5} {:<18} {}\n", "alone", "cosine", "max", "accumulated", "type", "op", "layer");
  for (size_t i = 0; i < std::min(kMostRows, layers.errors.size()); ++i) {
    const LayerError& e = layers.errors[i];
    text += fmt::format("  {:9.2e} {:9.6f} {:9.2e} {:11.2e}  {:<5} {:<18} {}{}\n", e.alone, e.cosine, e.max_error, e.accumulated, e.type, shortened(e.op, 18), shortened(e.layer, 70),
                        e.fed ? "" : "  (not all inputs are A's)");
  }
  if (layers.errors.size() > kMostRows) text += fmt::format("  … and {} more\n", layers.errors.size() - kMostRows);
  for (const auto& [side, origin] : {std::pair{"A", layers.not_finite_a}, std::pair{"B", layers.not_finite_b}}) {
    if (!origin.empty()) text += fmt::format("not finite in {}: {}\n", side, origin);
  }
  int64_t beyond = 0, below = 0;
  for (const LayerRange& r : layers.ranges) beyond += r.beyond_f16, below += r.below_f16;
  text += fmt::format("values of A beyond fp16's largest (65504): {}; below its smallest normal (6.1e-05): {}\n", beyond, below);
  size_t rows = 0;
  for (const LayerRange& r : layers.ranges) {
    if (r.beyond_f16 > 0 && rows++ < kMostRows) text += fmt::format("  {} of {} values of '{}' (layer '{}') overflow in fp16\n", r.beyond_f16, r.count, r.tensor, r.layer);
  }
  return text;
}

}  // namespace

std::string to_json(const Comparison& comparison) {
  Json outputs = Json::array();
  for (const OutputComparison& output : comparison.outputs) outputs.push_back(output_json(output, comparison.samples));
  Json json = {{"samples", comparison.samples}, {"skipped", comparison.skipped}, {"verdict", comparison.verdict}, {"explanation", comparison.explanation}, {"outputs", outputs}};
  if (comparison.f32_relative_l2 >= 0) json["f32_relative_l2"] = number(comparison.f32_relative_l2);
  if (comparison.layers.samples > 0) json["layers"] = layers_json(comparison.layers);
  return json.dump(1, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const Comparison& comparison) {
  std::string text = fmt::format("{} samples\n", comparison.samples);
  if (comparison.skipped > 0) text += fmt::format("{} damaged samples were skipped\n", comparison.skipped);
  for (const OutputComparison& output : comparison.outputs) {
    const Distance& d = output.distance;
    text += fmt::format("output '{}': cosine {:.6f} (least {:.6f}), relative L2 {:.3g}, largest error {:.3g}\n", output.name, d.cosine(), d.least_cosine(), d.relative_l2(), d.max_error());
    if (d.differently_finite() > 0) text += fmt::format("  {} values are NaN or infinite in one only, or differently\n", d.differently_finite());
    if (output.scores) {
      text += fmt::format("  same top-1 on {} of {} ({:.2f} %); A's top-1 among B's five highest on {} ({:.2f} %)\n", output.same_top1, comparison.samples,
                          percent(output.same_top1, comparison.samples), output.in_top5, percent(output.in_top5, comparison.samples));
    }
    if (output.labelled > 0) {
      text += fmt::format("  accuracy on {} labelled samples: A top-1 {:.2f} % ({}), top-5 {:.2f} % ({}); B top-1 {:.2f} % ({}), top-5 {:.2f} % ({})\n", output.labelled,
                          percent(output.a_top1, output.labelled), output.a_top1, percent(output.a_top5, output.labelled), output.a_top5,
                          percent(output.b_top1, output.labelled), output.b_top1, percent(output.b_top5, output.labelled), output.b_top5);
    }
  }
  text += fmt::format("verdict: {}: {}\n", comparison.verdict, comparison.explanation);
  if (comparison.layers.samples > 0) text += layers_text(comparison.layers);
  return text;
}

}  // namespace sinter::session
