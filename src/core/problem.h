// Problem: all that a tactic may know of the work it is asked to do (design decision 4). No graph, no neighbours.
#pragma once

#include <string>
#include <vector>

#include "base/cpu_info.h"
#include "core/attributes.h"
#include "core/layout.h"
#include "core/pointwise.h"

namespace sinter {

// Constant inputs up to this many elements travel inside the Problem, so that tactics can read axes, pads, scales, clip bounds.
constexpr int64_t kInlineConstantElements = 64;

struct TensorDesc {
  bool present = true;      // absent optional inputs keep their place
  DType dtype = DType::kF32;
  Shape shape;              // logical, may hold symbols
  Dims opt;                 // concrete dims at the profile's optimum: what is timed
  Layout layout = Layout::kRowMajor;  // set from the chosen offer before prepare and bind; kRowMajor in query
  bool constant = false;    // known at build time
  Tensor value;             // constant and small (kInlineConstantElements), else undefined

  bool is_static() const { return constant_dims(shape).has_value(); }
  int rank() const { return static_cast<int>(shape.size()); }
};

enum class DeviceKind : uint8_t { kCpu = 0, kCuda = 1 };

// What a tactic may know of the device that a problem is for. All of it is part of timing keys.
struct DeviceSpec {
  DeviceKind kind = DeviceKind::kCpu;
  int sm = 0;                // CUDA: compute capability, 90 for 9.0
  int processors = 0;        // CUDA: multiprocessors
  int64_t shared_bytes = 0;  // CUDA: shared memory that a block can have (opt-in limit)
  int64_t l2_bytes = 0;      // CUDA
  bool operator==(const DeviceSpec&) const = default;
};

// Which compute types are permitted besides the stored ones.
struct Precision {
  bool tf32 = true;         // dense f32 may be computed with operands of at least TF32's accuracy
  bool fp16 = false, bf16 = false, int8 = false;
  bool strict_nans = false;  // only offers that propagate NaN
};

struct Problem {
  std::string domain, op;   // of the OpDef
  std::string node;         // for messages and reports only; no part of any key
  Attributes attributes;    // of the node, without the epilogue's
  std::vector<TensorDesc> inputs;   // the operator's, then (from epilogue_base on) the epilogue's further inputs
  std::vector<TensorDesc> outputs;
  int epilogue_base = -1;   // first epilogue input; -1: no epilogue
  PointwiseProgram epilogue;  // program input 0 is the operator's output 0, input i is inputs[epilogue_base + i - 1]
  Precision precision;
  DeviceSpec device;
  int threads = 1;           // CPU; 1 on other devices
  Isa isa = Isa::kBaseline;  // CPU; kBaseline on other devices

  bool on_cuda() const { return device.kind == DeviceKind::kCuda; }
  bool has_epilogue() const { return epilogue_base >= 0; }
  int op_input_count() const { return has_epilogue() ? epilogue_base : static_cast<int>(inputs.size()); }
  // Everything that a timing depends on, as one line of text; equal keys are the same work. Layouts are not in it.
  std::string key() const;
  // One line for people: "Conv f32[1,64,56,56] f32[64,64,3,3] → f32[1,64,56,56] +epilogue(relu)".
  std::string to_string() const;
};

}  // namespace sinter
