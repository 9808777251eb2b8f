// The part of an epilogue program that the dense kernels have no registers for: run by PointwiseTile on each finished row of a tile
// (Epilogue::post), while it is in the first-level cache. Operands broadcast as in numpy: per column, per batch and column, per row,
// of the output's shape, a scalar, or any mix; they are f32, i8 or u8.
#pragma once

#include <span>
#include <vector>

#include "cpu/kernels/epilogue.h"
#include "cpu/kernels/pointwise_tile.h"
#include "tactic/tactic.h"

namespace sinter::cpu {

class EpilogueTail {
 public:
  EpilogueTail() = default;

  // Program input 0 is the tile, input i is problem input inputs[i - 1]. `column_axis` as in match_epilogue. The layouts are the
  // problem's. The error is a decline's reason.
  static Result<EpilogueTail> make(const Problem& problem, const PointwiseProgram& program, std::vector<int> inputs, int column_axis);

  bool empty() const { return tile_.outputs() == 0; }
  // Gives the layout to operands that have extents along the columns and along the pixels.
  void book(const Problem& problem, Layout layout, Offer& offer) const;
  // Before the first at(), and whenever dims change.
  void set_dims(std::span<const Dims> inputs, const Dims& output);
  // Sets the operands' pointers for one launch, and `epilogue.post`; this object must outlive the launch.
  void at(const LaunchArgs& args, Epilogue& epilogue);

 private:
  // Where an operand's values are: a column stride, and the rows' axes, innermost first, neighbours merged.
  struct RowAxis {
    int64_t size, stride;
  };
  struct Operand {
    int input = 0;
    Layout layout = Layout::kRowMajor;
    DType dtype = DType::kF32;
    WidenFn widen = nullptr;  // null: f32
    const char* data = nullptr;
    int64_t column_stride = 0;
    std::vector<RowAxis> rows;
    int64_t offset(int64_t row, int64_t col) const;
    // `count` values from there on, in place or in `gathered`.
    PointwiseOperand read(int64_t row, int64_t col, int count, float* gathered) const;
  };

  static void post(void* self, float* tile_row, int64_t row, int64_t col, int n);

  PointwiseTile tile_;
  int column_axis_ = 0;
  std::vector<Operand> operands_;
};

}  // namespace sinter::cpu
