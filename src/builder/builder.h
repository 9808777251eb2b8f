// The builder: optimised graph → tuned plan. The only place that knows everything: which node a tactic may take, every offer's time,
// layouts for the whole graph, which values alias, what fell back to a reference kernel.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "builder/boards.h"
#include "builder/constraints.h"
#include "builder/report.h"
#include "builder/timing_cache.h"
#include "ir/graph.h"
#include "plan/packed_weight.h"
#include "plan/plan.h"
#include "tactic/device.h"
#include "tactic/registry.h"

namespace sinter::builder {

// What may happen to a layer that no tactic of the device takes (design decision 11).
enum class Fallback : uint8_t {
  kReference,  // its reference kernel, on the host
  kError,      // the build fails, naming it
  kCpu,        // a CPU tactic, else its reference kernel
};

struct Progress {
  std::string_view phase;  // "tuning", "packing", …
  int64_t done = 0, total = 0;
};

struct BuildOptions {
  Device* device = nullptr;  // null: the CPU
  const Board* target = nullptr;  // --target: `device` stands for its GPU, and nothing is measured: times come from the
                                  // timing cache, else from its peaks
  // --hardwareCompatibilityLevel=ampere+: kernels use nothing beyond compute capability 8.0 and 48 KiB of shared
  // memory, and their code is carried as PTX too.
  bool ampere_plus = false;
  int threads = 1;
  Isa isa = cpu_info().isa;
  Precision precision;
  // What lower_precision stores f32 values as; nullopt: f16 or bf16 where `precision` permits it and the device is a GPU. kF32: as they are.
  std::optional<DType> narrow;
  LayerTypeMap layer_types;  // types of single layers
  Fallback fallback = Fallback::kReference;
  int64_t workspace_bytes = INT64_MAX;         // a tactic that needs more declines
  int64_t max_build_memory_bytes = INT64_MAX;  // bounds what the builder itself holds: constants, packed weights, tuning buffers
  int64_t baseline_memory_bytes = 0;           // anonymous memory of the process before the work began: not counted
  std::string timing_cache;                    // file; "": none
  std::shared_ptr<TimingCache> timings;        // of several builds of one process, instead of reading the file each time; null: none
  std::vector<std::string> tactic_filter;      // only tactics whose id begins with one of these; {}: all
  std::vector<std::string> tactic_sources;     // libraries whose tactics take part (Tactic::source)
  std::map<std::string, plan::SymbolRange, std::less<>> symbols;  // ranges and optimum of symbols; missing: opt 1, any size
  bool find_packings = false;                  // fill BuildResult::packed_weights
  bool time_all = false;                       // no pruning: every offer gets full statistics (sinter tactics)
  std::function<bool(const Progress&)> progress;  // false: cancel
};

struct BuildResult {
  plan::Plan plan;
  std::vector<Tensor> blobs;  // plan.blobs, in order
  std::map<std::string, plan::PackedWeight> packed_weights;  // ir::digest of a constant → where it lies in a blob
  BuildReport report;
  int64_t estimated_offers = 0;             // of a target: by its peaks
  Status timing_cache_saved = ok_status();  // a plan is not lost because its timings couldn't be written
};

// What problems of this build say of their device: the device's own, or less where code must run on others too.
DeviceSpec spec_of(const BuildOptions& options);
// The processor that steps are chosen for: this machine's, or the target's.
std::string cpu_model(const BuildOptions& options);

// The graph must be verified and typed; it is not changed. Reads and updates the timing cache.
Result<BuildResult> build_plan(const ir::Graph& graph, const BuildOptions& options);

}  // namespace sinter::builder
