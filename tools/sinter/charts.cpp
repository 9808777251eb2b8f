#include "charts.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace sinter::tool {
namespace {

constexpr double kWidth = 760, kHeight = 240, kLeft = 56, kRight = 12, kTop = 30, kBottom = 32, kLegendRow = 18, kLegendColumn = 230;
constexpr size_t kPoints = 1500;  // of a line: more than a screen shows
constexpr const char* kColours[] = {"#1f6feb", "#d1495b", "#2a9d5b", "#b07d00", "#7a4fd0", "#0f8b8d", "#c2558a", "#5b6472"};

std::string text_of(const char* format, auto... values) {
  char buffer[400];
  std::snprintf(buffer, sizeof(buffer), format, values...);
  return buffer;
}

// 1, 2 or 5 times a power of ten, not below the value.
double round_up(double value) {
  if (!(value > 0)) return 1;
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (value <= factor * power * (1 + 1e-12)) return factor * power;
  }
  return 10 * power;
}

double height_of(const Chart& chart) {
  const auto columns = static_cast<size_t>((kWidth - kLeft) / kLegendColumn);
  return kHeight + kLegendRow * static_cast<double>((chart.lines.size() + columns - 1) / columns) + 16;
}

// Where a value stands on the axis, from 0 to 1.
double place_of(const Chart& chart, size_t index, size_t count) {
  if (chart.xs.size() == count && count > 1 && chart.xs.back() > chart.xs.front()) {
    return (chart.xs[index] - chart.xs.front()) / (chart.xs.back() - chart.xs.front());
  }
  return count > 1 ? static_cast<double>(index) / static_cast<double>(count - 1) : 0.5;
}

std::string path_of(const Chart& chart, const ChartLine& line, double least, double most) {
  std::string path;
  const size_t count = line.values.size(), step = (count + kPoints - 1) / kPoints;
  bool pen = false;
  for (size_t i = 0; i < count; i += step) {
    if (!line.values[i]) {
      pen = false;
      continue;
    }
    const double x = kLeft + (kWidth - kLeft - kRight) * place_of(chart, i, count);
    const double y = kTop + (kHeight - kTop - kBottom) * (1 - (*line.values[i] - least) / (most - least));
    path += text_of("%c%.1f %.1f", pen ? 'L' : 'M', x, y);
    if (!pen) path += "h.01";  // so that a single point shows
    pen = true;
  }
  return path;
}

std::string bars_of(const ChartLine& line, double most, const char* colour) {
  std::string text;
  const double width = (kWidth - kLeft - kRight) / static_cast<double>(line.values.size());
  for (size_t i = 0; i < line.values.size(); ++i) {
    const double height = (kHeight - kTop - kBottom) * line.values[i].value_or(0) / most;
    if (height <= 0) continue;
    text += text_of("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>", kLeft + width * static_cast<double>(i), kHeight - kBottom - height,
                    std::max(0.5, width - 1), height, colour);
  }
  return text;
}

// The axis's ends and middle.
std::string axis_of(const Chart& chart) {
  std::string text;
  if (chart.xs.size() < 2) return text;
  for (const double share : {0.0, 0.5, 1.0}) {
    const double value = chart.xs.front() + share * (chart.xs.back() - chart.xs.front());
    text += text_of("<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\">%.4g %s</text>", kLeft + (kWidth - kLeft - kRight) * share, kHeight - kBottom + 16,
                    share == 0 ? "start" : share == 1 ? "end" : "middle", value, chart.x_unit.c_str());
  }
  return text;
}

std::string draw(const Chart& chart, double top) {
  double least = 0, highest = 0;
  for (const ChartLine& line : chart.lines) {
    for (const auto& value : line.values) {
      if (value) highest = std::max(highest, *value), least = std::min(least, *value);
    }
  }
  if (least < 0) least = -round_up(-least);
  const double most = chart.unit == "%" ? std::max(100.0, round_up(highest)) : round_up(highest);
  std::string svg = text_of("<g transform=\"translate(0 %.0f)\"><text x=\"%.0f\" y=\"18\" class=\"t\">%s, %s</text>", top, kLeft, chart.title.c_str(), chart.unit.c_str());
  for (int i = 0; i <= 4; ++i) {
    const double y = kTop + (kHeight - kTop - kBottom) * (1 - i / 4.0);
    svg += text_of("<path d=\"M%.0f %.1fH%.0f\" stroke=\"#8884\"/><text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%g</text>", kLeft, y, kWidth - kRight, kLeft - 6, y + 4,
                   least + (most - least) * i / 4);
  }
  const auto columns = static_cast<size_t>((kWidth - kLeft) / kLegendColumn);
  for (size_t i = 0; i < chart.lines.size(); ++i) {
    const ChartLine& line = chart.lines[i];
    const char* const colour = kColours[i % std::size(kColours)];
    if (chart.bars) svg += bars_of(line, most, colour);
    else svg += text_of("<path fill=\"none\" stroke-width=\"1.6\" stroke-linejoin=\"round\" stroke=\"%s\" d=\"", colour) + path_of(chart, line, least, most) + "\"/>";
    const double x = kLeft + kLegendColumn * static_cast<double>(i % columns), y = kHeight + kLegendRow * static_cast<double>(i / columns);
    svg += text_of("<rect x=\"%.0f\" y=\"%.0f\" width=\"12\" height=\"4\" fill=\"%s\"/><text x=\"%.0f\" y=\"%.0f\">", x, y - 2, colour, x + 18, y + 4) + escaped(line.name) + "</text>";
  }
  return svg + axis_of(chart) + "</g>\n";
}

constexpr const char* kStyle = "<style>text{font:12px system-ui,sans-serif;fill:#777}.t{font-size:14px;font-weight:600}</style>\n";

std::string svg_around(double height, const std::string& body) {
  return text_of("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">", kWidth, height) + kStyle + body + "</svg>\n";
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string result;
  for (char c : text) {
    if (c == '&') result += "&amp;";
    else if (c == '<') result += "&lt;";
    else if (c == '>') result += "&gt;";
    else if (c == '"') result += "&quot;";
    else result += c >= ' ' && c <= '~' ? c : '?';
  }
  return result;
}

std::string charts_svg(const std::vector<Chart>& charts) {
  double top = 0;
  std::string body;
  for (const Chart& chart : charts) {
    const bool any = std::any_of(chart.lines.begin(), chart.lines.end(), [](const ChartLine& line) { return !line.values.empty(); });
    if (!any) continue;
    body += draw(chart, top);
    top += height_of(chart);
  }
  return body.empty() ? svg_around(60, "<text x=\"20\" y=\"30\">no samples</text>") : svg_around(top, body);
}

std::string bars_svg(const BarList& list) {
  constexpr double kRow = 20, kLabel = 250, kText = 150, kFirst = 34;
  double most = 0;
  for (const BarList::Bar& bar : list.bars) most = std::max(most, bar.value);
  std::string body = text_of("<text x=\"8\" y=\"18\" class=\"t\">%s</text>", escaped(list.title).substr(0, 200).c_str());
  double y = kFirst;
  for (const BarList::Bar& bar : list.bars) {
    const std::string label = bar.label.size() > 38 ? bar.label.substr(0, 18) + ".." + bar.label.substr(bar.label.size() - 18) : bar.label;
    const double width = most > 0 ? (kWidth - kLabel - kText) * std::max(0.0, bar.value) / most : 0;
    body += text_of("<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">", kLabel - 8, y + 12) + escaped(label) + "<title>" + escaped(bar.label) + "</title></text>";
    body += text_of("<rect x=\"%.0f\" y=\"%.0f\" width=\"%.1f\" height=\"14\" fill=\"%s\"/><text x=\"%.1f\" y=\"%.0f\">", kLabel, y, std::max(0.5, width), kColours[0],
                    kLabel + width + 6, y + 12);
    body += escaped(bar.text) + "</text>\n";
    y += kRow;
  }
  return svg_around(y + 10, body);
}

Chart histogram(const std::string& title, const std::string& unit, std::vector<double> values, size_t bins) {
  Chart chart{title, "runs", {}, {}, unit, true};
  if (values.empty() || bins == 0) return chart;
  std::sort(values.begin(), values.end());
  const double least = values.front(), most = std::max(values[(values.size() - 1) * 199 / 200], least * (1 + 1e-9));
  bins = std::min(bins, std::max<size_t>(5, values.size() / 4));
  std::vector<double> counts(bins);
  const double width = (most - least) / static_cast<double>(bins);
  for (const double value : values) {
    const double place = width > 0 ? (value - least) / width : 0;
    ++counts[std::min(bins - 1, static_cast<size_t>(std::max(0.0, std::min(place, 1e9))))];
  }
  chart.lines.push_back({title, {counts.begin(), counts.end()}});
  chart.xs = {least, most};
  return chart;
}

std::string table_html(const std::vector<std::vector<std::string>>& rows) {
  std::string html = "<div class=\"scroll\"><table>\n";
  for (size_t i = 0; i < rows.size(); ++i) {
    html += "<tr>";
    for (const std::string& cell : rows[i]) html += (i == 0 ? "<th>" : "<td>") + escaped(cell) + (i == 0 ? "</th>" : "</td>");
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

std::string figure_html(const std::string& svg) { return "<div class=\"scroll\">" + svg + "</div>\n"; }

std::string page_html(const std::string& title, const std::string& body) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
         "<title>" + escaped(title) + "</title>\n<style>:root{color-scheme:light dark}body{font:16px system-ui,sans-serif;max-width:60rem;margin:1rem auto;padding:0 1rem}"
         "h1{overflow-wrap:anywhere;font-size:1.5rem}h2{font-size:1.15rem}svg{width:100%;min-width:34rem;height:auto}.scroll{overflow-x:auto}"
         "table{border-collapse:collapse}td,th{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #8884}.warn{border-left:4px solid #b07d00;padding-left:.6rem}"
         "code{overflow-wrap:anywhere}</style></head><body>\n<h1>" + escaped(title) + "</h1>\n" + body + "</body></html>\n";
}

}  // namespace sinter::tool
