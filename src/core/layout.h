// Physical layouts of a tensor. The logical shape never changes (ONNX's order: N, C, spatial…); a layout says where an element
// lies in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/dim.h"
#include "core/dtype.h"

namespace sinter {

enum class Layout : uint8_t {
  kRowMajor = 0,           // as the shape says; nchw for images
  kChannelsLast = 1,       // n, spatial…, c (nhwc): rank >= 3
  kChannelsBlocked16 = 2,  // n, ceil(c/16), spatial…, 16 (nChw16c); padding channels hold zeros: rank >= 3
  kChannelsBlocked8 = 3,   // the same with 8
};
constexpr int kLayoutCount = 4;

std::string_view layout_name(Layout layout);  // "row_major", "channels_last", "blocked16", "blocked8"
std::optional<Layout> parse_layout(std::string_view name);
// Elements of the buffer, padding included.
int64_t physical_count(Layout layout, const Dims& dims);
Dim physical_count(Layout layout, const Shape& shape);

}  // namespace sinter
