// Batches divided by speed: every row once, in order; who gets how many; when shares change.
#include "runtime/split.h"

#include <gtest/gtest.h>

#include <random>

namespace sinter::runtime {
namespace {

std::vector<int64_t> sizes(const std::vector<Share>& shares) {
  std::vector<int64_t> rows;
  for (const Share& share : shares) rows.push_back(share.rows);
  return rows;
}

using Rows = std::vector<int64_t>;

TEST(SplitRows, FollowsTheWeights) {
  EXPECT_EQ(sizes(split_rows(100, std::vector<double>{1, 1}, 1, INT64_MAX)), (Rows{50, 50}));
  EXPECT_EQ(sizes(split_rows(100, std::vector<double>{3, 1}, 1, INT64_MAX)), (Rows{75, 25}));
  EXPECT_EQ(sizes(split_rows(7, std::vector<double>{1, 1, 1}, 1, INT64_MAX)), (Rows{3, 2, 2}));
  const std::vector<Share> without = split_rows(9, std::vector<double>{1, 0, 2}, 1, INT64_MAX);
  ASSERT_EQ(sizes(without), (Rows{3, 6}));
  EXPECT_EQ(without[1].device, 2u);
  EXPECT_TRUE(split_rows(9, std::vector<double>{0, 0}, 1, INT64_MAX).empty());
}

TEST(SplitRows, KeepsTheRangeOfAnEngine) {
  EXPECT_EQ(sizes(split_rows(1, std::vector<double>{1, 1}, 1, 8)), (Rows{1}));
  EXPECT_EQ(sizes(split_rows(6, std::vector<double>{1, 1}, 4, 8)), (Rows{6}));  // 3 each would be too few
  EXPECT_EQ(sizes(split_rows(8, std::vector<double>{1, 1}, 4, 8)), (Rows{4, 4}));
  EXPECT_EQ(sizes(split_rows(34, std::vector<double>{1, 1}, 1, 8)),
            (Rows{6, 6, 5, 6, 6, 5}));  // several parts a device
  EXPECT_EQ(sizes(split_rows(10, std::vector<double>{100, 1}, 1, INT64_MAX)), (Rows{10}));
}

TEST(SplitRows, GivesEveryRowOnceInOrder) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<double> weights(1 + random() % 8);
    for (double& weight : weights) weight = random() % 4 == 0 ? 0 : 0.01 + static_cast<double>(random() % 1000);
    weights[random() % weights.size()] = 1;
    const int64_t rows = 1 + random() % 300, least = 1 + random() % 6, most = 2 * least + random() % 40;
    int64_t next = 0;
    for (const Share& share : split_rows(rows, weights, least, most)) {
      ASSERT_EQ(share.begin, next);
      ASSERT_GT(weights[share.device], 0);
      ASSERT_LE(share.rows, most);
      if (rows >= least) {
        ASSERT_GE(share.rows, least) << rows;
      }
      next += share.rows;
    }
    ASSERT_EQ(next, rows);
  }
}

TEST(Balance, FollowsMeasurementsThatDiffer) {
  Balance balance(2);
  EXPECT_EQ(balance.shares(), (std::vector<double>{0.5, 0.5}));
  balance.add(std::vector<double>{300, 100});
  EXPECT_NEAR(balance.shares()[0], 0.75, 1e-9);
  balance.add(std::vector<double>{305, 100});  // holds still
  EXPECT_NEAR(balance.shares()[0], 0.75, 1e-9);
  for (int i = 0; i < 40; ++i) balance.add(std::vector<double>{100, 100});  // one grew slow
  EXPECT_NEAR(balance.shares()[0], 0.5, 0.03);
}

TEST(Balance, TakesNearlyEqualOnesForEqual) {
  Balance balance(3);
  balance.add(std::vector<double>{100, 103, 98});
  for (const double share : balance.shares()) EXPECT_DOUBLE_EQ(share, 1.0 / 3);
}

TEST(Balance, LeavesOutWhatIsRemoved) {
  Balance balance(3);
  balance.add(std::vector<double>{100, 200, 100});
  balance.remove(1);
  EXPECT_NEAR(balance.shares()[0], 0.5, 1e-9);
  EXPECT_EQ(balance.shares()[1], 0);
  balance.add(std::vector<double>{100, 0, 100});
  EXPECT_EQ(balance.shares()[1], 0);
}

}  // namespace
}  // namespace sinter::runtime
