#include "view.h"

#include <algorithm>
#include <cstdio>

namespace sinter::tool::monitor {
namespace {

using Piece = char[160];

std::string bar(const std::string& label, double share, const std::string& figures, int columns) {
  const int width = std::max(8, std::min(40, columns - 16 - static_cast<int>(figures.size())));
  const int full = static_cast<int>(std::min(1.0, std::max(0.0, share)) * width + 0.5);
  Piece piece;
  std::snprintf(piece, sizeof(piece), "%-10.10s [", label.c_str());
  return piece + std::string(static_cast<size_t>(full), '#') + std::string(static_cast<size_t>(width - full), '.') + "] " + figures + "\n";
}

std::string load_line(const std::string& name, bool on, const Figure& load, const Figure& mhz, int columns) {
  if (!on) return bar(name, 0, "off", columns);
  Piece piece = {};
  if (load && mhz) std::snprintf(piece, sizeof(piece), "%3.0f %% %6.0f MHz", *load, *mhz);
  else if (load) std::snprintf(piece, sizeof(piece), "%3.0f %%", *load);
  else std::snprintf(piece, sizeof(piece), "%6.0f MHz", mhz.value_or(0));
  return bar(name, load.value_or(0) / 100, piece, columns);
}

std::string share_line(const std::string& name, double used, double total, int columns) {
  Piece piece;
  std::snprintf(piece, sizeof(piece), "%.0f of %.0f MB", used, total);
  return bar(name, total > 0 ? used / total : 0, piece, columns);
}

}  // namespace

std::string view_text(const Sample& sample, int columns) {
  std::string text = sample.time + "\n\n";
  if (sample.ram_used_mb && sample.ram_total_mb) text += share_line("RAM", *sample.ram_used_mb, *sample.ram_total_mb, columns);
  if (sample.swap_used_mb && sample.swap_total_mb && *sample.swap_total_mb > 0) text += share_line("swap", *sample.swap_used_mb, *sample.swap_total_mb, columns);
  for (const DeviceMemory& memory : sample.device_memory) text += share_line(memory.name + " RAM", memory.used_mb, memory.total_mb, columns);
  for (size_t i = 0; i < sample.cores.size(); ++i) {
    text += load_line("cpu" + std::to_string(i), sample.cores[i].on, sample.cores[i].load_pct, sample.cores[i].mhz, columns);
  }
  for (const Engine& engine : sample.engines) {
    text += load_line(engine.name, engine.on, engine.load_pct, engine.mhz.empty() ? Figure() : Figure(engine.mhz[0]), columns);
  }
  std::string line;
  const auto add = [&](const std::string& piece) {
    if (!line.empty() && line.size() + piece.size() + 3 > static_cast<size_t>(columns)) text += line + "\n", line.clear();
    line += (line.empty() ? "" : "   ") + piece;
  };
  Piece piece;
  for (const Temperature& temperature : sample.temperatures) {
    if (!temperature.celsius) continue;
    std::snprintf(piece, sizeof(piece), "%.40s %.1f C", temperature.name.c_str(), *temperature.celsius);
    add(piece);
  }
  if (!line.empty()) text += "\n" + line + "\n", line.clear();
  for (const Rail& rail : sample.rails) {
    std::snprintf(piece, sizeof(piece), "%.40s %.2f W (mean %.2f)", rail.name.c_str(), rail.mw / 1000, rail.average_mw / 1000);
    add(piece);
  }
  return line.empty() ? text : text + "\n" + line + "\n";
}

}  // namespace sinter::tool::monitor
