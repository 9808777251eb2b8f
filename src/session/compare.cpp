#include "session/compare.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "onnx/tensor_io.h"
#include "session/evaluate.h"
#include "session/run.h"

namespace sinter::session {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kRandomSamples = 8;

// One side: something that gives outputs for samples.
struct Side {
  std::string path;
  std::shared_ptr<const runtime::Engine> engine;  // null: saved outputs
  std::unique_ptr<runtime::ExecutionContext> context;
  std::unique_ptr<data::Dataset> saved;

  std::vector<std::string> output_names() const {
    std::vector<std::string> names;
    if (engine) for (const engine::IoInfo& output : engine->outputs()) names.push_back(output.name);
    return names;
  }
};

Status open_engine(Side& side, const BuildRequest& request) {
  SINTER_ASSIGN(side.engine, load_any(request));
  runtime::ContextOptions how;
  how.threads = request.build.threads;
  SINTER_ASSIGN(side.context, runtime::ExecutionContext::create(side.engine, how));
  return ok_status();
}

std::vector<data::InputSpec> output_specs(const runtime::Engine& engine) {
  std::vector<data::InputSpec> specs;
  for (const engine::IoInfo& output : engine.outputs()) {
    data::InputSpec spec{output.name, output.type.is_tensor() ? output.type.dtype : DType::kF32, std::nullopt};
    if (output.type.is_tensor() && output.type.shape) {
      spec.dims.emplace();
      for (const Dim& dim : *output.type.shape) spec.dims->push_back(dim.is_constant() ? dim.value() : -1);
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

// Outputs that two folders have: the .npy files' names, or the arrays of the first .npz file.
Result<std::vector<data::InputSpec>> specs_of_folder(const std::string& folder) {
  std::vector<data::InputSpec> specs;
  std::vector<fs::path> files;
  std::error_code error;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator(); it.increment(error)) files.push_back(it->path());
  std::sort(files.begin(), files.end());
  const auto add = [&](const std::string& name, const Tensor& tensor) {
    Dims dims = tensor.dims();
    if (dims.size() > 1) dims[0] = 1;
    specs.push_back({name, tensor.dtype(), dims});
  };
  for (const fs::path& file : files) {
    if (file.extension() == ".npy") {
      SINTER_ASSIGN(const Tensor tensor, onnx::read_npy(file.string()));
      add(file.stem().string(), tensor);
    } else if (file.extension() == ".npz") {
      SINTER_ASSIGN(const auto arrays, onnx::read_npz(file.string()));
      for (const auto& [name, tensor] : arrays) add(name, tensor);
      break;
    }
  }
  if (specs.empty()) return make_error(Code::kInvalidArgument, "'{}': found no saved outputs, expected .npy or .npz files", folder);
  return specs;
}

// The inputs of one sample for a side, whose names or places they have.
Result<std::vector<Value>> inputs_for(const Side& side, const runtime::Engine& names, const std::vector<Tensor>& sample) {
  std::vector<Tensor> ordered;
  for (size_t i = 0; i < side.engine->inputs().size(); ++i) {
    int index = names.input_index(side.engine->inputs()[i].name);
    if (index < 0) index = static_cast<int>(i);
    if (static_cast<size_t>(index) >= sample.size()) {
      return make_error(Code::kInvalidArgument, "'{}' has {} inputs, the other side {}; compare models with the same inputs", side.path, side.engine->inputs().size(), sample.size());
    }
    ordered.push_back(sample[static_cast<size_t>(index)]);
    const DType wanted = side.engine->inputs()[i].type.dtype;
    if (ordered.back().dtype() != wanted && is_float(ordered.back().dtype()) && is_float(wanted)) ordered.back() = ordered.back().cast(wanted);
  }
  bool given = false;
  Feeder feeder(*side.engine, [&](size_t) -> Result<std::optional<std::vector<Tensor>>> {
    if (given) return std::optional<std::vector<Tensor>>();
    given = true;
    return std::optional<std::vector<Tensor>>(ordered);
  }, 1);
  SINTER_ASSIGN(auto feed, feeder.next());
  if (!feed) return make_error(Code::kInternal, "'{}': a sample was lost; report this", side.path);
  return std::move(feed->inputs);
}

bool holds_scores(const Tensor& tensor) {
  const auto wide = std::count_if(tensor.dims().begin(), tensor.dims().end(), [](int64_t dim) { return dim > 1; });
  return wide == 1 && tensor.count() > 1 && is_float(tensor.dtype());
}

int64_t highest(const Tensor& scores) {
  const std::vector<double> values = scores.to_f64();
  return std::max_element(values.begin(), values.end()) - values.begin();
}

class Job {
 public:
  Job(const BuildRequest& a, const BuildRequest& b, const CompareOptions& options) : a_request_(a), b_request_(b), options_(options) {}

  Result<Comparison> run() {
    SINTER_TRY(open());
    SINTER_TRY(go_through());
    if (result_.samples == 0) return make_error(Code::kInvalidArgument, "comparison: found no sample; check the data and the saved outputs");
    judge();
    if (layers_) result_.layers = layers_->finish();
    return std::move(result_);
  }

 private:
  bool is_folder(const std::string& path) const { return fs::is_directory(path); }

  Status open() {
    a_.path = a_request_.model_path, b_.path = b_request_.model_path;
    for (const Side* side : {&a_, &b_}) {
      if (!fs::exists(side->path)) return make_error(Code::kNotFound, "'{}': no such file or folder; check the path", side->path);
    }
    if (!is_folder(a_.path)) SINTER_TRY(open_engine(a_, plain_request(a_request_)));
    if (!is_folder(b_.path)) SINTER_TRY(open_engine(b_, b_request_));
    SINTER_TRY(choose_outputs());
    SINTER_TRY(open_plain());
    SINTER_TRY(open_samples());
    if (!options_.labels.empty()) {
      SINTER_ASSIGN(labels_, data::Labels::read(options_.labels));
    }
    if (!options_.layers) return ok_status();
    if (!a_.engine || !b_.engine) return make_error(Code::kInvalidArgument, "--layers: one side is a folder of outputs, expected two models or engines");
    SINTER_ASSIGN(layers_, LayerComparer::create(a_.engine, b_.engine, b_request_.build.threads));
    return ok_status();
  }

  // The same outputs of both sides, by name; by place when they have other names but are as many.
  Status choose_outputs() {
    std::vector<data::InputSpec> specs;
    const Side& named = a_.engine ? a_ : b_;
    if (named.engine) {
      specs = output_specs(*named.engine);
    } else {
      SINTER_ASSIGN(specs, specs_of_folder(a_.path));
    }
    for (Side* side : {&a_, &b_}) {
      if (side->engine) continue;
      SINTER_ASSIGN(side->saved, data::open_dataset(side->path, specs, std::nullopt));
    }
    const std::vector<std::string> b_names = b_.output_names();
    for (size_t i = 0; i < specs.size(); ++i) {
      result_.outputs.emplace_back().name = specs[i].name;
      if (!a_.engine || !b_.engine) {
        b_index_.push_back(i);
        continue;
      }
      const auto found = std::find(b_names.begin(), b_names.end(), specs[i].name);
      if (found == b_names.end() && b_names.size() != specs.size()) {
        return make_error(Code::kInvalidArgument, "'{}' has no output '{}' and {} outputs, '{}' has {}; compare models with the same outputs", b_.path, specs[i].name,
                          b_names.size(), a_.path, specs.size());
      }
      b_index_.push_back(found == b_names.end() ? i : static_cast<size_t>(found - b_names.begin()));
    }
    return ok_status();
  }

  // B's model in f32, to tell conversion from precision.
  Status open_plain() {
    const Precision& precision = b_request_.build.precision;
    const bool lower = precision.fp16 || precision.bf16 || precision.int8 || b_request_.calibration;
    if (!b_.engine || is_engine_file(b_.path) || !lower) return ok_status();
    plain_.path = b_.path;
    return open_engine(plain_, plain_request(b_request_));
  }

  Status open_samples() {
    if (!a_.engine && !b_.engine) return ok_status();
    const Side& fed = a_.engine ? a_ : b_;
    if (options_.data.empty()) {
      if (a_.engine && b_.engine) return ok_status();
      return make_error(Code::kInvalidArgument, "comparison: saved outputs need the samples that they are of; give them with --data");
    }
    std::optional<data::Preprocess> preprocess;
    if (!options_.preprocess.empty()) {
      SINTER_ASSIGN(preprocess, data::read_preprocess(options_.preprocess));
    }
    SINTER_ASSIGN(const auto specs, input_specs(*fed.engine));
    SINTER_ASSIGN(samples_, data::open_dataset(options_.data, specs, preprocess));
    for (const Side* side : {&a_, &b_}) {
      if (side->saved && side->saved->size() != samples_->size()) {
        return make_error(Code::kInvalidArgument, "'{}' holds outputs of {} samples, '{}' has {}; they must be of the same samples, in the order of their names", side->path,
                          side->saved->size(), options_.data, samples_->size());
      }
    }
    return ok_status();
  }

  size_t total() const {
    const size_t all = samples_ ? samples_->size() : a_.saved && b_.saved ? std::min(a_.saved->size(), b_.saved->size()) : static_cast<size_t>(kRandomSamples);
    return options_.max_samples > 0 ? std::min(all, static_cast<size_t>(options_.max_samples)) : all;
  }

  Status go_through() {
    if (a_.saved && b_.saved && a_.saved->size() != b_.saved->size()) {
      return make_error(Code::kInvalidArgument, "'{}' holds outputs of {} samples, '{}' of {}; they must be of the same samples", a_.path, a_.saved->size(), b_.path, b_.saved->size());
    }
    std::optional<data::SampleReader> reader;
    if (samples_) reader.emplace(*samples_, 0, total());
    for (size_t number = 0; number < total(); ++number) {
      if (options_.progress && !options_.progress(static_cast<int64_t>(number), static_cast<int64_t>(total()))) {
        return make_error(Code::kCancelled, "comparison: stopped after {} samples", number);
      }
      std::vector<Tensor> sample;
      size_t index = number;
      if (reader) {
        SINTER_ASSIGN(auto next, reader->next());
        if (!next) break;
        sample = std::move(*next);
        index = reader->index();
      } else if (a_.engine) {
        SINTER_ASSIGN(const std::vector<Value> random, random_inputs(*a_.engine, number * 100, a_request_.shapes));
        for (const Value& value : random) sample.push_back(value.tensor());
      }
      SINTER_TRY(one(index, sample).with(fmt::format("while comparing with sample {}{}", index, samples_ ? " '" + samples_->name(index) + "'" : "")));
    }
    if (reader) result_.skipped = static_cast<int64_t>(reader->skipped());
    return ok_status();
  }

  Result<std::vector<Tensor>> outputs_of(Side& side, size_t index, const std::vector<Tensor>& sample) {
    if (side.saved) return side.saved->sample(index);
    SINTER_ASSIGN(const std::vector<Value> inputs, inputs_for(side, a_.engine ? *a_.engine : *b_.engine, sample));
    SINTER_ASSIGN(const std::vector<Value> values, side.context->run(inputs));
    const size_t rows = inputs.empty() || !inputs[0].is_tensor() || inputs[0].tensor().rank() == 0 || sample[0].rank() == 0 || sample[0].dim(0) != 1
                            ? 1 : static_cast<size_t>(inputs[0].tensor().dim(0));
    std::vector<Tensor> outputs;
    for (const Value& value : values) outputs.push_back(value.is_tensor() ? row_of(value.tensor(), 0, rows) : Tensor());
    return outputs;
  }

  Status one(size_t index, const std::vector<Tensor>& sample) {
    SINTER_ASSIGN(const std::vector<Tensor> a, outputs_of(a_, index, sample));
    SINTER_ASSIGN(const std::vector<Tensor> b, outputs_of(b_, index, sample));
    std::vector<Tensor> plain;
    if (plain_.engine) {
      SINTER_ASSIGN(plain, outputs_of(plain_, index, sample));
    }
    plain_distances_.resize(result_.outputs.size());
    for (size_t i = 0; i < result_.outputs.size(); ++i) {
      const Tensor &x = a[i], &y = b[b_index_[i]];
      if (!contains(kNumericTypes, x.dtype()) || !contains(kNumericTypes, y.dtype())) continue;
      if (x.count() != y.count()) {
        return make_error(Code::kInvalidArgument, "output '{}': found {} and {}, expected equal shapes; sizes that depend on data can't be compared", result_.outputs[i].name,
                          x.type().to_string(), y.type().to_string());
      }
      OutputComparison& output = result_.outputs[i];
      output.distance.add(x, y);
      if (plain_.engine) plain_distances_[i].add(x, plain[b_index_[i]]);
      output.scores = holds_scores(x);
      if (output.scores) compare_scores(output, x, y, index);
    }
    ++result_.samples;
    if (layers_ && result_.samples <= options_.layer_samples) {
      SINTER_ASSIGN(const auto a_inputs, inputs_for(a_, *a_.engine, sample));
      SINTER_ASSIGN(const auto b_inputs, inputs_for(b_, *a_.engine, sample));
      SINTER_TRY(layers_->add(a_inputs, b_inputs));
    }
    return ok_status();
  }

  void compare_scores(OutputComparison& output, const Tensor& a, const Tensor& b, size_t index) {
    const int64_t best = highest(a);
    output.same_top1 += best == highest(b);
    output.in_top5 += rank_of(b, best) < 5;
    if (!labels_ || (!options_.output.empty() && output.name != options_.output)) return;
    const auto expected = labels_->find(samples_ ? samples_->name(index) : a_.saved ? a_.saved->name(index) : "");
    if (!expected || *expected >= a.count()) return;
    ++output.labelled;
    const int64_t in_a = rank_of(a, *expected), in_b = rank_of(b, *expected);
    output.a_top1 += in_a < 1, output.a_top5 += in_a < 5, output.b_top1 += in_b < 1, output.b_top5 += in_b < 5;
  }

  // Lower than f32 anywhere in the engine.
  static bool has_lower_precision(const runtime::Engine& engine) {
    for (const plan::Region& region : engine.plan().regions) {
      for (const plan::Step& step : region.steps) {
        if (step.problem.op.find("Quantize") != std::string::npos) return true;
        for (const TensorDesc& output : step.problem.outputs) {
          const DTypeSet lower = kFloat8Types | dtype_set(DType::kF16, DType::kBF16, DType::kI8, DType::kU8);
          if (output.present && contains(lower, output.dtype)) return true;
        }
      }
    }
    return false;
  }

  void judge() {
    const double worst = result_.worst_relative_l2();
    const auto decide = [&](const char* verdict, std::string why) { result_.verdict = verdict, result_.explanation = std::move(why); };
    bool finite = true;
    for (const OutputComparison& output : result_.outputs) finite = finite && output.distance.differently_finite() == 0;
    if (finite && worst <= Comparison::kSame) return decide("same", fmt::format("the outputs agree: relative L2 {:.2g} is at most {:g}", worst, Comparison::kSame));
    if (plain_.engine) {
      bool plain_finite = true;
      for (const Distance& distance : plain_distances_) {
        result_.f32_relative_l2 = std::max(result_.f32_relative_l2, distance.relative_l2());
        plain_finite = plain_finite && distance.differently_finite() == 0;
      }
      if (!plain_finite || result_.f32_relative_l2 > Comparison::kSame) {
        return decide("conversion", fmt::format("B's model already differs in f32 (relative L2 {:.2g}): its conversion is to blame, not its precision", result_.f32_relative_l2));
      }
      return decide("precision", fmt::format("B's model agrees in f32 (relative L2 {:.2g}): the lower precision makes the difference of {:.2g}", result_.f32_relative_l2, worst));
    }
    if (b_.engine && !has_lower_precision(*b_.engine)) {
      return decide("conversion", fmt::format("B computes in f32 and differs all the same (relative L2 {:.2g}): the model, its conversion or the preprocessing is to blame", worst));
    }
    if (a_.engine && b_.engine && !has_lower_precision(*a_.engine)) {
      return decide("precision", fmt::format("A computes in f32, B in lower precision: that makes the difference of {:.2g}", worst));
    }
    decide("unknown", fmt::format("they differ (relative L2 {:.2g}); to tell conversion from precision, give B as the .onnx model with the build's options", worst));
  }

  const BuildRequest &a_request_, &b_request_;
  const CompareOptions& options_;
  Side a_, b_, plain_;
  std::vector<size_t> b_index_;
  std::vector<Distance> plain_distances_;
  std::unique_ptr<data::Dataset> samples_;
  std::optional<data::Labels> labels_;
  std::unique_ptr<LayerComparer> layers_;
  Comparison result_;
};

}  // namespace

double Comparison::worst_relative_l2() const {
  double worst = 0;
  for (const OutputComparison& output : outputs) worst = std::max(worst, output.distance.relative_l2());
  return worst;
}

Result<Comparison> compare(const BuildRequest& a, const BuildRequest& b, const CompareOptions& options) { return Job(a, b, options).run(); }

}  // namespace sinter::session
