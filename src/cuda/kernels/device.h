// The language of Sinter's CUDA kernels: what they may use besides plain C++17, without any CUDA header. Compiled by NVRTC, and by clang in CI.
// Kernels use these names instead of CUDA's own (threadIdx, __syncthreads, …), so that tests can give them another device.h and run
// them on a CPU.
//
// Types: f32, f16, bf16 (storage only: to_f32, from_f32), i8 … u64, boolean (one byte, 0 or 1).
#pragma once

#if defined(__clang__)
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __forceinline__ __inline__ __attribute__((always_inline))
#define SINTER_BOUNDS(threads, blocks) __attribute__((launch_bounds(threads, blocks)))
#define SINTER_SREG(nvrtc, clang) clang()
#else
#define SINTER_BOUNDS(threads, blocks) __launch_bounds__(threads, blocks)
#define SINTER_SREG(nvrtc, clang) nvrtc
#endif

#define SINTER_DEVICE static __device__ __forceinline__
// SINTER_KERNEL(name, threads, (parameters)) { body }: at most `threads` threads a block. _BLOCKS: and at least so many blocks fit a processor.
#define SINTER_KERNEL_BLOCKS(name, threads, blocks, parameters) \
  extern "C" __global__ void SINTER_BOUNDS(threads, blocks) name parameters
#define SINTER_KERNEL(name, threads, parameters) SINTER_KERNEL_BLOCKS(name, threads, 1, parameters)

#define SINTER_SHARED static __shared__
// Declares `unsigned char* name`: the dynamic shared memory, aligned to 1024 bytes only where the launch has no static shared memory.
#define SINTER_DYNAMIC_SHARED(name)                                                              \
  extern __shared__ __attribute__((aligned(128))) unsigned char sinter_dynamic_shared_memory[]; \
  unsigned char* const name = sinter_dynamic_shared_memory

typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;
typedef float f32;
typedef double f64;
struct boolean { u8 value; };
struct __attribute__((aligned(2))) f16 { u16 bits; };
struct __attribute__((aligned(2))) bf16 { u16 bits; };

// A vector of N elements that is loaded and stored at once (N * sizeof(T) = 1 … 16).
template <typename T, int N>
struct __attribute__((aligned(sizeof(T) * N))) Vec {
  T at[N];
};

// ---- where am I ----
SINTER_DEVICE int thread_x() { return SINTER_SREG(threadIdx.x, __nvvm_read_ptx_sreg_tid_x); }
SINTER_DEVICE int block_x() { return SINTER_SREG(blockIdx.x, __nvvm_read_ptx_sreg_ctaid_x); }
SINTER_DEVICE int block_y() { return SINTER_SREG(blockIdx.y, __nvvm_read_ptx_sreg_ctaid_y); }
SINTER_DEVICE int block_z() { return SINTER_SREG(blockIdx.z, __nvvm_read_ptx_sreg_ctaid_z); }
SINTER_DEVICE int block_threads() { return SINTER_SREG(blockDim.x, __nvvm_read_ptx_sreg_ntid_x); }
SINTER_DEVICE int grid_x() { return SINTER_SREG(gridDim.x, __nvvm_read_ptx_sreg_nctaid_x); }
SINTER_DEVICE int grid_y() { return SINTER_SREG(gridDim.y, __nvvm_read_ptx_sreg_nctaid_y); }
SINTER_DEVICE int grid_z() { return SINTER_SREG(gridDim.z, __nvvm_read_ptx_sreg_nctaid_z); }
SINTER_DEVICE int lane() { return thread_x() & 31; }
SINTER_DEVICE int warp() { return thread_x() >> 5; }
// First element, and step, of a loop over all threads of the grid along x.
SINTER_DEVICE i64 grid_thread() { return (i64)block_x() * block_threads() + thread_x(); }
SINTER_DEVICE i64 grid_threads() { return (i64)grid_x() * block_threads(); }

// ---- one kernel after the other ----
// The first statement of every kernel, but for reads of constants and of its arguments: what the kernels before it in its stream have written is
// there from here on. The next kernel's blocks may then begin, up to their own after_previous(), where these leave room (launch_raw asks for it).
SINTER_DEVICE void after_previous() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// ---- together ----
SINTER_DEVICE void barrier() { asm volatile("bar.sync 0;" ::: "memory"); }
// The first `threads` threads of the block that name this barrier (1 … 15).
SINTER_DEVICE void barrier(int id, int threads) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory"); }
SINTER_DEVICE void warp_barrier() { asm volatile("bar.warp.sync 0xffffffff;" ::: "memory"); }

SINTER_DEVICE u32 shuffle_xor(u32 value, int mask) {
  u32 out;
  asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=r"(out) : "r"(value), "r"(mask));
  return out;
}
SINTER_DEVICE u32 shuffle(u32 value, int from) {
  u32 out;
  asm volatile("shfl.sync.idx.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=r"(out) : "r"(value), "r"(from));
  return out;
}
SINTER_DEVICE u32 shuffle_down(u32 value, int by) {
  u32 out;
  asm volatile("shfl.sync.down.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=r"(out) : "r"(value), "r"(by));
  return out;
}

// Asks for the line of memory behind the address, so that a later load waits less.
SINTER_DEVICE void prefetch_line(const void* address) { asm volatile("prefetch.global.L2 [%0];" ::"l"(address)); }

// ---- bits ----
SINTER_DEVICE u32 bits_of(f32 x) { return __builtin_bit_cast(u32, x); }
SINTER_DEVICE f32 f32_of(u32 bits) { return __builtin_bit_cast(f32, bits); }
// Byte i of the result: byte number (selector >> 4 i & 7) of those of a (0 … 3) and b (4 … 7).
SINTER_DEVICE u32 byte_permute(u32 a, u32 b, u32 selector) {
  u32 out;
  asm("prmt.b32 %0, %1, %2, %3;" : "=r"(out) : "r"(a), "r"(b), "r"(selector));
  return out;
}
// To nearest even; beyond the range the nearest that there is, 0 for NaN.
SINTER_DEVICE i32 nearest_whole(f32 x) {
  i32 out;
  asm("cvt.rni.s32.f32 %0, %1;" : "=r"(out) : "f"(x));
  return out;
}
// The low half of `above`, then `b` and `a` held to the range of T: bytes 3 2, 1, 0 of the result.
template <typename T>
SINTER_DEVICE u32 pack_saturated(i32 a, i32 b, u32 above) {
  u32 out;
  if constexpr ((T)-1 < (T)0) asm("cvt.pack.sat.s8.s32.b32 %0, %1, %2, %3;" : "=r"(out) : "r"(b), "r"(a), "r"(above));
  else asm("cvt.pack.sat.u8.s32.b32 %0, %1, %2, %3;" : "=r"(out) : "r"(b), "r"(a), "r"(above));
  return out;
}
SINTER_DEVICE f32 shuffle_xor(f32 value, int mask) { return f32_of(shuffle_xor(bits_of(value), mask)); }
SINTER_DEVICE i32 shuffle_xor(i32 value, int mask) { return (i32)shuffle_xor((u32)value, mask); }
SINTER_DEVICE i64 shuffle_xor(i64 value, int mask) {
  const u32 low = shuffle_xor((u32)value, mask), high = shuffle_xor((u32)((u64)value >> 32), mask);
  return (i64)((u64)high << 32 | low);
}
SINTER_DEVICE f32 shuffle(f32 value, int from) { return f32_of(shuffle(bits_of(value), from)); }
SINTER_DEVICE f32 shuffle_down(f32 value, int by) { return f32_of(shuffle_down(bits_of(value), by)); }

// ---- conversions: round to nearest even, NaN stays NaN ----
SINTER_DEVICE f32 to_f32(f16 x) {
  f32 out;
  asm("cvt.f32.f16 %0, %1;" : "=f"(out) : "h"(x.bits));
  return out;
}
SINTER_DEVICE f32 to_f32(bf16 x) { return f32_of((u32)x.bits << 16); }
SINTER_DEVICE f32 to_f32(f32 x) { return x; }
SINTER_DEVICE f32 to_f32(f64 x) { return (f32)x; }
SINTER_DEVICE f32 to_f32(boolean x) { return x.value ? 1.0f : 0.0f; }
SINTER_DEVICE f32 to_f32(i8 x) { return (f32)x; }
SINTER_DEVICE f32 to_f32(u8 x) { return (f32)x; }
SINTER_DEVICE f32 to_f32(i16 x) { return (f32)x; }
SINTER_DEVICE f32 to_f32(u16 x) { return (f32)x; }
SINTER_DEVICE f32 to_f32(i32 x) { return (f32)x; }
SINTER_DEVICE f32 to_f32(u32 x) { return (f32)x; }
SINTER_DEVICE f32 to_f32(i64 x) { return (f32)x; }
SINTER_DEVICE f32 to_f32(u64 x) { return (f32)x; }

template <typename T>
struct FromF32 {
  SINTER_DEVICE T from(f32 x) { return (T)x; }
};
template <>
struct FromF32<f16> {
  SINTER_DEVICE f16 from(f32 x) {
    f16 out;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out.bits) : "f"(x));
    return out;
  }
};
template <>
struct FromF32<bf16> {
  SINTER_DEVICE bf16 from(f32 x) {
    bf16 out;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(out.bits) : "f"(x));
    return out;
  }
};
template <>
struct FromF32<boolean> {
  SINTER_DEVICE boolean from(f32 x) { return boolean{(u8)(x != 0.0f)}; }
};
template <typename T>
SINTER_DEVICE T from_f32(f32 x) { return FromF32<T>::from(x); }

// ---- memory ----
// Loads of data that nobody writes while the kernel runs, through the read-only path.
template <typename T>
SINTER_DEVICE T load(const T* address) { return *address; }
template <typename T, int N>
SINTER_DEVICE Vec<T, N> load_vec(const T* address) { return *(const Vec<T, N>*)address; }
template <typename T, int N>
SINTER_DEVICE void store_vec(T* address, const Vec<T, N>& value) { *(Vec<T, N>*)address = value; }

SINTER_DEVICE u32 shared_address(const void* pointer) {
#if defined(__clang__)
  return (u32)(u64)(const __attribute__((address_space(3))) void*)pointer;
#else
  return (u32)__cvta_generic_to_shared(pointer);
#endif
}
// 16 bytes from global to shared memory, asynchronously; !valid: zeros.
SINTER_DEVICE void copy_async_16(void* shared, const void* global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(valid ? 16 : 0) : "memory");
}
SINTER_DEVICE void copy_async_4(void* shared, const void* global, bool valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(valid ? 4 : 0) : "memory");
}
SINTER_DEVICE void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// All but the newest `pending` committed groups have arrived, for this thread.
template <int pending>
SINTER_DEVICE void copy_async_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory"); }

SINTER_DEVICE f32 atomic_add(f32* address, f32 value) {
  f32 old;
  asm volatile("atom.global.add.f32 %0, [%1], %2;" : "=f"(old) : "l"(address), "f"(value) : "memory");
  return old;
}
SINTER_DEVICE u32 atomic_add(u32* address, u32 value) {
  u32 old;
  asm volatile("atom.global.add.u32 %0, [%1], %2;" : "=r"(old) : "l"(address), "r"(value) : "memory");
  return old;
}
SINTER_DEVICE u32 atomic_max(u32* address, u32 value) {
  u32 old;
  asm volatile("atom.global.max.u32 %0, [%1], %2;" : "=r"(old) : "l"(address), "r"(value) : "memory");
  return old;
}
SINTER_DEVICE u32 atomic_add_shared(u32* address, u32 value) {
  u32 old;
  asm volatile("atom.shared.add.u32 %0, [%1], %2;" : "=r"(old) : "r"(shared_address(address)), "r"(value) : "memory");
  return old;
}
SINTER_DEVICE void fence() { asm volatile("fence.acq_rel.gpu;" ::: "memory"); }

// ---- matrix units (warp-wide). Fragments as in the PTX manual: a: 4 registers, b: 2, c/d: 4 floats ----
SINTER_DEVICE void load_matrix_x4(u32 (&to)[4], const void* shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(shared_address(shared)) : "memory");
}
SINTER_DEVICE void load_matrix_x4_transposed(u32 (&to)[4], const void* shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(shared_address(shared)) : "memory");
}
#define SINTER_MMA(name, instruction)                                                                             \
  SINTER_DEVICE void name(f32 (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {                                     \
    asm volatile("mma.sync.aligned." instruction " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"          \
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                                  \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                              \
  }
SINTER_MMA(mma_m16n8k16_f16, "m16n8k16.row.col.f32.f16.f16.f32")
SINTER_MMA(mma_m16n8k16_bf16, "m16n8k16.row.col.f32.bf16.bf16.f32")
SINTER_MMA(mma_m16n8k8_tf32, "m16n8k8.row.col.f32.tf32.tf32.f32")
#undef SINTER_MMA
// f32 rounded to tf32's 10 bits of fraction, to nearest.
SINTER_DEVICE u32 to_tf32(f32 x) {
  u32 out;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(out) : "f"(x));
  return out;
}

// ---- math: IEEE-like, NaN propagates. CUDA's library has these names; clang in CI only needs to see them declared ----
#if defined(__clang__)
extern "C" {
__device__ f32 expf(f32); __device__ f32 exp2f(f32); __device__ f32 logf(f32); __device__ f32 sqrtf(f32); __device__ f32 rsqrtf(f32);
__device__ f32 tanhf(f32); __device__ f32 erff(f32); __device__ f32 expm1f(f32); __device__ f32 log1pf(f32); __device__ f32 powf(f32, f32);
__device__ f32 fmodf(f32, f32); __device__ f32 floorf(f32); __device__ f32 ceilf(f32); __device__ f32 rintf(f32); __device__ f32 fabsf(f32);
__device__ f32 fmaf(f32, f32, f32); __device__ f32 fminf(f32, f32); __device__ f32 fmaxf(f32, f32); __device__ f32 truncf(f32);
__device__ f32 sinf(f32); __device__ f32 cosf(f32); __device__ f32 tanf(f32); __device__ f32 asinf(f32); __device__ f32 acosf(f32);
__device__ f32 atanf(f32); __device__ f32 sinhf(f32); __device__ f32 coshf(f32); __device__ f32 asinhf(f32); __device__ f32 acoshf(f32);
__device__ f32 atanhf(f32); __device__ f64 exp(f64); __device__ f64 log(f64); __device__ f64 sqrt(f64);
}
#endif
// Within two units in the last place; subnormal results are zero.
SINTER_DEVICE f32 exp2_fast(f32 x) {
  f32 out;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(out) : "f"(x));
  return out;
}
SINTER_DEVICE f32 reciprocal_fast(f32 x) {
  f32 out;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(out) : "f"(x));
  return out;
}
SINTER_DEVICE bool is_nan(f32 x) { return x != x; }
SINTER_DEVICE f32 infinity() { return f32_of(0x7f800000u); }
// One instruction each; of NaN and a number, the number.
SINTER_DEVICE f32 min_number(f32 a, f32 b) {
  f32 out;
  asm("min.f32 %0, %1, %2;" : "=f"(out) : "f"(a), "f"(b));
  return out;
}
SINTER_DEVICE f32 max_number(f32 a, f32 b) {
  f32 out;
  asm("max.f32 %0, %1, %2;" : "=f"(out) : "f"(a), "f"(b));
  return out;
}
// Two elements of 16 bits at once; NaN wins.
SINTER_DEVICE u32 max_nan_f16x2(u32 a, u32 b) {
  u32 out;
  asm("max.NaN.f16x2 %0, %1, %2;" : "=r"(out) : "r"(a), "r"(b));
  return out;
}
SINTER_DEVICE u32 max_nan_bf16x2(u32 a, u32 b) {
  u32 out;
  asm("max.NaN.bf16x2 %0, %1, %2;" : "=r"(out) : "r"(a), "r"(b));
  return out;
}
// NaN wins, unlike in min_number and max_number.
SINTER_DEVICE f32 min_nan(f32 a, f32 b) { return is_nan(a) ? a : is_nan(b) || b < a ? b : a; }
SINTER_DEVICE f32 max_nan(f32 a, f32 b) { return is_nan(a) ? a : is_nan(b) || b > a ? b : a; }
SINTER_DEVICE i64 min_i64(i64 a, i64 b) { return a < b ? a : b; }
SINTER_DEVICE i64 max_i64(i64 a, i64 b) { return a > b ? a : b; }

// ---- reductions over a warp: every lane gets the result ----
SINTER_DEVICE f32 warp_sum(f32 x) {
  for (int mask = 16; mask > 0; mask >>= 1) x += shuffle_xor(x, mask);
  return x;
}
SINTER_DEVICE f32 warp_max(f32 x) {
  for (int mask = 16; mask > 0; mask >>= 1) x = max_nan(x, shuffle_xor(x, mask));
  return x;
}
