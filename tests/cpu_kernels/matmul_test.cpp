#include "cpu/kernels/matmul.h"

#include <gtest/gtest.h>

#include "cpu_kernels/support.h"

namespace sinter::cpu {
namespace {

struct Case {
  int64_t batch, m, n, k;
  bool transposed = false, dynamic = false, broadcast_b = false;
  int threads = 1;
};

// C with guard columns; every element of the result is checked, and that nothing else was written.
void check(const KernelTable& table, const Case& t, Epilogue epilogue, const GemmBlocking* forced = nullptr) {
  SCOPED_TRACE(fmt::format("{} batch {} m {} n {} k {} transposed {} dynamic {} threads {} activation {}",
                           isa_name(table.isa), t.batch, t.m, t.n, t.k, t.transposed, t.dynamic, t.threads,
                           static_cast<int>(epilogue.activation)));
  MatmulShape s;
  s.batch = t.batch, s.m = t.m, s.n = t.n, s.k = t.k;
  s.a_stride = t.k + 3, s.c_stride = t.n + 5;
  s.a_batch_stride = s.a_stride * t.m, s.c_batch_stride = s.c_stride * t.m;
  s.b_transposed = t.transposed;
  s.b_stride = t.transposed ? t.k + 1 : t.n + 2;
  const int64_t b_rows = t.transposed ? t.n : t.k, b_floats = b_rows * s.b_stride;
  const auto a = random_floats(t.batch * s.a_batch_stride, 1), b = random_floats(t.batch * b_floats, 2);
  std::vector<float> c(t.batch * s.c_batch_stride, 77.0f);
  const auto team = make_thread_pool(t.threads);
  const GemmBlocking blocking = forced != nullptr ? *forced : matmul_blocking(table, s);
  if (t.dynamic) {
    s.b_batch_stride = t.broadcast_b ? 0 : b_floats;
    Workspace workspace(matmul_dynamic_workspace_bytes(s, blocking, t.threads));
    matmul_dynamic(table, s, blocking, a.data(), b.data(), c.data(), epilogue, *team, workspace.get());
  } else {
    const int64_t packed_floats = matmul_packed_floats(t.n, t.k);
    s.b_batch_stride = t.broadcast_b ? 0 : packed_floats;
    std::vector<float> packed(packed_floats * t.batch);
    for (int64_t i = 0; i < t.batch; ++i) {
      matmul_pack(table, t.n, t.k, b.data() + i * b_floats, s.b_stride, t.transposed,
                  packed.data() + i * packed_floats);
    }
    Workspace workspace(matmul_workspace_bytes(s, blocking, t.threads));
    matmul(table, s, blocking, a.data(), packed.data(), c.data(), epilogue, *team, workspace.get());
  }
  for (int64_t i = 0; i < t.batch; ++i) {
    for (int64_t m = 0; m < t.m; ++m) {
      for (int64_t n = 0; n < s.c_stride; ++n) {
        const float got = c[i * s.c_batch_stride + m * s.c_stride + n];
        if (n >= t.n) {
          ASSERT_EQ(got, 77.0f) << "written outside at row " << m << " column " << n;
          continue;
        }
        double sum = 0, magnitude = 2;  // 2 for bias and residual
        for (int64_t k = 0; k < t.k; ++k) {
          const float* of_b = b.data() + (t.broadcast_b ? 0 : i * b_floats);
          const double p = double(a[i * s.a_batch_stride + m * s.a_stride + k]) *
                           of_b[t.transposed ? n * s.b_stride + k : k * s.b_stride + n];
          sum += p, magnitude += std::abs(p);
        }
        const double want = naive_epilogue(epilogue, sum, i * t.m + m, n);
        ASSERT_NEAR(got, want, 1.2 * sum_bound(t.k, magnitude, want)) << "row " << m << " column " << n;
      }
    }
  }
}

TEST(Matmul, SizesOnEveryIsa) {
  for (const KernelTable* table : all_tables()) {
    for (int64_t m : {1, 2, 5, 7, 13, 14, 15, 29, 49}) {
      for (int64_t n : {1, 15, 16, 17, 33, 64, 79, 130}) check(*table, {1, m, n, m * 3 % 23 + n % 5}, Epilogue{});
    }
    for (int64_t k : {0, 1, 3, 4, 5, 64, 1025, 2500}) check(*table, {1, 9, 50, k}, Epilogue{});
    for (auto [m, n] : {std::pair{0, 5}, {5, 0}, {0, 0}}) check(*table, {1, m, n, 4}, Epilogue{});
  }
}

TEST(Matmul, EveryTileShapeAndBlocking) {
  for (const KernelTable* table : all_tables()) {
    for (int panels = 1; panels <= table->max_panels; ++panels) {
      for (int rows = 1; rows <= table->max_rows[panels - 1]; ++rows) {
        for (int64_t k_block : {16, 64}) {
          const GemmBlocking blocking{panels, rows, k_block, 2};
          check(*table, {1, 3 * rows + rows / 2, 83, 37}, with_activation(Activation::kRelu), &blocking);
        }
      }
    }
  }
}

TEST(Matmul, BatchesTransposesThreads) {
  for (const KernelTable* table : all_tables()) {
    for (bool dynamic : {false, true}) {
      for (bool transposed : {false, true}) {
        for (int threads : {1, 2, 3}) {
          for (int64_t batch : {0, 1, 2, 5}) {
            check(*table, {batch, 19, 37, 21, transposed, dynamic, false, threads}, Epilogue{});
            check(*table, {batch, 3, 130, 33, transposed, dynamic, true, threads}, Epilogue{});
          }
        }
      }
    }
  }
}

TEST(Matmul, Epilogues) {
  const int64_t m = 23, n = 45;
  const auto bias = random_floats(2 * m + n, 3), residual = random_floats(2 * m * (n + 1), 4);
  for (const KernelTable* table : all_tables()) {
    for (int kind = 0; kind < kActivationCount; ++kind) {
      for (int variant = 0; variant < 8; ++variant) {
        Epilogue e = with_activation(static_cast<Activation>(kind));
        if (e.activation == Activation::kExp) continue;  // its slope is not bounded; activation_test covers it
        if (variant & 1) e.bias = bias.data();
        e.bias_per_row = variant & 2;
        if (variant & 4) e.residual = residual.data(), e.residual_stride = n + 1;
        e.residual_after_activation = variant & 2;
        check(*table, {2, m, n, 19}, e);
      }
    }
  }
}

TEST(Matmul, PostSeesEveryElementOnce) {
  for (const KernelTable* table : all_tables()) {
    MatmulShape s;
    s.m = 31, s.n = 70, s.k = 40, s.a_stride = 40, s.c_stride = 70;
    const auto a = random_floats(31 * 40, 1), b = random_floats(40 * 70, 2);
    std::vector<float> packed(matmul_packed_floats(s.n, s.k)), plain(31 * 70), posted(31 * 70);
    matmul_pack(*table, s.n, s.k, b.data(), 70, false, packed.data());
    GemmBlocking blocking = matmul_blocking(*table, s);
    blocking.k_block = 16;
    Workspace workspace(matmul_workspace_bytes(s, blocking, 1));
    Epilogue e = with_activation(Activation::kTanh);
    matmul(*table, s, blocking, a.data(), packed.data(), plain.data(), e, inline_team(), workspace.get());
    std::vector<int> seen(31 * 70);
    e.post_ctx = seen.data();
    e.post = [](void* ctx, float* row_data, int64_t row, int64_t col, int count) {
      for (int i = 0; i < count; ++i) {
        ++static_cast<int*>(ctx)[row * 70 + col + i];
        row_data[i] = 2 * row_data[i];
      }
    };
    matmul(*table, s, blocking, a.data(), packed.data(), posted.data(), e, inline_team(), workspace.get());
    for (int i = 0; i < 31 * 70; ++i) {
      ASSERT_EQ(seen[i], 1);
      ASSERT_EQ(posted[i], 2 * plain[i]);
    }
  }
}

TEST(Matmul, NanAndInfinityPropagate) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  for (const KernelTable* table : all_tables()) {
    for (int kind = 0; kind < kActivationCount; ++kind) {
      MatmulShape s;
      s.m = 15, s.n = 20, s.k = 6, s.a_stride = 6, s.c_stride = 20;
      auto a = random_floats(15 * 6, 1), b = random_floats(6 * 20, 2);
      a[2 * 6 + 1] = nan;                       // row 2
      a[4 * 6 + 3] = inf, b[3 * 20 + 7] = 0.0f;  // (4, 7): inf * 0
      std::vector<float> packed(matmul_packed_floats(s.n, s.k)), c(15 * 20);
      matmul_pack(*table, s.n, s.k, b.data(), 20, false, packed.data());
      const GemmBlocking blocking = matmul_blocking(*table, s);
      Workspace workspace(matmul_workspace_bytes(s, blocking, 1));
      const Epilogue e = with_activation(static_cast<Activation>(kind));
      matmul(*table, s, blocking, a.data(), packed.data(), c.data(), e, inline_team(), workspace.get());
      for (int i = 0; i < 20; ++i) EXPECT_TRUE(std::isnan(c[2 * 20 + i])) << isa_name(table->isa) << kind;
      EXPECT_TRUE(std::isnan(c[4 * 20 + 7])) << isa_name(table->isa) << kind;
      for (int i = 0; i < 20; ++i) EXPECT_FALSE(std::isnan(c[3 * 20 + i]));
    }
  }
}

TEST(SplitGrid, EqualWorkGoesToFewerBytes) {
  const auto split = [](int parts, int64_t m, int64_t n, int64_t m_bytes, int64_t n_bytes) {
    const GridSplit grid = split_grid(parts, m, n, m_bytes, n_bytes);
    return std::pair<int, int>(grid.m_parts, grid.n_parts);
  };
  EXPECT_EQ(split(2, 8, 8, 100, 1), (std::pair<int, int>(2, 1)));
  EXPECT_EQ(split(2, 8, 8, 1, 100), (std::pair<int, int>(1, 2)));
  EXPECT_EQ(split(4, 8, 8, 10, 10), (std::pair<int, int>(2, 2)));
  EXPECT_EQ(split(2, 7, 8, 100, 1), (std::pair<int, int>(1, 2)));  // work comes first: 28 for 32
  EXPECT_EQ(split(2, 8, 1, 1, 100), (std::pair<int, int>(2, 1)));
  EXPECT_EQ(split(1, 8, 8, 1, 1), (std::pair<int, int>(1, 1)));
}

}  // namespace
}  // namespace sinter::cpu
