// Plan: what will run. Plain data, no behaviour but a validator: made by the builder, stored by engine, executed by runtime.
//
// A plan is a tree of regions (design decision 12): the main graph and the bodies of If, Loop and Scan. Values and steps are
// numbered within their region; every index is checked by validate() before anything runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "core/problem.h"
#include "core/type.h"
#include "core/offer.h"

namespace sinter::plan {

enum class Storage : uint8_t {
  kNone = 0,   // produced but read by nobody
  kInput,      // region input `index`
  kConstant,   // blob `index` of the plan
  kArena,      // in the context's arena; size follows from the shape when the symbols are bound
  kHost,       // heap: strings, sequences, optionals, and tensors whose size depends on data
  kCaptured,   // value `index` of the parent region
  kAlias,      // lies inside value `index` of this region, `alias_offset_bytes` from its start
};

// Where a value's bytes are. Only tensors of fixed-size elements in the main region can be on the device.
enum class Place : uint8_t { kHost = 0, kDevice = 1 };
inline const char* place_name(Place place) { return place == Place::kHost ? "host" : "device"; }

struct PlanValue {
  std::string name;                      // engine tensor name; unique in the region
  std::vector<std::string> onnx_names;
  ValueType type;                        // shape with symbols
  Layout layout = Layout::kRowMajor;
  Storage storage = Storage::kNone;
  Place place = Place::kHost;
  int32_t index = -1;                    // see Storage
  Dim alias_offset_bytes;
};

enum class StepKind : uint8_t {
  kKernel = 0,  // a tactic's kernel
  kReference,   // the operator's reference kernel on host values
  kControl,     // If, Loop, Scan: runs regions
  kTransfer,    // copies input 0 to output 0, from host to device or back
};

struct Step {
  StepKind kind = StepKind::kKernel;
  std::string name;                 // of the node
  std::vector<std::string> source_nodes;
  std::string tactic;               // kKernel: id
  int32_t tactic_version = 0;
  Problem problem;                  // with layouts as chosen; kReference, kControl: operator and attributes
  Offer offer;                      // kKernel
  std::vector<int32_t> inputs;      // values, -1: absent
  std::vector<int32_t> outputs;     // values, -1: not wanted
  std::vector<int32_t> blobs;       // kKernel: packed weights, in prepare's order
  int32_t code = -1;                // kKernel: blob of device code; -1: none
  std::vector<std::pair<std::string, int32_t>> regions;  // kControl: graph attribute → region
  double tuned_us = 0;              // what the tuner measured; 0: not timed
  int64_t workspace_bytes = 0;      // at the optimum shape
};

struct Region {
  std::string name;
  int32_t parent = -1;
  std::vector<PlanValue> values;
  std::vector<Step> steps;          // in execution order
  std::vector<int32_t> inputs;      // values with Storage::kInput, in order
  std::vector<int32_t> outputs;     // values
};

// Size and place of a blob come with the engine; the plan only counts them.
struct BlobInfo {
  DType dtype = DType::kU8;
  Dims dims;
};

// Range of a symbol that inputs bind, and the optimum it was tuned at.
struct SymbolRange {
  std::string name;
  int64_t min = 1, opt = 1, max = INT64_MAX;
};

struct Plan {
  std::vector<Region> regions;      // [0] is the main one
  std::vector<BlobInfo> blobs;
  std::vector<SymbolRange> symbols;
  int32_t threads = 1;              // tuned for
  std::string isa;                  // isa_name() it was tuned for; steps need no more than this
  std::string cpu_model;
  DeviceSpec device;                // of the device steps; a plan for the CPU has none
  std::string device_model;         // "NVIDIA H200"

  bool on_cuda() const { return device.kind == DeviceKind::kCuda; }
};

// Rules that validate() checks and the runtime relies on, besides what the fields say:
// - Region inputs and outputs are row-major; so are tensors that kReference and kControl steps read or write.
// - A value is made once: by a step, or by being an input, a constant or captured. A kAlias value that no step makes is there
//   when its root is (a view: Reshape, Split). A kArena value that no step makes is there when every kAlias value in
//   it that a step makes is there (Concat without a copy).
// - A step's outputs are kArena, kHost, kNone, or kAlias inside a kArena value.
// - A kernel step's problem describes exactly `inputs` and `outputs` (same dtype, shape, layout). Packed inputs are -1 in `inputs`.
// - A kernel step's inputs and outputs are where its problem says: on the device for CUDA problems, else on the host. kReference and
//   kControl steps have host values only. A kTransfer step's two values are one on either side and equal in all else.
// - An alias is where its root is, a captured value where the outer one is. Values with Storage::kHost are on the host.
// - A region's parent has a smaller number, and exactly one step of the parent names it.

// Every index in range, producers before users, kinds and counts consistent, sizes sane: a plan that passes can't make the
// runtime read outside its tables. The message names the region, step and field.
Status validate(const Plan& plan);

// Root of an alias chain within the region (the value itself when it is no alias). Only for valid plans.
int32_t alias_root(const Region& region, int32_t value);
// Bytes of a tensor of fixed-size elements in a layout, padding included; nullopt when they pass kMaxValueBytes or a dim
// is negative. Strings and unknown types have none.
std::optional<int64_t> physical_bytes(DType dtype, Layout layout, const Dims& dims);
// The same for a value's declared shape; nullopt too when a symbol has no binding or the rank is unknown.
std::optional<int64_t> physical_bytes(const PlanValue& value, const Bindings& bindings);
// Larger tensors are refused as hostile: the address space of a process ends there.
constexpr int64_t kMaxValueBytes = int64_t{1} << 46;

}  // namespace sinter::plan
