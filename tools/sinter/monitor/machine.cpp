#include "machine.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace sinter::tool::monitor {
namespace {

namespace fs = std::filesystem;

constexpr int kMostCores = 4096;

constexpr const char* kClocks = "/sys/kernel/debug/bpmp/debug/clk/";
// The GPUs of Tegra chips as devfreq names them.
constexpr const char* kTegraGpus[] = {"gpu", "ga10b", "gv11b", "gp10b", "gm20b", "gb10b"};
// Engines with a clock of their own, as tegrastats names them.
constexpr const char* kTegraEngines[] = {"nvenc", "nvdec", "nvjpg", "nvjpg1", "vic", "ofa", "nvdla0", "nvdla1", "pva0", "ape"};

std::string upper(const std::string& text) {
  std::string result;
  for (const char c : text) result += std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : '_';
  return result;
}

// "MemTotal:  123 kB" -> 123, in MB.
Figure megabytes_of(const std::string& meminfo, const std::string& key) {
  const size_t at = meminfo.find("\n" + key + ":");
  if (at == meminfo.npos) return {};
  return std::strtod(meminfo.c_str() + at + key.size() + 2, nullptr) / 1024;
}

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof(text), "%m-%d-%Y %H:%M:%S", &local);
  return text;
}

// "CPU-therm", "cpu-thermal", "x86_pkg_temp" -> what stands before @ in a line.
std::string sensor_name(std::string name) {
  for (const char* end : {"-thermal", "_thermal", "-therm", "_therm"}) {
    if (name.ends_with(end)) name.resize(name.size() - std::string(end).size());
  }
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') c = '_';
  }
  return name;
}

}  // namespace

std::string system_root() {
  const char* const root = std::getenv("SINTER_SYSTEM_ROOT");
  return root ? root : "";
}

std::string text_of_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return "";
  std::ostringstream text;
  text << in.rdbuf();
  std::string result = text.str();
  while (!result.empty() && (result.back() == '\n' || result.back() == '\0')) result.pop_back();
  return result;
}

Figure number_of_file(const std::string& path) {
  const std::string text = text_of_file(path);
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str()) return {};
  return value;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) names.push_back(at->path().filename());
  // thermal_zone2 before thermal_zone10.
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) { return a.size() != b.size() ? a.size() < b.size() : a < b; });
  return names;
}

Machine::Machine(std::string root, const Nvml* nvml) : root_(std::move(root)), nvml_(nvml), last_(std::chrono::steady_clock::now()) {
  Sample start;
  read_cores(start);
  read_rapl(start, 0);
}

Sample Machine::read() {
  const auto now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  last_ = now;
  Sample sample;
  sample.time = now_text();
  read_memory(sample);
  read_cores(sample);
  read_tegra_engines(sample);
  read_temperatures(sample);
  read_ina_rails(sample);
  read_rapl(sample, seconds);
  read_nvml(sample);
  return sample;
}

void Machine::read_memory(Sample& sample) const {
  const std::string text = "\n" + text_of_file(root_ + "/proc/meminfo");
  const Figure total = megabytes_of(text, "MemTotal"), free = megabytes_of(text, "MemFree");
  if (total && free) {
    double used = *total - *free;
    for (const char* cache : {"Buffers", "Cached", "SReclaimable"}) used -= megabytes_of(text, cache).value_or(0);
    sample.ram_used_mb = std::max(0.0, used);
    sample.ram_total_mb = total;
  }
  const Figure swap = megabytes_of(text, "SwapTotal"), swap_free = megabytes_of(text, "SwapFree");
  if (swap && swap_free) {
    sample.swap_used_mb = *swap - *swap_free;
    sample.swap_total_mb = swap;
    sample.swap_cached_mb = megabytes_of(text, "SwapCached").value_or(0);
  }
  read_largest_block(sample);
}

// "Node 0, zone Normal 4 3 2 ...": free blocks of 1, 2, 4, ... pages.
void Machine::read_largest_block(Sample& sample) const {
  std::istringstream lines(text_of_file(root_ + "/proc/buddyinfo"));
  std::vector<double> blocks;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    for (int i = 0; i < 4; ++i) words >> word;
    double count = 0;
    for (size_t order = 0; words >> count; ++order) {
      if (blocks.size() <= order) blocks.resize(order + 1);
      blocks[order] += count;
    }
  }
  const double page_kb = static_cast<double>(sysconf(_SC_PAGESIZE)) / 1024;
  for (size_t order = blocks.size(); order-- > 0;) {
    if (blocks[order] == 0) continue;
    sample.lfb_blocks = blocks[order];
    sample.lfb_block_kb = page_kb * static_cast<double>(uint64_t{1} << std::min<size_t>(order, 40));
    return;
  }
}

void Machine::read_cores(Sample& sample) {
  std::istringstream lines(text_of_file(root_ + "/proc/stat"));
  std::map<int, Core> cores;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("cpu") || line.size() < 4 || !std::isdigit(static_cast<unsigned char>(line[3]))) continue;
    std::istringstream words(line.substr(3));
    int index = 0;
    uint64_t value = 0;
    if (!(words >> index) || index >= kMostCores) continue;
    Ticks now;
    for (int column = 0; column < 8 && words >> value; ++column) {  // user nice system idle iowait irq softirq steal
      now.all += value;
      if (column != 3 && column != 4) now.busy += value;
    }
    const Ticks before = ticks_[index];
    ticks_[index] = now;
    Core& core = cores[index];
    core.load_pct = now.all > before.all && now.busy >= before.busy ? 100.0 * static_cast<double>(now.busy - before.busy) / static_cast<double>(now.all - before.all) : 0;
    core.load_pct = std::min(100.0, *core.load_pct);
    const Figure khz = number_of_file(root_ + "/sys/devices/system/cpu/cpu" + std::to_string(index) + "/cpufreq/scaling_cur_freq");
    if (khz) core.mhz = *khz / 1000;
  }
  if (cores.empty()) return;
  std::istringstream info(text_of_file(root_ + "/proc/cpuinfo"));
  int index = -1;
  for (std::string line; std::getline(info, line);) {
    const size_t colon = line.find(':');
    if (colon == line.npos) continue;
    if (line.starts_with("processor")) index = std::atoi(line.c_str() + colon + 1);
    else if (line.starts_with("cpu MHz") && cores.count(index) && !cores[index].mhz) cores[index].mhz = std::strtod(line.c_str() + colon + 1, nullptr);
  }
  // Cores that the machine has and that are switched off.
  const std::string present = text_of_file(root_ + "/sys/devices/system/cpu/present");
  const size_t dash = present.rfind('-');
  const int last = std::max(cores.rbegin()->first, dash == present.npos ? 0 : std::min(kMostCores - 1, std::atoi(present.c_str() + dash + 1)));
  for (int i = 0; i <= last; ++i) {
    const auto found = cores.find(i);
    sample.cores.push_back(found == cores.end() ? Core{false, {}, {}} : found->second);
  }
}

void Machine::read_tegra_gpu(Sample& sample) const {
  const std::string folder = root_ + "/sys/class/devfreq/";
  for (const std::string& name : names_in(folder)) {
    const bool gpu = std::any_of(std::begin(kTegraGpus), std::end(kTegraGpus), [&](const char* end) { return name.ends_with(end); });
    if (!gpu) continue;
    Engine engine{sample.engine("gpu") ? "gpu2" : "gpu", true, {}, {}};
    if (const Figure load = number_of_file(folder + name + "/device/load")) engine.load_pct = *load / 10;  // in thousandths
    if (const Figure hz = number_of_file(folder + name + "/cur_freq")) engine.mhz.push_back(*hz / 1e6);
    if (engine.load_pct || !engine.mhz.empty()) sample.engines.push_back(engine);
  }
  if (sample.engine("gpu")) return;
  for (const char* path : {"/sys/devices/gpu.0/load", "/sys/devices/platform/gpu.0/load", "/sys/devices/57000000.gpu/load"}) {
    const Figure load = number_of_file(root_ + path);
    if (!load) continue;
    sample.engines.push_back({"gpu", true, *load / 10, {}});
    return;
  }
}

void Machine::read_tegra_engines(Sample& sample) const {
  const std::string clocks = root_ + kClocks;
  if (const Figure hz = number_of_file(clocks + "emc/rate")) {
    Engine emc{"emc", true, {}, {*hz / 1e6}};
    for (const char* path : {"/sys/kernel/actmon_avg_activity/mc_all", "/sys/kernel/debug/cactmon/mc_all"}) {  // kHz in use
      const Figure active = number_of_file(root_ + path);
      if (!active || *hz <= 0 || emc.load_pct) continue;
      emc.load_pct = std::min(100.0, 100 * *active * 1000 / *hz);
    }
    sample.engines.push_back(emc);
  }
  read_tegra_gpu(sample);
  for (const char* name : kTegraEngines) {
    const Figure hz = number_of_file(clocks + name + "/rate"), state = number_of_file(clocks + name + "/state");
    if (!hz) continue;
    const bool on = !state || *state != 0;
    sample.engines.push_back({name, on, {}, on ? std::vector<double>{*hz / 1e6} : std::vector<double>()});
  }
}

void Machine::read_temperatures(Sample& sample) const {
  const std::string zones = root_ + "/sys/class/thermal/";
  for (const std::string& zone : names_in(zones)) {
    if (!zone.starts_with("thermal_zone")) continue;
    const std::string name = sensor_name(text_of_file(zones + zone + "/type"));
    const Figure value = number_of_file(zones + zone + "/temp");
    if (!name.empty() && value) sample.temperatures.push_back({name, *value <= -200000 ? Figure() : Figure(*value / 1000)});
  }
  if (!sample.temperatures.empty()) return;
  const std::string monitors = root_ + "/sys/class/hwmon/";
  for (const std::string& monitor : names_in(monitors)) {
    const std::string chip = text_of_file(monitors + monitor + "/name");
    for (int i = 1; i <= 64; ++i) {
      const std::string base = monitors + monitor + "/temp" + std::to_string(i);
      const Figure value = number_of_file(base + "_input");
      if (!value) continue;
      const std::string label = text_of_file(base + "_label");
      sample.temperatures.push_back({sensor_name(label.empty() ? chip : label), *value / 1000});
    }
  }
}

void Machine::add_rail(Sample& sample, const std::string& name, double mw) {
  Average& average = averages_[name];
  average.sum += mw;
  ++average.count;
  sample.rails.push_back({name, mw, average.sum / static_cast<double>(average.count)});
}

// The power monitors of Jetson modules: hwmon since JetPack 5, iio before.
void Machine::read_ina_rails(Sample& sample) {
  const std::string monitors = root_ + "/sys/class/hwmon/";
  for (const std::string& monitor : names_in(monitors)) {
    if (!text_of_file(monitors + monitor + "/name").starts_with("ina3221")) continue;
    for (const char* channel : {"1", "2", "3"}) {
      const std::string base = monitors + monitor + "/";
      const std::string label = text_of_file(base + "in" + channel + "_label");
      const Figure mv = number_of_file(base + "in" + channel + "_input"), ma = number_of_file(base + "curr" + channel + "_input");
      if (!label.empty() && mv && ma) add_rail(sample, upper(label), *mv * *ma / 1000);
    }
  }
  const std::string drivers = root_ + "/sys/bus/i2c/drivers/ina3221x/";
  for (const std::string& device : names_in(drivers)) {
    for (const std::string& iio : names_in(drivers + device)) {
      if (!iio.starts_with("iio:device") && !iio.starts_with("iio_device")) continue;
      for (const char* channel : {"0", "1", "2"}) {
        const std::string base = drivers + device + "/" + iio + "/";
        const std::string label = text_of_file(base + "rail_name_" + channel);
        const Figure mw = number_of_file(base + "in_power" + channel + "_input");
        if (!label.empty() && mw) add_rail(sample, upper(label), *mw);
      }
    }
  }
}

void Machine::read_rapl(Sample& sample, double seconds) {
  const std::string zones = root_ + "/sys/class/powercap/";
  for (const std::string& zone : names_in(zones)) {
    if (!zone.starts_with("intel-rapl:")) continue;
    const Figure energy = number_of_file(zones + zone + "/energy_uj");
    const std::string name = upper(text_of_file(zones + zone + "/name"));
    if (!energy || name.empty()) continue;
    const auto before = energy_uj_.find(zone);
    if (before != energy_uj_.end() && seconds > 0) {
      double used = *energy - before->second;
      if (used < 0) used += number_of_file(zones + zone + "/max_energy_range_uj").value_or(0);  // the counter went round
      if (used >= 0) add_rail(sample, "VDD_" + name, used / seconds / 1000);
    }
    energy_uj_[zone] = *energy;
  }
}

void Machine::read_nvml(Sample& sample) {
  if (!nvml_) return;
  int index = 0;
  for (const GpuReading& gpu : nvml_->read()) {
    const std::string number = ++index == 1 ? "" : std::to_string(index);
    Engine engine{"gpu" + number, true, gpu.load_pct, {}};
    if (gpu.mhz) engine.mhz.push_back(*gpu.mhz);
    if (engine.load_pct || gpu.mhz) sample.engines.push_back(engine);
    const auto add = [&](const char* name, const Figure& load, const Figure& mhz) {
      if (index == 1 && load) sample.engines.push_back({name, true, load, mhz ? std::vector<double>{*mhz} : std::vector<double>()});
    };
    add("emc", gpu.memory_load_pct, gpu.memory_mhz);
    add("nvenc", gpu.encoder_pct, gpu.video_mhz);
    add("nvdec", gpu.decoder_pct, gpu.video_mhz);
    if (gpu.memory_used_mb) sample.device_memory.push_back({"gpu" + number, *gpu.memory_used_mb, *gpu.memory_total_mb});
    if (gpu.celsius) sample.temperatures.push_back({"gpu" + number, *gpu.celsius});
    if (gpu.mw) add_rail(sample, "VDD_GPU" + number, *gpu.mw);
  }
}

}  // namespace sinter::tool::monitor
