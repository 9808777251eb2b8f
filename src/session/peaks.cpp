#include "session/peaks.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "builder/builder.h"
#include "tactic/probe.h"

namespace sinter::session {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int64_t kCopyBytes = int64_t{1} << 30;
constexpr int kCopies = 10;

struct ProductType {
  const char* name;
  DType dtype;
  bool tf32;
  int64_t share;  // a product this many times smaller: slower units
};
constexpr ProductType kProducts[] = {{"f16", DType::kF16, false, 1}, {"bf16", DType::kBF16, false, 1}, {"tf32", DType::kF32, true, 1}, {"f32", DType::kF32, false, 2}};

// Empty: no cache.
fs::path cache_file() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) return fs::path(cache) / "sinter/peaks.json";
  if (const char* home = std::getenv("HOME"); home && *home) return fs::path(home) / ".cache/sinter/peaks.json";
  return {};
}

// {} where there is none or it is damaged: it is measured again.
Json read_cache() {
  const fs::path file = cache_file();
  if (file.empty()) return Json::object();
  const Result<std::string> text = read_file(file.string());
  Json json = text.ok() ? Json::parse(*text, nullptr, /*allow_exceptions=*/false) : Json();
  return json.is_object() ? json : Json::object();
}

bool load(const std::string& key, Peaks& peaks) {
  const Json cache = read_cache();
  const auto entry = cache.find(key);
  if (entry == cache.end() || !entry->is_object()) return false;
  const double bandwidth = entry->value("bandwidth_bytes_s", 0.0);
  const auto flops = entry->find("flops");
  if (!(bandwidth > 0) || flops == entry->end() || !flops->is_object()) return false;
  for (const auto& [name, rate] : flops->items()) {
    if (rate.is_number() && rate.get<double>() > 0) peaks.flops[name] = rate.get<double>();
  }
  peaks.bandwidth = bandwidth;
  peaks.cached = true;
  return peaks.flops.count("f32") > 0;
}

// A cache that can't be written is no failure: the next call measures again.
void save(const Peaks& peaks) {
  const fs::path file = cache_file();
  if (file.empty()) return;
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  Json cache = read_cache();
  cache[peaks.device] = {{"bandwidth_bytes_s", peaks.bandwidth}, {"flops", peaks.flops}};
  (void)write_file(file.string(), cache.dump(1) + "\n");
}

Result<double> device_bandwidth(Device& device) {
  const DeviceScope scope(&device);
  SINTER_TRY(scope.status());
  const int64_t bytes = std::clamp<int64_t>(device.free_bytes() / 8, 1 << 20, std::min(kCopyBytes, std::max<int64_t>(32 * device.spec().l2_bytes, 1 << 20)));
  SINTER_ASSIGN(const DeviceBuffer from, DeviceBuffer::make(&device, bytes));
  SINTER_ASSIGN(const DeviceBuffer to, DeviceBuffer::make(&device, bytes));
  SINTER_ASSIGN(const DeviceStream stream, device.make_stream());
  SINTER_ASSIGN(const DeviceEvent begin, device.make_event(true));
  SINTER_ASSIGN(const DeviceEvent end, device.make_event(true));
  double best_us = 1e30;
  Status status = device.fill(from.data(), 1, bytes, stream);
  for (int i = 0; i < kCopies && status.ok(); ++i) {
    status = device.record(begin, stream);
    if (status.ok()) status = device.copy(to.data(), from.data(), bytes, CopyKind::kDeviceToDevice, stream);
    if (status.ok()) status = device.record(end, stream);
    if (!status.ok()) break;
    const Result<double> us = device.elapsed_us(begin, end);
    status = us.status();
    if (us.ok()) best_us = std::min(best_us, *us);
  }
  (void)device.wait(stream);
  device.release_event(begin);
  device.release_event(end);
  device.release_stream(stream);
  SINTER_TRY(std::move(status));
  return 2.0 * static_cast<double>(bytes) / (best_us * 1e-6);
}

// Operations a second of C = A B of n x n matrices; 0 where no tactic takes it.
Result<double> product_flops(Device& device, const ProductType& type, int64_t n) {
  ir::Graph graph;
  graph.name = "peak";
  ir::Value* a = graph.add_input("a", ValueType::tensor(type.dtype, to_shape(Dims{n, n})));
  ir::Value* b = graph.add_input("b", ValueType::tensor(type.dtype, to_shape(Dims{n, n})));
  graph.outputs = {graph.add_node(find_op("", "MatMul"), "product", {a, b}, {"c"})->output()};
  SINTER_TRY(ir::infer_types(graph));
  builder::BuildOptions options;
  options.device = &device;
  options.precision = {type.tf32};
  options.fallback = builder::Fallback::kError;
  options.tactic_filter = {"cuda."};
  const Result<builder::BuildResult> built = builder::build_plan(graph, options);
  if (!built.ok() && built.status().code() == Code::kUnsupported) return 0.0;
  SINTER_TRY(built.status());
  for (const builder::LayerReport& layer : built->report.layers) {
    if (layer.op == "MatMul" && layer.us > 0) return 2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n) / (layer.us * 1e-6);
  }
  return 0.0;
}

// Large enough to fill the device, in proportion to it. SINTER_PEAK_SIDE states another: the mock device of the tests takes minutes.
int64_t matrix_side(const Device& device) {
  constexpr int64_t kLeast = 64, kMost = 8192;
  const char* knob = std::getenv("SINTER_PEAK_SIDE");
  const int64_t side = knob ? std::strtoll(knob, nullptr, 10) : device.spec().processors * 64 / 128 * 128;
  return std::clamp(side, kLeast, kMost);
}

Status measure_device(Device& device, Peaks& peaks) {
  SINTER_ASSIGN(peaks.bandwidth, device_bandwidth(device));
  for (const ProductType& type : kProducts) {
    SINTER_ASSIGN(const double flops, product_flops(device, type, std::max<int64_t>(matrix_side(device) / type.share, 64)));
    if (flops > 0) peaks.flops[type.name] = flops;
  }
  if (peaks.flops.count("f32")) return ok_status();
  return make_error(Code::kUnsupported, "no tactic of '{}' multiplies f32 matrices, so there is no peak to compare with; state it with --peaks", device.name());
}

}  // namespace

Result<Peaks> measure_peaks(DeviceId id, int threads, bool refresh) {
  Peaks peaks;
  Device* device = nullptr;
  if (id.kind == DeviceKind::kCpu) {
    if (threads < 1) threads = cpu_info().usable_cores;
    peaks.device = fmt::format("{} {} x{}", cpu_info().model_name, isa_name(cpu_info().isa), threads);
  } else {
    SINTER_ASSIGN(device, find_device(id));
    peaks.device = fmt::format("{} sm_{} x{}", device->name(), device->spec().sm, device->spec().processors);
  }
  if (!refresh && load(peaks.device, peaks)) return peaks;
  if (device) {
    SINTER_TRY(measure_device(*device, peaks));
  } else {
    const std::unique_ptr<ThreadTeam> team = make_thread_pool(threads);
    peaks.bandwidth = cpu_bandwidth(*team);
    peaks.flops["f32"] = cpu_flops(*team);
  }
  save(peaks);
  return peaks;
}

std::string to_json(const Peaks& peaks) {
  return Json{{"device", peaks.device}, {"bandwidth_bytes_s", peaks.bandwidth}, {"flops", peaks.flops}, {"cached", peaks.cached}}.dump(1);
}

}  // namespace sinter::session
