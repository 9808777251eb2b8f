// The tiles of kernels/dense.cu, as offers name them: which exist, what they need, which are worth timing for a size.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "core/dtype.h"
#include "core/problem.h"

namespace sinter::cuda {

// How products are made: MATH of dense.cu, but that sm_90's own instructions are a matter of the tile; kTensor8: tensor cores, of 8-bit integers.
enum class DenseMath : uint8_t { kTensor16 = 0, kTf32 = 1, kFma = 2, kTensor8 = 3 };

struct DenseConfig {
  int bm = 0, bn = 0, bk = 0;  // elements
  int stages = 0, warps_m = 0, warps_n = 0;
  int splits = 1;           // of k, through memory
  int cluster = 1;          // of k, among the blocks of a cluster
  bool warpgroups = false;  // MATH 3: sm_90's asynchronous instructions
  bool stays = false;       // blocks stay for several tiles; of warpgroups, k not divided
  int threads() const { return warps_m * warps_n * 32; }
  int division() const { return splits * cluster; }
};
std::string to_string(const DenseConfig& config);  // "64x128x64 s3 w2x2 c4", "wg 128x256x64 s4 w8x1", "wgs …": stays
Result<DenseConfig> parse_dense_config(std::string_view text);

// Dynamic shared memory of the kernel: as dense.cu lays it out.
int64_t shared_bytes(const DenseConfig& config, int element);

struct DenseSize {
  int64_t m = 1, n = 1, k = 1, z = 1;
  DenseMath math = DenseMath::kTensor16;
  int element = 2;        // bytes
  bool b_rows = false;    // B is [k][n]
  int vector_bytes = 16;  // the narrowest copy
  bool sums = false;      // sums of rows or columns are wanted too, which sm_90's own instructions do not make
};
// At most `count`, the most promising first by a rough model of their time. Never empty.
std::vector<DenseConfig> dense_candidates(const DenseSize& size, const DeviceSpec& device, size_t count);

}  // namespace sinter::cuda
