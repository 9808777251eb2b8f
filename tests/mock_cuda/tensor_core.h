// kernels/tensor_core.h for a CPU: the same names with the same meaning. Shared memory's 32-bit addresses are offsets into the block's dynamic
// shared memory. There are no clusters: the mock's device is of a generation without them.
#pragma once

#define SINTER_METHOD inline

SINTER_DEVICE u32 shared_address(const void* pointer) { return (u32)((const unsigned char*)pointer - mock::run.dynamic_shared); }
SINTER_DEVICE unsigned char* shared_at(u32 address, u32 alignment) {
  if (address % alignment) mock::fail("an access to shared memory is not aligned");
  return mock::run.dynamic_shared + address;
}

template <int kBytes>
SINTER_DEVICE void copy_async(u32 to, const void* from, bool inside) {
  copy_async(shared_at(to, kBytes), from, inside, (size_t)kBytes);
}
template <int kBytes>
SINTER_DEVICE void fill_shared(u32 to, u32 word) {
  for (int i = 0; i < kBytes; ++i) shared_at(to, kBytes)[i] = (unsigned char)(word >> i % 4 * 8);
}
SINTER_DEVICE void load_matrix(u32 (&out)[4], u32 address) { load_matrix_x4(out, shared_at(address, 16)); }
SINTER_DEVICE void load_matrix_transposed(u32 (&out)[4], u32 address) { load_matrix_x4_transposed(out, shared_at(address, 16)); }
SINTER_DEVICE u32 load_shared_word(u32 address) { return *(const u32*)shared_at(address, 4); }
SINTER_DEVICE Vec<f32, 4> load_shared_f32x4(u32 address) { return *(const Vec<f32, 4>*)shared_at(address, 16); }
SINTER_DEVICE void store_shared_f32x2(u32 address, f32 x, f32 y) {
  f32* const to = (f32*)shared_at(address, 8);
  to[0] = x;
  to[1] = y;
}
SINTER_DEVICE void store_shared_f32x4(u32 address, const Vec<f32, 4>& v) { *(Vec<f32, 4>*)shared_at(address, 16) = v; }
SINTER_DEVICE void store_shared_f32(u32 address, f32 x) { *(f32*)shared_at(address, 4) = x; }
SINTER_DEVICE Vec<f32, 4> load_fresh(const f32* from) { return load_vec<f32, 4>(from); }

template <typename T>
struct TileProduct {
  static inline void add(f32 (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    const u32 b[2] = {b0, b1};
    if constexpr (__is_same(T, f32)) mma_m16n8k8_tf32(c, a, b);
    else mma_16bit<T>(c, a, b);
  }
};

template <typename Left, typename Right>
struct ByteProduct {
  static inline void add(i32 (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    const u32 b[2] = {b0, b1};
    mma_8bit<Left, Right>(c, a, b);
  }
};

template <typename T>
SINTER_DEVICE u32 pack_pair(f32 low, f32 high) {
  return from_f32<T>(low).bits | (u32)from_f32<T>(high).bits << 16;
}

template <int kChunks>
SINTER_DEVICE int swizzle(int row, int chunk) {
  return kChunks >= 8 ? chunk ^ (row & 7) : chunk ^ ((row >> 1) & 3);
}
