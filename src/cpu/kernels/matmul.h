// fp32 matrix multiplication C = epilogue(A * B), batched, with B constant and packed ahead or packed at run time.
//
// A is row-major [m][k] with a row stride, B is [k][n], or [n][k] where b_transposed; C is row-major [m][n]. Batch
// strides may be 0 (broadcast). Coordinates for bias, residual and post: column n, row batch_index * m + row.
#pragma once

#include <cstdint>

#include "base/threads.h"
#include "cpu/kernels/gemm_driver.h"

namespace sinter::cpu {

struct MatmulShape {
  int64_t batch = 1, m = 0, n = 0, k = 0;
  int64_t a_stride = 0, c_stride = 0;  // between rows
  int64_t a_batch_stride = 0, b_batch_stride = 0, c_batch_stride = 0;  // b's in floats of its own form: packed or plain
  int64_t b_stride = 0;                // between rows of B as stored; for B packed at run time
  bool b_transposed = false;
};

// Floats of one packed B, and the packing of one B.
int64_t matmul_packed_floats(int64_t n, int64_t k);
void matmul_pack(const KernelTable& table, int64_t n, int64_t k, const float* b, int64_t b_stride, bool b_transposed,
                 float* packed);

// `panels` as in choose_blocking.
GemmBlocking matmul_blocking(const KernelTable& table, const MatmulShape& shape, int panels = 0);

// With B packed ahead: b_batch_stride is 0 or at least matmul_packed_floats.
int64_t matmul_workspace_bytes(const MatmulShape& shape, const GemmBlocking& blocking, int threads);
void matmul(const KernelTable& table, const MatmulShape& shape, const GemmBlocking& blocking, const float* a,
            const float* packed_b, float* c, const Epilogue& epilogue, ThreadTeam& team, void* workspace);

// With B given at run time: packed into the workspace first.
int64_t matmul_dynamic_workspace_bytes(const MatmulShape& shape, const GemmBlocking& blocking, int threads);
void matmul_dynamic(const KernelTable& table, const MatmulShape& shape, const GemmBlocking& blocking, const float* a,
                    const float* b, float* c, const Epilogue& epilogue, ThreadTeam& team, void* workspace);

}  // namespace sinter::cpu
