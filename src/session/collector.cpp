#include "session/collector.h"

#include <cstring>

namespace sinter::session {
namespace {

// Appends values as f32.
void widen(DType dtype, const uint8_t* data, int64_t count, std::vector<float>& out) {
  const size_t begin = out.size();
  out.resize(begin + static_cast<size_t>(count));
  if (dtype == DType::kF32) {
    std::memcpy(out.data() + begin, data, static_cast<size_t>(count) * sizeof(float));
    return;
  }
  const auto* bits = reinterpret_cast<const uint16_t*>(data);
  for (int64_t i = 0; i < count; ++i) out[begin + static_cast<size_t>(i)] = dtype == DType::kF16 ? half_to_float(bits[i]) : bfloat16_to_float(bits[i]);
}

// In place where that is f32 without padding, else by way of `wide`.
void count_values(DType dtype, Layout layout, const Dims& dims, const uint8_t* data, quant::Histogram& histogram, ThreadTeam& team, std::vector<float>& wide) {
  const int64_t element = dtype_bits(dtype) / 8;
  wide.clear();
  runtime::for_each_run(layout, dims, [&](int64_t offset, int64_t count) {
    if (dtype == DType::kF32 && count == product(dims)) histogram.add({reinterpret_cast<const float*>(data), static_cast<size_t>(count)}, team);
    else widen(dtype, data + offset * element, count, wide);
  });
  if (!wide.empty()) histogram.add(wide, team);
}

bool is_counted(DType dtype) { return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16; }

}  // namespace

Collector::Entry* Collector::entry_of(const plan::Region& region, const plan::PlanValue& value, size_t index) {
  std::vector<std::optional<Entry*>>& of_region = known_[&region];
  of_region.resize(region.values.size());
  if (of_region[index]) return *of_region[index];
  Entry* entry = nullptr;
  // A copy in another layout has the same names: the first to come is counted, and of an input what was given.
  const bool fresh = !value.onnx_names.empty() && !inputs_.contains(value.onnx_names[0]) && claimed_.emplace(&region, value.onnx_names[0]).second;
  if (fresh && value.type.is_tensor() && is_counted(value.type.dtype)) {
    entry = &entries_[value.onnx_names[0]];
    entry->names = value.onnx_names;
  }
  of_region[index] = entry;
  return entry;
}

Status Collector::check(const Entry& entry, int64_t nans_before) const {
  const int64_t found = entry.histogram.not_numbers() - nans_before;
  if (found == 0) return ok_status();
  return make_error(Code::kInvalidArgument, "calibration: tensor '{}' has {} NaN for {}, expected numbers; look at that sample, its preprocessing, and the model (`sinter "
                    "compare --layers` finds where NaN begins)", entry.names.empty() ? "" : entry.names[0], found, sample_);
}

Status Collector::after(runtime::StepView& view) {
  for (int32_t v : view.made()) {
    const plan::PlanValue& value = view.region().values[static_cast<size_t>(v)];
    Entry* entry = entry_of(view.region(), value, static_cast<size_t>(v));
    if (!entry) continue;
    SINTER_ASSIGN(const auto found, view.value(v));
    if (!found) continue;
    const int64_t nans = entry->histogram.not_numbers();
    count_values(value.type.dtype, value.layout, found->dims, found->data, entry->histogram, view.team(), wide_);
    SINTER_TRY(check(*entry, nans));
  }
  return ok_status();
}

Status Collector::add_input(const std::string& name, const Tensor& tensor) {
  if (!is_counted(tensor.dtype())) return ok_status();
  inputs_.insert(name);
  Entry& entry = entries_[name];
  entry.names = {name};
  const int64_t nans = entry.histogram.not_numbers();
  count_values(tensor.dtype(), Layout::kRowMajor, tensor.dims(), tensor.data<uint8_t>(), entry.histogram, inline_team(), wide_);
  return check(entry, nans);
}

}  // namespace sinter::session
