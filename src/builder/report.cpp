#include "builder/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

namespace sinter::builder {
namespace {

constexpr double kMiB = 1 << 20;

nlohmann::json to_json(const OfferReport& offer) {
  return {{"tactic", offer.tactic}, {"config", offer.config}, {"layouts", offer.layouts}, {"us", offer.us},
          {"spread", offer.spread}, {"workspace_bytes", offer.workspace_bytes}, {"chosen", offer.chosen}};
}

nlohmann::json to_json(const LayerReport& layer) {
  nlohmann::json offers = nlohmann::json::array();
  for (const OfferReport& offer : layer.offers) offers.push_back(to_json(offer));
  nlohmann::json json = {{"name", layer.name}, {"source_nodes", layer.source_nodes}, {"problem", layer.problem}, {"op", layer.op},
          {"tactic", layer.tactic}, {"config", layer.config}, {"precision", layer.precision()}, {"storage", layer.storage},
          {"compute", layer.compute}, {"accumulate", layer.accumulate},
          {"input_layouts", layer.input_layouts}, {"output_layouts", layer.output_layouts}, {"us", layer.us},
          {"weight_bytes", layer.weight_bytes}, {"activation_bytes", layer.activation_bytes},
          {"workspace_bytes", layer.workspace_bytes}, {"dense_type", layer.dense_type}, {"dense_ops", layer.dense_ops},
          {"other_ops", layer.other_ops}, {"moved_bytes", layer.moved_bytes}, {"offers", offers}, {"refusals", layer.refusals}};
  if (layer.float_us > 0) {
    json["float_us"] = layer.float_us;
    json["float_type"] = layer.float_type;
  }
  return json;
}

}  // namespace

std::string BuildReport::to_json(bool reproducible) const {
  nlohmann::json layers_json = nlohmann::json::array();
  for (const LayerReport& layer : layers) layers_json.push_back(builder::to_json(layer));
  nlohmann::json json = {
      {"device", device}, {"threads", threads}, {"predicted_us", predicted_us},
      {"weight_bytes", weight_bytes}, {"activation_bytes", activation_bytes}, {"workspace_bytes", workspace_bytes},
      {"layouts_exact", layouts_exact},
      {"reformats", reformats}, {"reference_layers", reference_layers}, {"aliased", aliased},
      {"cpu_layers", cpu_layers}, {"transfers", transfers}, {"layers", layers_json},
      {"passes_fired", passes_fired}, {"passes_declined", passes_declined}};
  if (!notes.empty()) json["notes"] = notes;
  if (!reproducible) {
    json["build_s"] = build_s;
    json["tuning_s"] = tuning_s;
    json["timed_offers"] = timed_offers;
    json["cached_offers"] = cached_offers;
  }
  return json.dump(1);
}

std::string BuildReport::to_text(bool refusals) const {
  std::string text = fmt::format("{:<40} {:<46} {:<28} {:<13} {:>10}\n", "layer", "problem", "tactic", "types", "us");
  for (const LayerReport& layer : layers) {
    text += fmt::format("{:<40.40} {:<46.46} {:<28.28} {:<13} {:>10.1f}", layer.name, layer.problem, layer.tactic, layer.precision(), layer.us);
    text += layer.float_us > 0 ? fmt::format("  {:.2f}x {}\n", layer.float_us / layer.us, layer.float_type) : "\n";
    if (!refusals) continue;
    for (const OfferReport& offer : layer.offers) {
      if (!offer.chosen) {
        text += fmt::format("    lost: {} {} {}: {:.1f} us\n", offer.tactic, offer.config, offer.layouts, offer.us);
      }
    }
    for (const std::string& refusal : layer.refusals) text += fmt::format("    refused: {}\n", refusal);
  }
  text += fmt::format("\n{} layers ({} reformats, {} on reference kernels, {} more need no step); predicted {:.3f} ms{} on {}, {} thread{}\n",
                      layers.size(), reformats, reference_layers, aliased, predicted_us / 1000,
                      reference_layers > 0 ? " without the reference kernels" : "", device, threads, threads == 1 ? "" : "s");
  text += fmt::format("weights {:.1f} MiB, activations {:.1f} MiB (sum over layers), largest workspace {:.1f} MiB\n", weight_bytes / kMiB,
                      activation_bytes / kMiB, workspace_bytes / kMiB);
  text += fmt::format("built in {:.2f} s: {} offers timed, {} timings from the cache; layout choice {}\n", build_s, timed_offers,
                      cached_offers, layouts_exact ? "exact" : "approximate (graph too wide)");
  if (cpu_layers + transfers > 0) text += fmt::format("on the CPU: {} layers, with {} copies between host and device\n", cpu_layers, transfers);
  for (const LayerReport& layer : layers) {
    const bool on_cpu = cpu_layers > 0 && (layer.tactic.rfind("cpu.", 0) == 0 || layer.tactic.rfind("onednn.", 0) == 0);
    if (on_cpu) text += fmt::format("CPU tactic: '{}' ({})\n", layer.name, layer.op);
    if (layer.tactic == "reference") text += fmt::format("reference kernel: '{}' ({})\n", layer.name, layer.op);
  }
  for (const std::string& line : notes) text += line + "\n";
  if (!passes_fired.empty()) {
    text += "passes:";
    for (const auto& [name, times] : passes_fired) text += fmt::format(" {} {}", name, times);
    text += '\n';
  }
  return text;
}

}  // namespace sinter::builder
