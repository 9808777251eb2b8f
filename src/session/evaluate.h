// Accuracy of a classifier on labelled samples.
#pragma once

#include "data/labels.h"
#include "session/feed.h"
#include "session/session.h"

namespace sinter::session {

struct EvaluateOptions {
  std::string data, preprocess, labels;
  std::string output;       // the output that holds the scores; "": the only one
  int64_t batch = 32;       // samples at once where the batch is dynamic
  int64_t max_samples = 0;  // 0: all
  std::function<bool(int64_t done, int64_t total)> progress;  // false: stop
};

struct Evaluation {
  int64_t samples = 0, top1 = 0, top5 = 0;  // counted
  int64_t skipped = 0;                      // damaged
  int64_t unlabelled = 0;                   // samples without a line in the labels
  int64_t classes = 0;
  double seconds = 0;
  double top1_percent() const { return samples > 0 ? 100.0 * static_cast<double>(top1) / static_cast<double>(samples) : 0; }
  double top5_percent() const { return samples > 0 ? 100.0 * static_cast<double>(top5) / static_cast<double>(samples) : 0; }
};

// The engine's scores over the last dims (leading ones of 1 are left out). A sample counts when its class is the
// highest score, or among the five highest; of equal scores the lower index comes first, as numpy's argmax has it.
// Engines of one model on several GPUs share the samples out.
Result<Evaluation> evaluate(const std::vector<std::shared_ptr<const runtime::Engine>>& engines, int threads,
                            const EvaluateOptions& options);
inline Result<Evaluation> evaluate(const std::shared_ptr<const runtime::Engine>& engine, int threads,
                                   const EvaluateOptions& options) {
  return evaluate(std::vector{engine}, threads, options);
}
// {"top1": percent, "top5": percent, "top1_count": …, "top5_count": …, "samples": …, "skipped": …, "unlabelled": …,
// "classes": …, "seconds": …}
std::string to_json(const Evaluation& evaluation);

// How many scores come before the one of `index`: 0 when it is the highest.
int64_t rank_of(const Tensor& scores, int64_t index);

}  // namespace sinter::session
