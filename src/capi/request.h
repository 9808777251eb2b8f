// sinter_build_options → session::BuildRequest.
#pragma once

#include <string>

#include "capi_rt/handles.h"
#include "session/session.h"

namespace sinter::capi {

Result<session::BuildRequest> to_request(const char* model_path, const sinter_build_options* options);
// The command to record: what changes the engine, without folders and output names.
std::string command_of(const session::BuildRequest& request, const sinter_build_options& options);

}  // namespace sinter::capi
