// Program: what can be known of a region before any shape: alias roots, lifetimes, operators, tactics. Immutable, shared by contexts.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/op_def.h"
#include "plan/plan.h"
#include "tactic/tactic.h"

namespace sinter::runtime {

struct StepProgram {
  const plan::Step* step = nullptr;
  const Tactic* tactic = nullptr;  // kKernel
  const OpDef* op = nullptr;       // kReference and kControl; of kKernel when there is one
  Attributes attributes;           // the problem's and, for host steps, the epilogue's as attributes
  std::vector<Tensor> blobs;       // kKernel; device code is the last one
  std::vector<const void*> device_blobs;  // addresses of the packed ones on the device
  bool on_device = false;          // a kernel step for the plan's device
  std::vector<int32_t> captured;   // values of this region that the step's bodies read, however deep
  std::vector<int32_t> releases;   // values whose memory on the heap may go after this step
};

struct RegionProgram {
  const plan::Region* region = nullptr;
  std::vector<StepProgram> steps;
  std::vector<int32_t> root;             // of each value's alias chain
  std::vector<int32_t> first, last;      // of each root: steps that write or read it; last < 0: never
  std::vector<int32_t> output_of_root;   // region output that a root's buffer may be, -1: none
  std::vector<int32_t> captured;         // values with Storage::kCaptured
  std::vector<std::string> symbols;      // that its types name
};

// What the device takes of a step's code.
using CodeReader = std::function<Result<Tensor>(const plan::Step& step, const Tactic& tactic, const Tensor& code)>;

// One RegionProgram a region of the plan. Tactics and operators must be there; `blobs` are the plan's, `device_blobs` their addresses on the
// device (null where no device step needs them; {} for a plan for the CPU).
Result<std::vector<RegionProgram>> compile(const plan::Plan& plan, const std::vector<Tensor>& blobs,
                                           const std::vector<const void*>& device_blobs = {},
                                           const CodeReader& read_code = nullptr);

// Types and attributes against the operator's schema, the problem against the tactic. See step_check.cpp.
Status check_step(const plan::Region& region, const StepProgram& program);

}  // namespace sinter::runtime
