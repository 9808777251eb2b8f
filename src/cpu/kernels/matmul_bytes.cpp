#include "cpu/kernels/matmul_bytes.h"

#include <algorithm>

namespace sinter::cpu {
namespace {

constexpr int64_t kGrain = 32 << 10;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }
int64_t units_of(int64_t k) { return (k + kUnitBytes - 1) / kUnitBytes; }
int64_t a_values(const MatmulShape& s) { return (s.a_batch_stride != 0 ? s.batch : 1) * s.m * s.k; }

struct Rows {
  const uint8_t* a;  // row `first_row` of the problem
  int64_t stride, first_row;
};

int fill_rows(const void* ctx, int64_t row, int count, const void** out) {
  const Rows& rows = *static_cast<const Rows*>(ctx);
  for (int r = 0; r < count; ++r) out[r] = rows.a + (row - rows.first_row + r) * rows.stride;
  return 1;
}

// The workspace: signed A made unsigned, sums of rows, then for each thread or the team B's panels and sums, the start of sums, and
// the driver's scratch.
struct Parts {
  int64_t row_sums, items;
  int64_t sums, start, scratch, item_bytes;  // within an item's part
};
Parts parts_of(const MatmulShape& s, const GemmBlocking& blocking, bool flips, bool ahead, bool row_sums) {
  Parts parts;
  parts.row_sums = flips ? round_up(a_values(s), 64) : 0;
  parts.items = parts.row_sums + (row_sums ? round_up(s.batch * s.m * 4, 64) : 0);
  parts.sums = ahead ? 0 : round_up(matmul_bytes_packed_bytes(s.n, s.k), 64);
  parts.start = parts.sums + (ahead ? 0 : matmul_bytes_sums(s.n) * 4);
  parts.scratch = parts.start + (matmul_bytes_sums(s.n) + kColumnSlack) * 4;
  parts.item_bytes = parts.scratch + gemm_scratch_bytes(blocking, 1);
  return parts;
}

struct Job {
  const KernelTable& table;
  const MatmulShape& shape;
  const GemmBlocking& blocking;
  const Parts& parts;
  const uint8_t* a;
  const ByteRight& b;
  char* c;
  const Epilogue& epilogue;
  bool a_signed;
  int zero;
  const int32_t* row_sums;
};

void pack_panels(const KernelTable& table, int64_t n, int64_t k, const uint8_t* b, bool is_unsigned, int64_t begin, int64_t end, int8_t* packed,
                 int32_t* sums) {
  for (int64_t panel = begin; panel < end; ++panel) {
    const int64_t col = panel * kPanel;
    table.pack_byte_panel(b + col, n, k, static_cast<int>(std::min<int64_t>(kPanel, n - col)), is_unsigned,
                          packed + col * units_of(k) * kUnitBytes, sums + col);
  }
}

// Problem `index` of the batch; `fresh`: the memory does not hold its B yet.
void run_item(const Job& job, int64_t index, bool fresh, ThreadTeam& team, char* memory) {
  const MatmulShape& s = job.shape;
  const int64_t which = s.b_batch_stride != 0 ? index : 0, panels = panel_count(s.n);
  const int8_t* packed = job.b.packed + which * matmul_bytes_packed_bytes(s.n, s.k);
  const int32_t* sums = job.b.sums + which * matmul_bytes_sums(s.n);
  if (job.b.packed == nullptr) {
    auto* to = reinterpret_cast<int8_t*>(memory);
    auto* to_sums = reinterpret_cast<int32_t*>(memory + job.parts.sums);
    if (fresh) {
      team.split(panels, 1, [&](int64_t begin, int64_t end) {
        pack_panels(job.table, s.n, s.k, job.b.plain + which * s.b_batch_stride, job.b.is_unsigned, begin, end, to, to_sums);
      });
    }
    packed = to;
    sums = to_sums;
  }
  auto* start = reinterpret_cast<int32_t*>(memory + job.parts.start);
  const int32_t* given = job.epilogue.bytes->start;
  for (int64_t j = 0; j < s.n; ++j) {
    start[j] = static_cast<int32_t>(static_cast<uint32_t>(given[j]) - static_cast<uint32_t>(job.zero) * static_cast<uint32_t>(sums[j]));
  }
  std::fill_n(start + s.n, matmul_bytes_sums(s.n) + kColumnSlack - s.n, 0);
  ByteEpilogue bytes = *job.epilogue.bytes;
  bytes.start = start;
  bytes.row_sums = job.row_sums;
  Epilogue epilogue = job.epilogue;
  epilogue.bytes = &bytes;
  const int64_t c_bytes = byte_store_bytes(bytes.store);
  const Rows rows{job.a + index * s.a_batch_stride, s.k, index * s.m};
  GemmArgs args;
  args.m = s.m;
  args.n = s.n;
  args.first_row = index * s.m;
  args.k = units_of(s.k);
  args.tail = static_cast<int>(s.k % kUnitBytes);
  args.a_signed = job.a_signed;
  args.fill = &fill_rows;
  args.fill_ctx = &rows;
  args.b = packed;
  args.c = job.c + index * (s.c_batch_stride - s.m * s.c_stride) * c_bytes;
  args.c_bytes = static_cast<int>(c_bytes);
  args.c_stride = s.c_stride;
  args.epilogue = &epilogue;
  gemm_on_team(job.table.bytes, args, job.blocking, team, memory + job.parts.scratch);
}

// Sums of A's rows, by rows of the output.
template <typename T>
void sum_rows(const MatmulShape& s, const T* a, ThreadTeam& team, int32_t* sums) {
  team.split(s.batch * s.m, std::max<int64_t>(1, kGrain / std::max<int64_t>(s.k, 1)), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* from = a + row / s.m * s.a_batch_stride + row % s.m * s.k;
      int32_t sum = 0;
      for (int64_t i = 0; i < s.k; ++i) sum += from[i];
      sums[row] = sum;
    }
  });
}

}  // namespace

int64_t matmul_bytes_packed_bytes(int64_t n, int64_t k) { return panel_count(n) * kPanel * units_of(k) * kUnitBytes; }

void matmul_bytes_pack(const KernelTable& table, int64_t n, int64_t k, const uint8_t* b, bool is_unsigned, int8_t* packed, int32_t* sums) {
  pack_panels(table, n, k, b, is_unsigned, 0, panel_count(n), packed, sums);
}

GemmBlocking matmul_bytes_blocking(const KernelTable& table, const MatmulShape& shape, int panels) {
  return choose_blocking(table.bytes, shape.m, shape.n, units_of(shape.k), 1, false, panels);
}

int64_t matmul_bytes_workspace_bytes(const MatmulShape& shape, const GemmBlocking& blocking, bool flips, bool ahead, bool row_sums,
                                     int threads) {
  const Parts parts = parts_of(shape, blocking, flips, ahead, row_sums);
  return parts.items + std::max(threads * round_up(parts.item_bytes, 64), parts.scratch + threads * gemm_scratch_bytes(blocking, 1));
}

void matmul_bytes(const KernelTable& table, const MatmulShape& shape, const GemmBlocking& blocking, const ByteSource& a, const ByteRight& b,
                  void* c, const Epilogue& epilogue, ThreadTeam& team, void* workspace) {
  const bool row_sums = epilogue.bytes->weight_zero != nullptr;
  const bool flips = flips_source(table, a.is_signed), a_signed = a.is_signed && !flips;
  const Parts parts = parts_of(shape, blocking, flips, b.packed != nullptr, row_sums);
  char* memory = static_cast<char*>(workspace);
  const auto* source = static_cast<const uint8_t*>(a.data);
  if (flips) {
    auto* flipped = reinterpret_cast<uint8_t*>(memory);
    team.split(a_values(shape), kGrain, [&](int64_t begin, int64_t end) { table.flip_bytes(source + begin, flipped + begin, end - begin); });
    source = flipped;
  }
  auto* sums = reinterpret_cast<int32_t*>(memory + parts.row_sums);
  if (row_sums && a_signed) sum_rows(shape, reinterpret_cast<const int8_t*>(source), team, sums);
  else if (row_sums) sum_rows(shape, source, team, sums);
  const Job job{table, shape, blocking, parts, source, b, static_cast<char*>(c), epilogue, a_signed, a_signed ? static_cast<int8_t>(a.zero) : a.zero, row_sums ? sums : nullptr};
  char* items = memory + parts.items;
  if (team.size() == 1 || shape.batch < team.size()) {
    for (int64_t i = 0; i < shape.batch; ++i) run_item(job, i, i == 0 || shape.b_batch_stride != 0, team, items);
    return;
  }
  const int threads = team.size();
  team.run(threads, [&](int part) {
    const int64_t first = shape.batch * part / threads, last = shape.batch * (part + 1) / threads;
    char* own = items + part * round_up(parts.item_bytes, 64);
    for (int64_t i = first; i < last; ++i) run_item(job, i, i == first || shape.b_batch_stride != 0, inline_team(), own);
  });
}

}  // namespace sinter::cpu
