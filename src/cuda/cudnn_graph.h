// A convolution with its bias and pointwise program as a graph of cuDNN: which of its engines take it, and plans that run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cuda/conv_geometry.h"
#include "cuda/library_api.h"
#include "tactic/tactic.h"

namespace sinter::cuda {

// An operand of the epilogue: one value a channel, or of the result's shape.
struct DnnOperand {
  int input = -1;
  int type = kDnnF32;
  bool full = false;
};
// Result of a step of the epilogue: values are numbered from the convolution's result (0) on.
struct DnnStep {
  int mode = kDnnAdd;
  int x = 0;         // a value's number
  int operand = -1;  // of operands: the second argument; -1: none, or `b` is one
  int b = -1;        // a value's number: the second argument
};

struct DnnConv {
  ConvShape shape;
  int64_t pad_bottom = 0, pad_right = 0;
  int type = kDnnF32, out = kDnnF32;
  bool tf32 = false;
  std::vector<DnnOperand> operands;
  std::vector<DnnStep> steps;
};
// The error is a decline's reason.
Result<DnnConv> cudnn_conv_of(const Problem& problem);

// A plan that runs. One thread at a time.
class DnnPlan {
 public:
  virtual ~DnnPlan() = default;
  virtual int64_t workspace() const = 0;
  virtual Status run(const void* x, const void* w, void* y, const LaunchArgs& args) = 0;
};

// Engines that the library's heuristics recommend, best first, as text: "e12 k3=1,7=0". In the context of the device.
Result<std::vector<std::string>> cudnn_engines(const DnnConv& conv, size_t most);
// The plan of an engine. kTargetMismatch: this library has it not.
Result<std::unique_ptr<DnnPlan>> cudnn_plan(const DnnConv& conv, const std::string& engine);

}  // namespace sinter::cuda
