// Part 2 of sinter.h: building engines.
#include <cstdlib>
#include <cstring>

#include "base/files.h"
#include "base/log.h"
#include "capi/cache.h"
#include "capi/request.h"
#include "engine/signature.h"
#include "session/check_plugins.h"
#include "session/run.h"

namespace sinter::capi {
namespace {

std::string& last_report() {
  thread_local std::string text;
  return text;
}

// What is wrong with the kernels of plugins, where that is asked for.
Status try_plugins(const char* model_path, const sinter_build_options* given) {
  SINTER_ASSIGN(const sinter_build_options options, read_options(given, sinter_build_options_init));
  if (!options.check_plugins || !model_path || session::is_engine_file(model_path)) return ok_status();
  SINTER_ASSIGN(const session::BuildRequest request, to_request(model_path, given));
  SINTER_ASSIGN(const session::PluginReport report, session::check_plugins(request));
  std::string errors;
  for (const session::PluginProblem& problem : report.problems) {
    if (problem.warning) log(Severity::kWarning, "{}", problem.message);
    else errors += (errors.empty() ? "" : "\n") + problem.message;
  }
  return errors.empty() ? ok_status() : make_error(Code::kInvalidArgument, "{}", errors);
}

}  // namespace

Result<session::BuildOutcome> build(const char* model_path, const sinter_build_options* options) {
  SINTER_TRY(try_plugins(model_path, options));
  SINTER_ASSIGN(const auto mixed, to_mixed_options(options));
  auto outcome = [&]() -> Result<session::BuildOutcome> {
    SINTER_ASSIGN(const auto latency, to_latency_options(options, mixed));
    if (latency) {
      SINTER_ASSIGN(const session::BuildRequest request, to_request(model_path, options));
      return session::build_for_latency(request, *latency);
    }
    if (mixed) {
      SINTER_ASSIGN(const session::BuildRequest request, to_request(model_path, options));
      SINTER_ASSIGN(session::MixedOutcome made, session::build_mixed(request, *mixed));
      return std::move(made.built);
    }
    SINTER_ASSIGN(session::BuildRequest request, to_calibrated_request(model_path, options));
    if (!session::is_engine_file(request.model_path)) return session::build_model(request);
    SINTER_ASSIGN(const auto file, engine::EngineFile::open(request.model_path, engine::Verify::kFull));
    SINTER_ASSIGN(const sinter_build_options given, read_options(options, sinter_build_options_init));
    if (!given.device) SINTER_TRY(session::take_device_of(*file, 0, request));
    return session::retune(*file, request);
  }();
  if (!outcome.ok()) return outcome;
  last_report() = outcome->report.to_text(options && options->verbose);
  return outcome;
}

namespace {

// Tuning can take minutes: a place that can't be written is found before it.
Status check_writable(const char* path) {
  return path ? AtomicFile::create(path).status() : ok_status();
}

Status check_places(const sinter_build_options* options, const char* out_path) {
  SINTER_TRY(check_writable(out_path));
  if (!options) return ok_status();
  SINTER_TRY(check_writable(options->report_path));
  if (options->calib_samples || options->calib_data) SINTER_TRY(check_writable(options->calib_cache));
  return check_writable(options->timing_cache);
}

// After the engine is safe, so that a full disk costs no more than it must.
Status write_rest(const session::BuildOutcome& outcome, const sinter_build_options* options) {
  if (options && options->report_path) SINTER_TRY(write_file(options->report_path, outcome.report.to_json()));
  return outcome.timing_cache_saved;
}

}  // namespace
}  // namespace sinter::capi

using namespace sinter;
using capi::guarded;

extern "C" {

void sinter_build_options_init(sinter_build_options* options) {
  if (!options) return;
  std::memset(options, 0, sizeof *options);
  options->struct_size = sizeof *options;
  options->tf32 = 1;
  options->fallback = SINTER_FALLBACK_DEFAULT;
  options->stop_after_patch = -1;
  options->max_drop = options->min_cosine = -1;
}

sinter_status sinter_build(const char* model_path, const sinter_build_options* options, const char* out_path) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out_path != nullptr, "the engine's path"));
    SINTER_TRY(capi::check_places(options, out_path));
    SINTER_ASSIGN(const session::BuildOutcome outcome, capi::build(model_path, options));
    SINTER_TRY(engine::write_engine(outcome.contents, out_path));
    return capi::write_rest(outcome, options);
  });
}

sinter_status sinter_build_to_memory(const char* model_path, const sinter_build_options* options, void** out, size_t* out_bytes) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out && out_bytes, "the place for the engine"));
    SINTER_TRY(capi::check_places(options, nullptr));
    SINTER_ASSIGN(const session::BuildOutcome outcome, capi::build(model_path, options));
    SINTER_TRY(capi::write_rest(outcome, options));
    SINTER_ASSIGN(const std::string bytes, engine::write_engine(outcome.contents));
    constexpr size_t kAlignment = kTensorAlignment;
    void* memory = std::aligned_alloc(kAlignment, (bytes.size() + kAlignment - 1) / kAlignment * kAlignment);
    if (!memory) return make_error(Code::kOutOfMemory, "no memory for an engine of {} bytes; build to a file", bytes.size());
    std::memcpy(memory, bytes.data(), bytes.size());
    *out = memory;
    *out_bytes = bytes.size();
    return ok_status();
  });
}

sinter_status sinter_load_or_build(const char* path, const sinter_build_options* options, sinter_engine** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out != nullptr, "the place for the engine"));
    SINTER_TRY(capi::require(path != nullptr, "the model's path"));
    SINTER_ASSIGN(const sinter_build_options given, capi::read_options(options, sinter_build_options_init));
    if (given.target) {
      return make_error(Code::kInvalidArgument,
                        "--target {}: an engine for it can't be loaded on this machine; write it with sinter_build "
                        "('sinter build'), and load it there",
                        given.target);
    }
    if (given.cache_dir && !session::is_engine_file(path)) {
      SINTER_ASSIGN(auto engine, capi::load_cached(path, given));
      *out = new sinter_engine(std::move(engine));
      return ok_status();
    }
    SINTER_ASSIGN(const session::BuildRequest request, capi::to_calibrated_request(path, options));
    SINTER_ASSIGN(auto engine, session::load_any(request));
    *out = new sinter_engine(std::move(engine));
    return ok_status();
  });
}

sinter_status sinter_sign(const char* engine_path, const char* private_key_path, const char* out_path) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(engine_path && private_key_path && out_path, "the engine's path, the key's or the path to write"));
    return engine::sign_engine(engine_path, private_key_path, out_path);
  });
}

sinter_status sinter_build_report_text(char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(out != nullptr, "the place for the text"));
    *out = capi::copy_text(capi::last_report());
    return ok_status();
  });
}

}  // extern "C"
