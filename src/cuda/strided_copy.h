// Copies between two strided views of the same logical array, on the device: the host's half of kernels/copy.cu. One cubin serves all sizes, so
// that every data movement of an engine shares it.
#pragma once

#include <vector>

#include "cuda/broadcast.h"
#include "cuda/kernel.h"

namespace sinter::cuda {

class StridedCopy {
 public:
  static Source source() { return {"copy.cu", {}, ""}; }
  // Loads the kernels of the code; `bytes` of an element: 1, 2, 4 or 8.
  static Result<StridedCopy> make(const Tensor& code, int bytes);

  void clear() { parts_.clear(); }
  // One copy of `dims` elements; strides in elements, 0 (source) repeats and negative ones (source) reverse. Offsets in elements. At most
  // kMapRank dims after those of 1 are dropped and neighbours merged.
  Status add(const Dims& dims, const Dims& source, const Dims& target, int64_t source_offset = 0, int64_t target_offset = 0);
  size_t parts() const { return parts_.size(); }
  // Part `index` from one buffer to another.
  Status launch(size_t index, const void* from, void* to, void* stream);

 private:
  struct Part {
    std::vector<char> args;  // CopyArgs or TileArgs
    Launch how;
    int kernel = 0;          // 0 …: of copies_, 8 …: of tiles_, 12 …: of wide_
    int64_t source_bytes = 0, target_bytes = 0;
  };
  int bytes_ = 4;
  Function copies_[5], tiles_[4], wide_[2];  // by log2 of the element's bytes
  std::vector<Part> parts_;
};

}  // namespace sinter::cuda
