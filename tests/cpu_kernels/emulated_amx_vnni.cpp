// AMX's kernels over registers in plain memory (amx_registers.h has the real ones), so that all of them but the instructions runs on every
// machine with AVX-512 VNNI. A use of registers that the processor would refuse is counted.
#include "cpu_kernels/emulated_amx.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "cpu/kernels/simd_avx512.h"

#include "cpu/kernels/bf16.h"

namespace sinter::cpu {

std::atomic<int64_t> emulated_faults{0}, emulated_products{0};

namespace {

enum class Products { kUnsignedBytes, kSignedBytes, kBf16 };

struct alignas(64) TileShapes {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};

struct Register {
  int rows = 0, row_bytes = 0;
  uint8_t bytes[16][64] = {};
};
thread_local Register registers[8];

void fault_unless(bool fine) {
  if (!fine) ++emulated_faults;
}

void shape_tiles(const TileShapes& shapes) {
  fault_unless(shapes.palette == 1 && shapes.start_row == 0);
  for (int i = 0; i < 16; ++i) {
    fault_unless(i < 8 ? shapes.rows[i] <= 16 && shapes.row_bytes[i] <= 64 : shapes.rows[i] == 0 && shapes.row_bytes[i] == 0);
    if (i >= 8) continue;
    registers[i] = Register{};
    registers[i].rows = shapes.rows[i];
    registers[i].row_bytes = shapes.row_bytes[i];
  }
}

void drop_tiles() {
  for (Register& r : registers) r = Register{};
}

template <int kTile>
void load_tile(const void* from, int64_t stride) {
  Register& r = registers[kTile];
  fault_unless(r.rows > 0);
  for (int i = 0; i < r.rows; ++i) std::memcpy(r.bytes[i], static_cast<const char*>(from) + i * stride, static_cast<size_t>(r.row_bytes));
}

template <int kTile>
void store_tile(void* to, int64_t stride) {
  const Register& r = registers[kTile];
  fault_unless(r.rows > 0);
  for (int i = 0; i < r.rows; ++i) std::memcpy(static_cast<char*>(to) + i * stride, r.bytes[i], static_cast<size_t>(r.row_bytes));
}

float without_denormals(float value) { return std::fabs(value) < std::numeric_limits<float>::min() ? 0.0f : value; }

float bf16_at(const uint8_t* bytes) {
  uint16_t bits;
  std::memcpy(&bits, bytes, 2);
  return without_denormals(bf16_to_float(bits));
}

// Products of even and of odd places are summed apart, and then added to C.
void dot_bf16(float& c, const Register& a, int m, const Register& b, int n) {
  float sums[2] = {};
  for (int k = 0; k < a.row_bytes / 4; ++k) {
    for (int i = 0; i < 2; ++i) sums[i] = without_denormals(std::fma(bf16_at(a.bytes[m] + 4 * k + 2 * i), bf16_at(b.bytes[k] + 4 * n + 2 * i), sums[i]));
  }
  c = without_denormals(c + without_denormals(sums[0] + sums[1]));
}

template <int kC, int kA, int kB, Products kProducts>
void dot_tiles() {
  Register &c = registers[kC], &a = registers[kA], &b = registers[kB];
  fault_unless(kC != kA && kC != kB && kA != kB);
  fault_unless(c.rows > 0 && c.rows == a.rows && c.row_bytes == b.row_bytes && a.row_bytes == b.rows * 4);
  for (int m = 0; m < c.rows; ++m) {
    for (int n = 0; n < c.row_bytes / 4; ++n) {
      if constexpr (kProducts == Products::kBf16) {
        float sum;
        std::memcpy(&sum, c.bytes[m] + 4 * n, 4);
        dot_bf16(sum, a, m, b, n);
        std::memcpy(c.bytes[m] + 4 * n, &sum, 4);
      } else {
        uint32_t sum;
        std::memcpy(&sum, c.bytes[m] + 4 * n, 4);
        for (int k = 0; k < a.row_bytes; ++k) {
          const int left = kProducts == Products::kSignedBytes ? static_cast<int8_t>(a.bytes[m][k]) : a.bytes[m][k];
          sum += static_cast<uint32_t>(left * static_cast<int8_t>(b.bytes[k / 4][4 * n + k % 4]));
        }
        std::memcpy(c.bytes[m] + 4 * n, &sum, 4);
      }
    }
  }
  ++emulated_products;
}

}  // namespace
}  // namespace sinter::cpu

#include "cpu/kernels/bf16_tile_matrix_body.h"
#include "cpu/kernels/byte_tile_matrix_body.h"

namespace sinter::cpu {

KernelTable emulated_amx_table() {
  KernelTable table = kernel_table(Isa::kAvx512Vnni);
  table.bytes = byte_matrix_tiles();
  table.bf16 = bf16_matrix_tiles();
  table.split_bf16 = &split_bf16;
  return table;
}

}  // namespace sinter::cpu
