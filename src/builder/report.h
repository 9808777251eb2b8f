// The build report: what was decided for every layer and why, as data; text and JSON are printed from it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sinter::builder {

struct OfferReport {
  std::string tactic, config;   // "cpu.conv_direct@1"
  std::string layouts;          // "channels_last → channels_last"
  double us = 0;                // median of the lower half; 0: not timed
  double spread = 0;            // (p75 - p25) / median of the samples
  int64_t workspace_bytes = 0;
  bool chosen = false;
};

struct LayerReport {
  std::string name;                      // of the node
  std::vector<std::string> source_nodes; // the ONNX nodes it stands for
  std::string problem;                   // "Conv f32[1,64,56,56] … +epilogue(…)"
  std::string op;
  std::string tactic;                    // id@version, "reference", "alias", "impossible" (of a branch that these shapes forbid)
  std::string config;
  std::string storage, compute, accumulate;  // tactic/arithmetic.h
  std::vector<std::string> input_layouts, output_layouts;
  double us = 0;
  double float_us = 0;                   // of an int8 layer: the same layer in the permitted floats; 0: not known
  std::string float_type;                // what those are stored as: "f16"
  int64_t weight_bytes = 0;              // packed
  int64_t activation_bytes = 0;          // outputs, at the optimum
  int64_t workspace_bytes = 0;
  double dense_ops = 0, other_ops = 0;   // the least work at the optimum (core/work.h)
  int64_t moved_bytes = 0;
  std::string dense_type;
  std::vector<OfferReport> offers;
  std::string precision() const { return storage + "/" + compute + "/" + accumulate; }
  std::vector<std::string> refusals;     // "cpu.conv_winograd@1: needs a 3x3 filter, this is 1x1"
};

struct BuildReport {
  std::string device;                    // CPU model, ISA
  int threads = 1;
  double build_s = 0, tuning_s = 0;
  double predicted_us = 0;               // kernels plus reformats at the optimum
  int64_t weight_bytes = 0, activation_bytes = 0, workspace_bytes = 0;
  int64_t timed_offers = 0, cached_offers = 0;
  bool layouts_exact = true;
  int reformats = 0, reference_layers = 0, aliased = 0;
  int cpu_layers = 0, transfers = 0;     // of a build for a GPU: CPU tactics, copies between host and device
  std::vector<LayerReport> layers;
  std::vector<std::string> notes;        // how precisions were chosen, for people
  std::map<std::string, int64_t> passes_fired;
  std::map<std::string, std::map<std::string, int64_t>> passes_declined;

  std::string to_text(bool refusals = false) const;
  // `reproducible`: without what differs between two builds that decide alike (seconds, what the cache had).
  std::string to_json(bool reproducible = false) const;
};

}  // namespace sinter::builder
