// The registry: which tactics exist in this process. Builder and runtime reach backends through it only.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "tactic/tactic.h"

namespace sinter {

// Makes a team of `size` threads.
using TeamMaker = std::unique_ptr<ThreadTeam> (*)(int size);

class TacticRegistry {
 public:
  virtual ~TacticRegistry() = default;
  // Order of registration is the order of ties. The tactic must outlive the registry. Virtual: provider modules call it.
  virtual void add(const Tactic* tactic);
  // Tactics whose id begins with `prefix` have threads of their own: whoever runs one of them runs everything on teams of this maker.
  virtual void set_team_maker(std::string_view prefix, TeamMaker maker);
  // Null when there is none of that id.
  const Tactic* find(std::string_view id) const;
  std::vector<const Tactic*> all() const;
  // The maker for plans that hold these tactics; make_thread_pool when none asks for another.
  TeamMaker team_maker(std::span<const std::string> ids) const;

 private:
  mutable std::mutex mutex_;
  std::vector<const Tactic*> tactics_;
  std::vector<std::pair<std::string, TeamMaker>> team_makers_;
};

// The process's registry with the built-in CPU and CUDA tactics in it. Thread-safe.
TacticRegistry& tactic_registry();

// Loads a provider module ("onednn": libsinter_onednn.so beside the library or on the loader's path) and adds its tactics; ok
// when it is loaded already. An error says where it was looked for and what the loader said; kNotFound:
// it is nowhere.
Status load_provider(std::string_view name);

// A provider module exports this one symbol.
using ProviderEntry = void (*)(TacticRegistry& registry);
inline constexpr const char* kProviderEntryName = "sinter_provider_register_v1";

// Defined by src/cpu and src/cuda: add every line of their tactics.def in order. CUDA tactics are there without a GPU too; only
// problems of that device reach them.
void register_cpu_tactics(TacticRegistry& registry);
void register_cuda_tactics(TacticRegistry& registry);

}  // namespace sinter
