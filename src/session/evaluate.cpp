#include "session/evaluate.h"

#include <chrono>
#include <cmath>
#include <deque>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "runtime/device_group.h"

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

namespace {

// A run's samples and their classes.
struct Flight {
  size_t samples = 0, rows = 0;
  std::vector<int64_t> expected;
  std::shared_ptr<runtime::Batch> batch;
};

Status count(Flight& flight, size_t output, const runtime::Engine& engine, const EvaluateOptions& options,
             Evaluation& evaluation) {
  const Result<std::vector<Value>> outputs = flight.batch->wait();
  SINTER_TRY(outputs.status());
  const Value& value = (*outputs)[output];
  const engine::IoInfo& info = engine.outputs()[output];
  if (!value.is_tensor() || !contains(kNumericTypes, value.tensor().dtype())) {
    return make_error(Code::kInvalidArgument, "output '{}' is {}, expected scores of classes; say which with --output",
                      info.name, info.type.to_string());
  }
  for (size_t row = 0; row < flight.samples; ++row) {
    const Tensor scores = row_of(value.tensor(), row, flight.rows);
    evaluation.classes = scores.count();
    if (flight.expected[row] >= scores.count()) {
      return make_error(Code::kInvalidArgument,
                        "labels '{}': found class {}, but output '{}' has {} scores; check the labels", options.labels,
                        flight.expected[row], info.name, scores.count());
    }
    const int64_t rank = rank_of(scores, flight.expected[row]);
    evaluation.top1 += rank < 1;
    evaluation.top5 += rank < 5;
    ++evaluation.samples;
  }
  return ok_status();
}

}  // namespace

Result<Evaluation> evaluate(const std::vector<std::shared_ptr<const runtime::Engine>>& engines, int threads,
                            const EvaluateOptions& options) {
  const runtime::Engine& engine = *engines.at(0);
  SINTER_ASSIGN(const size_t output, scores_output(engine, options.output));
  SINTER_ASSIGN(const data::Labels labels, data::Labels::read(options.labels));
  std::optional<data::Preprocess> preprocess;
  if (!options.preprocess.empty()) {
    SINTER_ASSIGN(preprocess, data::read_preprocess(options.preprocess));
  }
  SINTER_ASSIGN(const auto specs, input_specs(engine));
  SINTER_ASSIGN(const auto dataset, data::open_dataset(options.data, specs, preprocess));
  // Whole runs, each to the engine that is free next, while the samples of later ones are read.
  SINTER_ASSIGN(const auto group,
                runtime::DeviceGroup::make(engines, {.contexts = 1, .threads = threads, .split = false}));

  const auto start = std::chrono::steady_clock::now();
  const size_t total = options.max_samples > 0 ? std::min(dataset->size(), static_cast<size_t>(options.max_samples)) : dataset->size();
  Evaluation evaluation;
  std::vector<int64_t> expected;  // classes of the samples that the feeder has taken
  std::deque<Flight> flights;
  data::SampleReader reader(*dataset, 0, total);
  Feeder feeder(
      engine,
      [&](size_t) -> Result<std::optional<std::vector<Tensor>>> {
        for (;;) {
          SINTER_ASSIGN(auto sample, reader.next());
          if (!sample) return sample;
          if (const auto wanted = labels.find(dataset->name(reader.index()))) {
            expected.push_back(*wanted);
            return sample;
          }
          ++evaluation.unlabelled;
        }
      },
      options.batch);
  for (bool more = true; more || !flights.empty();) {
    if (options.progress && !options.progress(static_cast<int64_t>(reader.position()), static_cast<int64_t>(total))) {
      return make_error(Code::kCancelled, "evaluation: stopped after {} samples", evaluation.samples);
    }
    if (more) {
      SINTER_ASSIGN(auto feed, feeder.next());
      more = feed.has_value();
      if (feed) {
        const auto end = expected.begin() + static_cast<std::ptrdiff_t>(feed->samples);
        flights.push_back({feed->samples, feed->rows, {expected.begin(), end}, group->submit(std::move(feed->inputs))});
        expected.erase(expected.begin(), end);
      }
    }
    if (!flights.empty() && (!more || flights.size() > group->lanes())) {
      SINTER_TRY(count(flights.front(), output, engine, options, evaluation));
      flights.pop_front();
    }
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
