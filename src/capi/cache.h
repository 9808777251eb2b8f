// sinter_load_or_build with a folder of engines (session/engine_cache.h).
#pragma once

#include <memory>

#include "runtime/engine.h"
#include "session/session.h"
#include "sinter/sinter.h"

namespace sinter::capi {

// Any kind of build that options ask for; its report becomes the thread's last one.
Result<session::BuildOutcome> build(const char* model_path, const sinter_build_options* options);

// options.cache_dir is not null. An error when the options have functions, which no key can hold.
Result<std::shared_ptr<const runtime::Engine>> load_cached(const char* model_path, const sinter_build_options& options);

}  // namespace sinter::capi
