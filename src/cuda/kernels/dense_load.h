// The loaders of dense.cu: a tile of A (gathered pixels or a matrix's rows) and of B (packed weights or a matrix) to one pipeline stage of
// shared memory. Tiles are kept as rows of 16-byte chunks, swizzled. Uses dense.cu's compile-time names.
//
// A copy that is not `inside` gets zeros; its address may lie anywhere and is not read.
#pragma once

constexpr int kElement = sizeof(TYPE);
constexpr int kThreads = WARPS_M * WARPS_N * 32;
constexpr int kRowBytes = BK * kElement;  // of a tile's row along k
constexpr int kChunks = kRowBytes / 16;
constexpr int kPerChunk = 16 / kElement;
constexpr int kStageA = BM * kRowBytes;
constexpr int kStageB = BN * kRowBytes;
// Copies of single bytes go through registers: not all of a thread's at once.
constexpr int kUnrollA = VEC_A == 1 ? 1 : 16 / VEC_A, kUnrollB = VEC_B == 1 ? 1 : 16 / VEC_B;
static_assert(kRowBytes == 64 || kRowBytes == 128, "BK is 64 or 128 bytes");

// Rows of kLineChunks chunks, dealt to the threads: thread t has chunk t % kLineChunks of rows t / kLineChunks + i * kStep.
template <int kLines, int kLineChunks>
struct Deal {
  static constexpr int kStep = kThreads / kLineChunks;
  static constexpr int kCount = (kLines + kStep - 1) / kStep;
  static constexpr bool kEven = kLines % kStep == 0;
  int chunk, line;
  SINTER_METHOD Deal() : chunk(thread_x() % kLineChunks), line(thread_x() / kLineChunks) {}
  SINTER_METHOD int at(int i) const { return line + i * kStep; }
  SINTER_METHOD bool has(int i) const { return kEven || at(i) < kLines; }
  SINTER_METHOD u32 place(int i, int swizzled) const { return (u32)(at(i) * (kLineChunks * 16) + swizzled * 16); }
};

class LoaderA {
 public:
  SINTER_METHOD void start(const DenseParams& p, const TYPE* a, int first_row) {
    a += p.a_origin;
#pragma unroll
    for (int i = 0; i < Rows::kCount; ++i) {
      const int row = first_row + rows_.at(i);
      const bool inside = row < p.m && rows_.has(i);
#if !GATHER
      from_[i] = a + row * p.a_image;
      mask_[i] = inside;
      continue;
#endif
      const int image = divide(inside ? row : 0, p.by_image), pixel = (inside ? row : 0) - image * (p.rows_y * p.rows_x);
      const int y = divide(pixel, p.by_x), x = pixel - y * p.rows_x;
      from_[i] = a + (image * p.a_image + y * p.a_y + x * p.a_x);
      mask_[i] = inside ? tap_mask(p, y, x) : 0;
    }
  }

  // Before the first load, after what made A.
  SINTER_METHOD void prepare(const DenseParams& p) {
#if FILL == 1
    fill_ = p.fill;
#elif FILL == 2
    fill_ = *(const u8*)p.a_zero * 0x01010101u;
#endif
  }

  SINTER_METHOD void load(const DenseParams& p, u32 stage, int k0) const {
#pragma unroll kUnrollA
    for (int piece = 0; piece < 16 / VEC_A; ++piece) {
      const int k = k0 + rows_.chunk * kPerChunk + piece * (VEC_A / kElement);
      i64 offset = VEC_A == kElement ? k * p.a_s : k;
      int r = 0, s = 0;
      if (GATHER) {
        const int tap = divide(k, p.by_channels), channel = k - tap * p.channels;
        r = divide(tap, p.by_s);
        s = tap - r * p.taps_s;
        offset = r * p.a_r + s * p.a_s + channel;
        if (GATHER == 1) r = r < 15 ? r : 15;
      }
#pragma unroll
      for (int i = 0; i < Rows::kCount; ++i) {
        const bool inside = GATHER == 1 ? (mask_[i] >> r & mask_[i] >> (16 + s) & 1) != 0 : mask_[i] != 0 && k < p.k;
        const u32 to = stage + rows_.place(i, swizzle<kChunks>(rows_.at(i), rows_.chunk)) + piece * VEC_A;
        if (!rows_.has(i)) continue;
        if (FILL && !inside) fill_shared<VEC_A>(to, k < p.k ? fill_ : 0);
        else copy_async<VEC_A>(to, from_[i] + offset, inside);
      }
    }
  }

 private:
  using Rows = Deal<BM, kChunks>;

  // Bits 0 … 14: rows of taps inside; bits 16 … 30: columns of taps inside. Bit 15 and 31 stay clear: beyond the last tap.
  SINTER_METHOD u32 tap_mask(const DenseParams& p, int y, int x) const {
    if (GATHER != 1) return 1;
    u32 mask = 0;
    const int y0 = y * p.y_step + p.y_origin, x0 = x * p.x_step + p.x_origin;
    for (int r = 0; r < p.taps_r; ++r) mask |= (u32)((u32)(y0 + r * p.y_tap) < (u32)p.height) << r;
    for (int s = 0; s < p.taps_s; ++s) mask |= (u32)((u32)(x0 + s * p.x_tap) < (u32)p.width) << (16 + s);
    return mask;
  }

  const TYPE* from_[Rows::kCount];
  u32 mask_[Rows::kCount];
#if FILL
  u32 fill_;
#else
  static constexpr u32 fill_ = 0;
#endif
  Rows rows_;
};

#if B_ROWS
// B[k][n]: a tile is BK rows of BN elements.
class LoaderB {
 public:
  static constexpr int kLineChunks = BN * kElement / 16;
  // Where chunk `chunk` of row k is kept. Products read f32 words of four neighbouring rows at once, hence the factor; of bytes, words of every
  // fourth row, two chunks each.
  static SINTER_METHOD int keep(int k, int chunk) {
#if INTEGERS
    return chunk ^ ((k >> 2) * 2 & (kLineChunks >= 8 ? 6 : kLineChunks >= 4 ? 2 : 0));
#else
    return swizzle<kLineChunks>(kElement == 4 && MATH == 1 ? 2 * k : k, chunk);
#endif
  }

  SINTER_METHOD void start(const DenseParams& p, const TYPE* b, int first_column) {
    column_ = first_column + lines_.chunk * kPerChunk;
    from_ = b + lines_.line * p.b_row + column_;
  }
  SINTER_METHOD void load(const DenseParams& p, u32 stage, int k0) const {
#pragma unroll
    for (int i = 0; i < Lines::kCount; ++i) {
      const u32 to = stage + lines_.place(i, keep(lines_.at(i), lines_.chunk));
      const TYPE* from = from_ + (k0 + i * Lines::kStep) * p.b_row;
      const bool row_inside = k0 + lines_.at(i) < p.k;
#pragma unroll kUnrollB
      for (int piece = 0; piece < 16 / VEC_B; ++piece) {
        constexpr int kPiece = VEC_B / kElement;
        if (lines_.has(i)) copy_async<VEC_B>(to + piece * VEC_B, from + piece * kPiece, row_inside && column_ + piece * kPiece < p.n);
      }
    }
  }

 private:
  using Lines = Deal<BK, kLineChunks>;
  Lines lines_;
  const TYPE* from_;
  int column_;
};
#else
// B[n][k], k running along memory: weights packed while building, or a transposed matrix.
class LoaderB {
 public:
  SINTER_METHOD void start(const DenseParams& p, const TYPE* b, int first_column) {
    from_ = b + (first_column + lines_.line) * p.b_row + lines_.chunk * kPerChunk;
    columns_ = p.n - first_column;
  }
  SINTER_METHOD void load(const DenseParams& p, u32 stage, int k0) const {
#pragma unroll
    for (int i = 0; i < Lines::kCount; ++i) {
      const u32 to = stage + lines_.place(i, swizzle<kChunks>(lines_.at(i), lines_.chunk));
      const TYPE* from = from_ + i * Lines::kStep * p.b_row + k0;
#pragma unroll kUnrollB
      for (int piece = 0; piece < 16 / VEC_B; ++piece) {
        constexpr int kPiece = VEC_B / kElement;
        const bool inside = lines_.at(i) < columns_ && k0 + lines_.chunk * kPerChunk + piece * kPiece < p.b_k;
        if (lines_.has(i)) copy_async<VEC_B>(to + piece * VEC_B, from + piece * kPiece, inside);
      }
    }
  }

 private:
  using Lines = Deal<BN, kChunks>;
  Lines lines_;
  const TYPE* from_;
  int columns_;
};
#endif
