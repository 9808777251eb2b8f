#include "base/text.h"

#include <algorithm>

#include <fmt/format.h>

namespace sinter {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string nearest_names(std::string_view wanted, const std::vector<std::string>& names, size_t most) {
  constexpr size_t kLongest = 256;
  std::vector<std::pair<size_t, std::string_view>> ranked;
  for (const std::string& name : names) {
    if (name.size() <= kLongest) ranked.emplace_back(edit_distance(wanted.substr(0, kLongest), name), name);
  }
  const size_t count = std::min(most, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(count), ranked.end());
  std::string text;
  for (size_t i = 0; i < count; ++i) text += fmt::format("{}'{}'", i > 0 ? ", " : "", ranked[i].second);
  return text;
}

}  // namespace sinter
