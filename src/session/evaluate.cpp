#include "session/evaluate.h"

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "runtime/context.h"

namespace sinter::session {
namespace {

Result<size_t> scores_output(const runtime::Engine& engine, const std::string& name) {
  std::string names;
  for (const engine::IoInfo& output : engine.outputs()) names += (names.empty() ? "'" : ", '") + output.name + "'";
  if (!name.empty()) {
    const int index = engine.output_index(name);
    if (index < 0) return make_error(Code::kInvalidArgument, "output '{}' does not exist; the model's outputs are {}", name, names);
    return static_cast<size_t>(index);
  }
  if (engine.outputs().size() != 1) {
    return make_error(Code::kInvalidArgument, "the model has {} outputs, expected one that holds scores; say which with --output: {}", engine.outputs().size(), names);
  }
  return size_t{0};
}

}  // namespace

int64_t rank_of(const Tensor& scores, int64_t index) {
  const std::vector<double> values = scores.to_f64();
  if (index < 0 || index >= static_cast<int64_t>(values.size())) return static_cast<int64_t>(values.size());
  const double own = values[static_cast<size_t>(index)];
  if (std::isnan(own)) return static_cast<int64_t>(values.size());
  int64_t before = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    before += values[i] > own || std::isnan(values[i]) || (values[i] == own && static_cast<int64_t>(i) < index);
  }
  return before;
}

Result<Evaluation> evaluate(const std::shared_ptr<const runtime::Engine>& engine, int threads, const EvaluateOptions& options) {
  SINTER_ASSIGN(const size_t output, scores_output(*engine, options.output));
  SINTER_ASSIGN(const data::Labels labels, data::Labels::read(options.labels));
  std::optional<data::Preprocess> preprocess;
  if (!options.preprocess.empty()) {
    SINTER_ASSIGN(preprocess, data::read_preprocess(options.preprocess));
  }
  SINTER_ASSIGN(const auto specs, input_specs(*engine));
  SINTER_ASSIGN(const auto dataset, data::open_dataset(options.data, specs, preprocess));
  runtime::ContextOptions how;
  how.threads = threads;
  SINTER_ASSIGN(const auto context, runtime::ExecutionContext::create(engine, how));

  const auto start = std::chrono::steady_clock::now();
  const size_t total = options.max_samples > 0 ? std::min(dataset->size(), static_cast<size_t>(options.max_samples)) : dataset->size();
  Evaluation evaluation;
  std::vector<int64_t> expected;  // classes of the samples that the feeder has taken
  data::SampleReader reader(*dataset, 0, total);
  Feeder feeder(*engine, [&](size_t) -> Result<std::optional<std::vector<Tensor>>> {
    for (;;) {
      SINTER_ASSIGN(auto sample, reader.next());
      if (!sample) return sample;
      if (const auto wanted = labels.find(dataset->name(reader.index()))) {
        expected.push_back(*wanted);
        return sample;
      }
      ++evaluation.unlabelled;
    }
  }, options.batch);
  for (;;) {
    if (options.progress && !options.progress(static_cast<int64_t>(reader.position()), static_cast<int64_t>(total))) {
      return make_error(Code::kCancelled, "evaluation: stopped after {} samples", evaluation.samples);
    }
    SINTER_ASSIGN(const auto feed, feeder.next());
    if (!feed) break;
    SINTER_ASSIGN(const std::vector<Value> outputs, context->run(feed->inputs));
    if (!outputs[output].is_tensor() || !contains(kNumericTypes, outputs[output].tensor().dtype())) {
      return make_error(Code::kInvalidArgument, "output '{}' is {}, expected scores of classes; say which with --output", engine->outputs()[output].name,
                        engine->outputs()[output].type.to_string());
    }
    for (size_t row = 0; row < feed->samples; ++row) {
      const Tensor scores = row_of(outputs[output].tensor(), row, feed->rows);
      evaluation.classes = scores.count();
      if (expected[row] >= scores.count()) {
        return make_error(Code::kInvalidArgument, "labels '{}': found class {}, but output '{}' has {} scores; check the labels", options.labels, expected[row],
                          engine->outputs()[output].name, scores.count());
      }
      const int64_t rank = rank_of(scores, expected[row]);
      evaluation.top1 += rank < 1;
      evaluation.top5 += rank < 5;
      ++evaluation.samples;
    }
    expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(feed->samples));
  }
  evaluation.skipped = static_cast<int64_t>(reader.skipped());
  evaluation.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (evaluation.samples == 0) {
    return make_error(Code::kInvalidArgument, "labels '{}': none of the {} samples of '{}' has a line; names are relative to the data folder", options.labels, total, options.data);
  }
  if (evaluation.unlabelled > 0) log(Severity::kWarning, "{} of {} samples have no line in '{}' and were left out", evaluation.unlabelled, total, options.labels);
  return evaluation;
}

std::string to_json(const Evaluation& evaluation) {
  const nlohmann::ordered_json json = {{"top1", evaluation.top1_percent()}, {"top5", evaluation.top5_percent()}, {"top1_count", evaluation.top1},
                                       {"top5_count", evaluation.top5}, {"samples", evaluation.samples}, {"skipped", evaluation.skipped},
                                       {"unlabelled", evaluation.unlabelled}, {"classes", evaluation.classes}, {"seconds", evaluation.seconds}};
  return json.dump(1);
}

}  // namespace sinter::session
