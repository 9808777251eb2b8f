// What dense kernels use beyond device.h: copies of any width, shared memory by 32-bit address, products by element type, and the
// shared memory of a cluster's other blocks (sm_90). Included after "device.h".
#pragma once

// Of member functions.
#define SINTER_METHOD __device__ __forceinline__

// Copies kBytes (16, 8, 4, 2 or 1) to shared memory, or writes zeros where !inside; `from` must then still be a valid address. Asynchronous
// but for 2 bytes and 1, which are there after the next barrier.
template <int kBytes>
SINTER_DEVICE void copy_async(u32 to, const void* from, bool inside) {
  const int size = inside ? kBytes : 0;
  if constexpr (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(size) : "memory");
  } else if constexpr (kBytes == 8) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(to), "l"(from), "r"(size) : "memory");
  } else if constexpr (kBytes == 4) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(size) : "memory");
  } else if constexpr (kBytes == 2) {
    u16 value = 0;
    if (inside) value = *(const u16*)from;
    asm volatile("st.shared.u16 [%0], %1;" ::"r"(to), "h"(value) : "memory");
  } else {
    u32 value = 0;
    if (inside) value = *(const u8*)from;
    asm volatile("st.shared.u8 [%0], %1;" ::"r"(to), "r"(value) : "memory");
  }
}
// kBytes of the word's bytes, over and over.
template <int kBytes>
SINTER_DEVICE void fill_shared(u32 to, u32 word) {
  if constexpr (kBytes == 16) {
    asm volatile("st.shared.v4.b32 [%0], {%1,%1,%1,%1};" ::"r"(to), "r"(word) : "memory");
  } else if constexpr (kBytes == 8) {
    asm volatile("st.shared.v2.b32 [%0], {%1,%1};" ::"r"(to), "r"(word) : "memory");
  } else if constexpr (kBytes == 4) {
    asm volatile("st.shared.b32 [%0], %1;" ::"r"(to), "r"(word) : "memory");
  } else if constexpr (kBytes == 2) {
    asm volatile("st.shared.u16 [%0], %1;" ::"r"(to), "h"((u16)word) : "memory");
  } else {
    asm volatile("st.shared.u8 [%0], %1;" ::"r"(to), "r"(word) : "memory");
  }
}

// Four 8x8 matrices of 16-bit elements (or 8x4 of 32-bit ones); lane l gives the address of row l%8 of matrix l/8.
SINTER_DEVICE void load_matrix(u32 (&out)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3]) : "r"(address) : "memory");
}
SINTER_DEVICE void load_matrix_transposed(u32 (&out)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3]) : "r"(address) : "memory");
}
SINTER_DEVICE u32 load_shared_word(u32 address) {
  u32 value;
  asm volatile("ld.shared.b32 %0, [%1];" : "=r"(value) : "r"(address) : "memory");
  return value;
}
SINTER_DEVICE Vec<f32, 4> load_shared_f32x4(u32 address) {
  Vec<f32, 4> v;
  asm volatile("ld.shared.v4.f32 {%0,%1,%2,%3}, [%4];"
               : "=f"(v.at[0]), "=f"(v.at[1]), "=f"(v.at[2]), "=f"(v.at[3]) : "r"(address) : "memory");
  return v;
}
SINTER_DEVICE void store_shared_f32x2(u32 address, f32 x, f32 y) {
  asm volatile("st.shared.v2.f32 [%0], {%1,%2};" ::"r"(address), "f"(x), "f"(y) : "memory");
}
SINTER_DEVICE void store_shared_f32x4(u32 address, const Vec<f32, 4>& v) {
  asm volatile("st.shared.v4.f32 [%0], {%1,%2,%3,%4};"
               ::"r"(address), "f"(v.at[0]), "f"(v.at[1]), "f"(v.at[2]), "f"(v.at[3]) : "memory");
}
SINTER_DEVICE void store_shared_f32(u32 address, f32 x) {
  asm volatile("st.shared.f32 [%0], %1;" ::"r"(address), "f"(x) : "memory");
}

// Bypasses the first-level cache, which may hold what another block has overwritten since.
SINTER_DEVICE Vec<f32, 4> load_fresh(const f32* from) {
  Vec<f32, 4> v;
  asm volatile("ld.global.cg.v4.f32 {%0,%1,%2,%3}, [%4];"
               : "=f"(v.at[0]), "=f"(v.at[1]), "=f"(v.at[2]), "=f"(v.at[3]) : "l"(from) : "memory");
  return v;
}

// c += a·b of a 16x8 tile by one warp, 32 bytes of k: 16 half-precision elements, or 8 of f32 already rounded by to_tf32.
template <typename T>
struct TileProduct;
#define SINTER_TILE_PRODUCT(type, instruction)                                                            \
  template <>                                                                                             \
  struct TileProduct<type> {                                                                              \
    SINTER_DEVICE void add(f32 (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {                               \
      asm volatile("mma.sync.aligned." instruction " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};" \
                   : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                                       \
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                       \
    }                                                                                                     \
  };
SINTER_TILE_PRODUCT(f16, "m16n8k16.row.col.f32.f16.f16.f32")
SINTER_TILE_PRODUCT(bf16, "m16n8k16.row.col.f32.bf16.bf16.f32")
SINTER_TILE_PRODUCT(f32, "m16n8k8.row.col.f32.tf32.tf32.f32")
#undef SINTER_TILE_PRODUCT

// The same of 32 8-bit integers; sums wrap around.
template <typename Left, typename Right>
struct ByteProduct;
#define SINTER_BYTE_PRODUCT(left, right, instruction)                                                     \
  template <>                                                                                             \
  struct ByteProduct<left, right> {                                                                       \
    SINTER_DEVICE void add(i32 (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {                               \
      asm volatile("mma.sync.aligned.m16n8k32.row.col." instruction " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};" \
                   : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])                                       \
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));                       \
    }                                                                                                     \
  };
SINTER_BYTE_PRODUCT(i8, i8, "s32.s8.s8.s32")
SINTER_BYTE_PRODUCT(i8, u8, "s32.s8.u8.s32")
SINTER_BYTE_PRODUCT(u8, i8, "s32.u8.s8.s32")
SINTER_BYTE_PRODUCT(u8, u8, "s32.u8.u8.s32")
#undef SINTER_BYTE_PRODUCT

// Two floats as neighbouring elements, the first one in the low half.
template <typename T>
SINTER_DEVICE u32 pack_pair(f32 low, f32 high);
template <>
__device__ __forceinline__ u32 pack_pair<f16>(f32 low, f32 high) {
  u32 out;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
  return out;
}
template <>
__device__ __forceinline__ u32 pack_pair<bf16>(f32 low, f32 high) {
  u32 out;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
  return out;
}

// The 16-byte column of a row where chunk `chunk` is kept, so that eight rows' equal chunks lie in different banks.
template <int kChunks>
SINTER_DEVICE int swizzle(int row, int chunk) {
  static_assert(kChunks >= 4, "rows of at least 64 bytes");
  return kChunks >= 8 ? chunk ^ (row & 7) : chunk ^ ((row >> 1) & 3);
}

#if SINTER_CLUSTER
SINTER_DEVICE void cluster_barrier() {
  asm volatile("barrier.cluster.arrive.release.aligned;\n\tbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}
SINTER_DEVICE u32 cluster_address(u32 address, u32 rank) {
  u32 out;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(out) : "r"(address), "r"(rank));
  return out;
}
SINTER_DEVICE Vec<f32, 4> load_cluster_f32x4(u32 address) {
  Vec<f32, 4> v;
  asm volatile("ld.shared::cluster.v4.f32 {%0,%1,%2,%3}, [%4];"
               : "=f"(v.at[0]), "=f"(v.at[1]), "=f"(v.at[2]), "=f"(v.at[3]) : "r"(address) : "memory");
  return v;
}
#endif
