// Signatures of an engine's device code (design decision 13): Ed25519 by libcrypto, which is opened when one is made or checked. Keys are PEM files as
// `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them.
//
// What is signed is the code of every step and what it is for (tactic, version, configuration), not weights or the portable part. The signature stands in
// the manifest at a fixed length, so that signing changes nothing else in the file.
#pragma once

#include <span>
#include <string>

#include "engine/engine_file.h"

namespace sinter::engine {

// For the manifest of an engine with device code: no signature yet.
std::pair<std::string, std::string> signature_place();

// Whether any step has device code.
bool has_code(const plan::Plan& plan);
bool has_code(const EngineFile& file);  // in any profile

// Signs the engine file with a private key; `out_path` may be the same file.
Status sign_engine(const std::string& path, const std::string& private_key_path, const std::string& out_path);

// Ok when the engine's code is signed by the holder of one of the public keys. kTargetMismatch: it is signed by nobody of them, or not at all.
Status check_signature(const EngineFile& file, std::span<const std::string> public_key_paths);

}  // namespace sinter::engine
