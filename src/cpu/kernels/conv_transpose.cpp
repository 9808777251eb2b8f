#include "cpu/kernels/conv_transpose.h"

#include <algorithm>
#include <cstring>

namespace sinter::cpu {
namespace {

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// The taps of one axis that the outputs of phase `phase` (output % stride) meet.
struct AxisTaps {
  int count = 0;
  int64_t taps[kMaxTransposeTaps];
};

AxisTaps axis_taps(int64_t phase, int64_t pad, int64_t kernel, int64_t stride, int64_t dilation) {
  AxisTaps axis;
  for (int64_t k = 0; k < kernel; ++k) {
    if ((phase + pad - k * dilation) % stride == 0) axis.taps[axis.count++] = k;
  }
  return axis;
}

AxisTaps row_taps(const ConvShape& s, int64_t phase) {
  return axis_taps(phase, s.pad_top, s.kh, s.stride_h, s.dilation_h);
}
AxisTaps column_taps(const ConvShape& s, int64_t phase) {
  return axis_taps(phase, s.pad_left, s.kw, s.stride_w, s.dilation_w);
}

int64_t most_taps(const ConvShape& s) {
  int rows = 0, columns = 0;
  for (int64_t phase = 0; phase < s.stride_h; ++phase) rows = std::max(rows, row_taps(s, phase).count);
  for (int64_t phase = 0; phase < s.stride_w; ++phase) columns = std::max(columns, column_taps(s, phase).count);
  return static_cast<int64_t>(rows) * columns;
}

// The outputs of one row in one phase of columns.
struct PhaseRow {
  const ConvShape* shape;
  const float* image;  // channel 0 of the group in the source image
  const float* zeros;
  AxisTaps rows, columns;
  int64_t y, first_x;  // output row, and its first column in the phase
};

int fill_phase_rows(const void* ctx, int64_t row, int count, const void** out) {
  const PhaseRow& phase = *static_cast<const PhaseRow*>(ctx);
  const ConvShape& s = *phase.shape;
  for (int i = 0; i < phase.rows.count; ++i) {
    const int64_t y = (phase.y + s.pad_top - phase.rows.taps[i] * s.dilation_h) / s.stride_h;
    const bool row_inside = phase.y + s.pad_top >= phase.rows.taps[i] * s.dilation_h && y < s.h;
    for (int j = 0; j < phase.columns.count; ++j, out += count) {
      // Consecutive outputs of a phase read consecutive source columns.
      const int64_t scaled = phase.first_x + s.pad_left - phase.columns.taps[j] * s.dilation_w;
      const int64_t first = scaled / s.stride_w + row;
      for (int r = 0; r < count; ++r) {
        const int64_t x = first + r;
        const bool inside = row_inside && x >= 0 && x < s.w;
        out[r] = inside ? phase.image + (y * s.w + x) * s.src_pixel_stride : phase.zeros;
      }
    }
  }
  return 1;
}

// Turns a row of a phase back into an output pixel for the caller's post function.
struct PhasePost {
  PostFn post;
  void* ctx;
  int64_t first_pixel, step;
  static void call(void* ctx, float* tile_row, int64_t row, int64_t col, int n) {
    const PhasePost& self = *static_cast<const PhasePost*>(ctx);
    self.post(self.ctx, tile_row, self.first_pixel + row * self.step, col, n);
  }
};

int64_t zeros_bytes(const ConvShape& shape) { return round_up(shape.channels / shape.groups * sizeof(float), 64); }

int64_t group_floats(const ConvShape& s) {
  return s.kh * s.kw * (s.channels / s.groups) * panel_count(s.out_channels / s.groups) * kPanel;
}

// What stays the same over a call.
struct Task {
  const KernelTable& table;
  const ConvShape& shape;
  const GemmBlocking& blocking;
  const float* src;
  const float* zeros;
  float* dst;
  const Epilogue& epilogue;
  void* scratch;
};

void run_phase_row(const Task& task, int64_t group, int64_t n, const float* packed, PhaseRow& phase) {
  const ConvShape& s = task.shape;
  const int64_t in = s.channels / s.groups, out = s.out_channels / s.groups;
  phase.image = task.src + n * s.h * s.w * s.src_pixel_stride + group * in;
  const int64_t first_pixel = (n * s.oh + phase.y) * s.ow + phase.first_x;
  PhasePost post{task.epilogue.post, task.epilogue.post_ctx, first_pixel, s.stride_w};
  Epilogue epilogue = task.epilogue;
  if (epilogue.residual != nullptr) epilogue.residual += first_pixel * epilogue.residual_stride;
  epilogue.residual_stride *= s.stride_w;
  if (epilogue.post != nullptr) {
    epilogue.post = &PhasePost::call;
    epilogue.post_ctx = &post;
  }
  GemmArgs args;
  args.m = (s.ow - phase.first_x + s.stride_w - 1) / s.stride_w;
  args.n = out;
  args.k = in;
  args.segments = static_cast<int64_t>(phase.rows.count) * phase.columns.count;
  args.fill = &fill_phase_rows;
  args.fill_ctx = &phase;
  args.zeros = task.zeros;
  args.b = packed;
  args.c = task.dst + first_pixel * s.dst_pixel_stride;
  args.c_stride = s.stride_w * s.dst_pixel_stride;
  args.col_begin = group * out;
  args.epilogue = &epilogue;
  gemm_block(task.table, args, task.blocking, 0, args.m, 0, panel_count(out), task.scratch);
}

// Output lines [begin, end), counted over the batch. Phases are outermost, so that one's weights stay in cache.
void run_lines(const Task& task, const float* packed, int64_t begin, int64_t end) {
  const ConvShape& s = task.shape;
  const int64_t tap_floats = (s.channels / s.groups) * panel_count(s.out_channels / s.groups) * kPanel;
  for (int64_t group = 0; group < s.groups; ++group) {
    const float* of_phase = packed + group * group_floats(s);
    for (int64_t py = 0; py < s.stride_h; ++py) {
      for (int64_t px = 0; px < s.stride_w; ++px) {
        PhaseRow phase{&s, nullptr, task.zeros, row_taps(s, py), column_taps(s, px), 0, px};
        for (int64_t line = begin; line < end && px < s.ow; ++line) {
          phase.y = line % s.oh;
          if (phase.y % s.stride_h == py) run_phase_row(task, group, line / s.oh, of_phase, phase);
        }
        of_phase += phase.rows.count * phase.columns.count * tap_floats;
      }
    }
  }
}

}  // namespace

bool conv_transpose_supports(const ConvShape& s) {
  return std::max({s.kh, s.kw, s.stride_h, s.stride_w}) <= kMaxTransposeTaps;
}

int64_t conv_transpose_packed_floats(const ConvShape& shape) { return shape.groups * group_floats(shape); }

void conv_transpose_pack_weights(const ConvShape& s, const float* weights, float* packed) {
  const int64_t in = s.channels / s.groups, out = s.out_channels / s.groups;
  const auto pack_phase = [&](int64_t group, const AxisTaps& rows, const AxisTaps& columns) {
    for (int64_t panel = 0; panel < panel_count(out); ++panel) {
      for (int64_t tap = 0; tap < static_cast<int64_t>(rows.count) * columns.count; ++tap) {
        const int64_t at = rows.taps[tap / columns.count] * s.kw + columns.taps[tap % columns.count];
        for (int64_t c = group * in; c < (group + 1) * in; ++c) {
          for (int64_t o = panel * kPanel; o < (panel + 1) * kPanel; ++o) {
            *packed++ = o < out ? weights[(c * out + o) * s.kh * s.kw + at] : 0.0f;
          }
        }
      }
    }
  };
  for (int64_t group = 0; group < s.groups; ++group) {
    for (int64_t py = 0; py < s.stride_h; ++py) {
      for (int64_t px = 0; px < s.stride_w; ++px) pack_phase(group, row_taps(s, py), column_taps(s, px));
    }
  }
}

GemmBlocking conv_transpose_blocking(const KernelTable& table, const ConvShape& s) {
  return choose_blocking(table, (s.ow + s.stride_w - 1) / s.stride_w, s.out_channels / s.groups, s.channels / s.groups,
                         most_taps(s));
}

int64_t conv_transpose_workspace_bytes(const ConvShape& shape, const GemmBlocking& blocking, int threads) {
  return zeros_bytes(shape) + threads * gemm_scratch_bytes(blocking, most_taps(shape));
}

void conv_transpose(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking, const float* src,
                    const float* packed, float* dst, const Epilogue& epilogue, ThreadTeam& team, void* workspace) {
  float* zeros = static_cast<float*>(workspace);
  std::memset(zeros, 0, zeros_bytes(shape));
  char* scratch = static_cast<char*>(workspace) + zeros_bytes(shape);
  const int64_t scratch_bytes = gemm_scratch_bytes(blocking, most_taps(shape));
  const int64_t lines = shape.batch * shape.oh;
  const int parts = static_cast<int>(std::min<int64_t>(team.size(), lines));
  team.run(parts, [&](int part) {
    const Task task{table, shape, blocking, src, zeros, dst, epilogue, scratch + part * scratch_bytes};
    run_lines(task, packed, lines * part / parts, lines * (part + 1) / parts);
  });
}

}  // namespace sinter::cpu
