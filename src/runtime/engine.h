// Engine: a plan ready to run on this machine. Immutable and thread-safe; shared by any number of contexts.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/engine_file.h"
#include "runtime/program.h"
#include "tactic/code.h"
#include "tactic/device.h"

namespace sinter::runtime {

// How well the engine suits this machine (design decision 14).
enum class Match : uint8_t {
  kExact,       // the processor it was tuned on
  kCompatible,  // has the instruction sets it needs: runs, tuned elsewhere
};
std::string_view match_name(Match match);

struct LoadOptions {
  LoadOptions() = default;
  LoadOptions(engine::Verify verify_what, int device_number = 0) : verify(verify_what), device(device_number) {}  // NOLINT: implicit by design
  engine::Verify verify = engine::Verify::kTarget;
  int device = 0;  // of an engine for CUDA: which GPU
  std::vector<std::string> trusted_keys;  // PEM files of public keys whose holders may have made the engine's device code
  bool trust_any = false;                 // whoever made it
};

// Whether the plugins that an engine names are loaded, in the versions that it was built with. They are code, so no engine brings or opens one: whoever
// loads it names the libraries.
Status match_plugins(const engine::EngineFile& file, bool any_version = false);

class Engine {
 public:
  // kTargetMismatch when this machine or this Sinter can't run it.
  static Result<std::shared_ptr<const Engine>> load(const std::string& path, const LoadOptions& options = {});
  // See EngineFile::from_memory for the bytes' lifetime.
  static Result<std::shared_ptr<const Engine>> from_memory(std::string_view bytes, std::shared_ptr<const void> keep_alive = nullptr,
                                                           const LoadOptions& options = {});
  static Result<std::shared_ptr<const Engine>> from_file(std::shared_ptr<const engine::EngineFile> file, const LoadOptions& options = {});
  // A plan that was just built, without a file.
  static Result<std::shared_ptr<const Engine>> from_contents(engine::EngineContents contents, const LoadOptions& options = {});

  const engine::EngineFile& file() const { return *file_; }
  const plan::Plan& plan() const { return file_->plan(profile_); }
  const std::vector<Tensor>& blobs() const { return file_->blobs(profile_); }
  // Optimization profiles. Each is an engine of its own with the same inputs and outputs, which shares the weights; `engine` itself is profile 0. Null: there
  // is no such profile.
  size_t profile_count() const { return 1 + further_.size(); }
  static std::shared_ptr<const Engine> at_profile(const std::shared_ptr<const Engine>& engine, size_t profile);
  size_t profile() const { return profile_; }
  // Whether this profile takes inputs of these shapes.
  bool takes(std::span<const Dims> input_dims) const;
  const std::vector<RegionProgram>& programs() const { return programs_; }
  // Names are the model's; types have the profile's symbols.
  const std::vector<engine::IoInfo>& inputs() const { return inputs_; }
  const std::vector<engine::IoInfo>& outputs() const { return outputs_; }
  int input_index(std::string_view name) const;  // -1: none of that name
  int output_index(std::string_view name) const;
  Match match() const { return match_; }
  // Of an engine for CUDA; null for one for the CPU. Weights are uploaded once and shared by all contexts.
  Device* device() const { return device_; }
  const std::vector<const void*>& device_blobs() const { return device_blobs_; }
  int64_t device_weight_bytes() const;
  // Of an engine for CUDA: where its kernels came from when it was loaded.
  const CodeOrigins& code_origins() const { return code_origins_; }
  // What of the engine was not measured on the kind of device it was built for; "": all was.
  std::string unmeasured() const;
  // Manifest, match, sizes and plan statistics as one JSON object.
  std::string info_json() const;

 private:
  Engine() = default;
  std::shared_ptr<const engine::EngineFile> file_;
  std::vector<RegionProgram> programs_;
  std::vector<engine::IoInfo> inputs_, outputs_;
  Match match_ = Match::kExact;
  // What the profiles of one engine share while it is opened.
  struct Opening {
    std::unordered_map<const void*, const void*> uploaded;  // blobs on the device by their host address
    std::unordered_map<const void*, Tensor> codes;          // by the host address of what the engine carries
    CodeOrigins origins;
  };
  static Result<std::shared_ptr<Engine>> open_profile(std::shared_ptr<const engine::EngineFile> file, size_t profile,
                                                      Device* device, const Engine* first, Opening& opening);
  Status upload(Opening& opening);
  Result<Tensor> read_code(const plan::Step& step, const Tactic& tactic, const Tensor& code, Opening& opening);
  size_t profile_ = 0;
  std::vector<std::shared_ptr<const Engine>> further_;  // profiles 1 and on
  Device* device_ = nullptr;
  std::vector<std::shared_ptr<const DeviceBuffer>> device_weights_;  // this profile's own are the last
  std::vector<const void*> device_blobs_;
  CodeOrigins code_origins_;
  std::vector<std::shared_ptr<const void>> loaded_code_;
};

}  // namespace sinter::runtime
