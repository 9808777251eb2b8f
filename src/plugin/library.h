// Plugins: shared libraries that add operators (include/sinter/plugin.h). A library that was loaded stays for the life of the process; its operators are in
// the table of find_op() like all others, and its kernels are reached through OpDef::plugin.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sinter/plugin.h>

#include "core/op_def.h"

namespace sinter::plugin {

struct Library;

// What the library says of one operator, with fields that it does not know yet as 0.
class Operator {
 public:
  Operator(const Library& library, const sinter_plugin_operator& described, std::string name);
  const Library& library;
  const sinter_plugin_operator c;
  const std::string name;  // with its domain
  // "plugin 'example' (libexample.so)": for messages.
  std::string owner() const;
};

struct Library {
  std::string path, file;     // as the system knows it; without folders
  std::string name, version;  // of the plugin
  std::string hash;           // of the file's bytes, hex
  std::vector<std::unique_ptr<Operator>> operators;
};

// Opens a library, checks its version and what it describes, and adds its operators: all of them, or none. Fine for one that is loaded. Thread-safe.
Result<const Library*> load(const std::string& path);
// Each of a comma-separated list; "" and null: none.
Status load_all(const char* paths);
// In the order of loading; null when there is none of that name.
std::vector<const Library*> loaded();
const Library* find_library(std::string_view name);

// The schema that a library describes, checked; `operator_` gets the kernels. Defined in schema.cpp.
Result<OpDef> make_op(const Operator& described);
// Letters, digits and `others`.
bool is_name(const char* text, std::string_view others);

}  // namespace sinter::plugin
