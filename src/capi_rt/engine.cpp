// Part 1 of sinter.h: engines.
#include <algorithm>
#include <cstring>

#include "capi_rt/handles.h"
#include "plugin/library.h"
#include "runtime/binding.h"

using namespace sinter;

sinter_engine::sinter_engine(std::shared_ptr<const runtime::Engine> loaded) : engine(std::move(loaded)) {
  if (engine->device()) device = to_string(DeviceId{engine->device()->spec().kind, engine->device()->ordinal()});
  for (const engine::IoInfo& info : engine->inputs()) inputs.emplace_back(info);
  for (const engine::IoInfo& info : engine->outputs()) outputs.emplace_back(info);
}

std::vector<std::string> capi::trusted_keys_of(const char* trust, bool& any) {
  std::vector<std::string> files;
  std::string_view rest = trust ? trust : "";
  any = rest == "any";
  while (!any && !rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    if (comma > 0) files.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return files;
}

Result<runtime::LoadOptions> capi::load_options_of(const sinter_load_options* options) {
  SINTER_ASSIGN(const sinter_load_options known, capi::read_options(options, &sinter_load_options_init));
  SINTER_TRY(plugin::load_all(known.plugins));
  runtime::LoadOptions how;
  how.device = known.device;
  how.trusted_keys = capi::trusted_keys_of(known.trust, how.trust_any);
  switch (known.verify) {
    case SINTER_VERIFY_TARGET: return how;
    case SINTER_VERIFY_METADATA: how.verify = engine::Verify::kMetadata; return how;
    case SINTER_VERIFY_FULL: how.verify = engine::Verify::kFull; return how;
  }
  return make_error(Code::kInvalidArgument, "load options: verify is {}; use a sinter_verify", static_cast<int>(known.verify));
}

namespace {

Status io_info(const std::deque<capi::IoText>& infos, size_t index, const char* kind, sinter_io_info* out) {
  SINTER_TRY(capi::require(out, "the info to fill"));
  if (index >= infos.size()) {
    return make_error(Code::kInvalidArgument, "{} {} does not exist: the engine has {}", kind, index, infos.size());
  }
  *out = infos[index].info;
  return ok_status();
}

Status io_index(const std::deque<capi::IoText>& infos, const char* name, const char* kind, size_t* out) {
  SINTER_TRY(capi::require(name && out, "the name or the index to fill"));
  std::string names;
  for (size_t i = 0; i < infos.size(); ++i) {
    if (infos[i].name == name) {
      *out = i;
      return ok_status();
    }
    names += (i ? ", '" : "'") + infos[i].name + "'";
  }
  return make_error(Code::kNotFound, "{} '{}' does not exist; the engine has {}", kind, name, names.empty() ? "none" : names);
}

}  // namespace

extern "C" {

void sinter_load_options_init(sinter_load_options* options) {
  if (options) *options = {sizeof *options, SINTER_VERIFY_TARGET, 0, nullptr, nullptr};
}

sinter_status sinter_plugin_load(const char* path) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(path, "the plugin's path"));
    return plugin::load(path).status();
  });
}

sinter_status sinter_engine_load(const char* path, const sinter_load_options* options, sinter_engine** out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(path && out, "the path or the engine to make"));
    SINTER_ASSIGN(const runtime::LoadOptions how, capi::load_options_of(options));
    SINTER_ASSIGN(auto engine, runtime::Engine::load(path, how));
    *out = new sinter_engine(std::move(engine));
    return ok_status();
  });
}

sinter_status sinter_engine_load_memory(const void* data, size_t bytes, const sinter_load_options* options, sinter_engine** out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(data && out, "the bytes or the engine to make"));
    SINTER_ASSIGN(const runtime::LoadOptions how, capi::load_options_of(options));
    SINTER_ASSIGN(auto engine, runtime::Engine::from_memory({static_cast<const char*>(data), bytes}, nullptr, how));
    *out = new sinter_engine(std::move(engine));
    return ok_status();
  });
}

void sinter_engine_free(sinter_engine* engine) { delete engine; }

const char* sinter_engine_device(const sinter_engine* engine) { return engine ? engine->device.c_str() : "cpu"; }

size_t sinter_engine_input_count(const sinter_engine* engine) { return engine ? engine->inputs.size() : 0; }
size_t sinter_engine_output_count(const sinter_engine* engine) { return engine ? engine->outputs.size() : 0; }

sinter_status sinter_engine_input_info(const sinter_engine* engine, size_t index, sinter_io_info* out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(engine, "the engine"));
    return io_info(engine->inputs, index, "input", out);
  });
}

sinter_status sinter_engine_output_info(const sinter_engine* engine, size_t index, sinter_io_info* out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(engine, "the engine"));
    return io_info(engine->outputs, index, "output", out);
  });
}

sinter_status sinter_engine_input_index(const sinter_engine* engine, const char* name, size_t* out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(engine, "the engine"));
    return io_index(engine->inputs, name, "input", out);
  });
}

sinter_status sinter_engine_output_index(const sinter_engine* engine, const char* name, size_t* out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(engine, "the engine"));
    return io_index(engine->outputs, name, "output", out);
  });
}

size_t sinter_engine_optimization_profile_count(const sinter_engine* engine) { return engine ? engine->engine->profile_count() : 0; }

sinter_status sinter_engine_symbol_range(const sinter_engine* engine, const char* symbol, int64_t* min, int64_t* opt, int64_t* max) {
  return sinter_engine_optimization_profile_range(engine, 0, symbol, min, opt, max);
}

sinter_status sinter_engine_find_optimization_profile(const sinter_engine* engine, const sinter_tensor* inputs, size_t count, size_t* out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(engine && out && (inputs || count == 0), "the engine, the inputs or the profile to fill"));
    if (count != engine->inputs.size()) {
      return make_error(Code::kInvalidArgument, "{} shapes given, the engine has {} inputs", count, engine->inputs.size());
    }
    std::vector<Dims> dims(count);
    for (size_t i = 0; i < count; ++i) {
      if (inputs[i].rank < 0 || inputs[i].rank > 64 || (inputs[i].rank > 0 && !inputs[i].dims)) {
        return make_error(Code::kInvalidArgument, "input {}: rank {}; pass dims and a rank of 0 to 64", i, inputs[i].rank);
      }
      dims[i].assign(inputs[i].dims, inputs[i].dims + inputs[i].rank);
    }
    std::string ranges;
    for (size_t p = 0; p < engine->engine->profile_count(); ++p) {
      const auto at = runtime::Engine::at_profile(engine->engine, p);
      if (at->takes(dims)) {
        *out = p;
        return ok_status();
      }
      ranges += fmt::format("{}{}: {}", p ? "; " : "", p, runtime::ranges_text(at->plan()));
    }
    std::string shapes;
    for (size_t i = 0; i < count; ++i) shapes += fmt::format("{}'{}' {}", i ? ", " : "", engine->inputs[i].name, to_string(dims[i]));
    return make_error(Code::kNotFound, "inputs {}: none of the engine's optimization profiles takes them: {}", shapes, ranges);
  });
}

sinter_status sinter_engine_optimization_profile_range(const sinter_engine* engine, size_t profile, const char* symbol, int64_t* min, int64_t* opt, int64_t* max) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(engine && symbol && min && opt && max, "the engine, the symbol or a place for its range"));
    if (profile >= engine->engine->profile_count()) {
      return make_error(Code::kInvalidArgument, "optimization profile {} does not exist: the engine has {}, numbered from 0; choose one of them", profile, engine->engine->profile_count());
    }
    for (const plan::SymbolRange& range : runtime::Engine::at_profile(engine->engine, profile)->plan().symbols) {
      if (range.name != symbol) continue;
      *min = range.min;
      *opt = range.opt;
      *max = range.max;
      return ok_status();
    }
    return make_error(Code::kNotFound, "symbol '{}' has no range in this engine: any size goes", symbol);
  });
}

sinter_status sinter_engine_info_json(const sinter_engine* engine, char** out) {
  return capi::guarded([&]() -> Status {
    SINTER_TRY(capi::require(engine && out, "the engine or the text to make"));
    *out = capi::copy_text(engine->engine->info_json());
    return ok_status();
  });
}

}  // extern "C"
