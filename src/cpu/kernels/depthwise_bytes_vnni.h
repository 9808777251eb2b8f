// Depthwise rows of 8-bit values in AVX-512 VNNI (contract: kernel_table.h, order of channels: depthwise_bytes.h). Included after
// byte_tile_body.h by the file that is compiled for VNNI.
//
// A tile is a few output pixels of one block of channels. Each source column is brought into the weights' order once, by eight
// shuffles of four rows, and serves every output of the tile whose taps meet it.
#pragma once

#include "cpu/kernels/byte_tile_body.h"

namespace sinter::cpu {
namespace {

// The same operations on 64, 32 and 16 channels.
struct Channels64 {
  using Bytes = __m512i;
  using Floats = __m512;
  static constexpr int kBytes = 64;
  static __mmask64 mask(int64_t n) { return n >= 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1; }
  static Bytes load(const void* p) { return _mm512_loadu_si512(p); }
  static Bytes load(const void* p, __mmask64 m) { return _mm512_maskz_loadu_epi8(m, p); }
  static Floats load_floats(const float* p) { return _mm512_loadu_ps(p); }
  static void store(void* p, Bytes v) { _mm512_storeu_si512(p, v); }
  static void store(void* p, Bytes v, __mmask64 m) { _mm512_mask_storeu_epi8(p, m, v); }
  static Bytes splat8(int x) { return _mm512_set1_epi8(static_cast<char>(x)); }
  static Bytes splat16(int x) { return _mm512_set1_epi16(static_cast<int16_t>(x)); }
  static Bytes flip(Bytes a, Bytes b) { return _mm512_xor_si512(a, b); }
  static Bytes low8(Bytes a, Bytes b) { return _mm512_unpacklo_epi8(a, b); }
  static Bytes high8(Bytes a, Bytes b) { return _mm512_unpackhi_epi8(a, b); }
  static Bytes low16(Bytes a, Bytes b) { return _mm512_unpacklo_epi16(a, b); }
  static Bytes high16(Bytes a, Bytes b) { return _mm512_unpackhi_epi16(a, b); }
  static Bytes dot(Bytes sum, Bytes a, Bytes b) { return _mm512_dpbusd_epi32(sum, a, b); }
  static Bytes fold(Bytes sum, Floats scale, Floats bias) { return _mm512_cvtps_epi32(_mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, bias)); }
  static Bytes pack32(Bytes a, Bytes b) { return _mm512_packs_epi32(a, b); }
  static Bytes pack16(Bytes a, Bytes b) { return _mm512_packs_epi16(a, b); }
  static Bytes add16(Bytes a, Bytes b) { return _mm512_adds_epi16(a, b); }
  static Bytes bound(Bytes v, Bytes low, Bytes high) { return _mm512_min_epi8(_mm512_max_epi8(v, low), high); }
  // Sums from the order of the blocks' vectors to that of channels.
  static void store_in_order(int32_t* to, const Bytes (&v)[4]) {
    const Bytes a = _mm512_shuffle_i32x4(v[0], v[1], 0x44), b = _mm512_shuffle_i32x4(v[2], v[3], 0x44);
    const Bytes c = _mm512_shuffle_i32x4(v[0], v[1], 0xee), d = _mm512_shuffle_i32x4(v[2], v[3], 0xee);
    store(to, _mm512_shuffle_i32x4(a, b, 0x88));
    store(to + 16, _mm512_shuffle_i32x4(a, b, 0xdd));
    store(to + 32, _mm512_shuffle_i32x4(c, d, 0x88));
    store(to + 48, _mm512_shuffle_i32x4(c, d, 0xdd));
  }
};

struct Channels32 {
  using Bytes = __m256i;
  using Floats = __m256;
  static constexpr int kBytes = 32;
  static __mmask64 mask(int64_t n) { return Channels64::mask(n < 32 ? n : 32); }
  static Bytes load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static Bytes load(const void* p, __mmask64 m) { return _mm256_maskz_loadu_epi8(static_cast<__mmask32>(m), p); }
  static Floats load_floats(const float* p) { return _mm256_loadu_ps(p); }
  static void store(void* p, Bytes v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
  static void store(void* p, Bytes v, __mmask64 m) { _mm256_mask_storeu_epi8(p, static_cast<__mmask32>(m), v); }
  static Bytes splat8(int x) { return _mm256_set1_epi8(static_cast<char>(x)); }
  static Bytes splat16(int x) { return _mm256_set1_epi16(static_cast<int16_t>(x)); }
  static Bytes flip(Bytes a, Bytes b) { return _mm256_xor_si256(a, b); }
  static Bytes low8(Bytes a, Bytes b) { return _mm256_unpacklo_epi8(a, b); }
  static Bytes high8(Bytes a, Bytes b) { return _mm256_unpackhi_epi8(a, b); }
  static Bytes low16(Bytes a, Bytes b) { return _mm256_unpacklo_epi16(a, b); }
  static Bytes high16(Bytes a, Bytes b) { return _mm256_unpackhi_epi16(a, b); }
  static Bytes dot(Bytes sum, Bytes a, Bytes b) { return _mm256_dpbusd_epi32(sum, a, b); }
  static Bytes fold(Bytes sum, Floats scale, Floats bias) { return _mm256_cvtps_epi32(_mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, bias)); }
  static Bytes pack32(Bytes a, Bytes b) { return _mm256_packs_epi32(a, b); }
  static Bytes pack16(Bytes a, Bytes b) { return _mm256_packs_epi16(a, b); }
  static Bytes add16(Bytes a, Bytes b) { return _mm256_adds_epi16(a, b); }
  static Bytes bound(Bytes v, Bytes low, Bytes high) { return _mm256_min_epi8(_mm256_max_epi8(v, low), high); }
  static void store_in_order(int32_t* to, const Bytes (&v)[4]) {
    store(to, _mm256_permute2x128_si256(v[0], v[1], 0x20));
    store(to + 8, _mm256_permute2x128_si256(v[2], v[3], 0x20));
    store(to + 16, _mm256_permute2x128_si256(v[0], v[1], 0x31));
    store(to + 24, _mm256_permute2x128_si256(v[2], v[3], 0x31));
  }
};

struct Channels16 {
  using Bytes = __m128i;
  using Floats = __m128;
  static constexpr int kBytes = 16;
  static __mmask64 mask(int64_t n) { return Channels64::mask(n < 16 ? n : 16); }
  static Bytes load(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
  static Bytes load(const void* p, __mmask64 m) { return _mm_maskz_loadu_epi8(static_cast<__mmask16>(m), p); }
  static Floats load_floats(const float* p) { return _mm_loadu_ps(p); }
  static void store(void* p, Bytes v) { _mm_storeu_si128(static_cast<__m128i*>(p), v); }
  static void store(void* p, Bytes v, __mmask64 m) { _mm_mask_storeu_epi8(p, static_cast<__mmask16>(m), v); }
  static Bytes splat8(int x) { return _mm_set1_epi8(static_cast<char>(x)); }
  static Bytes splat16(int x) { return _mm_set1_epi16(static_cast<int16_t>(x)); }
  static Bytes flip(Bytes a, Bytes b) { return _mm_xor_si128(a, b); }
  static Bytes low8(Bytes a, Bytes b) { return _mm_unpacklo_epi8(a, b); }
  static Bytes high8(Bytes a, Bytes b) { return _mm_unpackhi_epi8(a, b); }
  static Bytes low16(Bytes a, Bytes b) { return _mm_unpacklo_epi16(a, b); }
  static Bytes high16(Bytes a, Bytes b) { return _mm_unpackhi_epi16(a, b); }
  static Bytes dot(Bytes sum, Bytes a, Bytes b) { return _mm_dpbusd_epi32(sum, a, b); }
  static Bytes fold(Bytes sum, Floats scale, Floats bias) { return _mm_cvtps_epi32(_mm_fmadd_ps(_mm_cvtepi32_ps(sum), scale, bias)); }
  static Bytes pack32(Bytes a, Bytes b) { return _mm_packs_epi32(a, b); }
  static Bytes pack16(Bytes a, Bytes b) { return _mm_packs_epi16(a, b); }
  static Bytes add16(Bytes a, Bytes b) { return _mm_adds_epi16(a, b); }
  static Bytes bound(Bytes v, Bytes low, Bytes high) { return _mm_min_epi8(_mm_max_epi8(v, low), high); }
  static void store_in_order(int32_t* to, const Bytes (&v)[4]) {
    for (int k = 0; k < 4; ++k) store(to + 4 * k, v[k]);
  }
};

struct ByteDepthwiseTile {
  int64_t x;        // first pixel
  int pixels;       // to store
  int64_t channel;  // the block's first
  int cols;         // channels of the block that exist
};

// Stores the pixels of a tile: folded in registers, else through sums in order.
template <typename Ops, int kPixels>
inline __attribute__((always_inline)) void finish_depthwise(typename Ops::Bytes (&acc)[kPixels][4], const ByteDepthwiseCall& call,
                                                            const ByteDepthwiseTile& tile) {
  const ByteEpilogue& e = *call.epilogue->bytes;
  if (e.folded && e.residual == nullptr) {
    using Bytes = typename Ops::Bytes;
    const int shift = e.store == ByteStore::kU8 ? 128 : 0;
    const Bytes zero = Ops::splat16(e.zero - shift), low = Ops::splat8(e.low - shift), high = Ops::splat8(e.high - shift), flip = Ops::splat8(shift);
    const __mmask64 mask = Ops::mask(tile.cols);
    const float *scale = call.folded_scale + tile.channel, *bias = call.folded_bias + tile.channel;
    uint8_t* to = call.dst + tile.x * call.dst_pixel_stride + tile.channel;
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const auto factor = Ops::load_floats(scale + k * (Ops::kBytes / 4)), offset = Ops::load_floats(bias + k * (Ops::kBytes / 4));
#pragma GCC unroll 8
      for (int p = 0; p < kPixels; ++p) acc[p][k] = Ops::fold(acc[p][k], factor, offset);
    }
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) {
      if (p >= tile.pixels) break;
      const Bytes front = Ops::add16(Ops::pack32(acc[p][0], acc[p][1]), zero), back = Ops::add16(Ops::pack32(acc[p][2], acc[p][3]), zero);
      Ops::store(to + p * call.dst_pixel_stride, Ops::flip(Ops::bound(Ops::pack16(front, back), low, high), flip), mask);
    }
    return;
  }
  alignas(64) int32_t sums[kPixels * 64];
#pragma GCC unroll 8
  for (int p = 0; p < kPixels; ++p) {
    Ops::store_in_order(sums + p * 64, acc[p]);
  }
  const bool narrow = e.store == ByteStore::kI8 || e.store == ByteStore::kU8;
  TileCall finish{};
  finish.c = call.dst + (tile.x * call.dst_pixel_stride + tile.channel) * (narrow ? 1 : 4);
  finish.c_stride = call.dst_pixel_stride;
  finish.cols = tile.cols;
  finish.epilogue = call.epilogue;
  finish.row = call.row + tile.x;
  finish.col = tile.channel;
  finish_sums(sums, 64, tile.pixels, finish);
}

// One source column of four rows in the weights' order; the last 4 - kRows of them have no weights.
template <typename Ops, int kRows>
inline __attribute__((always_inline)) void order_column(const uint8_t* const (&from)[4], bool full, __mmask64 mask, typename Ops::Bytes flip,
                                                        typename Ops::Bytes (&ordered)[4]) {
  typename Ops::Bytes rows[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) rows[i] = i >= kRows ? rows[kRows - 1] : Ops::flip(full ? Ops::load(from[i]) : Ops::load(from[i], mask), flip);
  const auto a = Ops::low8(rows[0], rows[1]), b = Ops::low8(rows[2], rows[3]), c = Ops::high8(rows[0], rows[1]), d = Ops::high8(rows[2], rows[3]);
  ordered[0] = Ops::low16(a, b);
  ordered[1] = Ops::high16(a, b);
  ordered[2] = Ops::low16(c, d);
  ordered[3] = Ops::high16(c, d);
}

inline int64_t block_weights(const ByteDepthwiseCall& call, int64_t channel) { return (call.kh + 3) / 4 * 4 * call.kw * channel; }

// How a tile reads: kInner: all columns and all channels of the block are there; kEdge: neither is known.
enum class ByteReach { kInner, kEdge };

// Adds four rows of taps to the sums.
template <typename Ops, int kTaps, int kStride, int kPixels, ByteReach kReach, int kRows>
inline __attribute__((always_inline)) void add_quad(typename Ops::Bytes (&acc)[kPixels][4], const ByteDepthwiseCall& call, const ByteDepthwiseTile& tile,
                                                    int64_t quad, const int8_t* weights) {
  constexpr int kColumns = (kPixels - 1) * kStride + kTaps, kVector = Ops::kBytes;
  const __mmask64 mask = Ops::mask(tile.cols);
  const auto flip = Ops::splat8(call.flip);
  const int64_t first = call.left + tile.x * kStride;
  const uint8_t* at[4];
  int64_t step[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    step[i] = call.row_steps[quad * 4 + i];
    at[i] = step[i] == 0 ? call.padding : call.rows[quad * 4 + i] + first * step[i] + tile.channel;
  }
#pragma GCC unroll 32
  for (int column = 0; column < kColumns; ++column) {
    const bool outside = kReach == ByteReach::kEdge && static_cast<uint64_t>(first + column) >= static_cast<uint64_t>(call.width);
    const uint8_t* from[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      from[i] = outside ? call.padding : at[i];
      at[i] += step[i];
    }
    typename Ops::Bytes ordered[4];
    order_column<Ops, kRows>(from, kReach == ByteReach::kInner, mask, flip, ordered);
#pragma GCC unroll 8
    for (int t = 0; t < kTaps; ++t) {
      const int p = (column - t) / kStride;
      if (column < t || (column - t) % kStride != 0 || p >= kPixels) continue;
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) acc[p][k] = Ops::dot(acc[p][k], ordered[k], Ops::load(weights + (t * 4 + k) * kVector));
    }
  }
}

// Filters of kTaps x kTaps.
template <typename Ops, int kTaps, int kStride, int kPixels, ByteReach kReach>
void sliding_bytes(const ByteDepthwiseCall& call, const ByteDepthwiseTile& tile) {
  typename Ops::Bytes acc[kPixels][4];
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    const auto start = Ops::load(call.start + tile.channel + k * (Ops::kBytes / 4));
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) acc[p][k] = start;
  }
  const int8_t* weights = call.weights + block_weights(call, tile.channel);
  constexpr int kWhole = kTaps / 4;
  if constexpr (kWhole == 1) add_quad<Ops, kTaps, kStride, kPixels, kReach, 4>(acc, call, tile, 0, weights);
  add_quad<Ops, kTaps, kStride, kPixels, kReach, kTaps % 4>(acc, call, tile, kWhole, weights + kWhole * kTaps * 4 * Ops::kBytes);
  finish_depthwise<Ops, kPixels>(acc, call, tile);
}

// Any filter, one pixel.
template <typename Ops>
void general_bytes(const ByteDepthwiseCall& call, const ByteDepthwiseTile& tile) {
  typename Ops::Bytes acc[1][4];
  for (int k = 0; k < 4; ++k) acc[0][k] = Ops::load(call.start + tile.channel + k * (Ops::kBytes / 4));
  const __mmask64 mask = Ops::mask(tile.cols);
  const auto flip = Ops::splat8(call.flip);
  const int64_t quads = (call.kh + 3) / 4;
  const int8_t* weights = call.weights + block_weights(call, tile.channel);
  for (int64_t quad = 0; quad < quads; ++quad) {
    for (int64_t t = 0; t < call.kw; ++t, weights += 4 * Ops::kBytes) {
      const int64_t column = call.left + tile.x * call.stride + t * call.dilation;
      const bool outside = static_cast<uint64_t>(column) >= static_cast<uint64_t>(call.width);
      const uint8_t* from[4];
      for (int i = 0; i < 4; ++i) {
        const int64_t step = call.row_steps[quad * 4 + i];
        from[i] = outside || step == 0 ? call.padding : call.rows[quad * 4 + i] + column * step + tile.channel;
      }
      typename Ops::Bytes ordered[4];
      order_column<Ops, 4>(from, false, mask, flip, ordered);
      for (int k = 0; k < 4; ++k) acc[0][k] = Ops::dot(acc[0][k], ordered[k], Ops::load(weights + k * Ops::kBytes));
    }
  }
  finish_depthwise<Ops, 1>(acc, call, tile);
}

constexpr int kBytePixels = 4;  // divides the usual widths; 16 sums leave room for the columns and what puts them in order

template <typename Ops, int kTaps, int kStride>
inline void sliding_block(const ByteDepthwiseCall& call, const ByteDepthwiseTile& tile) {
  const int64_t first = call.left + tile.x * kStride;
  const bool inside = first >= 0 && first + (kBytePixels - 1) * kStride + kTaps <= call.width && tile.cols == Ops::kBytes;
  if (inside) sliding_bytes<Ops, kTaps, kStride, kBytePixels, ByteReach::kInner>(call, tile);
  else sliding_bytes<Ops, kTaps, kStride, kBytePixels, ByteReach::kEdge>(call, tile);
}

template <int kTaps, int kStride>
struct Sliding {
  static constexpr int kPixels = kBytePixels;
  template <typename Ops>
  static void run(const ByteDepthwiseCall& call, const ByteDepthwiseTile& tile) {
    sliding_block<Ops, kTaps, kStride>(call, tile);
  }
};
struct General {
  static constexpr int kPixels = 1;
  template <typename Ops>
  static void run(const ByteDepthwiseCall& call, const ByteDepthwiseTile& tile) {
    general_bytes<Ops>(call, tile);
  }
};

template <typename Way>
void depthwise_blocks(const ByteDepthwiseCall& call) {
  ByteDepthwiseTile tile{};
  for (tile.x = 0; tile.x < call.pixels; tile.x += Way::kPixels) {
    tile.pixels = static_cast<int>(call.pixels - tile.x < Way::kPixels ? call.pixels - tile.x : Way::kPixels);
    for (tile.channel = call.channel_begin; tile.channel < call.channel_end; tile.channel += 64) {
      const int64_t rest = call.channels - tile.channel;
      tile.cols = static_cast<int>(rest < 64 ? rest : 64);
      if (rest > 32) Way::template run<Channels64>(call, tile);
      else if (rest > 16) Way::template run<Channels32>(call, tile);
      else Way::template run<Channels16>(call, tile);
    }
  }
}

void depthwise_bytes_row(const ByteDepthwiseCall& call) {
  const bool usual = call.dilation == 1 && call.kw == call.kh;
  if (usual && call.kw == 3 && call.stride == 1) return depthwise_blocks<Sliding<3, 1>>(call);
  if (usual && call.kw == 3 && call.stride == 2) return depthwise_blocks<Sliding<3, 2>>(call);
  if (usual && call.kw == 5 && call.stride == 1) return depthwise_blocks<Sliding<5, 1>>(call);
  if (usual && call.kw == 5 && call.stride == 2) return depthwise_blocks<Sliding<5, 2>>(call);
  depthwise_blocks<General>(call);
}

}  // namespace
}  // namespace sinter::cpu
