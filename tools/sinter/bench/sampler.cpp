#include "sampler.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "charts.h"
#include "monitor/log.h"
#include "monitor/tegrastats.h"

namespace sinter::tool {
namespace {

using monitor::Figure;
using monitor::Sample;

constexpr double kSlower = 0.97;  // a clock that falls to less than this share of what it was

// Mean of a figure over a part of the samples.
template <typename Get>
Figure mean_of(const std::vector<Sample>& samples, size_t first, size_t last, Get get) {
  double sum = 0;
  size_t count = 0;
  for (size_t i = first; i < last; ++i) {
    if (const Figure value = get(samples[i])) sum += *value, ++count;
  }
  if (count == 0) return {};
  return sum / static_cast<double>(count);
}

template <typename Get>
Figure most_of(const std::vector<Sample>& samples, Get get) {
  Figure most;
  for (const Sample& sample : samples) {
    if (const Figure value = get(sample)) most = std::max(most.value_or(*value), *value);
  }
  return most;
}

Figure gpu_clock(const Sample& sample) {
  const monitor::Engine* gpu = sample.engine("gpu");
  if (!gpu || gpu->mhz.empty()) return {};
  return gpu->mhz[0];
}

Figure gpu_load(const Sample& sample) {
  const monitor::Engine* gpu = sample.engine("gpu");
  return gpu ? gpu->load_pct : Figure();
}

Figure mean_load(const Sample& sample) {
  double sum = 0;
  int count = 0;
  for (const auto& core : sample.cores) {
    if (core.load_pct) sum += *core.load_pct, ++count;
  }
  if (count == 0) return {};
  return sum / count;
}

// "" when the clock kept up, or is not told.
template <typename Get>
std::string fall_of(const char* name, const std::vector<Sample>& samples, Get get) {
  const size_t third = samples.size() / 3;
  if (third == 0) return "";
  const Figure first = mean_of(samples, 0, third, get), last = mean_of(samples, samples.size() - third, samples.size(), get);
  if (!first || !last || *last >= kSlower * *first) return "";
  return std::string(name) + " fell from " + number(*first, 0) + " to " + number(*last, 0) + " MHz";
}

}  // namespace

Sampler::Sampler(int interval_ms, const monitor::Nvml* nvml)
    : thread_([this, interval_ms, nvml] {
        monitor::Machine machine(monitor::system_root(), nvml);
        auto moment = std::chrono::steady_clock::now();
        while (!stopping_) {
          moment += std::chrono::milliseconds(interval_ms);
          while (!stopping_ && std::chrono::steady_clock::now() < moment) std::this_thread::sleep_for(std::chrono::milliseconds(10));
          samples_.push_back(machine.read());
        }
      }) {}

Sampler::~Sampler() { stop(); }

std::vector<Sample> Sampler::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  return std::move(samples_);
}

Figure fastest_core(const Sample& sample) {
  Figure most;
  for (const auto& core : sample.cores) {
    if (core.mhz) most = std::max(most.value_or(0), *core.mhz);
  }
  return most;
}

Figure warmest(const Sample& sample) {
  Figure most;
  for (const auto& temperature : sample.temperatures) {
    if (temperature.celsius) most = std::max(most.value_or(-1e9), *temperature.celsius);
  }
  return most;
}

void put_samples(const std::vector<Sample>& samples, const std::vector<monitor::Finding>& findings, const BenchOptions& options, BenchReport& report) {
  Json json = {{"samples", samples.size()}};
  const auto put = [&](const char* key, const Figure& value) {
    if (value) json[key] = *value;
    return value;
  };
  const Figure ram = put("ram_used_max_mb", most_of(samples, [](const Sample& s) { return s.ram_used_mb; }));
  const Figure ram_total = put("ram_total_mb", most_of(samples, [](const Sample& s) { return s.ram_total_mb; }));
  const Figure load = put("cpu_util_mean_pct", mean_of(samples, 0, samples.size(), mean_load));
  const Figure gpu = put("gpu_util_mean_pct", mean_of(samples, 0, samples.size(), gpu_load));
  const Figure clock = put("cpu_mhz_mean", mean_of(samples, 0, samples.size(), fastest_core));
  put("gpu_mhz_mean", mean_of(samples, 0, samples.size(), gpu_clock));
  const Figure heat = put("temperature_max_c", most_of(samples, warmest));
  const Figure trip = put("temperature_limit_c", monitor::trip_celsius(monitor::system_root()));
  std::printf("monitor   %zu readings", samples.size());
  if (load) std::printf(", processor %.0f %% busy", *load);
  if (clock) std::printf(" at %.0f MHz", *clock);
  if (gpu) std::printf(", GPU %.0f %%", *gpu);
  if (heat) std::printf(", %.1f C at most", *heat);
  std::printf("\n");

  std::string throttling;
  for (const auto& finding : findings) {
    if (finding.kind == "throttled") throttling += (throttling.empty() ? "" : "; ") + finding.text;
  }
  for (const std::string& fall : {fall_of("the processor's clock", samples, fastest_core), fall_of("the GPU's clock", samples, gpu_clock)}) {
    if (!fall.empty()) throttling += (throttling.empty() ? "" : "; ") + fall;
  }
  json["throttling"] = throttling;
  const bool told = clock || gpu || heat;
  std::printf("throttling %s\n", !throttling.empty() ? throttling.c_str() : told ? "none seen" : "none seen; this machine tells neither clocks nor temperatures");

  std::string headroom;
  const auto add = [&](const std::string& text) { headroom += (headroom.empty() ? "" : ", ") + text; };
  if (ram && ram_total) add("memory " + number(*ram_total - *ram, 0) + " of " + number(*ram_total, 0) + " MB");
  Figure device_used, device_total;
  for (const Sample& sample : samples) {
    for (const auto& memory : sample.device_memory) {
      if (memory.name == "gpu") device_used = std::max(device_used.value_or(0), memory.used_mb), device_total = memory.total_mb;
    }
  }
  if (device_used) add("GPU memory " + number(*device_total - *device_used, 0) + " of " + number(*device_total, 0) + " MB");
  if (load) add("processor " + number(100 - *load, 0) + " %");
  if (gpu) add("GPU " + number(100 - *gpu, 0) + " %");
  if (heat && trip) add(number(*trip - *heat, 0) + " C below the limit of " + number(*trip, 0));
  json["headroom"] = headroom;
  std::printf("headroom  %s\n", headroom.c_str());
  report.json["monitor"] = json;
  report.section("The machine meanwhile", "<p>Throttling: " + escaped(throttling.empty() ? "none seen" : throttling) + ".<br>Headroom: " + escaped(headroom) + ".</p>\n" +
                                              figure_html(charts_svg(monitor::sample_charts(samples))));
  if (options.monitor_log.empty()) return;
  std::string text;
  for (const Sample& sample : samples) text += monitor::tegrastats_line(sample) + "\n";
  write_text(options.monitor_log, text);
}

}  // namespace sinter::tool
