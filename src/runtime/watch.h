// StepWatcher: looks at values where they lie, before and after each step, and may replace what a step reads. For calibration (statistics at the
// speed of memory, in whatever layout the values have) and for comparing layers (each on the same inputs).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/threads.h"
#include "plan/plan.h"

namespace sinter::runtime {

class RegionExecutor;

struct ValueView {
  const plan::PlanValue* value = nullptr;
  Dims dims;                       // logical; the layout is the value's
  const uint8_t* data = nullptr;   // host memory, valid until the next step (on a device: a copy)
  int64_t bytes = 0;               // padding of the layout included
  std::shared_ptr<const void> owner;
};

// A step in a run.
class StepView {
 public:
  StepView(RegionExecutor& executor, size_t number) : executor_(executor), number_(number) {}
  const plan::Region& region() const;
  const plan::Step& step() const;
  // A value of the region that is there now; nullopt: no tensor of elements of whole bytes, or without memory.
  Result<std::optional<ValueView>> value(int32_t index);
  // Replaces what the value holds; as many bytes as it has. Refused for inputs, constants and captured values, which others own.
  Status write(int32_t index, std::span<const uint8_t> bytes);
  // After the step: its outputs, and the values that became whole by it without a step of their own (parts and views of its outputs, a
  // concatenation whose last part it wrote). Each value of a region once a run; what only copies between host and device is left out.
  std::span<const int32_t> made() const;
  // May be used while the watcher is called.
  ThreadTeam& team();

 private:
  RegionExecutor& executor_;
  size_t number_;
};

class StepWatcher {
 public:
  virtual ~StepWatcher() = default;
  virtual Status before(StepView&) { return ok_status(); }
  virtual Status after(StepView&) { return ok_status(); }
};

// For each step of the region what StepView::made() says.
std::vector<std::vector<int32_t>> values_made(const plan::Region& region);

// Place of the logical element (n, c, s) in a layout; s counts through all spatial dims.
inline int64_t physical_index(Layout layout, int64_t n, int64_t c, int64_t s, int64_t channels, int64_t spatial) {
  if (layout == Layout::kRowMajor) return (n * channels + c) * spatial + s;
  if (layout == Layout::kChannelsLast) return (n * spatial + s) * channels + c;
  const int64_t block = layout == Layout::kChannelsBlocked16 ? 16 : 8;
  const int64_t blocks = (channels + block - 1) / block;
  return ((n * blocks + c / block) * spatial + s) * block + c % block;
}

// Elements of a value in its layout that are no padding, as runs of neighbours: fn(offset, count) in elements.
template <typename Fn>
void for_each_run(Layout layout, const Dims& dims, Fn&& fn) {
  const int64_t count = product(dims);
  const bool blocked = layout == Layout::kChannelsBlocked16 || layout == Layout::kChannelsBlocked8;
  const int64_t block = layout == Layout::kChannelsBlocked16 ? 16 : 8;
  if (count == 0) return;
  if (!blocked || dims[1] % block == 0) return fn(int64_t{0}, count);
  const int64_t channels = dims[1], spatial = product(dims, 2), full = channels / block * block * spatial, last = channels % block;
  for (int64_t n = 0; n < dims[0]; ++n) {
    const int64_t begin = n * (full + block * spatial);
    if (full > 0) fn(begin, full);
    for (int64_t s = 0; s < spatial; ++s) fn(begin + full + s * block, last);
  }
}

}  // namespace sinter::runtime
