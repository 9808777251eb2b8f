// Part 2 of sinter.h: looking at models, engines, tactics and machines. Results are JSON.
#include <sys/stat.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "base/system_files.h"
#include "capi/request.h"
#include "onnx/inspect.h"
#include "onnx/operator_list.h"
#include "plugin/library.h"
#include "session/check_plugins.h"
#include "session/coverage.h"
#include "session/doctor.h"
#include "session/peaks.h"
#include "session/run.h"
#include "session/tactics_report.h"

namespace sinter::capi {
namespace {

using Json = nlohmann::ordered_json;

Json io_json(const std::string& name, const ValueType& type) { return {{"name", name}, {"type", type.to_string()}}; }

Result<Json> inspect_model(const std::string& path) {
  SINTER_ASSIGN(const onnx::ModelInfo info, onnx::inspect_model(path));
  Json inputs = Json::array(), outputs = Json::array();
  for (const auto& io : info.inputs) inputs.push_back(io_json(io.name, io.type));
  for (const auto& io : info.outputs) outputs.push_back(io_json(io.name, io.type));
  Json functions = Json::array(), files = Json::array();
  for (const auto& function : info.functions) functions.push_back({{"domain", function.domain}, {"name", function.name}, {"nodes", function.nodes}});
  for (const auto& file : info.external_files) files.push_back({{"location", file.location}, {"bytes", file.bytes}, {"tensors", file.tensors}});
  return Json{{"kind", "model"}, {"file", path}, {"ir_version", info.ir_version}, {"producer", info.producer_name},
              {"producer_version", info.producer_version}, {"opsets", info.opsets}, {"inputs", inputs}, {"outputs", outputs},
              {"nodes", info.nodes}, {"operators", info.operators}, {"functions", functions}, {"initializers", info.initializers},
              {"initializer_bytes", info.initializer_bytes}, {"external_files", files}, {"metadata", info.metadata}};
}

// An engine's own date when it has one, else when the file was written.
std::string date_of(const std::string& path, const std::string& recorded) {
  struct stat info;
  if (!recorded.empty() || stat(path.c_str(), &info) != 0) return recorded;
  std::tm utc{};
  gmtime_r(&info.st_mtime, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

Result<Json> inspect_engine(const std::string& path) {
  SINTER_ASSIGN(const auto file, engine::EngineFile::open(path, engine::Verify::kFull));
  Json manifest = Json::parse(engine::to_json(file->manifest()));
  manifest["date"] = date_of(path, file->manifest().date);
  manifest["driver_version"] = "none (CPU)";
  Json json = {{"kind", "engine"}, {"file", path}, {"format_version", engine::kFormatVersion}, {"size_bytes", file->size_bytes()},
               {"portable", file->has_portable()}, {"manifest", manifest}};
  if (!file->report_json().empty()) json["report"] = Json::parse(file->report_json(), nullptr, false);
  return json;
}

Json types_json(const TypeVar& type) {
  Json names = Json::array();
  for (int i = 1; i < kDTypeCount; ++i) {
    if (contains(type.tensors, static_cast<DType>(i))) names.push_back(std::string(dtype_name(static_cast<DType>(i))));
  }
  return {{"tensors", names}, {"sequences", type.sequences}, {"optionals", type.optionals}};
}

Json params_json(const std::vector<ParamDef>& params) {
  constexpr const char* kKinds[] = {"single", "optional", "variadic"};
  Json list = Json::array();
  for (const ParamDef& param : params) list.push_back({{"name", param.name}, {"type", param.type}, {"kind", kKinds[static_cast<int>(param.kind)]}});
  return list;
}

Json operator_json(const onnx::OperatorInfo& info) {
  Json types = Json::object(), attributes = Json::object();
  for (const TypeVar& type : info.op->types) types[type.name] = types_json(type);
  for (const AttrDef& attribute : info.op->attributes) {
    attributes[attribute.name] = {{"kind", std::string(attr_kind_name(attribute.kind))}, {"required", attribute.required}};
  }
  return {{"domain", info.op->domain.empty() ? "ai.onnx" : info.op->domain}, {"name", info.op->name}, {"since", info.op->since},
          {"adapted", info.adapted}, {"expanded", info.expanded}, {"pointwise", info.op->pointwise != nullptr},
          {"plugin", info.op->plugin ? info.op->plugin->library.name : ""}, {"inputs", params_json(info.op->inputs)}, {"outputs", params_json(info.op->outputs)}, {"types", types}, {"attributes", attributes}};
}

Status give(const Json& json, char** out) {
  *out = copy_text(json.dump(1, ' ', false, Json::error_handler_t::replace));
  return ok_status();
}

}  // namespace
}  // namespace sinter::capi

using namespace sinter;
using capi::guarded;
using capi::Json;

extern "C" {

sinter_status sinter_check_json(const char* model_path, char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(model_path && out, "the model's path or the place for the text"));
    Json problems = Json::array();
    bool loads = true;
    for (const onnx::Finding& finding : onnx::check_model(model_path)) {
      loads = loads && finding.warning;
      problems.push_back({{"warning", finding.warning}, {"node", finding.node}, {"operator", finding.op}, {"domain", finding.domain},
                          {"opset", finding.opset}, {"message", finding.to_string()}});
    }
    Json json{{"file", model_path}, {"problems", problems}};
    if (loads) {
      session::BuildRequest request;
      request.model_path = model_path;
      SINTER_ASSIGN(const session::Coverage coverage, session::cover(request));
      json["coverage"] = {{"fast", coverage.fast}, {"reference", coverage.reference}, {"views", coverage.views}, {"control", coverage.control}, {"reasons", coverage.reasons}};
    }
    return capi::give(json, out);
  });
}

sinter_status sinter_check_plugins_json(const char* model_path, const sinter_build_options* options, char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(model_path && out, "the model's path or the place for the text"));
    SINTER_ASSIGN(const session::BuildRequest request, capi::to_request(model_path, options));
    SINTER_ASSIGN(const session::PluginReport report, session::check_plugins(request));
    Json problems = Json::array();
    for (const session::PluginProblem& problem : report.problems) {
      problems.push_back({{"warning", problem.warning}, {"node", problem.node}, {"operator", problem.op}, {"message", problem.message}});
    }
    return capi::give({{"nodes", report.nodes}, {"problems", problems}}, out);
  });
}

sinter_status sinter_inspect_json(const char* path, char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(path && out, "the path or the place for the text"));
    SINTER_ASSIGN(const Json json, session::is_engine_file(path) ? capi::inspect_engine(path) : capi::inspect_model(path));
    return capi::give(json, out);
  });
}

sinter_status sinter_operators_json(char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out != nullptr, "the place for the text"));
    Json operators = Json::array();
    for (const onnx::OperatorInfo& info : onnx::list_operators()) operators.push_back(capi::operator_json(info));
    return capi::give({{"operators", operators}}, out);
  });
}

sinter_status sinter_tactics_json(const char* model_path, const sinter_build_options* options, double assert_share, const char* only_layer,
                                  char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out != nullptr, "the place for the text"));
    SINTER_ASSIGN(const session::BuildRequest request, capi::to_request(model_path, options));
    session::TacticsOptions tactics;
    tactics.assert_share = assert_share;
    tactics.only_layer = only_layer ? only_layer : "";
    SINTER_ASSIGN(const session::TacticsReport report, session::report_tactics(request, tactics));
    return capi::give({{"layers", report.layers}, {"checked", report.checked}, {"failed", report.failed}, {"text", report.text}}, out);
  });
}

sinter_status sinter_conformance(const char* const* folders, size_t count, const sinter_build_options* options, sinter_line_fn line, void* user,
                                 int64_t* passed, int64_t* failed, int64_t* skipped) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(folders && passed && failed && skipped, "the folders or a place for a count"));
    SINTER_ASSIGN(session::BuildRequest request, capi::to_request("", options));
    request.build.progress = nullptr;
    onnx::ConformanceOptions conformance;
    conformance.runner = session::engine_runner(request);
    conformance.progress = [&](const onnx::ConformanceResult& result) {
      if (!line || result.kind == onnx::ConformanceResult::Kind::kPassed) return;
      const bool skip = result.kind == onnx::ConformanceResult::Kind::kSkipped;
      line(user, fmt::format("{} {}: {}", skip ? "skipped" : "FAILED", result.test, result.reason).c_str());
    };
    for (size_t i = 0; i < count; ++i) {
      struct stat info;
      if (stat(folders[i], &info) != 0) return make_error(Code::kNotFound, "'{}': no such folder of tests; check the path", folders[i]);
    }
    const onnx::ConformanceReport report = onnx::run_conformance({folders, folders + count}, conformance);
    *passed = report.count(onnx::ConformanceResult::Kind::kPassed);
    *failed = report.count(onnx::ConformanceResult::Kind::kFailed);
    *skipped = report.count(onnx::ConformanceResult::Kind::kSkipped);
    return ok_status();
  });
}

sinter_status sinter_peaks_json(const char* device, int32_t threads, int32_t refresh, char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out != nullptr, "the place for the text"));
    SINTER_ASSIGN(const DeviceId id, parse_device(device ? device : "cpu"));
    SINTER_ASSIGN(const session::Peaks peaks, session::measure_peaks(id, threads, refresh != 0));
    *out = capi::copy_text(session::to_json(peaks));
    return ok_status();
  });
}

sinter_status sinter_doctor_json(char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out != nullptr, "the place for the text"));
    *out = capi::copy_text(session::to_json(session::examine_machine()));
    return ok_status();
  });
}

sinter_status sinter_board_json(const char* root, char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out != nullptr, "the place for the text"));
    *out = capi::copy_text(session::to_json(session::read_board(root ? root : system_root())));
    return ok_status();
  });
}

}  // extern "C"
