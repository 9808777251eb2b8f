// NVIDIA's management library, opened at run time: loads, clocks, temperatures and powers of GPUs that are no Jetson's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sinter::tool::monitor {

struct GpuReading {
  std::string name;
  std::optional<double> load_pct, memory_load_pct, encoder_pct, decoder_pct;
  std::optional<double> mhz, memory_mhz, video_mhz, max_mhz, max_memory_mhz;
  std::optional<double> celsius, slowdown_celsius;
  std::optional<double> mw, limit_mw;
  std::optional<double> memory_used_mb, memory_total_mb;
  std::optional<uint64_t> throttle_reasons;  // NVML's bits
};

class Nvml {
 public:
  // None when there is no such library or it finds no GPU. SINTER_NVML names another library.
  static std::unique_ptr<Nvml> open();
  ~Nvml();
  std::vector<GpuReading> read() const;

 private:
  struct Functions;
  explicit Nvml(std::unique_ptr<Functions> functions);
  std::unique_ptr<Functions> functions_;
  std::vector<void*> devices_;
};

// What of NVML's throttle reasons lowers clocks against the user's will ("thermal slowdown", "power cap"); "" when none does.
std::string throttle_text(uint64_t reasons);

}  // namespace sinter::tool::monitor
