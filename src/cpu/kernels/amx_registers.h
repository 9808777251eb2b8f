// The tile registers of AMX, eight matrices of up to 16 rows of 64 bytes, by the instructions themselves. matrix_tile_body.h is written
// on these names; tests have the same names over plain memory.
//
// Entered only where cpu_info() has seen AMX, which has then asked the operating system for the registers.
#pragma once

#include <cstdint>

namespace sinter::cpu {
namespace {

// What the values of A and B are.
enum class Products { kUnsignedBytes, kSignedBytes, kBf16 };

// What the instruction that shapes the registers reads.
struct alignas(64) TileShapes {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};

// Clears all registers.
inline void shape_tiles(const TileShapes& shapes) { __asm__ volatile("ldtilecfg %0" : : "m"(shapes)); }
// Gives the registers back: a thread without them is cheap to switch.
inline void drop_tiles() { __asm__ volatile("tilerelease" : :); }

template <int kTile>
inline __attribute__((always_inline)) void load_tile(const void* from, int64_t stride) {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
inline __attribute__((always_inline)) void store_tile(void* to, int64_t stride) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(kTile) : "memory");
}
// Each 32-bit value of C grows by the products of A's row and B's column over four bytes (B's are signed) or two bf16, summed as f32.
template <int kC, int kA, int kB, Products kProducts>
inline __attribute__((always_inline)) void dot_tiles() {
  if constexpr (kProducts == Products::kSignedBytes) __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kC), "i"(kA), "i"(kB));
  else if constexpr (kProducts == Products::kUnsignedBytes) __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kC), "i"(kA), "i"(kB));
  else __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kC), "i"(kA), "i"(kB));
}

}  // namespace
}  // namespace sinter::cpu
