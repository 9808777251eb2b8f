// Feeding: samples of a dataset to an engine's inputs, as many at once as its batch takes.
#pragma once

#include "data/dataset.h"
#include "runtime/engine.h"

namespace sinter::session {

// The engine's inputs as a dataset must fill them. kUnsupported: an input is no tensor.
Result<std::vector<data::InputSpec>> input_specs(const runtime::Engine& engine);

// Samples one after another: as many tensors as the model has inputs (`inputs`); nullopt at the end.
using SampleSource = std::function<Result<std::optional<std::vector<Tensor>>>(size_t inputs)>;

// The same samples one at a time: tensors that all hold N rows become N samples, unless N is the engine's own fixed leading dim.
SampleSource split_batches(const runtime::Engine& engine, SampleSource source);

struct Feed {
  std::vector<Value> inputs;
  size_t samples = 0;  // of the source; rows beyond repeat the last one, to fill a fixed batch
  size_t rows = 0;     // leading dim of inputs and outputs when samples are stacked; 0: a sample is a whole run
};

// Groups samples. A dynamic leading dim that all inputs share takes `batch` samples at once (fewer when shapes differ, or its range ends before); a
// fixed one takes what it says, whatever `batch` is: a batch larger than the model's is fed sample by sample.
class Feeder {
 public:
  Feeder(const runtime::Engine& engine, SampleSource source, int64_t batch);
  // nullopt at the end.
  Result<std::optional<Feed>> next();

 private:
  Result<std::optional<std::vector<Tensor>>> take();
  bool stackable(const std::vector<Tensor>& sample) const;
  SampleSource source_;
  size_t inputs_;
  int64_t group_ = 1;     // samples of a run
  bool fixed_ = false;    // a run must have exactly so many
  std::optional<std::vector<Tensor>> waiting_;
};

// Row `row` of an output that holds `rows` samples (the whole when rows is 0 or 1, or the output has no such leading dim).
Tensor row_of(const Tensor& output, size_t row, size_t rows);

}  // namespace sinter::session
