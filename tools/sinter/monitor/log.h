// A whole log of tegrastats: its samples and its malformed lines, as JSON, CSV, and a page or picture of charts that needs no other file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "charts.h"
#include "sample.h"

namespace sinter::tool::monitor {

struct Malformed {
  size_t line = 0;  // from 1
  std::string text, problem;
};

struct Log {
  size_t lines = 0;  // that are not blank
  std::vector<Sample> samples;
  std::vector<size_t> sample_lines;  // where each sample was, from 1
  std::vector<Malformed> malformed;
};

Log parse_tegrastats_log(std::string_view text);

// {"lines", "malformed_lines", "malformed": [{"line", "problem", "text"}], "unknown_fields", "summary": {KEY: {"min", "mean", "max"}}, "samples": [{"line", "time", KEY: figure}]}
std::string log_json(const Log& log, const std::string& name);
// A row a sample, a column a key that any sample has.
std::string log_csv(const Log& log);
// Over the samples: memory, load, clocks, temperatures, power.
std::vector<Chart> sample_charts(const std::vector<Sample>& samples);
std::string log_svg(const Log& log);
std::string log_html(const Log& log, const std::string& name);

// Every key of any sample, in the order in which they first come.
std::vector<std::string> keys_of(const std::vector<Sample>& samples);

}  // namespace sinter::tool::monitor
