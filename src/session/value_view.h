// Values of a run as tensors and back: whatever type and layout a step stored them in.
#pragma once

#include <functional>
#include <set>

#include "runtime/context.h"
#include "session/quantized_values.h"

namespace sinter::session {

// In its own type, row-major.
Tensor row_major(const runtime::ValueView& view);
// As f32, row-major; undefined when its elements are no floats of 16 or 32 bits, nor 8-bit integers of known scale.
Tensor to_f32(const runtime::ValueView& view, const std::optional<ValueScale>& scale);
// The opposite: bytes of the value's type and layout, padding 0. Empty when it can't be.
std::vector<uint8_t> to_bytes(const Tensor& tensor, const runtime::ValueView& view, const std::optional<ValueScale>& scale);

// Runs at most `most` of the samples and hands out the values of those names, inputs included, as f32 and row-major: values that no step of their own
// made (a concatenation whose parts were written where it lies) too. The tensor is the callee's for the call.
using TakeValue = std::function<void(const std::string& name, const Tensor& value)>;
Status for_each_value(const std::shared_ptr<const runtime::Engine>& engine, std::set<std::string, std::less<>> names,
                      const std::vector<std::vector<Value>>& samples, size_t most, int threads, const TakeValue& take);

}  // namespace sinter::session
