#include "session/simplify.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "onnx/export.h"
#include "onnx/inspect.h"
#include "passes/run_list.h"
#include "session/run.h"

namespace sinter::session {
namespace {

// What stays within ONNX's operators, of old opsets too.
constexpr std::string_view kPasses[] = {"eliminate_dead_nodes", "fold_shape_chains",   "fold_constants",      "fold_if",          "eliminate_identity", "eliminate_cast",
                                        "eliminate_transpose",  "eliminate_reshape",   "eliminate_concat",    "fold_pad",         "fold_batch_norm",    "fold_scale",
                                        "sink_transpose",       "eliminate_common_subexpressions"};
constexpr std::string_view kFolding[] = {"fold_shape_chains", "fold_constants", "fold_if"};
constexpr std::string_view kWeights[] = {"fold_batch_norm", "fold_scale", "fold_pad"};

// What the engine of the original is spared: it is to be the model as it is written.
constexpr std::string_view kKeptForOriginal[] = {"canonicalize_pointwise", "fuse_pointwise", "canonicalize_gemm", "expand_batch_normalization", "canonicalize_attention"};

void count(const ir::Graph& graph, Share& share) {
  for (const auto& node : graph.nodes()) {
    ++share.nodes;
    ++share.operators[node->op->full_name()];
    for (const auto& [name, body] : node->subgraphs) count(*body, share);
  }
  for (const auto& [id, value] : graph.values()) {
    if (value->is_constant() && graph.use_count(value.get()) > 0) share.weight_bytes += value->constant.bytes();
  }
}

int64_t bytes_of(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<int64_t>(size);
}

int64_t opset_of(const std::map<std::string, int64_t>& opsets) {
  const auto own = opsets.find("");
  return own == opsets.end() ? 0 : own->second;
}

template <size_t N>
void skip(std::vector<std::string>& list, const std::string_view (&names)[N]) {
  for (const std::string_view name : names) list.emplace_back(name);
}

Status drop_outputs(ir::Graph& graph, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto found = std::find_if(graph.outputs.begin(), graph.outputs.end(), [&](const ir::Value* output) { return output->name == name; });
    if (found == graph.outputs.end()) return make_error(Code::kNotFound, "unused output '{}': the model has no output of that name, expected one of its outputs; correct the name", name);
    graph.outputs.erase(found);
  }
  graph.changed();
  if (graph.outputs.empty()) return make_error(Code::kInvalidArgument, "found every output as unused, expected at least one that stays; name fewer");
  return ok_status();
}

// Sizes for dynamic dims where nobody said any: one sample, small pictures, short sequences.
Dims dims_to_try(const ir::Value& input, const SimplifyOptions& options, bool only, Bindings& symbols) {
  constexpr int64_t kPicture = 64, kLength = 16;
  auto given = options.test_shapes.find(input.name);
  if (given == options.test_shapes.end() && only) given = options.test_shapes.find("");
  const Shape& declared = *input.type.shape;
  Dims dims;
  for (size_t axis = 0; axis < declared.size(); ++axis) {
    int64_t size = axis == 0 ? 1 : declared.size() == 4 && axis >= 2 ? kPicture : kLength;
    if (declared[axis].is_constant()) size = declared[axis].value();
    else if (given != options.test_shapes.end() && axis < given->second.size()) size = given->second[axis].value();
    const std::string symbol(declared[axis].symbol_name());
    if (!declared[axis].is_constant() && !symbol.empty()) size = symbols.emplace(symbol, size).first->second;
    dims.push_back(size);
  }
  return dims;
}

Result<std::vector<Value>> random_values(const ir::Graph& graph, const SimplifyOptions& options, uint64_t seed) {
  std::vector<Value> values;
  Bindings symbols;
  for (const ir::Value* input : graph.inputs) {
    if (!input->type.is_tensor() || !input->type.shape) {
      return make_error(Code::kUnsupported, "input '{}' is {}, expected a tensor of known rank", input->name, input->type.to_string());
    }
    const Dims dims = dims_to_try(*input, options, graph.inputs.size() == 1, symbols);
    SINTER_ASSIGN(Tensor tensor, random_tensor(input->type.dtype, dims, seed + values.size()));
    values.emplace_back(std::move(tensor));
  }
  return values;
}

bool compare(const Tensor& a, const Tensor& b, const SimplifyOptions& options, SimplifyCheck& check) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return false;
  if (!is_float(a.dtype())) return a.identical(b);
  const std::vector<double> x = a.to_f64(), y = b.to_f64();
  double largest = 0, error_square = 0, square = 0;
  for (const double value : y) {
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  }
  bool agrees = true;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) && std::isnan(y[i])) continue;
    if (x[i] == y[i]) {
      square += std::isfinite(y[i]) ? y[i] * y[i] : 0;
      continue;
    }
    const double error = std::fabs(x[i] - y[i]);
    agrees = agrees && error <= options.relative * std::fabs(y[i]) + options.absolute * largest;
    if (!std::isfinite(error)) continue;
    check.largest_error = std::max(check.largest_error, error);
    error_square += error * error;
    square += y[i] * y[i];
  }
  check.relative_l2 = std::max(check.relative_l2, error_square == 0 ? 0 : std::sqrt(error_square / std::max(square, 1e-60)));
  return agrees;
}

// Runs both; problems of running are no differences.
Status check_equal(const ir::Model& original, const ir::Model& simplified, const SimplifyOptions& options, const BuildRequest& engines, SimplifyReport& report) {
  BuildRequest plain = engines, usual = engines;
  for (const passes::Pass& pass : passes::pipeline()) {
    if (std::find(std::begin(kKeptForOriginal), std::end(kKeptForOriginal), pass.name) == std::end(kKeptForOriginal)) plain.passes.disabled.emplace_back(pass.name);
  }
  const onnx::ModelRunner run_original = engine_runner(plain), run_simplified = engine_runner(usual);
  for (const ir::Value* output : original.graph->outputs) report.outputs.push_back({output->name});
  for (int run = 0; run < options.checks; ++run) {
    SINTER_ASSIGN(const std::vector<Value> inputs, random_values(*original.graph, options, options.seed + 1000 * static_cast<uint64_t>(run)));
    SINTER_ASSIGN(const std::vector<Value> wanted, run_original(original, inputs));
    SINTER_ASSIGN(const std::vector<Value> got, run_simplified(simplified, inputs));
    for (size_t i = 0; i < wanted.size() && i < report.outputs.size(); ++i) {
      if (!wanted[i].is_tensor() || i >= got.size() || !got[i].is_tensor()) continue;
      if (!compare(got[i].tensor(), wanted[i].tensor(), options, report.outputs[i])) report.outputs[i].agrees = report.agrees = false;
    }
    ++report.checked;
  }
  return ok_status();
}

nlohmann::ordered_json share_json(const Share& share) {
  return {{"nodes", share.nodes}, {"weight_bytes", share.weight_bytes}, {"file_bytes", share.file_bytes}, {"operators", share.operators}};
}

}  // namespace

std::vector<std::string> simplify_passes() { return {std::begin(kPasses), std::end(kPasses)}; }

Result<SimplifyReport> simplify(const std::string& path, const SimplifyOptions& options, const BuildRequest& engines, const std::string& out_path) {
  passes::PassOptions pass_options;
  pass_options.verify_each = false;
  pass_options.disabled = options.skipped;
  if (options.skip_constant_folding) skip(pass_options.disabled, kFolding);
  if (options.skip_fuse_batch_norm) skip(pass_options.disabled, kWeights);
  if (options.skip_optimization) {
    for (const std::string_view name : kPasses) {
      if (std::find(std::begin(kFolding), std::end(kFolding), name) == std::end(kFolding)) pass_options.disabled.emplace_back(name);
    }
  }
  const std::vector<std::string> known = simplify_passes();
  for (const std::string& name : options.skipped) {
    if (std::find(known.begin(), known.end(), name) == known.end()) return make_error(Code::kNotFound, "found pass '{}' to skip, expected one of {}", name, fmt::join(known, ", "));
  }

  onnx::ImportOptions import;
  import.shapes = options.input_shapes;
  SINTER_ASSIGN(ir::Model model, onnx::import_model(path, import));
  SINTER_TRY(drop_outputs(*model.graph, options.unused_outputs));
  SimplifyReport report;
  report.opset_before = opset_of(model.opsets);
  SINTER_ASSIGN(const onnx::ModelInfo info, onnx::inspect_model(path));
  report.before.operators = info.operators;
  report.before.weight_bytes = info.initializer_bytes;
  report.before.nodes = info.nodes;
  report.before.file_bytes = bytes_of(path);
  for (const onnx::ExternalFile& file : info.external_files) report.before.file_bytes += std::max<int64_t>(0, file.bytes);

  ir::Model original;
  original.graph = model.graph->clone();
  SINTER_ASSIGN(const passes::PassReport fired, passes::run_list(*model.graph, kPasses, pass_options));
  report.passes = fired.fired;
  SINTER_TRY(ir::verify(*model.graph).with("after simplifying: this is a bug in Sinter"));
  onnx::ExportOptions how;
  how.opset = options.opset;
  how.external = options.external_data ? onnx::ExternalWeights::kAlways : onnx::ExternalWeights::kAuto;
  how.value_types = !options.skip_value_types;
  SINTER_ASSIGN(report.opset_after, onnx::export_opset(model, how));
  SINTER_TRY(onnx::export_model(model, out_path, how));
  count(*model.graph, report.after);
  report.after.file_bytes = bytes_of(out_path);
  SINTER_ASSIGN(const onnx::ModelInfo written, onnx::inspect_model(out_path));
  report.after.operators = written.operators;
  report.after.nodes = written.nodes;
  for (const onnx::ExternalFile& file : written.external_files) report.after.file_bytes += std::max<int64_t>(0, file.bytes);
  if (options.checks <= 0) return report;
  // What is in the file, not what is in memory, is compared.
  SINTER_ASSIGN(const ir::Model again, onnx::import_model(out_path));
  const Status checked = check_equal(original, again, options, engines, report);
  if (!checked.ok()) report.not_checked = checked.to_string();
  return report;
}

std::string to_json(const SimplifyReport& report) {
  nlohmann::ordered_json outputs = nlohmann::ordered_json::array();
  for (const SimplifyCheck& check : report.outputs) {
    outputs.push_back({{"name", check.output}, {"agrees", check.agrees}, {"largest_error", check.largest_error}, {"relative_l2", check.relative_l2}});
  }
  const nlohmann::ordered_json json = {{"before", share_json(report.before)},
                                       {"after", share_json(report.after)},
                                       {"opset", {{"before", report.opset_before}, {"after", report.opset_after}}},
                                       {"passes", report.passes},
                                       {"check", {{"runs", report.checked}, {"agrees", report.agrees}, {"not_checked", report.not_checked}, {"outputs", outputs}}}};
  return json.dump(2);
}

}  // namespace sinter::session
