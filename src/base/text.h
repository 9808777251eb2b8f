// Small things about texts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sinter {

// Insertions, deletions and replacements that make one of the other.
size_t edit_distance(std::string_view a, std::string_view b);

// The `most` names nearest to one that was looked for, nearest first, quoted: "'conv1', 'conv2'". Names beyond 256 bytes are left out.
std::string nearest_names(std::string_view wanted, const std::vector<std::string>& names, size_t most);

}  // namespace sinter
