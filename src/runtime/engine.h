// Engine: a plan ready to run on this machine. Immutable and thread-safe; shared by any number of contexts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine_file.h"
#include "runtime/program.h"

namespace sinter::runtime {

// How well the engine suits this machine (design decision 14).
enum class Match : uint8_t {
  kExact,       // the processor it was tuned on
  kCompatible,  // has the instruction sets it needs: runs, tuned elsewhere
};
std::string_view match_name(Match match);

class Engine {
 public:
  // kTargetMismatch when this machine or this Sinter can't run it.
  static Result<std::shared_ptr<const Engine>> load(const std::string& path, engine::Verify verify = engine::Verify::kTarget);
  // See EngineFile::from_memory for the bytes' lifetime.
  static Result<std::shared_ptr<const Engine>> from_memory(std::string_view bytes, std::shared_ptr<const void> keep_alive = nullptr,
                                                           engine::Verify verify = engine::Verify::kTarget);
  static Result<std::shared_ptr<const Engine>> from_file(std::shared_ptr<const engine::EngineFile> file);
  // A plan that was just built, without a file.
  static Result<std::shared_ptr<const Engine>> from_contents(engine::EngineContents contents);

  const engine::EngineFile& file() const { return *file_; }
  const plan::Plan& plan() const { return file_->plan(); }
  const std::vector<RegionProgram>& programs() const { return programs_; }
  // Names are the model's; types have the profile's symbols.
  const std::vector<engine::IoInfo>& inputs() const { return inputs_; }
  const std::vector<engine::IoInfo>& outputs() const { return outputs_; }
  int input_index(std::string_view name) const;  // -1: none of that name
  int output_index(std::string_view name) const;
  Match match() const { return match_; }
  // Manifest, match, sizes and plan statistics as one JSON object.
  std::string info_json() const;

 private:
  Engine() = default;
  std::shared_ptr<const engine::EngineFile> file_;
  std::vector<RegionProgram> programs_;
  std::vector<engine::IoInfo> inputs_, outputs_;
  Match match_ = Match::kExact;
};

}  // namespace sinter::runtime
