// Two models, engines or folders of saved outputs compared: how far B's outputs are from A's, and whether conversion or precision is to blame.
#pragma once

#include "session/compare_layers.h"
#include "session/distance.h"
#include "session/session.h"

namespace sinter::session {

struct CompareOptions {
  // Samples (data/dataset.h); without data, eight samples of random values.
  std::string data, preprocess;
  std::string labels, output;  // accuracy of both on the output that holds scores
  int64_t max_samples = 0;     // 0: all
  bool layers = false;         // both sides must be models or engines
  int64_t layer_samples = 8;
  std::function<bool(int64_t done, int64_t total)> progress;  // false: stop
};

struct OutputComparison {
  std::string name;
  Distance distance;
  bool scores = false;                             // one dim of at least two elements: the highest ones are compared
  int64_t same_top1 = 0, in_top5 = 0;              // samples with the same highest score; A's highest among B's five highest
  int64_t labelled = 0, a_top1 = 0, a_top5 = 0, b_top1 = 0, b_top5 = 0;  // with labels
};

struct Comparison {
  int64_t samples = 0, skipped = 0;
  std::vector<OutputComparison> outputs;
  // "same": within kSame. "conversion": B's model in f32 is far from A too. "precision": it is not, so B's lower precision is to blame. "unknown".
  std::string verdict, explanation;
  double f32_relative_l2 = -1;  // of B's model in f32 from A, where it was run
  LayerComparison layers;

  static constexpr double kSame = 1e-3;
  double worst_relative_l2() const;
};

// A path is a model, an engine, or a folder of .npy or .npz files with outputs: NAME.npy of each output with a row a sample, or a folder of samples as
// data/dataset.h has them for inputs. `a` is built in f32, `b` with what its request permits.
Result<Comparison> compare(const BuildRequest& a, const BuildRequest& b, const CompareOptions& options);
std::string to_text(const Comparison& comparison);
std::string to_json(const Comparison& comparison);

}  // namespace sinter::session
