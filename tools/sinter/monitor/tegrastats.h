// tegrastats' lines, of JetPack 4, 5 and 6: read into samples, and written from them.
#pragma once

#include <string>
#include <string_view>

#include "sample.h"

namespace sinter::tool::monitor {

// A line's sample, or what is wrong with the line. Fields in any order; a field whose name is known must have the syntax of that field; fields of unknown
// names are kept in `sample.unknown`. A line without any known field is malformed, and so is one that ends within a field.
struct ParsedLine {
  Sample sample;
  std::string problem;  // "" when the line is good
  bool ok() const { return problem.empty(); }
};
ParsedLine parse_tegrastats_line(std::string_view line);

// "07-09-2024 13:31:31 RAM 3168/6851MB (lfb 2x4MB) SWAP 161/3426MB (cached 0MB) CPU [23%@1397,off] GR3D_FREQ 0%@[114] CPU@46.5C VDD_IN 2763mW/2846mW"
std::string tegrastats_line(const Sample& sample);

}  // namespace sinter::tool::monitor
