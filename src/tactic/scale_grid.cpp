#include "tactic/scale_grid.h"

#include "tactic/offer_helpers.h"

namespace sinter {

Result<ScaleGrid> resolve_scale_grid(const Problem& problem, const Dims& x, const Dims& scale) {
  ScaleGrid grid;
  grid.count = product(x);
  if (product(scale) == 1) return grid;
  const auto axis = static_cast<size_t>(normal_axis(problem.attributes.i_or("axis", 1), static_cast<int64_t>(x.size())));
  const int64_t block = problem.attributes.i_or("block_size", 0);
  if (axis >= x.size()) return make_error(Code::kUnsupported, "axis out of range");
  grid.inner = product(x, axis + 1);
  grid.size = x[axis];
  if (scale.size() == 1 && block == 0 && scale[0] == x[axis]) {
    grid.step = 1;
    return grid;
  }
  bool blocked = block > 0 && scale.size() == x.size();
  for (size_t i = 0; blocked && i < x.size(); ++i) blocked = scale[i] == (i == axis ? ceil_quotient(x[i], block) : x[i]);
  if (!blocked) return make_error(Code::kUnsupported, "scales of {} for {}", to_string(to_shape(scale)), to_string(to_shape(x)));
  grid.block = block;
  grid.inner_step = 1;
  grid.step = grid.inner;
  grid.outer_step = grid.inner * scale[axis];
  return grid;
}

}  // namespace sinter
