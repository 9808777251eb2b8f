// Part 2 of sinter.h: models made smaller, and what they take of a device's memory.
#include "session/simplify.h"

#include <cstring>

#include "capi/request.h"
#include "session/memory_estimate.h"

using namespace sinter;
using capi::guarded;

extern "C" {

void sinter_simplify_options_init(sinter_simplify_options* options) {
  if (!options) return;
  std::memset(options, 0, sizeof *options);
  options->struct_size = sizeof *options;
  options->checks = 1;
  options->relative = 1e-3;
  options->absolute = 1e-4;
}

sinter_status sinter_simplify_json(const char* model_path, const sinter_simplify_options* given, const char* out_path, char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(model_path && out_path && out, "a path or the place for the text"));
    SINTER_ASSIGN(const sinter_simplify_options options, capi::read_options(given, sinter_simplify_options_init));
    session::SimplifyOptions how;
    if (options.input_shapes && *options.input_shapes) {
      SINTER_ASSIGN(how.input_shapes, session::parse_shapes(options.input_shapes));
    }
    if (options.test_shapes && *options.test_shapes) {
      SINTER_ASSIGN(how.test_shapes, session::parse_shapes(options.test_shapes));
    }
    how.skipped = capi::split_names(options.skipped);
    how.skip_constant_folding = options.skip_constant_folding != 0;
    how.skip_fuse_batch_norm = options.skip_fuse_batch_norm != 0;
    how.skip_optimization = options.skip_optimization != 0;
    how.skip_value_types = options.skip_value_types != 0;
    how.unused_outputs = capi::split_names(options.unused_outputs);
    how.checks = options.checks;
    how.relative = options.relative;
    how.absolute = options.absolute;
    how.seed = options.seed;
    how.external_data = options.external_data != 0;
    how.opset = options.opset;
    sinter_build_options build;
    sinter_build_options_init(&build);
    build.threads = options.threads;
    build.tf32 = 0;
    SINTER_ASSIGN(const session::BuildRequest engines, capi::to_request(model_path, &build));
    SINTER_ASSIGN(const session::SimplifyReport report, session::simplify(model_path, how, engines, out_path));
    *out = capi::copy_text(session::to_json(report));
    return ok_status();
  });
}

void sinter_memory_options_init(sinter_memory_options* options) {
  if (!options) return;
  std::memset(options, 0, sizeof *options);
  options->struct_size = sizeof *options;
}

sinter_status sinter_memory_json(const char* model_path, const sinter_build_options* build, const sinter_memory_options* given, char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(model_path && out, "the model's path or the place for the text"));
    SINTER_ASSIGN(const sinter_memory_options options, capi::read_options(given, sinter_memory_options_init));
    session::MemoryOptions how;
    if (options.device) how.device = options.device;
    how.desktop = options.desktop != 0;
    SINTER_TRY(capi::require(options.batches || options.batch_count == 0, "the list of batches"));
    for (size_t i = 0; i < options.batch_count; ++i) {
      if (options.batches[i] < 1) return make_error(Code::kInvalidArgument, "found a batch of {}, expected at least 1; correct it", options.batches[i]);
      how.batches.push_back(options.batches[i]);
    }
    SINTER_ASSIGN(const session::BuildRequest request, capi::to_request(model_path, build));
    SINTER_ASSIGN(const session::MemoryEstimate estimate, session::estimate_memory(request, how));
    *out = capi::copy_text(session::to_json(estimate));
    return ok_status();
  });
}

}  // extern "C"
