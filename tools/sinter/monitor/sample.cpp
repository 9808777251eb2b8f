#include "sample.h"

#include <map>

namespace sinter::tool::monitor {
namespace {

std::string lower(const std::string& text) {
  std::string result;
  for (char c : text) result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

class Flat {
 public:
  void add(const std::string& key, const Figure& figure) { keys.emplace_back(key, figure); }
  void add_known(const std::string& key, const Figure& figure) {
    if (figure) add(key, figure);
  }
  // The name, or name_2, name_3, ... when it was there before.
  std::string unique(const std::string& kind, const std::string& name) {
    const int count = ++seen_[kind + name];
    return count == 1 ? name : name + "_" + std::to_string(count);
  }
  std::vector<std::pair<std::string, Figure>> keys;

 private:
  std::map<std::string, int> seen_;
};

void add_memory(const Sample& sample, Flat& out) {
  out.add_known("ram_used_mb", sample.ram_used_mb);
  out.add_known("ram_total_mb", sample.ram_total_mb);
  out.add_known("lfb_blocks", sample.lfb_blocks);
  out.add_known("lfb_block_kb", sample.lfb_block_kb);
  out.add_known("swap_used_mb", sample.swap_used_mb);
  out.add_known("swap_total_mb", sample.swap_total_mb);
  out.add_known("swap_cached_mb", sample.swap_cached_mb);
  out.add_known("iram_used_kb", sample.iram_used_kb);
  out.add_known("iram_total_kb", sample.iram_total_kb);
  out.add_known("iram_lfb_kb", sample.iram_lfb_kb);
}

void add_cores(const Sample& sample, Flat& out) {
  double total = 0;
  int counted = 0;
  for (const Core& core : sample.cores) {
    if (core.load_pct) total += *core.load_pct, ++counted;
  }
  if (counted > 0) out.add("cpu_util_pct", total / counted);
  for (size_t i = 0; i < sample.cores.size(); ++i) {
    const std::string name = "cpu" + std::to_string(i);
    out.add(name + "_util_pct", sample.cores[i].load_pct);
    if (sample.cores[i].mhz || !sample.cores[i].on) out.add(name + "_mhz", sample.cores[i].mhz);
  }
}

void add_engines(const Sample& sample, Flat& out) {
  for (const Engine& engine : sample.engines) {
    const std::string name = out.unique("engine", engine.name);
    if (engine.load_pct || !engine.on) out.add(name + "_util_pct", engine.load_pct);
    if (!engine.on) out.add(name + "_mhz", {});
    for (size_t i = 0; i < engine.mhz.size(); ++i) out.add(name + (i == 0 ? "" : "_gpc" + std::to_string(i)) + "_mhz", engine.mhz[i]);
  }
}

}  // namespace

const Engine* Sample::engine(const std::string& name) const {
  for (const Engine& engine : engines) {
    if (engine.name == name) return &engine;
  }
  return nullptr;
}

std::vector<std::pair<std::string, Figure>> flat(const Sample& sample) {
  Flat out;
  add_memory(sample, out);
  add_cores(sample, out);
  add_engines(sample, out);
  for (const DeviceMemory& memory : sample.device_memory) {
    const std::string name = out.unique("memory", lower(memory.name));
    out.add(name + "_mem_used_mb", memory.used_mb);
    out.add(name + "_mem_total_mb", memory.total_mb);
  }
  for (const Temperature& temperature : sample.temperatures) out.add("temp_" + out.unique("temp", lower(temperature.name)) + "_c", temperature.celsius);
  for (const Rail& rail : sample.rails) {
    const std::string name = "power_" + out.unique("power", lower(rail.name));
    out.add(name + "_mw", rail.mw);
    out.add(name + "_avg_mw", rail.average_mw);
  }
  return out.keys;
}

}  // namespace sinter::tool::monitor
