// Labels: the right class of each sample, from a CSV file.
//
//   file,class_index,class_name
//   n01440764_tench.jpg,0,tench
//
// The first line names the columns when it has "file" and "class_index" (or "label"); else the first column is the file and the second the class. Other
// columns are ignored. Fields may be quoted as RFC 4180 says. A file is a sample's name (data/dataset.h), or the end of it after a '/'.
#pragma once

#include <map>
#include <optional>

#include "data/dataset.h"

namespace sinter::data {

class Labels {
 public:
  static Result<Labels> parse(std::string_view text, const std::string& label);
  static Result<Labels> read(const std::string& path);
  size_t size() const { return classes_.size(); }
  std::optional<int64_t> find(const std::string& sample) const;

 private:
  std::map<std::string, int64_t, std::less<>> classes_;
};

}  // namespace sinter::data
