// Values as a layer observer gets them: row-major whatever their layout in memory.
#include <cstring>

#include "runtime/region_executor.h"

namespace sinter::runtime {
namespace {

// Elements of whole bytes only; others come as undefined.
Tensor to_row_major(DType dtype, Layout layout, const Dims& dims, const uint8_t* data) {
  const int bits = dtype_bits(dtype);
  if (layout != Layout::kRowMajor && (dims.size() < 3 || bits % 8 != 0)) return {};
  Tensor out(dtype, dims);
  if (out.bytes() == 0) return out;
  if (layout == Layout::kRowMajor) {
    std::memcpy(out.raw(), data, static_cast<size_t>(out.bytes()));
    return out;
  }
  const size_t element = static_cast<size_t>(bits / 8);
  const int64_t channels = dims[1], spatial = product(dims, 2);
  uint8_t* to = out.data<uint8_t>();
  for (int64_t n = 0; n < dims[0]; ++n) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t s = 0; s < spatial; ++s, to += element) {
        std::memcpy(to, data + physical_index(layout, n, c, s, channels, spatial) * static_cast<int64_t>(element), element);
      }
    }
  }
  return out;
}

}  // namespace

Status RegionExecutor::observe(const plan::Step& step) {
  for (int32_t v : step.outputs) {
    if (v < 0) continue;
    const plan::PlanValue& value = program_.region->values[v];
    if (value.storage == plan::Storage::kNone) continue;
    if (is_device_value(v)) {
      SINTER_TRY(device_->wait());
      Tensor copy(DType::kU8, {current_->slots[v].bytes});
      SINTER_TRY(device_->device().copy(copy.raw(), data_of(v), copy.bytes(), CopyKind::kDeviceToHost, device_->stream()));
      SINTER_TRY(device_->wait());
      shared_.observer(*program_.region, value, to_row_major(value.type.dtype, value.layout, dims_of(v), copy.data<uint8_t>()));
    } else if (has_fixed_size(value.type)) {
      shared_.observer(*program_.region, value, to_row_major(value.type.dtype, value.layout, dims_of(v), data_of(v)));
    } else {
      shared_.observer(*program_.region, value, own(value_of(v)));
    }
  }
  return ok_status();
}

}  // namespace sinter::runtime
