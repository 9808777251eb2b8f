#include "runtime/watch.h"

#include <algorithm>
#include <cstring>

#include "runtime/region_executor.h"

namespace sinter::runtime {

std::vector<std::vector<int32_t>> values_made(const plan::Region& region) {
  const size_t steps = region.steps.size(), values = region.values.size();
  std::vector<std::vector<int32_t>> made(steps);
  constexpr size_t kNone = SIZE_MAX;
  std::vector<size_t> maker(values, kNone), filled(values, kNone);  // filled: of a root, the last step that writes a part of it
  for (size_t s = 0; s < steps; ++s) {
    for (int32_t v : region.steps[s].outputs) {
      if (v < 0) continue;
      const auto index = static_cast<size_t>(v);
      maker[index] = s;
      filled[static_cast<size_t>(plan::alias_root(region, v))] = s;
      const bool copy = region.steps[s].kind == plan::StepKind::kTransfer;
      if (!copy && region.values[index].storage != plan::Storage::kNone) made[s].push_back(v);
    }
  }
  for (size_t v = 0; v < values; ++v) {
    const plan::PlanValue& value = region.values[v];
    if (maker[v] != kNone || (value.storage != plan::Storage::kArena && value.storage != plan::Storage::kAlias)) continue;
    const auto root = static_cast<size_t>(plan::alias_root(region, static_cast<int32_t>(v)));
    const size_t step = maker[root] != kNone ? maker[root] : filled[root];
    if (step != kNone) {
      made[step].push_back(static_cast<int32_t>(v));
    } else if (steps > 0 && region.values[root].storage == plan::Storage::kInput) {
      made[0].push_back(static_cast<int32_t>(v));  // a view of an input
    }
  }
  return made;
}

const plan::Region& StepView::region() const { return *executor_.program_.region; }
const plan::Step& StepView::step() const { return *executor_.program_.steps[number_].step; }
std::span<const int32_t> StepView::made() const { return executor_.made_[number_]; }
ThreadTeam& StepView::team() { return *executor_.shared_.team; }

Result<std::optional<ValueView>> StepView::value(int32_t index) {
  if (index < 0) return std::optional<ValueView>();
  const plan::PlanValue& value = region().values[static_cast<size_t>(index)];
  if (value.storage == plan::Storage::kNone || !has_fixed_size(value.type) || dtype_bits(value.type.dtype) % 8 != 0) return std::optional<ValueView>();
  SINTER_TRY(executor_.resolve(index));
  ValueView view{&value, executor_.dims_of(index), executor_.data_of(index), 0, nullptr};
  const std::optional<int64_t> bytes = plan::physical_bytes(value.type.dtype, value.layout, view.dims);
  if (!bytes || (*bytes > 0 && !view.data)) return std::optional<ValueView>();
  view.bytes = *bytes;
  if (executor_.is_device_value(index)) {
    DeviceRun& device = *executor_.device_;
    SINTER_TRY(device.wait());
    Tensor copy(DType::kU8, {view.bytes});
    SINTER_TRY(device.device().copy(copy.raw(), view.data, view.bytes, CopyKind::kDeviceToHost, device.stream()));
    SINTER_TRY(device.wait());
    view.data = copy.data<uint8_t>();
    view.owner = copy.owner();
  }
  return std::optional<ValueView>(std::move(view));
}

Status StepView::write(int32_t index, std::span<const uint8_t> bytes) {
  const plan::PlanValue& value = region().values[static_cast<size_t>(index)];
  const plan::Storage root = region().values[static_cast<size_t>(plan::alias_root(region(), index))].storage;
  if (root != plan::Storage::kArena && root != plan::Storage::kHost) {
    return make_error(Code::kInvalidArgument, "value '{}' is in memory of the caller or of the engine, which a watcher must leave alone", value.name);
  }
  uint8_t* data = executor_.data_of(index);
  const std::optional<int64_t> size = plan::physical_bytes(value.type.dtype, value.layout, executor_.dims_of(index));
  if (!size || *size != static_cast<int64_t>(bytes.size())) {
    return make_error(Code::kInternal, "value '{}': {} bytes to be written, it has another size; report this", value.name, bytes.size());
  }
  if (!executor_.is_device_value(index)) {
    std::memcpy(data, bytes.data(), bytes.size());
    return ok_status();
  }
  DeviceRun& device = *executor_.device_;
  SINTER_TRY(device.device().copy(data, bytes.data(), *size, CopyKind::kHostToDevice, device.stream()));
  return device.wait();
}

}  // namespace sinter::runtime
