// How scattering tactics write updates into the data: as they are, or reduced with what is there.
#pragma once

#include <string_view>

#include "cpu/index_access.h"

namespace sinter::cpu {

// target[i] = reduction(target[i], updates[i]) for i < count elements of `bytes` bytes.
using UpdateFn = void (*)(void* target, const void* updates, int64_t count, int bytes);

// "none" for every type of whole bytes; "add", "mul", "max" and "min" of f32, i32 and i64. Null: no such one.
UpdateFn find_update(std::string_view reduction, DType dtype);

// The same for elements that lie apart: target[i * step + indices.at(first + i, size) * stride] with updates[i], for i < count. Types of
// 1, 2, 4 and 8 bytes; indices were checked.
using ScatterFn = void (*)(void* target, const void* updates, const Indices& indices, int64_t first, int64_t size, int64_t step, int64_t stride,
                           int64_t count);
ScatterFn find_scatter(std::string_view reduction, DType dtype);

// Output 0 begins as input 0, which may be the same buffer.
void copy_unless_same(const LaunchArgs& args, int64_t bytes);

}  // namespace sinter::cpu
