// Tiles of 8-bit values for any machine: plain loops over the 16 columns.
#include "cpu/kernels/simd_portable.h"

#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {
namespace {

struct Sums {
  int32_t of[kPanel];
};
struct PanelBytes {
  const int8_t* from;
};

inline PanelBytes load_bytes(const void* p) { return {static_cast<const int8_t*>(p)}; }
inline Sums start_sums(const int32_t* p) {
  Sums sums;
  std::memcpy(sums.of, p, sizeof(sums.of));
  return sums;
}

// Sums wrap around, as the vector instructions' do.
inline Sums dot(Sums sums, uint32_t a, PanelBytes b) {
  const auto a0 = static_cast<int32_t>(a & 0xff), a1 = static_cast<int32_t>(a >> 8 & 0xff);
  const auto a2 = static_cast<int32_t>(a >> 16 & 0xff), a3 = static_cast<int32_t>(a >> 24);
  for (int j = 0; j < kPanel; ++j) {
    const int8_t* w = b.from + j * 4;
    const int32_t products = a0 * w[0] + a1 * w[1] + a2 * w[2] + a3 * w[3];
    sums.of[j] = static_cast<int32_t>(static_cast<uint32_t>(sums.of[j]) + static_cast<uint32_t>(products));
  }
  return sums;
}

inline void store_sums(int32_t* p, const Sums& sums) { std::memcpy(p, sums.of, sizeof(sums.of)); }

}  // namespace
}  // namespace sinter::cpu

#include "cpu/kernels/byte_tiles_plain.h"

namespace sinter::cpu {

void add_byte_tiles_portable(KernelTable& table) { add_plain_byte_tiles<4>(table, 4); }

}  // namespace sinter::cpu
