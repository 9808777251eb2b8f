// kernels/device.h for a CPU: the same names with the same meaning, so that tests run kernel texts without a GPU. The threads of a block are
// coroutines of one thread, one block after the other; a barrier waits for all threads of the block or warp that have not ended.
// A barrier that can't be passed ends the process with a message: on a GPU it would hang or be undefined.
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#define SINTER_DEVICE static inline
#define SINTER_SHARED static
SINTER_DEVICE void after_previous() {}
SINTER_DEVICE float exp2_fast(float x) { return exp2f(x); }
SINTER_DEVICE float reciprocal_fast(float x) { return 1.0f / x; }
#define SINTER_DYNAMIC_SHARED(name) unsigned char* const name = mock::run.dynamic_shared
#define SINTER_KERNEL_BLOCKS(name, threads, blocks, parameters)                                            \
  static void name##_body parameters;                                                                      \
  extern "C" __attribute__((visibility("default"))) void name(void** arguments, const unsigned* geometry) { \
    static_assert(threads <= 1024, "a block has at most 1024 threads");                                    \
    mock::start(name##_body, threads, arguments, geometry);                                                \
  }                                                                                                        \
  extern "C" __attribute__((visibility("default"))) int name##_sizes(int* sizes) { return mock::sizes(name##_body, sizes); } \
  static void name##_body parameters
#define SINTER_KERNEL(name, threads, parameters) SINTER_KERNEL_BLOCKS(name, threads, 1, parameters)

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

template <typename T, int N>
struct __attribute__((aligned(sizeof(T) * N))) Vec {
  T at[N];
};

namespace mock {

struct Fiber {
  ucontext_t context;
  bool done = false;
  u64 block_phase = 0, warp_phase = 0;  // barriers passed
  bool at_block = false, at_warp = false;
  int named = -1, named_threads = 0;
  u64 named_phase = 0;
};

struct Run {
  int thread = 0, threads = 0;
  u32 block[3] = {}, grid[3] = {};
  unsigned char* dynamic_shared = nullptr;
  ucontext_t scheduler;
  std::vector<Fiber> fibers;
  std::vector<std::unique_ptr<char[]>> stacks;
  u32 exchange[32][32][16];  // warp, lane, word
  void (*body)(void*) = nullptr;
  void* arguments = nullptr;
};
static Run run;
constexpr size_t kStack = 128 << 10;

[[noreturn]] static inline void fail(const char* what) {
  fprintf(stderr, "mock CUDA: %s in block %u,%u,%u\n", what, run.block[0], run.block[1], run.block[2]);
  abort();
}
static inline void yield() { swapcontext(&run.fibers[(size_t)run.thread].context, &run.scheduler); }
static inline void enter() {
  run.body(run.arguments);
  run.fibers[(size_t)run.thread].done = true;
  yield();
}

static inline bool all_at(int first, int last, bool Fiber::* flag) {
  for (int t = first; t < last; ++t) {
    const Fiber& fiber = run.fibers[(size_t)t];
    if (!fiber.done && !(fiber.*flag)) return false;
  }
  return true;
}
static inline bool release_named(int id) {
  int count = 0, wanted = 0;
  for (const Fiber& fiber : run.fibers) {
    if (!fiber.done && fiber.named == id) ++count, wanted = fiber.named_threads;
  }
  if (count == 0 || count < wanted) return false;
  for (Fiber& fiber : run.fibers) {
    if (fiber.named == id) fiber.named = -1;
  }
  return true;
}
// Lets those pass whose barrier is complete. Returns whether any may run.
static inline bool release() {
  bool any = false;
  if (all_at(0, run.threads, &Fiber::at_block)) {
    for (Fiber& fiber : run.fibers) fiber.at_block = false;
  }
  for (int first = 0; first < run.threads; first += 32) {
    const int last = first + 32 < run.threads ? first + 32 : run.threads;
    if (!all_at(first, last, &Fiber::at_warp)) continue;
    for (int t = first; t < last; ++t) run.fibers[(size_t)t].at_warp = false;
  }
  for (int id = 1; id < 16; ++id) release_named(id);
  for (const Fiber& fiber : run.fibers) any |= !fiber.done && !fiber.at_block && !fiber.at_warp && fiber.named < 0;
  return any;
}

static inline void run_block() {
  for (int t = 0; t < run.threads; ++t) {
    Fiber& fiber = run.fibers[(size_t)t];
    fiber = Fiber();
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = run.stacks[(size_t)t].get();
    fiber.context.uc_stack.ss_size = kStack;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, enter, 0);
  }
  for (;;) {
    int left = 0;
    for (int t = 0; t < run.threads; ++t) {
      Fiber& fiber = run.fibers[(size_t)t];
      if (fiber.done || fiber.at_block || fiber.at_warp || fiber.named >= 0) continue;
      run.thread = t;
      swapcontext(&run.scheduler, &fiber.context);
    }
    for (const Fiber& fiber : run.fibers) left += !fiber.done;
    if (left == 0) return;
    if (!release()) fail("threads wait at different barriers for ever");
  }
}

// geometry: grid x, y, z, threads, dynamic shared bytes.
template <typename... A>
void start(void (*body)(A...), int most_threads, void** arguments, const unsigned* geometry) {
  using Bound = std::pair<void (*)(A...), void**>;
  Bound bound{body, arguments};
  run.body = [](void* opaque) {
    Bound& call = *static_cast<Bound*>(opaque);
    [&]<size_t... I>(std::index_sequence<I...>) {
      call.first(*static_cast<std::remove_cv_t<A>*>(call.second[I])...);
    }(std::make_index_sequence<sizeof...(A)>());
  };
  run.arguments = &bound;
  run.threads = (int)geometry[3];
  if (run.threads > most_threads) fail("more threads than the kernel's bound");
  for (int d = 0; d < 3; ++d) run.grid[d] = geometry[d];
  std::vector<unsigned char> shared(geometry[4] + 1024);
  run.dynamic_shared = (unsigned char*)(((uintptr_t)shared.data() + 1023) / 1024 * 1024);
  run.fibers.resize((size_t)run.threads);
  while (run.stacks.size() < run.fibers.size()) run.stacks.emplace_back(new char[kStack]);
  for (run.block[2] = 0; run.block[2] < run.grid[2]; ++run.block[2]) {
    for (run.block[1] = 0; run.block[1] < run.grid[1]; ++run.block[1]) {
      for (run.block[0] = 0; run.block[0] < run.grid[0]; ++run.block[0]) {
        memset(run.dynamic_shared, 0xff, geometry[4]);
        run_block();
      }
    }
  }
}
template <typename... A>
int sizes(void (*)(A...), int* out) {
  int n = 0;
  ((out[n++] = (int)sizeof(A)), ...);
  return n;
}

}  // namespace mock

SINTER_DEVICE int thread_x() { return mock::run.thread; }
SINTER_DEVICE int block_x() { return (int)mock::run.block[0]; }
SINTER_DEVICE int block_y() { return (int)mock::run.block[1]; }
SINTER_DEVICE int block_z() { return (int)mock::run.block[2]; }
SINTER_DEVICE int block_threads() { return mock::run.threads; }
SINTER_DEVICE int grid_x() { return (int)mock::run.grid[0]; }
SINTER_DEVICE int grid_y() { return (int)mock::run.grid[1]; }
SINTER_DEVICE int grid_z() { return (int)mock::run.grid[2]; }
SINTER_DEVICE int lane() { return thread_x() & 31; }
SINTER_DEVICE int warp() { return thread_x() >> 5; }
SINTER_DEVICE i64 grid_thread() { return (i64)block_x() * block_threads() + thread_x(); }
SINTER_DEVICE i64 grid_threads() { return (i64)grid_x() * block_threads(); }

SINTER_DEVICE void barrier() {
  mock::run.fibers[(size_t)thread_x()].at_block = true;
  mock::yield();
}
SINTER_DEVICE void barrier(int id, int threads) {
  mock::Fiber& fiber = mock::run.fibers[(size_t)thread_x()];
  fiber.named = id;
  fiber.named_threads = threads;
  mock::yield();
}
SINTER_DEVICE void warp_barrier() {
  mock::run.fibers[(size_t)thread_x()].at_warp = true;
  mock::yield();
}

// Every lane gives `words` words and may then read all lanes'; ends with another warp barrier in exchange_end.
SINTER_DEVICE void exchange_begin(const u32* words, int count) {
  for (int i = 0; i < count; ++i) mock::run.exchange[warp()][lane()][i] = words[i];
  warp_barrier();
}
SINTER_DEVICE u32 exchange_word(int from, int i) { return mock::run.exchange[warp()][from & 31][i]; }
SINTER_DEVICE void exchange_end() { warp_barrier(); }

SINTER_DEVICE u32 shuffle(u32 value, int from) {
  exchange_begin(&value, 1);
  const u32 out = exchange_word(from, 0);
  exchange_end();
  return out;
}
SINTER_DEVICE u32 shuffle_xor(u32 value, int mask) { return shuffle(value, lane() ^ mask); }
SINTER_DEVICE u32 shuffle_down(u32 value, int by) { return shuffle(value, lane() + by < 32 ? lane() + by : lane()); }

SINTER_DEVICE void prefetch_line(const void*) {}

SINTER_DEVICE u32 bits_of(f32 x) { return __builtin_bit_cast(u32, x); }
SINTER_DEVICE f32 f32_of(u32 bits) { return __builtin_bit_cast(f32, bits); }
SINTER_DEVICE u32 byte_permute(u32 a, u32 b, u32 selector) {
  const u64 bytes = (u64)b << 32 | a;
  u32 out = 0;
  for (int i = 0; i < 4; ++i) out |= (u32)(bytes >> (selector >> 4 * i & 7) * 8 & 0xff) << 8 * i;
  return out;
}
SINTER_DEVICE i32 nearest_whole(f32 x) { return x != x ? 0 : x >= 2147483648.0f ? 2147483647 : x <= -2147483648.0f ? -2147483647 - 1 : (i32)__builtin_nearbyintf(x); }
template <typename T>
SINTER_DEVICE u32 pack_saturated(i32 a, i32 b, u32 above) {
  const i32 low = (T)-1 < (T)0 ? -128 : 0, high = low + 255;
  const auto byte = [&](i32 x) { return (u32)(x < low ? low : x > high ? high : x) & 0xffu; };
  return above << 16 | byte(b) << 8 | byte(a);
}
SINTER_DEVICE f32 shuffle_xor(f32 value, int mask) { return f32_of(shuffle_xor(bits_of(value), mask)); }
SINTER_DEVICE i32 shuffle_xor(i32 value, int mask) { return (i32)shuffle_xor((u32)value, mask); }
SINTER_DEVICE i64 shuffle_xor(i64 value, int mask) {
  const u32 low = shuffle_xor((u32)value, mask), high = shuffle_xor((u32)((u64)value >> 32), mask);
  return (i64)((u64)high << 32 | low);
}
SINTER_DEVICE f32 shuffle(f32 value, int from) { return f32_of(shuffle(bits_of(value), from)); }
SINTER_DEVICE f32 shuffle_down(f32 value, int by) { return f32_of(shuffle_down(bits_of(value), by)); }

SINTER_DEVICE f32 to_f32(f16 x) { return (f32)__builtin_bit_cast(_Float16, x.bits); }
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
SINTER_DEVICE T from_f32(f32 x) {
  if constexpr (__is_same(T, f16)) {
    return f16{__builtin_bit_cast(u16, (_Float16)x)};
  } else if constexpr (__is_same(T, bf16)) {
    const u32 bits = bits_of(x);
    if (x != x) return bf16{0x7fff};
    return bf16{(u16)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
  } else if constexpr (__is_same(T, boolean)) {
    return boolean{(u8)(x != 0.0f)};
  } else {
    return (T)x;
  }
}

template <typename T>
SINTER_DEVICE T load(const T* address) { return *address; }
template <typename T, int N>
SINTER_DEVICE Vec<T, N> load_vec(const T* address) {
  if ((uintptr_t)address % sizeof(Vec<T, N>) != 0) mock::fail("a vector load is not aligned");
  Vec<T, N> value;
  memcpy(&value, address, sizeof value);
  return value;
}
template <typename T, int N>
SINTER_DEVICE void store_vec(T* address, const Vec<T, N>& value) {
  if ((uintptr_t)address % sizeof(Vec<T, N>) != 0) mock::fail("a vector store is not aligned");
  memcpy((void*)address, &value, sizeof value);
}

SINTER_DEVICE void copy_async(void* shared, const void* global, bool valid, size_t bytes) {
  if ((uintptr_t)shared % bytes || (valid && (uintptr_t)global % bytes)) mock::fail("an asynchronous copy is not aligned");
  if (valid) memcpy(shared, global, bytes);
  else memset(shared, 0, bytes);
}
SINTER_DEVICE void copy_async_16(void* shared, const void* global, bool valid) { copy_async(shared, global, valid, 16); }
SINTER_DEVICE void copy_async_4(void* shared, const void* global, bool valid) { copy_async(shared, global, valid, 4); }
SINTER_DEVICE void copy_async_commit() {}
template <int pending>
SINTER_DEVICE void copy_async_wait() {}

SINTER_DEVICE f32 atomic_add(f32* address, f32 value) { const f32 old = *address; *address = old + value; return old; }
SINTER_DEVICE u32 atomic_add(u32* address, u32 value) { const u32 old = *address; *address = old + value; return old; }
SINTER_DEVICE u32 atomic_max(u32* address, u32 value) { const u32 old = *address; if (value > old) *address = value; return old; }
SINTER_DEVICE u32 atomic_add_shared(u32* address, u32 value) { return atomic_add(address, value); }
SINTER_DEVICE void fence() {}

// Matrix i of the four: rows are the 16-byte lines that lanes 8i … 8i + 7 point to.
SINTER_DEVICE void load_matrices(u32 (&to)[4], const void* shared, bool transposed) {
  if ((uintptr_t)shared % 16) mock::fail("ldmatrix of an address that is not aligned to 16");
  u32 words[4];
  memcpy(words, shared, 16);
  exchange_begin(words, 4);
  for (int m = 0; m < 4; ++m) {
    u16 pair[2];
    for (int e = 0; e < 2; ++e) {
      const int row = transposed ? lane() % 4 * 2 + e : lane() / 4, column = transposed ? lane() / 4 : lane() % 4 * 2 + e;
      pair[e] = (u16)(exchange_word(8 * m + row, column / 2) >> (column % 2 * 16));
    }
    to[m] = pair[0] | (u32)pair[1] << 16;
  }
  exchange_end();
}
SINTER_DEVICE void load_matrix_x4(u32 (&to)[4], const void* shared) { load_matrices(to, shared, false); }
SINTER_DEVICE void load_matrix_x4_transposed(u32 (&to)[4], const void* shared) { load_matrices(to, shared, true); }

template <typename Element>
SINTER_DEVICE void mma_16bit(f32 (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  const u32 words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  exchange_begin(words, 6);
  for (int i = 0; i < 4; ++i) {
    const int row = lane() / 4 + i / 2 * 8, column = lane() % 4 * 2 + i % 2;
    f32 sum = d[i];
    for (int k = 0; k < 16; ++k) {
      const u32 left = exchange_word(row % 8 * 4 + k % 8 / 2, k / 8 * 2 + row / 8), right = exchange_word(column * 4 + k % 8 / 2, 4 + k / 8);
      sum += to_f32(Element{(u16)(left >> (k % 2 * 16))}) * to_f32(Element{(u16)(right >> (k % 2 * 16))});
    }
    d[i] = sum;
  }
  exchange_end();
}
// A 16x32 of Left by 32x8 of Right, 8-bit integers.
template <typename Left, typename Right>
SINTER_DEVICE void mma_8bit(i32 (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  const u32 words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  exchange_begin(words, 6);
  for (int i = 0; i < 4; ++i) {
    const int row = lane() / 4 + i / 2 * 8, column = lane() % 4 * 2 + i % 2;
    u32 sum = (u32)d[i];
    for (int k = 0; k < 32; ++k) {
      const u32 left = exchange_word(row % 8 * 4 + k % 16 / 4, k / 16 * 2 + row / 8), right = exchange_word(column * 4 + k % 16 / 4, 4 + k / 16);
      sum += (u32)((i32)(Left)(u8)(left >> (k % 4 * 8)) * (i32)(Right)(u8)(right >> (k % 4 * 8)));
    }
    d[i] = (i32)sum;
  }
  exchange_end();
}
SINTER_DEVICE void mma_m16n8k16_f16(f32 (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { mma_16bit<f16>(d, a, b); }
SINTER_DEVICE void mma_m16n8k16_bf16(f32 (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) { mma_16bit<bf16>(d, a, b); }
SINTER_DEVICE void mma_m16n8k8_tf32(f32 (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  const u32 words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  exchange_begin(words, 6);
  for (int i = 0; i < 4; ++i) {
    const int row = lane() / 4 + i / 2 * 8, column = lane() % 4 * 2 + i % 2;
    f32 sum = d[i];
    for (int k = 0; k < 8; ++k) {
      const u32 left = exchange_word(row % 8 * 4 + k % 4, k / 4 * 2 + row / 8), right = exchange_word(column * 4 + k % 4, 4 + k / 4);
      sum += f32_of(left & 0xffffe000u) * f32_of(right & 0xffffe000u);
    }
    d[i] = sum;
  }
  exchange_end();
}
SINTER_DEVICE u32 to_tf32(f32 x) { return (bits_of(x) & 0x7f800000u) == 0x7f800000u ? bits_of(x) : (bits_of(x) + 0x1000u) & 0xffffe000u; }

SINTER_DEVICE f32 rsqrtf(f32 x) { return 1.0f / sqrtf(x); }
SINTER_DEVICE bool is_nan(f32 x) { return x != x; }
SINTER_DEVICE f32 infinity() { return f32_of(0x7f800000u); }
SINTER_DEVICE f32 min_number(f32 a, f32 b) { return fminf(a, b); }
SINTER_DEVICE f32 max_number(f32 a, f32 b) { return fmaxf(a, b); }
SINTER_DEVICE f32 min_nan(f32 a, f32 b) { return is_nan(a) ? a : is_nan(b) || b < a ? b : a; }
SINTER_DEVICE f32 max_nan(f32 a, f32 b) { return is_nan(a) ? a : is_nan(b) || b > a ? b : a; }
template <typename T>
SINTER_DEVICE u32 max_nan_pair(u32 a, u32 b) {
  u32 out = 0;
  for (int i = 0; i < 32; i += 16) out |= (u32)from_f32<T>(max_nan(to_f32(T{(u16)(a >> i)}), to_f32(T{(u16)(b >> i)}))).bits << i;
  return out;
}
SINTER_DEVICE u32 max_nan_f16x2(u32 a, u32 b) { return max_nan_pair<f16>(a, b); }
SINTER_DEVICE u32 max_nan_bf16x2(u32 a, u32 b) { return max_nan_pair<bf16>(a, b); }
SINTER_DEVICE i64 min_i64(i64 a, i64 b) { return a < b ? a : b; }
SINTER_DEVICE i64 max_i64(i64 a, i64 b) { return a > b ? a : b; }
SINTER_DEVICE f32 warp_sum(f32 x) {
  for (int mask = 16; mask > 0; mask >>= 1) x += shuffle_xor(x, mask);
  return x;
}
SINTER_DEVICE f32 warp_max(f32 x) {
  for (int mask = 16; mask > 0; mask >>= 1) x = max_nan(x, shuffle_xor(x, mask));
  return x;
}
