// The tuner: measures offers on the real problem (design decision 5): weights cold, activations warm, random data without denormals,
// the candidates interleaved so that a noisy moment hits all of them.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "builder/builder.h"
#include "builder/memory_budget.h"
#include "builder/timing_cache.h"

namespace sinter::builder {

struct Candidate {
  const Tactic* tactic = nullptr;
  Offer offer;
  Timing timing;
  bool timed = false;   // false: it failed to prepare or run; `failure` says why
  bool cached = false;
  std::string failure;
};

// All offers for a problem in registration order, and the refusals ("id@version: reason"). Offers that break the options (workspace,
// filter, NaN rule, shape-dependent packing for a problem with symbols) become refusals.
struct Candidates {
  std::vector<Candidate> offers;
  std::vector<std::string> refusals;
};
Candidates collect_candidates(const Problem& problem, const BuildOptions& options);

// The problem with the offer's layouts in its tensor descriptions, as prepare and bind want it.
Problem with_layouts(const Problem& problem, const Offer& offer);

class Tuner {
 public:
  // `model`: the graph the layers are of; its weights together decide where a layer finds its own at run time.
  Tuner(const BuildOptions& options, TimingCache& cache, const ir::Graph& model);
  ~Tuner();
  // Fills timing of every candidate. `constants`: one a problem input, undefined where not constant. Equal problems are timed once.
  Status time(const Problem& problem, std::span<const Tensor> constants, std::vector<Candidate>& candidates);
  // Median time in µs of one reformat; infinity when no tactic does it.
  Result<double> reformat_us(const TensorDesc& tensor, Layout from, Layout to, plan::Place place);
  // Compiles what will be timed on the device, on all cores: afterwards the code is at hand. Failures show when it is asked for again.
  void compile_ahead(std::span<const Problem> problems);
  const MemoryBudget& budget() const { return budget_; }
  int64_t timed() const { return timed_; }
  int64_t from_cache() const { return from_cache_; }
  int64_t estimated() const { return estimated_; }

 private:
  class Bench;
  std::string timing_key(const Problem& problem, const Candidate& candidate) const;
  Status measure(const Problem& problem, std::span<const Tensor> constants, std::vector<Candidate*>& open);
  // Of a target that is not here, by its peaks; no timing cache is told.
  void estimate(const Problem& problem, std::span<Candidate* const> open, const std::vector<Candidate>& all);
  // The same with a device's events (device_tuner.cpp).
  Status measure_on_device(const Problem& problem, std::span<const Tensor> constants, std::vector<Candidate*>& open);

  const BuildOptions& options_;
  TimingCache& cache_;
  MemoryBudget budget_;
  const bool cold_weights_;  // they come from memory, not from the last cache
  std::unique_ptr<ThreadTeam> team_;
  std::map<std::string, double> reformats_;
  DeviceBuffer flush_;  // larger than the device's second-level cache
  int64_t timed_ = 0, from_cache_ = 0, estimated_ = 0;
};

// Values in [-1, 1), never denormal; integers 0 and 1, so that indices stay in range.
void fill_random(Tensor& tensor, uint32_t seed);
// The second smallest sample: near the undisturbed time, without trusting one lucky reading.
Timing summarise(std::vector<double> samples);

// Index of the winner: the least time; what lies within the noise of it goes to smaller workspace, then list order. -1: none timed.
int pick(const std::vector<Candidate>& candidates);

}  // namespace sinter::builder
