// How scattering tactics write updates into the data: as they are, or reduced with what is there.
#pragma once

#include <string_view>

#include "cpu/cpu_tactic.h"

namespace sinter::cpu {

// target[i] = reduction(target[i], updates[i]) for i < count elements of `bytes` bytes.
using UpdateFn = void (*)(void* target, const void* updates, int64_t count, int bytes);

// "none" for every type of whole bytes; "add", "mul", "max" and "min" of f32, i32 and i64. Null: no such one.
UpdateFn find_update(std::string_view reduction, DType dtype);

// Output 0 begins as input 0, which may be the same buffer.
void copy_unless_same(const LaunchArgs& args, int64_t bytes);

}  // namespace sinter::cpu
