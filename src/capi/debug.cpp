// Part 2 of sinter.h: looking into a run.
#include <cstring>
#include <nlohmann/json.hpp>

#include "capi/request.h"
#include "session/debug_precision.h"
#include "session/dump_tensors.h"

using namespace sinter;
using capi::guarded;

extern "C" {

sinter_status sinter_dump_tensors(const sinter_engine* engine, const sinter_tensor* inputs, size_t count, const char* model_path, const char* names, const char* folder,
                                  int32_t threads, char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(engine && folder && (inputs || count == 0), "the engine, its inputs or the folder"));
    if (count != engine->engine->inputs().size()) {
      return make_error(Code::kInvalidArgument, "dumping tensors: {} inputs were given, the engine has {}; give one tensor for each", count, engine->engine->inputs().size());
    }
    std::vector<Value> values;
    for (size_t i = 0; i < count; ++i) {
      SINTER_ASSIGN(Tensor tensor, capi::to_tensor(inputs[i], true));
      values.emplace_back(std::move(tensor));
    }
    session::DumpOptions options;
    options.folder = folder;
    options.patterns = capi::split_names(names);
    options.threads = threads;
    if (model_path) options.model_path = model_path;
    SINTER_ASSIGN(const session::DumpReport report, session::dump_tensors(engine->engine, values, options));
    if (out) *out = capi::copy_text(session::to_json(report));
    return ok_status();
  });
}

void sinter_debug_options_init(sinter_debug_options* options) {
  if (!options) return;
  std::memset(options, 0, sizeof *options);
  options->struct_size = sizeof *options;
  options->min_cosine = options->max_error = -1;
}

sinter_status sinter_debug_precision_json(const char* model_path, const sinter_build_options* build, const sinter_debug_options* given, char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out != nullptr, "the place for the text"));
    SINTER_ASSIGN(const sinter_debug_options options, capi::read_options(given, sinter_debug_options_init));
    SINTER_ASSIGN(const sinter_build_options how, capi::read_options(build, sinter_build_options_init));
    SINTER_ASSIGN(const session::BuildRequest request, capi::to_request(model_path, build));
    session::DebugOptions debug;
    SINTER_ASSIGN(debug.calibrate, capi::to_calibrate_options(build));
    if (options.min_cosine >= 0) debug.min_cosine = options.min_cosine;
    if (options.max_error >= 0) debug.max_error = options.max_error;
    if (options.state) debug.state = options.state;
    if (options.check) debug.check = capi::check_of(options.check, options.check_user);
    if (how.progress) {
      debug.progress = [&how](std::string_view phase, int64_t done, int64_t total) { return how.progress(how.progress_user, std::string(phase).c_str(), done, total) == 0; };
    }
    SINTER_ASSIGN(const session::DebugReport report, session::debug_precision(request, debug));
    const nlohmann::ordered_json json = {{"layers", report.layers}, {"flag", report.flag}, {"candidates", report.candidates}, {"checks", report.checks},
                                         {"remembered", report.remembered}, {"lines", report.lines}};
    *out = capi::copy_text(json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    return ok_status();
  });
}

}  // extern "C"
