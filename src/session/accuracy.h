// Accuracy of engines of one model against its outputs in f32: samples and reference outputs are kept, engines come and go.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/labels.h"
#include "runtime/engine.h"

namespace sinter::session {

// How far an engine's outputs are from the reference, over all samples.
struct Agreement {
  int64_t samples = 0;
  int64_t agree = 0;           // the same largest element of the first output (see classifies)
  // Share of samples that would change their largest element if each met the error of any other: a count of changes on few samples owes much to chance, and
  // candidates are chosen by it; this depends on the margins of all samples and the errors of all. Scores that are probabilities: by their logarithms.
  double expected_disagreement = 0;
  int64_t labelled = 0, right = 0, reference_right = 0;
  double cosine = 1;           // of the output that is farthest: mean over the samples
  double worst_cosine = 1;     // the least of any output and sample
  double relative_error = 0;   // L2 over all samples, of the output that is farthest
  bool finite = true;          // NaN and infinities are where the reference has them

  double disagreement() const { return samples ? 1.0 - static_cast<double>(agree) / static_cast<double>(samples) : 0; }
  // Loss of accuracy in shares of the labelled samples; without labels the share of samples with another top-1, which bounds it.
  double drop() const;
  std::string to_string() const;
};

struct NamedSample {
  std::string name;
  std::vector<Tensor> inputs;
};
// nullopt at the end.
using NamedSource = std::function<Result<std::optional<NamedSample>>()>;

class AccuracyProbe {
 public:
  // Runs the reference over the samples, at most `most`; they stay in memory. No labels: null.
  static Result<AccuracyProbe> make(std::shared_ptr<const runtime::Engine> reference, const NamedSource& source, int threads, int64_t most,
                                    const data::Labels* labels);

  size_t size() const { return samples_.size(); }
  // Over the first `most` samples; all by default.
  Result<Agreement> measure(std::shared_ptr<const runtime::Engine> engine, size_t most = SIZE_MAX) const;
  const std::vector<std::vector<Value>>& samples() const { return samples_; }
  // The first output has one score a class: [1, classes] with anything that is 1.
  bool classifies() const;

 private:
  AccuracyProbe() = default;
  int threads_ = 1;
  std::vector<std::vector<Value>> samples_, references_;
  std::vector<std::optional<int64_t>> labels_;
};

struct ProbeData {
  std::string data, preprocess;  // a dataset (data/dataset.h), and the file that says how pictures are taken ("": none)
  std::string labels;            // data/labels.h; "": none
  int64_t most_samples = 500;
};
// A probe over a dataset's samples.
Result<AccuracyProbe> open_probe(const std::shared_ptr<const runtime::Engine>& reference, const ProbeData& data, int threads);

}  // namespace sinter::session
