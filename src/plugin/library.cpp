#include "plugin/library.h"

#include <dlfcn.h>
#include <elf.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sinter::plugin {
namespace {

constexpr const char* kEntryName = "sinter_plugin_entry";

struct Libraries {
  std::mutex mutex;
  std::vector<std::unique_ptr<Library>> list;
};

Libraries& libraries() {
  static auto* instance = new Libraries;  // never destroyed: operators outlive static users
  return *instance;
}

template <typename... Args>
Status refuse(const std::string& path, fmt::format_string<Args...> message, Args&&... args) {
  return make_error(Code::kInvalidArgument, "plugin '{}': {}", path, fmt::format(message, std::forward<Args>(args)...));
}

// The loader maps what the headers say and would be killed where a file that was cut off ends.
Status check_file(const std::string& path, const std::string& bytes) {
  const auto is_cut = [&] { return refuse(path, "the file has {} bytes, its header says more; expected a whole shared library; copy or link it again", bytes.size()); };
  if (bytes.size() < sizeof(Elf64_Ehdr) || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) {
    return refuse(path, "found a file that is no shared library; expected one that exports '{}'; build the plugin with -shared -fPIC", kEntryName);
  }
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return ok_status();  // the loader says what is wrong with it
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > bytes.size()) return is_cut();
  for (size_t i = 0; i < header.e_phnum; ++i) {
    const uint64_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
    if (at + sizeof(Elf64_Phdr) > bytes.size()) return is_cut();
    Elf64_Phdr segment;
    std::memcpy(&segment, bytes.data() + at, sizeof segment);
    if (segment.p_type == PT_LOAD && (segment.p_offset > bytes.size() || segment.p_filesz > bytes.size() - segment.p_offset)) return is_cut();
  }
  return ok_status();
}

Result<std::string> read_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return make_error(Code::kNotFound, "plugin '{}': no such file; expected a shared library; check the path", path);
  std::ifstream in(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  if (!in) return make_error(Code::kIo, "plugin '{}': the file can't be read; check its permissions", path);
  return bytes;
}

// A library that loaded is never closed: what it registered with others may still point into it.
Result<const sinter_plugin*> describe(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) return refuse(path, "the loader refuses it: {}; expected a shared library for this machine with all that it needs; build it here and check 'ldd'", dlerror());
  auto entry = reinterpret_cast<sinter_plugin_entry_fn>(dlsym(handle, kEntryName));
  if (!entry) return refuse(path, "it exports no '{}'; expected a plugin of Sinter (those of TensorRT are of another interface); write one with sinter/plugin.h", kEntryName);
  const sinter_plugin* described = nullptr;
  try {
    described = entry(SINTER_PLUGIN_ABI);
  } catch (const std::exception& e) {
    return refuse(path, "'{}' threw '{}'; expected a description; correct the plugin", kEntryName, e.what());
  } catch (...) {
    return refuse(path, "'{}' threw an exception; expected a description; correct the plugin", kEntryName);
  }
  if (!described) return refuse(path, "'{}' returned NULL for version {} of the interface; expected a description; build the plugin with this Sinter's sinter/plugin.h", kEntryName, SINTER_PLUGIN_ABI);
  if (described->abi != SINTER_PLUGIN_ABI) {
    return refuse(path, "it is made for version {} of the interface; expected {}; build it with this Sinter's sinter/plugin.h", described->abi, SINTER_PLUGIN_ABI);
  }
  if (described->struct_size < sizeof(sinter_plugin)) return refuse(path, "its description has {} bytes; expected at least {}; set struct_size", described->struct_size, sizeof(sinter_plugin));
  return described;
}

Status add_operator(Library& library, const sinter_plugin_operator* given, std::vector<OpDef>& ops) {
  if (!given) return refuse(library.path, "an operator is NULL; expected its description; correct the plugin");
  if (given->struct_size < sizeof(sinter_plugin_operator)) {
    return refuse(library.path, "the description of an operator has {} bytes; expected at least {}; set struct_size", given->struct_size, sizeof(sinter_plugin_operator));
  }
  if (!is_name(given->name, "_") || !*given->name || !is_name(given->domain, "._-")) {
    return refuse(library.path, "an operator's name is '{}' and its domain '{}'; expected letters, digits and _ (in a domain also . and -); rename it",
                  given->name ? given->name : "NULL", given->domain ? given->domain : "NULL");
  }
  const std::string domain = given->domain;
  if (domain == "sinter") return refuse(library.path, "operator '{}' is in domain 'sinter', which Sinter keeps for itself; expected another domain; rename it", given->name);
  auto op = std::make_unique<Operator>(library, *given, domain.empty() || domain == "ai.onnx" ? given->name : domain + "." + given->name);
  SINTER_ASSIGN(OpDef def, make_op(*op));
  ops.push_back(std::move(def));
  library.operators.push_back(std::move(op));
  return ok_status();
}

Result<std::unique_ptr<Library>> read_library(const std::string& path, const std::string& bytes, std::vector<OpDef>& ops) {
  SINTER_ASSIGN(const sinter_plugin* described, describe(path));
  auto library = std::make_unique<Library>();
  library->path = path;
  library->file = std::filesystem::path(path).filename().string();
  library->hash = fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
  if (!is_name(described->name, "._-") || !*described->name || !is_name(described->version, "._-+") || !*described->version) {
    return refuse(path, "its name is '{}' and its version '{}'; expected letters, digits and . _ - in both; correct the plugin", described->name ? described->name : "NULL",
                  described->version ? described->version : "NULL");
  }
  library->name = described->name;
  library->version = described->version;
  if (described->operator_count == 0 || !described->operators) return refuse(path, "it describes no operators; expected at least one; correct the plugin");
  for (size_t i = 0; i < described->operator_count; ++i) SINTER_TRY(add_operator(*library, described->operators[i], ops));
  return library;
}

}  // namespace

Operator::Operator(const Library& library, const sinter_plugin_operator& described, std::string name) : library(library), c(described), name(std::move(name)) {}

std::string Operator::owner() const { return fmt::format("plugin '{}' ({})", library.name, library.file); }

Result<const Library*> load(const std::string& given) {
  SINTER_ASSIGN(const std::string bytes, read_file(given));
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(given, error);
  const std::string path = error ? given : real.string();
  Libraries& all = libraries();
  std::lock_guard lock(all.mutex);
  for (const auto& library : all.list) {
    if (library->path == path) return library.get();
  }
  SINTER_TRY(check_file(path, bytes));
  std::vector<OpDef> ops;
  SINTER_ASSIGN(std::unique_ptr<Library> library, read_library(path, bytes, ops));
  for (const auto& other : all.list) {
    if (other->name == library->name) {
      return refuse(path, "its name '{}' is that of '{}', which is loaded already; expected one plugin of a name; leave one out", library->name, other->path);
    }
  }
  SINTER_TRY(add_ops(std::move(ops)).with(fmt::format("while loading plugin '{}'", path)));
  all.list.push_back(std::move(library));
  return all.list.back().get();
}

Status load_all(const char* paths) {
  std::string_view rest = paths ? paths : "";
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    if (comma > 0) {
      auto library = load(std::string(rest.substr(0, comma)));
      if (!library.ok()) return std::move(library).status();
    }
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return ok_status();
}

std::vector<const Library*> loaded() {
  Libraries& all = libraries();
  std::lock_guard lock(all.mutex);
  std::vector<const Library*> list;
  for (const auto& library : all.list) list.push_back(library.get());
  return list;
}

const Library* find_library(std::string_view name) {
  for (const Library* library : loaded()) {
    if (library->name == name) return library;
  }
  return nullptr;
}

}  // namespace sinter::plugin
