#include "cpu/kernels/matmul.h"

#include <algorithm>

namespace sinter::cpu {
namespace {

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

struct MatrixRows {
  const float* a;  // row `first_row` of the problem
  int64_t stride, first_row;
};

int fill_matrix_rows(const void* ctx, int64_t row, int count, const void** out) {
  const MatrixRows& rows = *static_cast<const MatrixRows*>(ctx);
  for (int r = 0; r < count; ++r) out[r] = rows.a + (row - rows.first_row + r) * rows.stride;
  return 1;
}

// Problem `index` of the batch. Rows are numbered through the batch, so that bias, residual and post see them; c is
// shifted back by as many rows.
GemmArgs batch_args(const MatmulShape& shape, int64_t index, const float* packed, float* c, const Epilogue& epilogue,
                    const MatrixRows& rows) {
  GemmArgs args;
  args.m = shape.m;
  args.n = shape.n;
  args.k = shape.k;
  args.fill = &fill_matrix_rows;
  args.fill_ctx = &rows;
  args.b = packed;
  args.c = c + index * (shape.c_batch_stride - shape.m * shape.c_stride);
  args.c_stride = shape.c_stride;
  args.epilogue = &epilogue;
  return args;
}

void pack_panels(const KernelTable& table, int64_t n, int64_t k, const float* b, int64_t b_stride, bool b_transposed,
                 int64_t panel_begin, int64_t panel_end, float* packed) {
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    const int64_t col = panel * kPanel;
    const int cols = static_cast<int>(std::min<int64_t>(kPanel, n - col));
    float* to = packed + col * k;
    if (b_transposed) table.pack_panel_transposed(b + col * b_stride, b_stride, k, cols, to);
    else table.pack_panel(b + col, b_stride, k, cols, to);
  }
}

// B of problem `index`: where it is already packed, or packed by `pack` into a buffer of the thread or the team.
struct PackedB {
  const float* ahead;      // packed ahead, or nullptr
  const float* plain;      // given at run time
  int64_t bytes;           // of one packed buffer
};

// The problems of the batch one by one, each split over the team.
void run_in_turn(const KernelTable& table, const MatmulShape& shape, const GemmBlocking& blocking, const float* a,
                 const PackedB& b, float* c, const Epilogue& epilogue, ThreadTeam& team, char* workspace) {
  const int64_t tiles = (shape.m + blocking.rows - 1) / blocking.rows, panels = panel_count(shape.n);
  const int64_t groups = (panels + blocking.panels - 1) / blocking.panels;
  const GridSplit grid = split_grid(team.size(), tiles, groups, blocking.rows, blocking.panels * kPanel);
  const int64_t scratch_bytes = gemm_scratch_bytes(blocking, 1);
  float* buffer = reinterpret_cast<float*>(workspace);
  for (int64_t i = 0; i < shape.batch; ++i) {
    const float* packed = buffer;
    if (b.ahead != nullptr) {
      packed = b.ahead + i * shape.b_batch_stride;
    } else if (i == 0 || shape.b_batch_stride != 0) {
      team.split(panels, 1, [&](int64_t begin, int64_t end) {
        pack_panels(table, shape.n, shape.k, b.plain + i * shape.b_batch_stride, shape.b_stride, shape.b_transposed,
                    begin, end, buffer);
      });
    }
    const MatrixRows rows{a + i * shape.a_batch_stride, shape.a_stride, i * shape.m};
    const GemmArgs args = batch_args(shape, i, packed, c, epilogue, rows);
    team.run(grid.m_parts * grid.n_parts, [&](int part) {
      const int64_t x = part % grid.m_parts, y = part / grid.m_parts;
      const int64_t row_begin = tiles * x / grid.m_parts * blocking.rows;
      const int64_t row_end = std::min(tiles * (x + 1) / grid.m_parts * blocking.rows, shape.m);
      const int64_t panel_begin = groups * y / grid.n_parts * blocking.panels;
      const int64_t panel_end = std::min(groups * (y + 1) / grid.n_parts * blocking.panels, panels);
      gemm_block(table, args, blocking, i * shape.m + row_begin, i * shape.m + row_end, panel_begin, panel_end,
                 workspace + b.bytes + part * scratch_bytes);
    });
  }
}

// Each thread takes whole problems of the batch.
void run_side_by_side(const KernelTable& table, const MatmulShape& shape, const GemmBlocking& blocking, const float* a,
                      const PackedB& b, float* c, const Epilogue& epilogue, ThreadTeam& team, char* workspace) {
  const int64_t part_bytes = b.bytes + gemm_scratch_bytes(blocking, 1), panels = panel_count(shape.n);
  const int parts = team.size();
  team.run(parts, [&](int part) {
    char* memory = workspace + part * part_bytes;
    float* buffer = reinterpret_cast<float*>(memory);
    const int64_t first = shape.batch * part / parts, last = shape.batch * (part + 1) / parts;
    for (int64_t i = first; i < last; ++i) {
      const float* packed = buffer;
      if (b.ahead != nullptr) {
        packed = b.ahead + i * shape.b_batch_stride;
      } else if (i == first || shape.b_batch_stride != 0) {
        pack_panels(table, shape.n, shape.k, b.plain + i * shape.b_batch_stride, shape.b_stride, shape.b_transposed, 0,
                    panels, buffer);
      }
      const MatrixRows rows{a + i * shape.a_batch_stride, shape.a_stride, i * shape.m};
      gemm_block(table, batch_args(shape, i, packed, c, epilogue, rows), blocking, i * shape.m, (i + 1) * shape.m, 0,
                 panels, memory + b.bytes);
    }
  });
}

void run(const KernelTable& table, const MatmulShape& shape, const GemmBlocking& blocking, const float* a,
         const PackedB& b, float* c, const Epilogue& epilogue, ThreadTeam& team, void* workspace) {
  const auto how = team.size() > 1 && shape.batch >= team.size() ? &run_side_by_side : &run_in_turn;
  how(table, shape, blocking, a, b, c, epilogue, team, static_cast<char*>(workspace));
}

int64_t packed_bytes(const MatmulShape& shape) {
  return round_up(matmul_packed_floats(shape.n, shape.k) * sizeof(float), 64);
}

}  // namespace

int64_t matmul_packed_floats(int64_t n, int64_t k) { return panel_count(n) * kPanel * k; }

void matmul_pack(const KernelTable& table, int64_t n, int64_t k, const float* b, int64_t b_stride, bool b_transposed,
                 float* packed) {
  pack_panels(table, n, k, b, b_stride, b_transposed, 0, panel_count(n), packed);
}

GemmBlocking matmul_blocking(const KernelTable& table, const MatmulShape& shape, int panels) {
  return choose_blocking(table, shape.m, shape.n, shape.k, 1, false, panels);
}

int64_t matmul_workspace_bytes(const MatmulShape&, const GemmBlocking& blocking, int threads) {
  return threads * gemm_scratch_bytes(blocking, 1);
}

void matmul(const KernelTable& table, const MatmulShape& shape, const GemmBlocking& blocking, const float* a,
            const float* packed_b, float* c, const Epilogue& epilogue, ThreadTeam& team, void* workspace) {
  run(table, shape, blocking, a, PackedB{packed_b, nullptr, 0}, c, epilogue, team, workspace);
}

int64_t matmul_dynamic_workspace_bytes(const MatmulShape& shape, const GemmBlocking& blocking, int threads) {
  return threads * (packed_bytes(shape) + gemm_scratch_bytes(blocking, 1));
}

void matmul_dynamic(const KernelTable& table, const MatmulShape& shape, const GemmBlocking& blocking, const float* a,
                    const float* b, float* c, const Epilogue& epilogue, ThreadTeam& team, void* workspace) {
  run(table, shape, blocking, a, PackedB{nullptr, b, packed_bytes(shape)}, c, epilogue, team, workspace);
}

}  // namespace sinter::cpu
