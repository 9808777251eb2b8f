#include "session/value_view.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sinter::session {
namespace {

bool is_8bit(DType dtype) { return dtype == DType::kI8 || dtype == DType::kU8; }
bool is_float_of_16_or_32(DType dtype) { return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16; }

// fn(place in row-major order, place in the layout) for every element.
template <typename Fn>
void for_each_element(const runtime::ValueView& view, Fn&& fn) {
  const int64_t count = product(view.dims);
  const Layout layout = view.value->layout;
  if (layout == Layout::kRowMajor || count == 0) {
    for (int64_t i = 0; i < count; ++i) fn(i, i);
    return;
  }
  const int64_t batch = view.dims[0], channels = view.dims[1], spatial = count / (batch * channels);
  int64_t at = 0;
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t s = 0; s < spatial; ++s) fn(at++, runtime::physical_index(layout, n, c, s, channels, spatial));
    }
  }
}

class Tap : public runtime::StepWatcher {
 public:
  Tap(const plan::Region& region, std::set<std::string, std::less<>> names, const TakeValue& take)
      : names_(std::move(names)), take_(take), scales_(scales_of(region)) {}
  Status after(runtime::StepView& view) override {
    if (view.region().parent >= 0) return ok_status();
    for (int32_t v : view.made()) {
      const plan::PlanValue& value = view.region().values[static_cast<size_t>(v)];
      if (!names_.contains(value.name)) continue;
      SINTER_ASSIGN(const auto found, view.value(v));
      if (!found) continue;
      const Tensor wide = to_f32(*found, scales_[static_cast<size_t>(v)]);
      if (wide.defined()) take_(value.name, wide);
    }
    return ok_status();
  }
  void give(const std::string& name, const Tensor& tensor) const {
    if (names_.contains(name) && is_float_of_16_or_32(tensor.dtype())) take_(name, tensor.dtype() == DType::kF32 ? tensor : tensor.cast(DType::kF32));
  }

 private:
  std::set<std::string, std::less<>> names_;
  const TakeValue& take_;
  std::vector<std::optional<ValueScale>> scales_;
};

}  // namespace

Tensor row_major(const runtime::ValueView& view) {
  Tensor out(view.value->type.dtype, view.dims);
  const size_t size = static_cast<size_t>(dtype_bits(out.dtype()) / 8);
  auto* to = static_cast<uint8_t*>(out.raw());
  if (view.value->layout == Layout::kRowMajor) {
    if (out.count() > 0) std::memcpy(to, view.data, size * static_cast<size_t>(out.count()));
  } else {
    for_each_element(view, [&](int64_t at, int64_t index) { std::memcpy(to + at * static_cast<int64_t>(size), view.data + index * static_cast<int64_t>(size), size); });
  }
  return out;
}

Tensor to_f32(const runtime::ValueView& view, const std::optional<ValueScale>& scale) {
  const DType dtype = view.value->type.dtype;
  if (is_8bit(dtype) ? !scale : !is_float_of_16_or_32(dtype)) return {};
  Tensor out(DType::kF32, view.dims);
  float* to = out.data<float>();
  for_each_element(view, [&](int64_t at, int64_t index) {
    switch (dtype) {
      case DType::kF32: to[at] = reinterpret_cast<const float*>(view.data)[index]; break;
      case DType::kF16: to[at] = half_to_float(reinterpret_cast<const uint16_t*>(view.data)[index]); break;
      case DType::kBF16: to[at] = bfloat16_to_float(reinterpret_cast<const uint16_t*>(view.data)[index]); break;
      case DType::kI8: to[at] = static_cast<float>(static_cast<double>(reinterpret_cast<const int8_t*>(view.data)[index] - scale->zero) * scale->scale); break;
      default: to[at] = static_cast<float>(static_cast<double>(view.data[index] - scale->zero) * scale->scale); break;
    }
  });
  return out;
}

std::vector<uint8_t> to_bytes(const Tensor& tensor, const runtime::ValueView& view, const std::optional<ValueScale>& scale) {
  const DType dtype = view.value->type.dtype;
  if (tensor.dims() != view.dims || (is_8bit(dtype) ? !scale : !is_float_of_16_or_32(dtype))) return {};
  std::vector<uint8_t> bytes(static_cast<size_t>(view.bytes));
  const float* from = tensor.data<float>();
  for_each_element(view, [&](int64_t at, int64_t index) {
    const float x = from[at];
    if (dtype == DType::kF32) return void(std::memcpy(bytes.data() + index * 4, &x, 4));
    if (!is_8bit(dtype)) {
      const uint16_t bits = dtype == DType::kF16 ? float_to_half(x) : float_to_bfloat16(x);
      return void(std::memcpy(bytes.data() + index * 2, &bits, 2));
    }
    const double low = dtype == DType::kI8 ? -128 : 0, q = std::nearbyint(x / scale->scale) + static_cast<double>(scale->zero);
    bytes[static_cast<size_t>(index)] = static_cast<uint8_t>(static_cast<int>(std::isnan(q) ? 0 : std::clamp(q, low, low + 255)));
  });
  return bytes;
}

Status for_each_value(const std::shared_ptr<const runtime::Engine>& engine, std::set<std::string, std::less<>> names,
                      const std::vector<std::vector<Value>>& samples, size_t most, int threads, const TakeValue& take) {
  const auto tap = std::make_shared<Tap>(engine->plan().regions[0], std::move(names), take);
  runtime::ContextOptions how;
  how.threads = threads;
  how.watcher = tap;
  SINTER_ASSIGN(const auto context, runtime::ExecutionContext::create(engine, how));
  for (size_t s = 0; s < std::min(most, samples.size()); ++s) {
    for (size_t i = 0; i < samples[s].size(); ++i) {
      if (samples[s][i].is_tensor()) tap->give(engine->inputs()[i].name, samples[s][i].tensor());
    }
    SINTER_ASSIGN([[maybe_unused]] const auto outputs, context->run(samples[s]));
  }
  return ok_status();
}

}  // namespace sinter::session
