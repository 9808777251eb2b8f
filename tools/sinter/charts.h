// Charts as SVG, and pages of them: no script, font or style of another file. Texts may hold any bytes: what is not printable ASCII becomes '?'.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sinter::tool {

struct ChartLine {
  std::string name;
  std::vector<std::optional<double>> values;
};

// Lines over a common axis, or bars side by side (a histogram).
struct Chart {
  std::string title, unit;
  std::vector<ChartLine> lines;
  std::vector<double> xs;  // of the values, ascending; empty: nothing stands at the axis
  std::string x_unit;
  bool bars = false;
};

// Horizontal bars with a label each.
struct BarList {
  struct Bar {
    std::string label;
    double value = 0;
    std::string text;  // beside the bar
  };
  std::string title;
  std::vector<Bar> bars;
};

std::string escaped(const std::string& text);

// The charts one below the other; one without any value is left out.
std::string charts_svg(const std::vector<Chart>& charts);
std::string bars_svg(const BarList& list);

// Counts of values in up to `bins` equal intervals; values beyond the 99.5th percentile are counted in the last.
Chart histogram(const std::string& title, const std::string& unit, std::vector<double> values, size_t bins);

// A table; a first row of headings.
std::string table_html(const std::vector<std::vector<std::string>>& rows);

// A page around a body of <svg>, <table> and text, readable from a phone's width on.
std::string page_html(const std::string& title, const std::string& body);

// A svg that is scrolled where it is wider than the page.
std::string figure_html(const std::string& svg);

}  // namespace sinter::tool
