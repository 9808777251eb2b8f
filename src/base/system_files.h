// Files in which a system describes itself (/proc, /sys, /etc and so on), under a prefix, so that tests show what other
// machines say.
#pragma once

#include <string>
#include <vector>

namespace sinter {

// What stands before every such path: SINTER_SYSTEM_ROOT, else nothing.
std::string system_root();
// A file without the newlines and zeros at its end; "" when it can't be read.
std::string system_text(const std::string& path);
// Names in a folder, sorted; none when there is no such folder.
std::vector<std::string> system_names(const std::string& folder);
// Is this a Jetson, by its device tree or by the release of its system?
bool is_jetson(const std::string& root);

}  // namespace sinter
