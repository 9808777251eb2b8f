// Part 2 of sinter.h: looking into a run.
#include "capi/request.h"
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

}  // extern "C"
