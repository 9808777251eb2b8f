// Attention, recurrent operators, losses, signals, detection and text.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/op_harness.h"
#include "ops/regular_expression.h"

namespace sinter::testing {
namespace {

const double kInf = HUGE_VAL, kNan = std::nan("");
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// One head of size 1 whose scores are q·k, one query unless said.
OpRow attention(std::vector<double> keys, std::vector<double> values) {
  const auto count = static_cast<int64_t>(keys.size());
  return OpRow("Attention")
      .attr("scale", 1.0f)
      .input(f32({1, 1, 1, 1}, {1}))
      .input(f32({1, 1, count, 1}, keys))
      .input(f32({1, 1, count, 1}, values));
}

TEST(Attention, MasksDecideWhatTakesPart) {
  const double p = std::exp(1) / (1 + std::exp(1));
  attention({0, 1}, {0, 1}).expect(f32({1, 1, 1, 1}, {p}), 1e-6);
  attention({0, 1}, {5, 7}).input(typed(DType::kBool, {1, 2}, {1, 0})).expect(f32({1, 1, 1, 1}, {5}));
  attention({0, 1}, {5, 7}).input(typed(DType::kBool, {1, 2}, {0, 0})).expect(f32({1, 1, 1, 1}, {0}));
  attention({0, kNan}, {5, kNan}).input(typed(DType::kBool, {1, 2}, {1, 0})).expect(f32({1, 1, 1, 1}, {5}));
  attention({0, kNan}, {5, 7}).expect(f32({1, 1, 1, 1}, {kNan}));
  attention({3, 1}, {5, 7}).input(f32({2}, {0, -kInf})).expect(f32({1, 1, 1, 1}, {5}));
  // A mask shorter than the keys hides the rest; causal masking without past leaves the first key.
  attention({3, 1, 2}, {5, 7, 9}).input(f32({1, 2}, {-kInf, 0})).expect(f32({1, 1, 1, 1}, {7}));
  attention({3, 1}, {5, 7}).attr("is_causal", int64_t{1}).expect(f32({1, 1, 1, 1}, {5}));
  attention({3, 1}, {5, 7}).input(f32({3}, {0, 0, 0})).expect_error("attn_mask");
  attention({3, 1}, {5, 7}).input(f32({2, 2}, {0, 0, 0, 0})).expect_infer_error("attn_mask");
  const Tensor two = f32({1, 1, 2, 1}, {3, 1}), three = f32({1, 1, 3, 1}, {5, 7, 9});
  OpRow("Attention").input(two).input(two).input(three).expect_infer_error("lengths of K and V");
}

TEST(Attention, PastWindowsAndGroups) {
  // The past comes first; the only query stands behind it, and sees it through a window of its own width.
  const auto with_past = [] {
    return attention({0}, {4})
        .absent()
        .input(f32({1, 1, 1, 1}, {0}))
        .input(f32({1, 1, 1, 1}, {2}))
        .attr("is_causal", int64_t{1})
        .outputs(3);
  };
  const Tensor keys = f32({1, 1, 2, 1}, {0, 0}), values = f32({1, 1, 2, 1}, {2, 4});
  with_past().expect_all({f32({1, 1, 1, 1}, {3}), keys, values}, 1e-6);
  with_past().attr("left_window_size", int64_t{0}).expect_all({f32({1, 1, 1, 1}, {4}), keys, values}, 1e-6);
  // Packed heads: two query heads share one key head.
  OpRow("Attention")
      .attr("q_num_heads", int64_t{2})
      .attr("kv_num_heads", int64_t{1})
      .attr("scale", 1.0f)
      .attr("softcap", 2.0f)
      .input(f32({1, 1, 2}, {0, 1}))
      .input(f32({1, 2, 1}, {0, 100}))
      .input(f32({1, 2, 1}, {0, 1}))
      .expect(f32({1, 1, 2}, {0.5, std::exp(2) / (1 + std::exp(2))}), 1e-6);
  OpRow("Attention")
      .input(f32({1, 1, 2}, {0, 1}))
      .input(f32({1, 1, 2}, {0, 1}))
      .input(f32({1, 1, 2}, {0, 1}))
      .expect_error("q_num_heads");
}

TEST(RotaryEmbedding, HalvesAndPairs) {
  const Tensor x = f32({1, 1, 1, 4}, {1, 2, 3, 4}), cos = f32({1, 1, 2}, {0, 1}), sin = f32({1, 1, 2}, {1, 0});
  OpRow("RotaryEmbedding").input(x).input(cos).input(sin).expect(f32({1, 1, 1, 4}, {-3, 2, 1, 4}));
  OpRow("RotaryEmbedding")
      .attr("interleaved", int64_t{1})
      .input(x)
      .input(cos)
      .input(sin)
      .expect(f32({1, 1, 1, 4}, {-2, 1, 3, 4}));
  OpRow("RotaryEmbedding")
      .attr("rotary_embedding_dim", int64_t{2})
      .input(x)
      .input(f32({2, 1}, {1, 0}))
      .input(f32({2, 1}, {0, 1}))
      .input(i64({1, 1}, {1}))
      .expect(f32({1, 1, 1, 4}, {-2, 1, 3, 4}));
  OpRow("RotaryEmbedding")
      .attr("rotary_embedding_dim", int64_t{2})
      .input(x)
      .input(f32({2, 1}, {1, 0}))
      .input(f32({2, 1}, {0, 1}))
      .input(i64({1, 1}, {2}))
      .expect_error("[0,1]");
}

TEST(Recurrent, OneStepByHand) {
  const Tensor x = f32({2, 1, 1}, {1, 2}), one = f32({1, 1, 1}, {1});
  const double h1 = std::tanh(1), h2 = std::tanh(2 + 0.5 * h1);
  const auto rnn = [&] { return OpRow("RNN").input(x).input(one).input(f32({1, 1, 1}, {0.5})).outputs(2); };
  rnn().expect_all({f32({2, 1, 1, 1}, {h1, h2}), f32({1, 1, 1}, {h2})}, 1e-6);
  const double r1 = std::tanh(2), r2 = std::tanh(1 + 0.5 * r1);
  rnn().attr("direction", std::string("reverse")).expect_all({f32({2, 1, 1, 1}, {r2, r1}), f32({1, 1, 1}, {r2})}, 1e-6);
  rnn()
      .absent()
      .input(typed(DType::kI32, {1}, {1}))
      .expect_all({f32({2, 1, 1, 1}, {h1, 0}), f32({1, 1, 1}, {h1})}, 1e-6);
  rnn().absent().input(typed(DType::kI32, {1}, {3})).expect_error("[0,2]");
  // LSTM, gates i o f c with weights 1 2 3 4, no recurrence.
  const double c = sigmoid(1) * std::tanh(4);
  OpRow("LSTM")
      .input(f32({1, 1, 1}, {1}))
      .input(f32({1, 4, 1}, {1, 2, 3, 4}))
      .input(f32({1, 4, 1}, {0, 0, 0, 0}))
      .outputs(3)
      .expect_all({f32({1, 1, 1, 1}, {sigmoid(2) * std::tanh(c)}), f32({1, 1, 1}, {sigmoid(2) * std::tanh(c)}),
                   f32({1, 1, 1}, {c})},
                  1e-6);
  // GRU, gates z r h with weights 1 2 3: H = (1 - z)·h.
  OpRow("GRU")
      .input(f32({1, 1, 1}, {1}))
      .input(f32({1, 3, 1}, {1, 2, 3}))
      .input(f32({1, 3, 1}, {0, 0, 0}))
      .outputs(2)
      .expect_all(
          {f32({1, 1, 1, 1}, {(1 - sigmoid(1)) * std::tanh(3)}), f32({1, 1, 1}, {(1 - sigmoid(1)) * std::tanh(3)})},
          1e-6);
  OpRow("GRU")
      .input(f32({1, 1, 2}, {1, 1}))
      .input(f32({1, 3, 1}, {1, 2, 3}))
      .input(f32({1, 3, 1}, {0, 0, 0}))
      .expect_error("[1,3,2]");
}

TEST(Losses, IgnoredClassesAndWeights) {
  const Tensor x = f32({2, 2}, {-1, -2, -3, -4});
  const auto loss = [&](const char* reduction) {
    return OpRow("NegativeLogLikelihoodLoss").attr("reduction", std::string(reduction)).input(x);
  };
  loss("none").input(i64({2}, {0, 1})).expect(f32({2}, {1, 4}));
  loss("mean").attr("ignore_index", int64_t{-7}).input(i64({2}, {-7, 1})).expect(f32({}, {4}));
  loss("mean").input(i64({2}, {0, 1})).input(f32({2}, {3, 1})).expect(f32({}, {7.0 / 4}), 1e-6);
  loss("sum").input(i64({2}, {0, 2})).expect_error("[0,1]");
  OpRow("SoftmaxCrossEntropyLoss")
      .input(f32({1, 2}, {1000, 1000}))
      .input(i64({1}, {0}))
      .outputs(2)
      .expect_all({f32({}, {std::log(2)}), f32({1, 2}, {-std::log(2), -std::log(2)})}, 1e-6);
}

// Without bodies it is attention; two heads of queries share one of keys. Equal scores average the values.
TEST(FlexAttention, WithoutBodies) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    const Tensor q = typed(dtype, {1, 2, 1, 2}, {0, 0, 1, 0}), k = typed(dtype, {1, 1, 3, 2}, {0, 1, 0, 2, 0, 3}), v = typed(dtype, {1, 1, 3, 1}, {3, 6, 0});
    const double tolerance = dtype == DType::kF32 ? 1e-6 : 1e-12;
    OpRow("FlexAttention", "ai.onnx.preview").input(q).input(k).input(v).expect(typed(dtype, {1, 2, 1, 1}, {3, 3}), tolerance);
    const double high = std::exp(0.5);
    OpRow("FlexAttention", "ai.onnx.preview").attr("scale", 0.5f).input(typed(dtype, {1, 1, 1, 1}, {1})).input(typed(dtype, {1, 1, 2, 1}, {1, 0})).input(typed(dtype, {1, 1, 2, 1}, {1, 0}))
        .expect(typed(dtype, {1, 1, 1, 1}, {high / (high + 1)}), tolerance);
    OpRow("FlexAttention", "ai.onnx.preview").input(q).input(k).input(typed(dtype, {1, 1, 2, 1}, {1, 2})).expect_error("lengths of K and V");
  }
}

TEST(NonMaxSuppression, OverlapAndLimits) {
  const auto nms = [](double most, double iou, double score) {
    return OpRow("NonMaxSuppression")
        .input(f32({1, 3, 4}, {0, 0, 1, 1, 1, 1.1, 0, 0.1, 0, 5, 1, 6}))
        .input(f32({1, 1, 3}, {0.9, 0.8, 0.7}))
        .input(i64({}, {most}))
        .input(f32({}, {iou}))
        .input(f32({}, {score}));
  };
  nms(5, 0.5, 0).expect(i64({2, 3}, {0, 0, 0, 0, 0, 2}));
  nms(5, 0.9, 0).expect(i64({3, 3}, {0, 0, 0, 0, 0, 1, 0, 0, 2}));
  nms(1, 0.9, 0).expect(i64({1, 3}, {0, 0, 0}));
  nms(5, 0.9, 0.75).expect(i64({2, 3}, {0, 0, 0, 0, 0, 1}));
  nms(0, 0.9, 0).expect(i64({0, 3}, {}));
}

// Against the definition, in double: all bins of a signal without structure.
TEST(Fourier, EveryBinIsItsSum) {
  for (const int64_t n : {12, 20, 64, 66, 71, 90, 97, 122, 136}) {
    for (const int64_t inverse : {0, 1}) {
      std::vector<double> signal, bins;
      for (int64_t i = 0; i < 2 * n; ++i) signal.push_back(std::fmod(static_cast<double>(i * i + 3) * 0.37, 2) - 1);
      for (int64_t k = 0; k < n; ++k) {
        double re = 0, im = 0;
        for (int64_t i = 0; i < n; ++i) {
          const double angle = (inverse ? 2 : -2) * M_PI * static_cast<double>(i * k % n) / static_cast<double>(n), c = std::cos(angle), s = std::sin(angle);
          re += signal[2 * i] * c - signal[2 * i + 1] * s;
          im += signal[2 * i] * s + signal[2 * i + 1] * c;
        }
        bins.push_back(inverse ? re / static_cast<double>(n) : re);
        bins.push_back(inverse ? im / static_cast<double>(n) : im);
      }
      OpRow("DFT").attr("inverse", inverse).input(typed(DType::kF64, {1, n, 2}, signal)).expect(typed(DType::kF64, {1, n, 2}, bins), 1e-11);
    }
  }
}

TEST(Fourier, LengthsOfAllKinds) {
  // A pure wave has one bin; lengths of factors 2, 3, 4, 5, of primes that are summed and of primes too large for that.
  for (const int64_t n : {1, 2, 3, 4, 6, 8, 15, 16, 32, 37, 49, 61, 67, 134, 240, 251, 1024, 2018}) {
    std::vector<double> wave, bins(static_cast<size_t>(2 * n), 0);
    for (int64_t i = 0; i < n; ++i) {
      wave.push_back(std::cos(2 * M_PI * static_cast<double>(i) / static_cast<double>(n)));
      wave.push_back(std::sin(2 * M_PI * static_cast<double>(i) / static_cast<double>(n)));
    }
    bins[n == 1 ? 0 : 2] = static_cast<double>(n);
    OpRow("DFT").input(f32({1, n, 2}, wave)).expect(f32({1, n, 2}, bins), 1e-7 * static_cast<double>(n) + 1e-5);
    OpRow("DFT").attr("inverse", int64_t{1}).input(f32({1, n, 2}, bins)).expect(f32({1, n, 2}, wave), 1e-5);
  }
  OpRow("DFT")
      .attr("onesided", int64_t{1})
      .input(f32({1, 3, 1}, {1, 2, 3}))
      .expect(f32({1, 2, 2}, {6, 0, -1.5, std::sqrt(3) / 2}), 1e-6);
  OpRow("DFT")
      .attr("onesided", int64_t{1})
      .attr("inverse", int64_t{1})
      .input(f32({1, 2, 2}, {6, 0, -1.5, std::sqrt(3) / 2}))
      .input(i64({}, {3}))
      .expect(f32({1, 3, 1}, {1, 2, 3}), 1e-6);
  OpRow("DFT").input(f32({1, 3, 1}, {1, 2, 3})).absent().input(i64({}, {2})).expect_error("last");
}

TEST(Text, SplitNormalizeCount) {
  OpRow("StringSplit")
      .input(strings({2}, {"a  b ", ""}))
      .outputs(2)
      .expect_all({strings({2, 2}, {"a", "b", "", ""}), i64({2}, {2, 0})});
  OpRow("StringSplit")
      .attr("delimiter", std::string("-"))
      .attr("maxsplit", int64_t{1})
      .input(strings({1}, {"a-b-c"}))
      .outputs(2)
      .expect_all({strings({1, 2}, {"a", "b-c"}), i64({1}, {2})});
  OpRow("StringNormalizer")
      .attr("case_change_action", std::string("UPPER"))
      .attr("stopwords", std::vector<std::string>{"MON"})
      .input(strings({2}, {"mon", "tü"}))
      .expect(strings({1}, {"TÜ"}));
  OpRow("StringConcat").input(strings({2}, {"a", "b"})).input(strings({}, {"x"})).expect(strings({2}, {"ax", "bx"}));
  OpRow("TfIdfVectorizer")
      .attr("mode", std::string("TF"))
      .attr("min_gram_length", int64_t{2})
      .attr("max_gram_length", int64_t{2})
      .attr("max_skip_count", int64_t{1})
      .attr("ngram_counts", Dims{0, 1})
      .attr("ngram_indexes", Dims{0, 2, 1})
      .attr("pool_int64s", Dims{7, 1, 2, 1, 3})
      .input(i64({3}, {1, 2, 3}))
      .expect(f32({3}, {0, 1, 1}));
}

TEST(Text, RegularExpressions) {
  struct Case {
    const char *pattern, *text;
    bool matches;
  };
  const Case cases[] = {{"www[\\w.-]+\\.com", "www.google.com", true},
                        {"www[\\w.-]+\\.com", "www.google.org", false},
                        {"", "", true},
                        {"a|b|cd*", "cddd", true},
                        {"a|b|cd*", "bd", false},
                        {"(ab){2,3}", "ab", false},
                        {"(ab){2,3}", "ababab", true},
                        {"(ab){2,3}", "abababab", false},
                        {"(?i)HeL+o", "hEllO", true},
                        {"[^a-c]+", "xbz", false},
                        {"(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false},
                        {"[[:alpha:]_]+\\d", "ab_9", true},
                        {"\\x41.", "Aé", true},
                        {"(a|b)*c|d", "ababc", true},
                        {"a{,2}", "a{,2}", true}};
  for (const Case& c : cases) {
    const auto expression = ops::RegularExpression::parse(c.pattern);
    ASSERT_TRUE(expression.ok()) << c.pattern;
    EXPECT_EQ(expression.value().full_match(c.text), c.matches) << c.pattern << " on " << c.text;
  }
  for (const char* pattern :
       {"(", "a)", "[a", "*a", "a{2000}", "\\p{L}", "(?z)a", "(((a{1000}){1000}){1000})", "[b-a]", "\\"})
    EXPECT_FALSE(ops::RegularExpression::parse(pattern).ok()) << pattern;
}

}  // namespace
}  // namespace sinter::testing
