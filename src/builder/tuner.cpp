#include "builder/tuner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include "builder/node_problem.h"

namespace sinter::builder {
namespace {

using Clock = std::chrono::steady_clock;

// Rounds of interleaved samples: after kPruneRounds what is far slower is dropped, after kSureRounds what is clearly slower (a few samples in a row can all be
// disturbed); a candidate is done when its smallest samples agree (noise only ever adds time), at the latest after kMostRounds.
constexpr int kPruneRounds = 3, kLeastRounds = 5, kSureRounds = 10, kMostRounds = 40, kFullRounds = 25;
constexpr double kFarFactor = 3, kPruneFactor = 1.4;
// The third smallest sample within this share of the smallest: the time is known to about a percent.
constexpr double kSettled = 0.015;
// Long kernels need fewer samples: a candidate's samples end after this much time of its own, or so many times as much of the clock's.
constexpr double kSampleBudgetUs = 150'000, kMostDisturbed = 4;
constexpr int64_t kCacheLine = 64;
// Others use the last cache too: what is below this share of it stays there from one inference to the next.
constexpr int64_t kLastCacheShare = 8;
// Part of the timing cache's keys: counts up when what a time means changes.
constexpr int kMethod = 2;
// Differences below this share of the time are noise on a shared machine.
constexpr double kTie = 0.01;

double elapsed_us(Clock::time_point from) {
  return std::chrono::duration<double, std::micro>(Clock::now() - from).count();
}

bool matches_filter(std::string_view id, const std::vector<std::string>& filter) {
  if (filter.empty()) return true;
  return std::any_of(filter.begin(), filter.end(), [&](const std::string& prefix) { return id.substr(0, prefix.size()) == prefix; });
}

bool has_symbols(const Problem& problem) {
  auto dynamic = [](const TensorDesc& tensor) { return tensor.present && !tensor.is_static(); };
  return std::any_of(problem.inputs.begin(), problem.inputs.end(), dynamic) ||
         std::any_of(problem.outputs.begin(), problem.outputs.end(), dynamic);
}

std::string offer_text(const Candidate& candidate) {
  std::string text = fmt::format("{}@{} {} ", candidate.tactic->id(), candidate.tactic->version(), candidate.offer.config);
  for (Layout layout : candidate.offer.input_layouts) text += fmt::format("{},", layout_name(layout));
  text += '>';
  for (Layout layout : candidate.offer.output_layouts) text += fmt::format("{},", layout_name(layout));
  return text;
}

Tensor physical_tensor(const TensorDesc& desc, Layout layout) { return Tensor(desc.dtype, {physical_count(layout, desc.opt)}); }

// Memory that timing a candidate takes: its tensors, its workspace and its packed weights.
int64_t timing_bytes(const Problem& problem, const Candidate& candidate, std::span<const Tensor> constants) {
  int64_t bytes = candidate.offer.workspace_bytes;
  auto add = [&](const TensorDesc& desc, Layout layout) {
    const int64_t more = desc.present ? dtype_bytes(desc.dtype, physical_count(layout, desc.opt)) : 0;
    if (__builtin_add_overflow(bytes, more, &bytes)) bytes = INT64_MAX;
  };
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    if (constants[i].defined() && candidate.offer.packed_inputs[i]) bytes += constants[i].bytes();
    else if (!constants[i].defined()) add(problem.inputs[i], candidate.offer.input_layouts[i]);
  }
  for (size_t i = 0; i < problem.outputs.size(); ++i) add(problem.outputs[i], candidate.offer.output_layouts[i]);
  return bytes;
}

// Reads (and so caches) a buffer.
uint64_t touch(const void* data, int64_t bytes) {
  const volatile uint8_t* place = static_cast<const uint8_t*>(data);
  uint64_t sum = 0;
  for (int64_t i = 0; i < bytes; i += kCacheLine) sum += place[i];
  return sum;
}

bool is_settled(std::vector<double> samples) {
  if (samples.size() < static_cast<size_t>(kLeastRounds)) return false;
  std::partial_sort(samples.begin(), samples.begin() + 3, samples.end());
  return samples[2] <= samples[0] * (1 + kSettled);
}

// What lay in the second-level cache leaves it.
void overwrite_second_level() {
  static std::vector<uint8_t> other(static_cast<size_t>(cpu_info().l2_bytes) * 3 / 2, 1);
  for (size_t i = 0; i < other.size(); i += kCacheLine) ++other[i];
}

// All constants of a graph and its bodies.
int64_t weight_bytes(const ir::Graph& graph) {
  int64_t bytes = 0;
  for (const auto& [id, value] : graph.values()) bytes += value->is_constant() ? value->constant.bytes() : 0;
  for (const auto& node : graph.nodes()) {
    for (const auto& [name, body] : node->subgraphs) bytes += weight_bytes(*body);
  }
  return bytes;
}

// Drops a buffer from all caches.
void flush(const void* data, int64_t bytes) {
  const char* place = static_cast<const char*>(data);
  for (int64_t i = 0; i < bytes; i += kCacheLine) {
#if defined(__x86_64__)
    _mm_clflush(place + i);
#elif defined(__aarch64__)
    __asm__ volatile("dc civac, %0" ::"r"(place + i) : "memory");
#endif
  }
#if defined(__x86_64__)
  _mm_mfence();
#elif defined(__aarch64__)
  __asm__ volatile("dsb ish" ::: "memory");
#endif
}

}  // namespace

void fill_random(Tensor& tensor, uint32_t seed) {
  uint32_t state = seed * 2654435761u + 12345u;
  auto next = [&] { return state = state * 1664525u + 1013904223u; };
  const int64_t count = tensor.count();
  if (tensor.dtype() == DType::kF32) {
    for (int64_t i = 0; i < count; ++i) {
      tensor.data<float>()[i] = (static_cast<float>(next() >> 8) + 0.5f) / 8388608.0f - 1.0f;
    }
    return;
  }
  std::memset(tensor.raw(), 0, static_cast<size_t>(tensor.bytes()));
  if (tensor.dtype() == DType::kF16 || tensor.dtype() == DType::kBF16) {
    for (int64_t i = 0; i < count; ++i) {
      const float value = (static_cast<float>(next() >> 8) + 0.5f) / 8388608.0f - 1.0f;
      tensor.data<uint16_t>()[i] = tensor.dtype() == DType::kF16 ? float_to_half(value) : float_to_bfloat16(value);
    }
  } else if (tensor.dtype() == DType::kBool) {
    for (int64_t i = 0; i < count; ++i) tensor.data<uint8_t>()[i] = next() >> 31;
  }
}

// The second smallest sample: near the undisturbed time, without trusting one lucky reading.
Timing summarise(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const size_t n = samples.size();
  Timing timing;
  timing.us = samples[std::min<size_t>(1, n - 1)];
  timing.spread = timing.us > 0 ? (samples[n - 1 - n / 4] - samples[n / 4]) / timing.us : 0;
  return timing;
}

Problem with_layouts(const Problem& problem, const Offer& offer) {
  Problem result = problem;
  for (size_t i = 0; i < result.inputs.size() && i < offer.input_layouts.size(); ++i) result.inputs[i].layout = offer.input_layouts[i];
  for (size_t i = 0; i < result.outputs.size() && i < offer.output_layouts.size(); ++i) {
    result.outputs[i].layout = offer.output_layouts[i];
  }
  return result;
}

Candidates collect_candidates(const Problem& problem, const BuildOptions& options) {
  Candidates result;
  const bool dynamic = has_symbols(problem);
  for (const Tactic* tactic : tactic_registry().all()) {
    const std::string label = fmt::format("{}@{}", tactic->id(), tactic->version());
    if (tactic->device() != problem.device.kind) continue;
    if (!matches_filter(tactic->id(), options.tactic_filter)) continue;
    const auto& sources = options.tactic_sources;
    if (!tactic->source().empty() && std::find(sources.begin(), sources.end(), tactic->source()) == sources.end()) continue;
    Answer answer;
    tactic->query(problem, answer);
    for (Decline& decline : answer.declines) {
      if (!decline.reason.empty()) result.refusals.push_back(fmt::format("{}: {}", label, decline.reason));
    }
    for (Offer& offer : answer.offers) {
      if (offer.workspace_bytes > options.workspace_bytes) {
        result.refusals.push_back(fmt::format("{} {}: needs {} bytes of workspace, --workspace allows {}", label, offer.config,
                                              offer.workspace_bytes, options.workspace_bytes));
      } else if (options.precision.strict_nans && !offer.propagates_nan) {
        result.refusals.push_back(fmt::format("{} {}: may drop NaN, --strict-nans forbids it", label, offer.config));
      } else if (dynamic && !offer.shape_independent) {
        result.refusals.push_back(fmt::format("{} {}: made for one shape, which is dynamic here", label, offer.config));
      } else {
        offer.input_layouts.resize(problem.inputs.size(), Layout::kRowMajor);
        offer.output_layouts.resize(problem.outputs.size(), Layout::kRowMajor);
        offer.packed_inputs.resize(problem.inputs.size(), false);
        result.offers.push_back({tactic, std::move(offer), {}, false, false, {}});
      }
    }
  }
  return result;
}

// One candidate made ready to run.
class Tuner::Bench {
 public:
  Status make(const Problem& base, const Candidate& candidate, std::span<const Tensor> constants, int threads) {
    const Problem problem = with_layouts(base, candidate.offer);
    SINTER_ASSIGN(blobs_, candidate.tactic->prepare(problem, candidate.offer, constants));
    SINTER_ASSIGN(kernel_, candidate.tactic->bind(problem, candidate.offer, blobs_));
    std::vector<Dims> inputs, outputs;
    for (const TensorDesc& desc : problem.inputs) inputs.push_back(desc.opt);
    for (const TensorDesc& desc : problem.outputs) outputs.push_back(desc.opt);
    SINTER_ASSIGN(const int64_t workspace, kernel_->specialize(inputs, outputs, threads));
    workspace_ = Tensor(DType::kU8, {workspace});
    for (size_t i = 0; i < problem.inputs.size(); ++i) {
      const TensorDesc& desc = problem.inputs[i];
      const bool passed = desc.present && !candidate.offer.packed_inputs[i];
      tensors_.emplace_back();
      constants_.push_back(passed && constants[i].defined());
      if (passed && constants[i].defined() && desc.layout == Layout::kRowMajor) {
        tensors_.back() = constants[i];
      } else if (passed) {
        tensors_.back() = physical_tensor(desc, desc.layout);
        fill_random(tensors_.back(), static_cast<uint32_t>(i));
      }
      inputs_.push_back(tensors_.back().raw());
    }
    for (const TensorDesc& desc : problem.outputs) {
      tensors_.emplace_back();
      if (desc.present) tensors_.back() = physical_tensor(desc, desc.layout);
      outputs_.push_back(tensors_.back().raw());
    }
    return ok_status();
  }

  // In the network the weights of a layer were last read a whole inference ago: they come from memory, or, in a small model, from the last
  // cache.
  void cool(bool from_memory) const {
    const auto cool_tensor = [&](const Tensor& tensor) {
      flush(tensor.raw(), tensor.bytes());
      if (!from_memory) sink_ = touch(tensor.raw(), tensor.bytes());
    };
    for (const Tensor& blob : blobs_) cool_tensor(blob);
    for (size_t i = 0; i < constants_.size(); ++i) {
      if (constants_[i]) cool_tensor(tensors_[i]);
    }
    if (!from_memory) overwrite_second_level();
  }

  void warm() const {
    for (size_t i = 0; i < tensors_.size(); ++i) {
      if (i < constants_.size() && constants_[i]) continue;
      sink_ = touch(tensors_[i].raw(), tensors_[i].bytes());
    }
  }

  Status launch(ThreadTeam& team) { return kernel_->launch({inputs_.data(), outputs_.data(), workspace_.raw(), &team}); }

  std::vector<double> samples;

 private:
  std::vector<Tensor> blobs_, tensors_;
  std::vector<bool> constants_;  // of the inputs: passed as they are
  std::unique_ptr<Kernel> kernel_;
  Tensor workspace_;
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
  static inline volatile uint64_t sink_ = 0;
};

Tuner::Tuner(const BuildOptions& options, TimingCache& cache, const ir::Graph& model)
    : options_(options),
      cache_(cache),
      budget_(options.max_build_memory_bytes, options.baseline_memory_bytes),
      cold_weights_(weight_bytes(model) > cpu_info().l3_bytes / kLastCacheShare) {
  if (options.threads > 1) {
    std::vector<std::string> ids;
    for (const Tactic* tactic : tactic_registry().all()) {
      if (matches_filter(tactic->id(), options.tactic_filter)) ids.emplace_back(tactic->id());
    }
    team_ = tactic_registry().team_maker(ids)(options.threads);
  }
}

Tuner::~Tuner() = default;

Status Tuner::measure(const Problem& problem, std::span<const Tensor> constants, std::vector<Candidate*>& open) {
  if (problem.on_cuda()) return measure_on_device(problem, constants, open);
  ThreadTeam& team = team_ ? *team_ : inline_team();
  std::vector<std::unique_ptr<Bench>> benches;
  auto drop = [&](size_t i, Status status) {
    open[i]->failure = status.message();
    benches[i].reset();
  };
  for (size_t i = 0; i < open.size(); ++i) {
    benches.push_back(std::make_unique<Bench>());
    Status made = budget_.check(timing_bytes(problem, *open[i], constants), "timing");
    if (made.ok()) made = benches[i]->make(problem, *open[i], constants, options_.threads);
    if (made.ok()) made = benches[i]->launch(team);
    if (!made.ok()) drop(i, std::move(made));
  }
  std::vector<double> spent(open.size(), 0);
  std::vector<bool> done(open.size(), false);
  const int rounds = options_.time_all ? kFullRounds : kMostRounds;
  for (int round = 0; round < rounds && std::count(done.begin(), done.end(), false) > 0; ++round) {
    double best = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < open.size(); ++i) {
      if (!benches[i]) done[i] = true;
      if (done[i]) continue;
      benches[i]->cool(cold_weights_);
      benches[i]->warm();
      const auto start = Clock::now();
      Status status = benches[i]->launch(team);
      const double us = elapsed_us(start);
      if (!status.ok()) {
        drop(i, std::move(status));
        continue;
      }
      benches[i]->samples.push_back(us);
      spent[i] += us;
      best = std::min(best, *std::min_element(benches[i]->samples.begin(), benches[i]->samples.end()));
    }
    if (options_.time_all) continue;
    for (size_t i = 0; i < open.size(); ++i) {
      if (!benches[i] || done[i]) continue;
      const std::vector<double>& samples = benches[i]->samples;
      const double least = *std::min_element(samples.begin(), samples.end());
      const bool slow = least > (round + 1 >= kSureRounds ? kPruneFactor : kFarFactor) * best;
      const bool expensive = std::max(least * static_cast<double>(samples.size()), spent[i] / kMostDisturbed) > kSampleBudgetUs;
      done[i] = (round + 1 >= kPruneRounds && (slow || expensive)) || is_settled(samples);
    }
  }
  for (size_t i = 0; i < open.size(); ++i) {
    if (!benches[i]) continue;
    open[i]->timing = summarise(benches[i]->samples);
    open[i]->timed = true;
  }
  return ok_status();
}

std::string Tuner::timing_key(const Problem& problem, const Candidate& candidate) const {
  const std::string base =
      problem.on_cuda() ? fmt::format("{}|{}|", problem.key(), options_.device->name())
                        : fmt::format("{}|{}|{}|{}|{}|", problem.key(), cpu_model(options_), isa_name(options_.isa),
                                      options_.threads, cold_weights_ ? kMethod : -kMethod);
  return TimingCache::key(base + offer_text(candidate));
}

void Tuner::estimate(const Problem& problem, std::span<Candidate* const> open, const std::vector<Candidate>& all) {
  for (Candidate* candidate : open) {
    const auto same = [&](const Candidate& other) { return other.tactic == candidate->tactic; };
    const auto rank = std::count_if(all.data(), static_cast<const Candidate*>(candidate), same);
    candidate->timing = {
        estimate_us(*options_.target, problem, *candidate->tactic, candidate->offer, static_cast<size_t>(rank)), 0};
    candidate->timed = true;
    ++estimated_;
  }
}

Status Tuner::time(const Problem& problem, std::span<const Tensor> constants, std::vector<Candidate>& candidates) {
  std::vector<Candidate*> open;
  std::vector<std::string> keys;
  for (Candidate& candidate : candidates) {
    const std::string key = timing_key(problem, candidate);
    if (const auto timing = cache_.find(key)) {
      candidate.timing = *timing;
      candidate.timed = candidate.cached = true;
      ++from_cache_;
    } else {
      open.push_back(&candidate);
      keys.push_back(key);
    }
  }
  if (open.empty()) return ok_status();
  if (options_.target) return estimate(problem, open, candidates), ok_status();
  SINTER_TRY(measure(problem, constants, open));
  for (size_t i = 0; i < open.size(); ++i) {
    if (!open[i]->timed) continue;
    ++timed_;
    cache_.insert(keys[i], open[i]->timing, offer_text(*open[i]) + " " + problem.to_string());
  }
  return ok_status();
}

Result<double> Tuner::reformat_us(const TensorDesc& tensor, Layout from, Layout to, plan::Place place) {
  if (from == to) return 0.0;
  const Problem problem = make_reformat(tensor, from, to, options_, place);
  const std::string key = fmt::format("{}|{}>{}", problem.key(), layout_name(from), layout_name(to));
  if (const auto it = reformats_.find(key); it != reformats_.end()) return it->second;
  Candidates candidates = collect_candidates(problem, options_);
  for (Candidate& candidate : candidates.offers) {
    candidate.offer.input_layouts = {from};
    candidate.offer.output_layouts = {to};
  }
  const std::vector<Tensor> constants(1);
  SINTER_TRY(time(problem, constants, candidates.offers));
  const int best = pick(candidates.offers);
  const double us = best < 0 ? std::numeric_limits<double>::infinity() : candidates.offers[static_cast<size_t>(best)].timing.us;
  reformats_[key] = us;
  return us;
}

int pick(const std::vector<Candidate>& candidates) {
  double best = std::numeric_limits<double>::infinity();
  for (const Candidate& candidate : candidates) {
    if (candidate.timed) best = std::min(best, candidate.timing.us);
  }
  int winner = -1;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& candidate = candidates[i];
    if (!candidate.timed || candidate.timing.us > best * (1 + kTie)) continue;
    if (winner < 0 || candidate.offer.workspace_bytes < candidates[static_cast<size_t>(winner)].offer.workspace_bytes) {
      winner = static_cast<int>(i);
    }
  }
  return winner;
}

}  // namespace sinter::builder
