#include "core/layout.h"

namespace sinter {
namespace {

int64_t block_of(Layout layout) {
  return layout == Layout::kChannelsBlocked16 ? 16 : layout == Layout::kChannelsBlocked8 ? 8 : 1;
}

}  // namespace

std::string_view layout_name(Layout layout) {
  switch (layout) {
    case Layout::kRowMajor: return "row_major";
    case Layout::kChannelsLast: return "channels_last";
    case Layout::kChannelsBlocked16: return "blocked16";
    case Layout::kChannelsBlocked8: return "blocked8";
  }
  return "unknown";
}

std::optional<Layout> parse_layout(std::string_view name) {
  for (int i = 0; i < kLayoutCount; ++i) {
    if (layout_name(static_cast<Layout>(i)) == name) return static_cast<Layout>(i);
  }
  return std::nullopt;
}

int64_t physical_count(Layout layout, const Dims& dims) {
  const int64_t block = block_of(layout);
  if (block == 1 || dims.size() < 3) return product(dims);
  Dims padded = dims;
  padded[1] = (padded[1] / block + (padded[1] % block != 0)) * block;
  return product(padded);
}

Dim physical_count(Layout layout, const Shape& shape) {
  const int64_t block = block_of(layout);
  if (block == 1 || shape.size() < 3) return product(shape);
  Shape padded = shape;
  padded[1] = ceildiv(padded[1], block) * block;
  return product(padded);
}

}  // namespace sinter
