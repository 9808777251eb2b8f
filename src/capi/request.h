// sinter_build_options → session::BuildRequest.
#pragma once

#include <string>

#include "capi_rt/handles.h"
#include "session/latency.h"

namespace sinter::capi {

// The entries of a comma-separated list without empty ones; NULL: none.
std::vector<std::string> split_names(const char* text);

Result<session::BuildRequest> to_request(const char* model_path, const sinter_build_options* options);
// The same, with the ranges of a build for int8 found: reads the cache, or runs the calibration.
Result<session::BuildRequest> to_calibrated_request(const char* model_path, const sinter_build_options* options);
Result<session::CalibrateOptions> to_calibrate_options(const sinter_build_options* options);
// A caller's function that says whether the engine in a file is good.
std::function<Result<bool>(const std::string&)> check_of(int (*check)(void*, const char*), void* user);
// nullopt: no target of accuracy was given.
Result<std::optional<session::MixedOptions>> to_mixed_options(const sinter_build_options* options);
// nullopt: no target of time was given. `mixed`: the target of accuracy.
Result<std::optional<session::LatencyOptions>> to_latency_options(const sinter_build_options* options, const std::optional<session::MixedOptions>& mixed);
// The command to record: what changes the engine, without folders and output names.
std::string command_of(const session::BuildRequest& request, const sinter_build_options& options);

}  // namespace sinter::capi
