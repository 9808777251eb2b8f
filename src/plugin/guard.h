// A plugin's kernel tried in a child process, where each of its tensors lies between pages that can't be touched.
#pragma once

#include "plugin/kernel.h"

namespace sinter::plugin {

struct GuardCase {
  const Operator* op = nullptr;
  Attributes attributes;
  std::vector<Tensor> inputs;  // undefined: absent
  std::vector<TensorSpec> outputs;
};

struct GuardFinding {
  bool warning = false;
  std::string message;  // names the tensor; the node is the caller's to name
};

// Runs the kernel three times with every tensor ending before such a page (as far as 16-byte alignment allows), and three times with every tensor beginning behind
// one. Finds reads and writes beyond tensors and workspace, writes to inputs, elements that are not written, results that depend on memory nobody wrote,
// crashes, runs that do not end, and (a warning) results that differ from run to run.
Result<std::vector<GuardFinding>> try_kernel(const GuardCase& given);

}  // namespace sinter::plugin
