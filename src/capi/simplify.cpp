// Part 2 of sinter.h: models made smaller.
#include "session/simplify.h"

#include <cstring>

#include "capi/request.h"

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

}  // extern "C"
