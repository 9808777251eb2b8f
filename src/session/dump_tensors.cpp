#include "session/dump_tensors.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "onnx/import.h"
#include "onnx/tensor_io.h"
#include "session/value_view.h"

namespace sinter::session {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kLongestFileName = 120;

class Dumper : public runtime::StepWatcher {
 public:
  Dumper(const runtime::Engine& engine, const DumpOptions& options) : engine_(engine), options_(options) {
    for (const plan::Region& region : engine.plan().regions) scales_.push_back(scales_of(region));
  }

  Status after(runtime::StepView& view) override {
    const plan::Step& step = view.step();
    const bool copies = step.kind == plan::StepKind::kTransfer || step.problem.op == "Reformat";
    for (int32_t v : view.made()) {
      const plan::PlanValue& value = view.region().values[static_cast<size_t>(v)];
      // Copies in another layout hold what was written already; the concatenation that such a copy completes is new.
      if (copies && std::find(step.outputs.begin(), step.outputs.end(), v) != step.outputs.end()) continue;
      if (!is_wanted(value.name, value.onnx_names)) continue;
      SINTER_ASSIGN(const auto found, view.value(v));
      if (found) SINTER_TRY(take(view, v, *found));
    }
    return ok_status();
  }

  Status give(const engine::IoInfo& input, const Tensor& tensor) {
    if (!is_wanted(input.name, input.onnx_names) || dtype_bits(tensor.dtype()) == 0) return ok_status();
    DumpedTensor entry{input.name, file_for(input.name), input.onnx_names, "", tensor.type().to_string()};
    report.tensors.push_back(entry);
    return write(entry.file, tensor);
  }

  DumpReport report;

 private:
  bool is_wanted(const std::string& name, const std::vector<std::string>& names) const {
    if (options_.patterns.empty()) return true;
    return std::any_of(options_.patterns.begin(), options_.patterns.end(), [&](const std::string& pattern) {
      return matches(pattern, name) || std::any_of(names.begin(), names.end(), [&](const std::string& each) { return matches(pattern, each); });
    });
  }

  Status take(runtime::StepView& view, int32_t v, const runtime::ValueView& found) {
    const plan::PlanValue& value = *found.value;
    const auto region = static_cast<size_t>(&view.region() - engine_.plan().regions.data());
    // Several values may stand for one tensor of the model, in several layouts: the first to be made is written.
    if (!value.onnx_names.empty() && claimed_.try_emplace({region, value.onnx_names.front()}, v).first->second != v) return ok_status();
    const auto& scale = scales_[region][static_cast<size_t>(v)];
    auto [known, fresh] = places_.try_emplace({region, v}, report.tensors.size());
    if (fresh) {
      const std::string& name = value.onnx_names.empty() ? value.name : value.onnx_names.front();
      DumpedTensor entry{name, file_for(name), value.onnx_names, view.step().name, ""};
      if (scale) entry.dequantized = true, entry.scale = scale->scale, entry.zero = scale->zero;
      report.tensors.push_back(std::move(entry));
    }
    DumpedTensor& entry = report.tensors[known->second];
    entry.stored = ValueType::tensor(value.type.dtype, to_shape(found.dims)).to_string();
    if (value.layout != Layout::kRowMajor) entry.stored += fmt::format(" {}", layout_name(value.layout));
    return write(entry.file, scale ? to_f32(found, scale) : row_major(found));
  }

  Status write(const std::string& file, const Tensor& tensor) const {
    return onnx::write_npy((std::filesystem::path(options_.folder) / file).string(), tensor);
  }

  // A name that any file system takes, and no other tensor has, also where capitals do not count.
  std::string file_for(const std::string& name) {
    std::string safe;
    for (char c : name.substr(0, kLongestFileName)) safe += std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_' ? c : '_';
    if (safe.empty() || safe[0] == '.') safe = "_" + safe;
    std::string lower = safe;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (int number = 1;; ++number) {
      const std::string suffix = number == 1 ? "" : fmt::format("~{}", number);
      if (files_.insert(lower + suffix).second) return safe + suffix + ".npy";
    }
  }

  const runtime::Engine& engine_;
  const DumpOptions& options_;
  std::vector<std::vector<std::optional<ValueScale>>> scales_;
  std::map<std::pair<size_t, int32_t>, size_t> places_;  // in the report, by region and value
  std::map<std::pair<size_t, std::string>, int32_t> claimed_;  // the value that is written for a tensor of the model
  std::set<std::string> files_;
};

// What the graph computes with: no constants, and no names of bodies' own.
Result<std::vector<std::string>> fused_away(const std::string& model_path, const runtime::Engine& engine) {
  std::set<std::string> held;
  for (const plan::Region& region : engine.plan().regions) {
    for (const plan::PlanValue& value : region.values) {
      if (value.storage != plan::Storage::kNone) held.insert(value.onnx_names.begin(), value.onnx_names.end());
    }
  }
  onnx::ImportOptions silent;
  SINTER_ASSIGN(const ir::Model model, onnx::import_model(model_path, silent));
  std::vector<std::string> names;
  for (const auto& node : model.graph->nodes()) {
    for (const ir::Value* output : node->outputs) {
      if (output && !held.contains(output->name)) names.push_back(output->name);
    }
  }
  return names;
}

}  // namespace

std::string to_json(const DumpReport& report) {
  Json tensors = Json::array();
  for (const DumpedTensor& tensor : report.tensors) {
    Json entry = {{"name", tensor.name}, {"file", tensor.file}, {"names", tensor.names}, {"layer", tensor.layer}, {"stored", tensor.stored}};
    if (tensor.dequantized) entry["scale"] = tensor.scale, entry["zero"] = tensor.zero;
    tensors.push_back(std::move(entry));
  }
  const Json json = {{"tensors", tensors}, {"fused_away", report.fused_away}, {"unmatched", report.unmatched}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool matches(std::string_view pattern, std::string_view name) {
  size_t p = 0, n = 0, star = pattern.npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++, resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != pattern.npos) {
      p = star + 1, n = ++resume;  // the star stands for one character more
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == pattern.npos;
}

Result<DumpReport> dump_tensors(std::shared_ptr<const runtime::Engine> engine, const std::vector<Value>& inputs, const DumpOptions& options) {
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  if (error) return make_error(Code::kIo, "folder '{}' can't be made: {}; choose another", options.folder, error.message());
  const auto dumper = std::make_shared<Dumper>(*engine, options);
  runtime::ContextOptions how;
  how.threads = options.threads;
  how.watcher = dumper;
  SINTER_ASSIGN(const auto context, runtime::ExecutionContext::create(engine, how));
  for (size_t i = 0; i < inputs.size() && i < engine->inputs().size(); ++i) {
    if (inputs[i].is_tensor()) SINTER_TRY(dumper->give(engine->inputs()[i], inputs[i].tensor()));
  }
  SINTER_ASSIGN([[maybe_unused]] const auto outputs, context->run(inputs));
  DumpReport& report = dumper->report;
  if (!options.model_path.empty()) {
    SINTER_ASSIGN(report.fused_away, fused_away(options.model_path, *engine));
  }
  const auto meant = [&](const std::string& pattern) {
    return std::any_of(report.tensors.begin(), report.tensors.end(), [&](const DumpedTensor& tensor) {
      return matches(pattern, tensor.name) || std::any_of(tensor.names.begin(), tensor.names.end(), [&](const std::string& name) { return matches(pattern, name); });
    });
  };
  std::copy_if(options.patterns.begin(), options.patterns.end(), std::back_inserter(report.unmatched), [&](const std::string& pattern) { return !meant(pattern); });
  if (report.tensors.empty() && !options.patterns.empty()) {
    const bool fused = std::any_of(report.fused_away.begin(), report.fused_away.end(), [&](const std::string& name) { return matches(options.patterns[0], name); });
    return make_error(Code::kNotFound, "no tensor of the run is named '{}'{}; leave the names out to get all, and their index", options.patterns[0],
                      fused ? ": it was fused into a layer and is never in memory" : "");
  }
  SINTER_TRY(write_file((std::filesystem::path(options.folder) / "index.json").string(), to_json(report)));
  return std::move(report);
}

}  // namespace sinter::session
