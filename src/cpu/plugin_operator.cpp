// Operators of plugins: the kernel for the CPU that the library brings (src/plugin).
#include "cpu/cpu_tactic.h"
#include "plugin/tactic.h"

namespace sinter::cpu {

const Tactic& plugin_operator() {
  static const plugin::PluginTactic tactic("cpu.plugin_operator", tactic_version::plugin_operator, DeviceKind::kCpu);
  return tactic;
}

}  // namespace sinter::cpu
