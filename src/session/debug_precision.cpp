// The search for layers to blame (debug_precision.h).
#include "session/debug_precision.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/files.h"
#include "base/log.h"
#include "session/compare_layers.h"
#include "session/run.h"

namespace sinter::session {
namespace {

constexpr std::string_view kFirstLine = "sinter debug precision 1";

// Verdicts by set of layers, kept in a file: a line each of "pass" or "fail" and the layers' names between tabs.
class Verdicts {
 public:
  Status open(const std::string& path, const std::string& key) {
    path_ = path, key_ = key;
    if (path.empty()) return ok_status();
    const Result<std::string> file = read_file(path);
    if (!file.ok() && file.status().code() == Code::kNotFound) return ok_status();
    if (!file.ok()) return file.status();
    std::string_view text = *file;
    const auto take_line = [&] {
      const size_t end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      text = end == text.npos ? std::string_view() : text.substr(end + 1);
      return line;
    };
    if (take_line() != kFirstLine) return make_error(Code::kInvalidArgument, "'{}': found no state of a search for layers; remove the file, or name another", path);
    if (take_line() != key) {
      return make_error(Code::kInvalidArgument, "'{}': it is of another search (model, precision, data or check differ); remove the file, or name another", path);
    }
    while (!text.empty()) {
      const std::string_view line = take_line();
      if (line.starts_with("order\t")) order_ = line.substr(6);
      else if (line.starts_with("pass\t")) known_[std::string(line.substr(5))] = true;
      else if (line.starts_with("fail\t")) known_[std::string(line.substr(5))] = false;
    }
    return ok_status();
  }
  std::optional<bool> find(const std::string& layers) const {
    const auto it = known_.find(layers);
    return it == known_.end() ? std::nullopt : std::optional<bool>(it->second);
  }
  Status add(const std::string& layers, bool passes) {
    known_[layers] = passes;
    return save();
  }
  const std::string& order() const { return order_; }
  Status set_order(std::string order) {
    order_ = std::move(order);
    return save();
  }

 private:
  Status save() const {
    if (path_.empty()) return ok_status();
    std::string text = fmt::format("{}\n{}\n", kFirstLine, key_);
    if (!order_.empty()) text += "order\t" + order_ + "\n";
    for (const auto& [layers, passes] : known_) text += fmt::format("{}\t{}\n", passes ? "pass" : "fail", layers);
    return write_file(path_, text);
  }
  std::string path_, key_, order_;
  std::map<std::string, bool> known_;
};

struct Layer {
  std::string name;                // of the optimised graph's node
  std::vector<std::string> nodes;  // of the model
  double error = 0;
};

std::string joined(const std::vector<std::string>& names, char between) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += between;
    text += name;
  }
  return text;
}

class Search {
 public:
  Search(const BuildRequest& request, const DebugOptions& options) : request_(request), options_(options) { request_.portable = options.check != nullptr; }

  Result<DebugReport> run() {
    SINTER_TRY(check_options());
    SINTER_TRY(open());
    SINTER_TRY(collect_layers());
    report_.candidates = static_cast<int64_t>(layers_.size());
    SINTER_ASSIGN(const bool low, passes({}));
    if (low) {
      report_.lines.push_back("the check passes with every layer in lower precision");
      return std::move(report_);
    }
    std::vector<size_t> all(layers_.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = i;
    SINTER_ASSIGN(const bool high, passes(all));
    if (!high) return make_error(Code::kUnsupported, "the check fails with every layer in float already: {}; look at the model, the data or the check itself", last_);
    SINTER_TRY(order_layers());
    SINTER_ASSIGN(const std::vector<size_t> found, smallest_passing_set(layers_.size(), [&](const std::vector<size_t>& places) { return passes(places); }));
    return finish(found);
  }

 private:
  Status check_options() const {
    if (options_.min_cosine.has_value() + options_.max_error.has_value() + (options_.check != nullptr) != 1) {
      return make_error(Code::kInvalidArgument, "debug precision: {}, expected one check; give --check, --min-cosine or --max-error",
                        options_.min_cosine || options_.max_error || options_.check ? "several checks were given" : "no check was given");
    }
    const Precision& precision = request_.build.precision;
    if (!precision.int8 && !precision.fp16 && !precision.bf16) {
      return make_error(Code::kInvalidArgument, "debug precision: no lower precision is permitted, so that no layer can be to blame; add --int8, --fp16 or --bf16");
    }
    if (!options_.check && options_.calibrate.data.empty()) {
      return make_error(Code::kInvalidArgument, "debug precision: outputs are to be compared, but there are no samples; give --data");
    }
    return ok_status();
  }

  Status open() {
    SINTER_TRY(resolve_int8(request_, options_.calibrate));
    SINTER_ASSIGN(optimised_, optimise(request_));
    SINTER_ASSIGN(BuildOutcome exact, build_lowered(optimised_, plain_request(request_)));
    SINTER_ASSIGN(reference_, engine_of(std::move(exact.contents)));
    if (!options_.calibrate.data.empty()) {
      SINTER_ASSIGN(AccuracyProbe probe, open_probe(reference_, {options_.calibrate.data, options_.calibrate.preprocess, "", options_.most_samples}, request_.build.threads));
      probe_ = std::make_unique<AccuracyProbe>(std::move(probe));
    }
    return verdicts_.open(options_.state, key());
  }

  // Model, precision, data and check in a line.
  std::string key() const {
    const Precision& precision = request_.build.precision;
    std::string check = options_.check ? "command" : options_.min_cosine ? fmt::format("cosine {}", *options_.min_cosine) : fmt::format("error {}", *options_.max_error);
    return fmt::format("{} int8={} fp16={} bf16={} data={} {}", optimised_.model.content_hash, precision.int8, precision.fp16, precision.bf16, options_.calibrate.data, check);
  }

  Result<std::shared_ptr<const runtime::Engine>> engine_of(engine::EngineContents contents) const {
    return runtime::Engine::from_contents(std::move(contents), {engine::Verify::kTarget, request_.build.device ? request_.build.device->ordinal() : 0});
  }

  // Dense layers in int8; with 16-bit floats every node of the optimised graph.
  Status collect_layers() {
    const bool whole_numbers = request_.build.precision.int8;
    Optimised lowered = optimised_.clone();
    SINTER_TRY(lower(lowered, request_));
    std::set<std::string> chosen;
    for (const quant::LayerDecision& layer : lowered.quantization.layers) {
      if (layer.quantized) chosen.insert(layer.node);
    }
    const bool all = !whole_numbers || request_.build.precision.fp16 || request_.build.precision.bf16;
    for (const auto& node : optimised_.model.graph->nodes()) {
      const bool in_float = node->output() && node->output()->type.is_tensor() && is_float(node->output()->type.dtype);
      if (!(all && in_float) && !chosen.contains(node->name)) continue;
      layers_.push_back({node->name, node->source_nodes.empty() ? std::vector<std::string>{node->name} : node->source_nodes});
    }
    if (layers_.empty()) return make_error(Code::kUnsupported, "debug precision: no layer is in lower precision, so that none can be to blame");
    return ok_status();
  }

  Result<BuildOutcome> build(const std::vector<size_t>& in_float) const {
    Optimised lowered = optimised_.clone();
    builder::LayerTypes types;
    types.precision = request_.build.precision.int8 ? builder::LayerType::kFloat : builder::LayerType::kF32;
    for (size_t place : in_float) {
      for (const std::string& node : layers_[place].nodes) lowered.layer_types[node] = types;
      lowered.layer_types[layers_[place].name] = types;
    }
    SINTER_TRY(lower(lowered, request_));
    return build_lowered(lowered, request_);
  }

  Result<bool> passes(const std::vector<size_t>& in_float) {
    std::vector<std::string> names;
    for (size_t place : in_float) names.push_back(layers_[place].name);
    std::sort(names.begin(), names.end());
    const std::string set = joined(names, '\t');
    if (const auto known = verdicts_.find(set)) {
      ++report_.remembered;
      tell(in_float.size(), *known, "remembered");
      return *known;
    }
    if (options_.progress && !options_.progress("checking", report_.checks, 0)) {
      return make_error(Code::kCancelled, "debug precision: stopped after {} checks{}", report_.checks, options_.state.empty() ? "" : "; the same command goes on from there");
    }
    SINTER_ASSIGN(BuildOutcome built, build(in_float));
    ++report_.checks;
    SINTER_ASSIGN(const bool good, judge(built.contents));
    SINTER_TRY(verdicts_.add(set, good));
    tell(in_float.size(), good, last_);
    return good;
  }

  void tell(size_t count, bool good, const std::string& why) {
    report_.lines.push_back(fmt::format("{} of {} layers in float: {} ({})", count, layers_.size(), good ? "passes" : "fails", why));
    log(Severity::kInfo, "{}", report_.lines.back());
  }

  Result<bool> judge(engine::EngineContents& contents) {
    if (options_.check) {
      const std::string path = (std::filesystem::temp_directory_path() / fmt::format("sinter-debug-{}.engine", ::getpid())).string();
      SINTER_TRY(engine::write_engine(contents, path));
      const Result<bool> good = options_.check(path);
      std::error_code ignored;
      std::filesystem::remove(path, ignored);
      last_ = "the check's answer";
      return good;
    }
    SINTER_ASSIGN(const auto engine, engine_of(std::move(contents)));
    SINTER_ASSIGN(const Agreement agreement, probe_->measure(engine));
    last_ = agreement.to_string();
    return agreement.finite && (options_.min_cosine ? agreement.cosine >= *options_.min_cosine : agreement.relative_error <= *options_.max_error);
  }

  // Largest own error first; without samples, as they are.
  Status order_layers() {
    if (!verdicts_.order().empty()) return restore_order();
    if (!probe_) return ok_status();
    if (options_.progress && !options_.progress("measuring layers", 0, 1)) return make_error(Code::kCancelled, "debug precision: stopped before layers were measured");
    SINTER_ASSIGN(BuildOutcome low, build({}));
    SINTER_ASSIGN(const auto engine, engine_of(std::move(low.contents)));
    SINTER_ASSIGN(const auto comparer, LayerComparer::create(reference_, engine, request_.build.threads));
    for (size_t s = 0; s < std::min(static_cast<size_t>(options_.scan_samples), probe_->size()); ++s) SINTER_TRY(comparer->add(probe_->samples()[s], probe_->samples()[s]));
    std::map<std::string, double> errors;
    for (const LayerError& error : comparer->finish().errors) errors[error.layer] = std::max(errors[error.layer], error.alone);
    for (Layer& layer : layers_) layer.error = errors.contains(layer.name) ? errors.at(layer.name) : 0;
    std::stable_sort(layers_.begin(), layers_.end(), [](const Layer& a, const Layer& b) { return a.error > b.error; });
    std::vector<std::string> names;
    for (const Layer& layer : layers_) names.push_back(layer.name);
    return verdicts_.set_order(joined(names, '\t'));
  }

  // The order of the search that is gone on with, so that its verdicts are of the same sets.
  Status restore_order() {
    std::map<std::string, size_t, std::less<>> places;
    std::string_view rest = verdicts_.order();
    while (!rest.empty()) {
      const size_t tab = rest.find('\t');
      places.emplace(rest.substr(0, tab), places.size());
      rest = tab == rest.npos ? std::string_view() : rest.substr(tab + 1);
    }
    const auto place = [&](const Layer& layer) { return places.contains(layer.name) ? places.at(layer.name) : places.size(); };
    std::stable_sort(layers_.begin(), layers_.end(), [&](const Layer& a, const Layer& b) { return place(a) < place(b); });
    return ok_status();
  }

  Result<DebugReport> finish(const std::vector<size_t>& found) {
    for (size_t place : found) {
      const Layer& layer = layers_[place];
      // One of the model's nodes is enough to name a layer.
      report_.layers.push_back(layer.nodes.front());
      report_.lines.push_back(layer.error > 0 ? fmt::format("must be in float: '{}', error alone {:.3g}", layer.name, layer.error) : fmt::format("must be in float: '{}'", layer.name));
    }
    const bool whole_numbers = request_.build.precision.int8;
    std::string names;
    for (const std::string& layer : report_.layers) names += fmt::format("{}{}{}", names.empty() ? "" : ",", layer, whole_numbers ? "" : ":fp32");
    report_.flag = whole_numbers ? "--float-layers " + names : "--precisionConstraints=prefer --layerPrecisions " + names;
    return std::move(report_);
  }

  BuildRequest request_;
  const DebugOptions& options_;
  Optimised optimised_;
  std::shared_ptr<const runtime::Engine> reference_;
  std::unique_ptr<AccuracyProbe> probe_;
  std::vector<Layer> layers_;
  Verdicts verdicts_;
  std::string last_;  // why the last verdict was as it was
  DebugReport report_;
};

}  // namespace

Result<std::vector<size_t>> smallest_passing_set(size_t count, const PlaceCheck& passes) {
  std::vector<size_t> set;
  size_t low = 0, high = count;  // so many from the front pass: high does
  while (low < high) {
    const size_t middle = (low + high) / 2;
    set.resize(middle);
    for (size_t i = 0; i < middle; ++i) set[i] = i;
    SINTER_ASSIGN(const bool good, passes(set));
    if (good) high = middle;
    else low = middle + 1;
  }
  set.resize(high);
  for (size_t i = 0; i < high; ++i) set[i] = i;
  // Parts of the set that it passes without, from halves down to single ones, until no single one is left that can go.
  for (size_t part = (set.size() + 1) / 2; part > 0 && set.size() > 1;) {
    bool changed = false;
    for (size_t begin = 0; begin < set.size() && set.size() > part;) {
      std::vector<size_t> fewer(set.begin(), set.begin() + static_cast<std::ptrdiff_t>(begin));
      const size_t end = std::min(begin + part, set.size());
      fewer.insert(fewer.end(), set.begin() + static_cast<std::ptrdiff_t>(end), set.end());
      SINTER_ASSIGN(const bool good, passes(fewer));
      if (good) set = std::move(fewer), changed = true;
      else begin = end;
    }
    if (part == 1 && !changed) break;
    if (part > 1) part = (part + 1) / 2;
  }
  return set;
}

Result<DebugReport> debug_precision(const BuildRequest& request, const DebugOptions& options) { return Search(request, options).run(); }

}  // namespace sinter::session
