// Part 2 of sinter.h: calibration and accuracy.
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "capi/request.h"
#include "session/compare.h"
#include "session/evaluate.h"
#include "session/run.h"

namespace sinter::capi {
namespace {

using Json = nlohmann::ordered_json;

Status give(const Json& json, char** out) {
  *out = copy_text(json.dump(1, ' ', false, Json::error_handler_t::replace));
  return ok_status();
}

// Of a list or "cuda:all"; none: one device is named.
Result<std::vector<Device*>> several_gpus(const sinter_build_options& options) {
  const std::string_view text = options.device ? options.device : "";
  if (text != "cuda:all" && text.find(',') == text.npos) return std::vector<Device*>();
  return find_devices(text);
}

Json to_json(const session::CalibrateReport& report) {
  Json tensors = Json::object();
  for (const auto& [name, range] : report.calibration.ranges) tensors[name] = range;
  return {{"algorithm", report.calibration.algorithm}, {"samples", report.calibration.samples}, {"skipped", report.skipped}, {"resumed", report.resumed},
          {"seconds", report.seconds}, {"tensors", tensors}, {"warnings", report.warnings}};
}

}  // namespace
}  // namespace sinter::capi

using namespace sinter;
using capi::guarded;

extern "C" {

sinter_status sinter_calibrate_json(const char* model_path, const sinter_build_options* options, char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out != nullptr, "the place for the text"));
    SINTER_ASSIGN(const session::BuildRequest request, capi::to_request(model_path, options));
    SINTER_ASSIGN(const session::CalibrateOptions calibrate, capi::to_calibrate_options(options));
    if (!calibrate.has_samples()) return make_error(Code::kInvalidArgument, "calibration: no samples were given; give a folder with --calib-data");
    SINTER_ASSIGN(const session::CalibrateReport report, session::calibrate(request, calibrate));
    return capi::give(capi::to_json(report), out);
  });
}

void sinter_eval_options_init(sinter_eval_options* options) {
  if (!options) return;
  std::memset(options, 0, sizeof *options);
  options->struct_size = sizeof *options;
}

sinter_status sinter_eval_json(const char* path, const sinter_build_options* build, const sinter_eval_options* given, char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out != nullptr, "the place for the text"));
    SINTER_ASSIGN(const sinter_eval_options options, capi::read_options(given, sinter_eval_options_init));
    SINTER_TRY(capi::require(options.data && options.labels, "the data's or the labels' path"));
    SINTER_ASSIGN(sinter_build_options how, capi::read_options(build, sinter_build_options_init));
    SINTER_ASSIGN(const std::vector<Device*> gpus, capi::several_gpus(how));
    const std::string first = gpus.empty() ? "" : to_string(DeviceId{DeviceKind::kCuda, gpus[0]->ordinal()});
    if (!gpus.empty()) how.device = first.c_str();
    SINTER_ASSIGN(const session::BuildRequest request, capi::to_calibrated_request(path, &how));
    std::vector<std::shared_ptr<const runtime::Engine>> engines(1);
    if (gpus.empty()) {
      SINTER_ASSIGN(engines[0], session::load_any(request));
    } else {
      SINTER_ASSIGN(engines, session::load_on_each(request, gpus));
    }
    session::EvaluateOptions evaluate;
    evaluate.data = options.data;
    evaluate.labels = options.labels;
    if (how.preprocess) evaluate.preprocess = how.preprocess;
    if (options.output) evaluate.output = options.output;
    if (options.batch > 0) evaluate.batch = options.batch;
    evaluate.max_samples = options.max_samples;
    if (how.progress) {
      evaluate.progress = [&how](int64_t done, int64_t total) { return how.progress(how.progress_user, "evaluating", done, total) == 0; };
    }
    SINTER_ASSIGN(const session::Evaluation evaluation, session::evaluate(engines, request.build.threads, evaluate));
    *out = capi::copy_text(session::to_json(evaluation));
    return ok_status();
  });
}

sinter_status sinter_compare_json(const char* a, const char* b, const sinter_build_options* build, const sinter_eval_options* given, char** out, char** text) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(a && b && out, "a path or the place for the text"));
    SINTER_ASSIGN(const sinter_eval_options options, capi::read_options(given, sinter_eval_options_init));
    SINTER_ASSIGN(const sinter_build_options how, capi::read_options(build, sinter_build_options_init));
    SINTER_ASSIGN(const session::BuildRequest first, capi::to_request(a, build));
    const bool folder = std::filesystem::is_directory(b);
    SINTER_ASSIGN(const session::BuildRequest second, folder ? capi::to_request(b, build) : capi::to_calibrated_request(b, build));
    const auto path = [](const char* value) { return std::string(value ? value : ""); };
    session::CompareOptions compare;
    compare.data = path(options.data), compare.preprocess = path(how.preprocess), compare.labels = path(options.labels), compare.output = path(options.output);
    compare.max_samples = options.max_samples;
    compare.layers = options.layers != 0;
    if (how.progress) {
      compare.progress = [&how](int64_t done, int64_t total) { return how.progress(how.progress_user, "comparing", done, total) == 0; };
    }
    SINTER_ASSIGN(const session::Comparison comparison, session::compare(first, second, compare));
    *out = capi::copy_text(session::to_json(comparison));
    if (text) *text = capi::copy_text(session::to_text(comparison));
    return ok_status();
  });
}

}  // extern "C"
