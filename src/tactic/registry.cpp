#include "tactic/registry.h"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>

namespace sinter {
namespace {

// The folder of the library or program this code is in.
std::filesystem::path own_folder() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<const void*>(&tactic_registry), &info) || !info.dli_fname) return {};
  std::error_code error;
  const auto path = std::filesystem::canonical(info.dli_fname, error);
  return error ? std::filesystem::path() : path.parent_path();
}

struct Providers {
  std::mutex mutex;
  std::map<std::string, Status, std::less<>> tried;  // name → how loading it went
};

Providers& providers() {
  static Providers instance;
  return instance;
}

Status open_provider(std::string_view name) {
  const std::string file = fmt::format("libsinter_{}.so", name);
  std::vector<std::string> places;
  if (const auto folder = own_folder(); !folder.empty()) places = {folder / file, folder / ".." / "lib" / file};
  places.push_back(file);  // the loader's path
  std::string tried;
  bool present = false;
  for (const std::string& place : places) {
    void* module = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!module) {
      std::error_code error;
      present |= std::filesystem::exists(place, error);
      tried += fmt::format("; {}", dlerror());
      continue;
    }
    void* entry = dlsym(module, kProviderEntryName);
    if (!entry) {
      dlclose(module);
      return make_error(Code::kInvalidArgument, "provider '{}': '{}' has no entry '{}': it belongs to another version of Sinter; reinstall both",
                        name, place, kProviderEntryName);
    }
    reinterpret_cast<ProviderEntry>(entry)(tactic_registry());
    return ok_status();
  }
  return make_error(present ? Code::kUnsupported : Code::kNotFound, "provider '{}': no loadable '{}' found{}; install it, or rebuild the engine without it (sinter retune)",
                    name, file, tried);
}

}  // namespace

void TacticRegistry::set_team_maker(std::string_view prefix, TeamMaker maker) {
  std::lock_guard lock(mutex_);
  team_makers_.emplace_back(prefix, maker);
}

TeamMaker TacticRegistry::team_maker(std::span<const std::string> ids) const {
  std::lock_guard lock(mutex_);
  for (const auto& [prefix, maker] : team_makers_) {
    if (std::any_of(ids.begin(), ids.end(), [&](const std::string& id) { return id.starts_with(prefix); })) return maker;
  }
  return make_thread_pool;
}

void TacticRegistry::add(const Tactic* tactic) {
  std::lock_guard lock(mutex_);
  tactics_.push_back(tactic);
}

const Tactic* TacticRegistry::find(std::string_view id) const {
  std::lock_guard lock(mutex_);
  for (const Tactic* tactic : tactics_) {
    if (tactic->id() == id) return tactic;
  }
  return nullptr;
}

std::vector<const Tactic*> TacticRegistry::all() const {
  std::lock_guard lock(mutex_);
  return tactics_;
}

TacticRegistry& tactic_registry() {
  static TacticRegistry* registry = [] {
    auto* made = new TacticRegistry;  // never destroyed: kernels may outlive static destructors
    register_cpu_tactics(*made);
    register_cuda_tactics(*made);
    return made;
  }();
  return *registry;
}

Status load_provider(std::string_view name) {
  Providers& state = providers();
  std::lock_guard lock(state.mutex);
  const auto it = state.tried.find(name);
  if (it != state.tried.end()) return it->second;
  return state.tried.emplace(std::string(name), open_provider(name)).first->second;
}

}  // namespace sinter
