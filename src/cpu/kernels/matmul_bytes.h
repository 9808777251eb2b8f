// Matrix products of 8-bit values: matmul.h's shapes and numbering of rows over byte tiles (byte_tile_body.h). A is [m][k] without gaps
// between rows; B is [k][n], packed ahead or at run time.
#pragma once

#include "cpu/kernels/conv_bytes.h"
#include "cpu/kernels/matmul.h"

namespace sinter::cpu {

// Bytes of one packed B; sums[n rounded up to 16] become its columns' sums as signed values.
int64_t matmul_bytes_packed_bytes(int64_t n, int64_t k);
inline int64_t matmul_bytes_sums(int64_t n) { return panel_count(n) * kPanel; }
void matmul_bytes_pack(const KernelTable& table, int64_t n, int64_t k, const uint8_t* b, bool is_unsigned, int8_t* packed, int32_t* sums);

GemmBlocking matmul_bytes_blocking(const KernelTable& table, const MatmulShape& shape, int panels = 0);

// The right operand: packed ahead with its sums, one after the other for every B there is, or as it is.
struct ByteRight {
  const int8_t* packed = nullptr;
  const int32_t* sums = nullptr;
  const uint8_t* plain = nullptr;
  bool is_unsigned = false;  // of plain
};

int64_t matmul_bytes_workspace_bytes(const MatmulShape& shape, const GemmBlocking& blocking, bool flips, bool ahead, bool row_sums,
                                     int threads);
// shape.b_batch_stride in elements of plain B, or not 0 where there is one packed B a problem. Epilogue::bytes' start is without the sums of
// B's columns: they are taken off here, times source.zero.
void matmul_bytes(const KernelTable& table, const MatmulShape& shape, const GemmBlocking& blocking, const ByteSource& a, const ByteRight& b,
                  void* c, const Epilogue& epilogue, ThreadTeam& team, void* workspace);

}  // namespace sinter::cpu
