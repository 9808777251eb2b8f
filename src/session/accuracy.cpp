// Agreement of engines with a reference (accuracy.h).
#include "session/accuracy.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/context.h"

namespace sinter::session {
namespace {

// Sums of one output over samples.
struct Sums {
  double error = 0, norm = 0, cosine = 0;
  double worst = 1;
  int64_t samples = 0;
};

// The product of the tensor's lengths with its angle, and the squared distance. False: an element is not finite where the reference's is.
bool add_sample(const Tensor& got, const Tensor& wanted, Sums& sums) {
  const Tensor a = got.cast(DType::kF64), b = wanted.cast(DType::kF64);
  double error = 0, dot = 0, left = 0, right = 0;
  bool finite = true;
  for (int64_t i = 0; i < b.count(); ++i) {
    const double x = a.data<double>()[i], y = b.data<double>()[i];
    if (!std::isfinite(y)) continue;
    if (!std::isfinite(x)) {
      finite = false;
      continue;
    }
    error += (x - y) * (x - y);
    dot += x * y;
    left += x * x;
    right += y * y;
  }
  const double cosine = left > 0 && right > 0 ? dot / std::sqrt(left * right) : left == right ? 1.0 : 0.0;
  sums.error += error;
  sums.norm += right;
  sums.cosine += cosine;
  sums.worst = std::min(sums.worst, cosine);
  ++sums.samples;
  return finite;
}

int64_t largest(const Tensor& scores) {
  const Tensor wide = scores.cast(DType::kF64);
  return std::max_element(wide.data<double>(), wide.data<double>() + wide.count()) - wide.data<double>();
}

bool is_comparable(const Value& value) { return value.is_tensor() && is_float(value.tensor().dtype()) && value.tensor().count() > 0; }

}  // namespace

double Agreement::drop() const {
  if (labelled > 0) return static_cast<double>(reference_right - right) / static_cast<double>(labelled);
  return disagreement();
}

std::string Agreement::to_string() const {
  std::string text = fmt::format("cosine {:.6f} (least {:.6f}), relative error {:.3g}", cosine, worst_cosine, relative_error);
  if (agree > 0) text += fmt::format(", top-1 as in f32 on {} of {}", agree, samples);
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
  std::vector<Sums> sums(references_.front().size());
  const bool scores = classifies();
  for (size_t i = 0; i < std::min(most, samples_.size()); ++i) {
    SINTER_ASSIGN(const std::vector<Value> outputs, context->run(samples_[i]));
    for (size_t o = 0; o < sums.size(); ++o) {
      const Value &got = outputs[o], &wanted = references_[i][o];
      if (!is_comparable(wanted)) continue;
      if (!got.is_tensor() || got.tensor().dims() != wanted.tensor().dims()) {
        return make_error(Code::kInternal, "accuracy: output {} is {}, in f32 {}; report this", o, got.is_tensor() ? got.tensor().type().to_string() : "no tensor",
                          wanted.tensor().type().to_string());
      }
      result.finite = add_sample(got.tensor(), wanted.tensor(), sums[o]) && result.finite;
    }
    ++result.samples;
    if (!scores) continue;
    const int64_t found = largest(outputs[0].tensor()), wanted = largest(references_[i][0].tensor());
    result.agree += found == wanted;
    if (!labels_[i]) continue;
    ++result.labelled;
    result.right += found == *labels_[i];
    result.reference_right += wanted == *labels_[i];
  }
  for (const Sums& output : sums) {
    if (output.samples == 0) continue;
    result.cosine = std::min(result.cosine, output.cosine / static_cast<double>(output.samples));
    result.worst_cosine = std::min(result.worst_cosine, output.worst);
    if (output.norm > 0) result.relative_error = std::max(result.relative_error, std::sqrt(output.error / output.norm));
  }
  if (!result.finite) result.relative_error = std::numeric_limits<double>::infinity();
  return result;
}

}  // namespace sinter::session
