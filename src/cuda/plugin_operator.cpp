// Operators of plugins: the kernel for a GPU, where the library brings one (src/plugin).
#include "cuda/cuda_tactic.h"
#include "plugin/tactic.h"

namespace sinter::cuda {

const Tactic& plugin_operator() {
  static const plugin::PluginTactic tactic("cuda.plugin_operator", tactic_version::plugin_operator, DeviceKind::kCuda);
  return tactic;
}

}  // namespace sinter::cuda
