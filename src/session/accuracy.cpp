// Agreement of engines with a reference (accuracy.h).
#include "session/accuracy.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/context.h"
#include "session/distance.h"
#include "session/feed.h"

namespace sinter::session {
namespace {

int64_t largest(const Tensor& scores) {
  const Tensor wide = scores.cast(DType::kF64);
  return std::max_element(wide.data<double>(), wide.data<double>() + wide.count()) - wide.data<double>();
}

// By how much `winner` is ahead of all others: in logarithms where the scores are probabilities, so that errors are alike for sure and unsure samples.
double margin_of(const Tensor& scores, int64_t winner, bool probabilities) {
  const Tensor wide = scores.cast(DType::kF64);
  const double* values = wide.data<double>();
  double second = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < wide.count(); ++i) {
    if (i != winner) second = std::max(second, values[i]);
  }
  if (!probabilities) return values[winner] - second;
  constexpr double kLeast = 1e-30;
  return std::log(std::max(values[winner], kLeast)) - std::log(std::max(second, kLeast));
}

bool are_probabilities(const Tensor& scores) {
  const Tensor wide = scores.cast(DType::kF64);
  double sum = 0;
  for (int64_t i = 0; i < wide.count(); ++i) {
    if (!(wide.data<double>()[i] >= 0)) return false;
    sum += wide.data<double>()[i];
  }
  return std::abs(sum - 1) < 1e-2;
}

// The share of pairs of a margin and a change that end below zero.
double expected_changes(const std::vector<double>& margins, std::vector<double> changes) {
  std::sort(changes.begin(), changes.end());
  double sum = 0;
  for (const double margin : margins) sum += static_cast<double>(std::lower_bound(changes.begin(), changes.end(), -margin) - changes.begin());
  return sum / (static_cast<double>(margins.size()) * static_cast<double>(changes.size()));
}

bool is_comparable(const Value& value) { return value.is_tensor() && is_float(value.tensor().dtype()) && value.tensor().count() > 0; }

}  // namespace

double Agreement::drop() const {
  if (labelled > 0) return static_cast<double>(reference_right - right) / static_cast<double>(labelled);
  return disagreement();
}

std::string Agreement::to_string() const {
  std::string text = fmt::format("cosine {:.6f} (least {:.6f}), relative error {:.3g}", cosine, worst_cosine, relative_error);
  if (agree > 0) text += fmt::format(", top-1 as in f32 on {} of {} (changes to expect: {:.1f} %)", agree, samples, 100 * expected_disagreement);
  if (labelled > 0) text += fmt::format(", right on {} of {} (f32: {})", right, labelled, reference_right);
  if (!finite) text += ", NaN or infinity where f32 has none";
  return text;
}

Result<AccuracyProbe> AccuracyProbe::make(std::shared_ptr<const runtime::Engine> reference, const NamedSource& source, int threads, int64_t most,
                                          const data::Labels* labels) {
  AccuracyProbe probe;
  probe.threads_ = threads;
  runtime::ContextOptions how;
  how.threads = threads;
  SINTER_ASSIGN(const auto context, runtime::ExecutionContext::create(reference, how));
  while (static_cast<int64_t>(probe.samples_.size()) < most) {
    SINTER_ASSIGN(auto sample, source());
    if (!sample) break;
    std::vector<Value> inputs(sample->inputs.begin(), sample->inputs.end());
    SINTER_ASSIGN(std::vector<Value> outputs, context->run(inputs));
    probe.labels_.push_back(labels ? labels->find(sample->name) : std::nullopt);
    probe.samples_.push_back(std::move(inputs));
    probe.references_.push_back(std::move(outputs));
  }
  if (probe.samples_.empty()) return make_error(Code::kInvalidArgument, "accuracy: found no sample, expected some; give data with --calib-data");
  return probe;
}

bool AccuracyProbe::classifies() const {
  const Value& scores = references_.front().front();
  if (!is_comparable(scores) || scores.tensor().count() < 2) return false;
  const Dims& dims = scores.tensor().dims();
  return *std::max_element(dims.begin(), dims.end()) == scores.tensor().count();
}

Result<Agreement> AccuracyProbe::measure(std::shared_ptr<const runtime::Engine> engine, size_t most) const {
  runtime::ContextOptions how;
  how.threads = threads_;
  SINTER_ASSIGN(const auto context, runtime::ExecutionContext::create(engine, how));
  Agreement result;
  std::vector<Distance> distances(references_.front().size());
  const bool scores = classifies(), probabilities = scores && are_probabilities(references_.front().front().tensor());
  std::vector<double> margins, changes;
  for (size_t i = 0; i < std::min(most, samples_.size()); ++i) {
    SINTER_ASSIGN(const std::vector<Value> outputs, context->run(samples_[i]));
    for (size_t o = 0; o < distances.size(); ++o) {
      const Value &got = outputs[o], &wanted = references_[i][o];
      if (!is_comparable(wanted)) continue;
      if (!got.is_tensor() || got.tensor().dims() != wanted.tensor().dims()) {
        return make_error(Code::kInternal, "accuracy: output {} is {}, in f32 {}; report this", o, got.is_tensor() ? got.tensor().type().to_string() : "no tensor",
                          wanted.tensor().type().to_string());
      }
      distances[o].add(wanted.tensor(), got.tensor());
    }
    ++result.samples;
    if (!scores) continue;
    const int64_t found = largest(outputs[0].tensor()), wanted = largest(references_[i][0].tensor());
    result.agree += found == wanted;
    const double margin = margin_of(references_[i][0].tensor(), wanted, probabilities), left = margin_of(outputs[0].tensor(), wanted, probabilities);
    if (std::isfinite(margin) && std::isfinite(left)) margins.push_back(margin), changes.push_back(left - margin);
    if (!labels_[i]) continue;
    ++result.labelled;
    result.right += found == *labels_[i];
    result.reference_right += wanted == *labels_[i];
  }
  if (!margins.empty()) result.expected_disagreement = expected_changes(margins, std::move(changes));
  for (const Distance& output : distances) {
    if (output.pairs() == 0) continue;
    result.finite = result.finite && output.differently_finite() == 0;
    result.cosine = std::min(result.cosine, output.cosine());
    result.worst_cosine = std::min(result.worst_cosine, output.least_cosine());
    result.relative_error = std::max(result.relative_error, output.relative_l2());
  }
  if (!result.finite) result.relative_error = std::numeric_limits<double>::infinity();
  return result;
}

Result<AccuracyProbe> open_probe(const std::shared_ptr<const runtime::Engine>& reference, const ProbeData& data, int threads) {
  std::optional<data::Labels> labels;
  if (!data.labels.empty()) {
    SINTER_ASSIGN(labels, data::Labels::read(data.labels));
  }
  if (data.data.empty()) {
    return make_error(Code::kInvalidArgument, "accuracy: found no folder of samples, expected one to measure it on; give --data (or --calib-data, which is the same)");
  }
  std::optional<data::Preprocess> preprocess;
  if (!data.preprocess.empty()) {
    SINTER_ASSIGN(preprocess, data::read_preprocess(data.preprocess));
  }
  SINTER_ASSIGN(const auto specs, input_specs(*reference));
  SINTER_ASSIGN(const auto dataset, data::open_dataset(data.data, specs, preprocess));
  data::SampleReader reader(*dataset);
  const auto next = [&]() -> Result<std::optional<NamedSample>> {
    SINTER_ASSIGN(auto sample, reader.next());
    if (!sample) return std::optional<NamedSample>();
    return std::optional<NamedSample>(NamedSample{dataset->name(reader.index()), std::move(*sample)});
  };
  return AccuracyProbe::make(reference, next, threads, data.most_samples, labels ? &*labels : nullptr);
}

}  // namespace sinter::session
