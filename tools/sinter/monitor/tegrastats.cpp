#include "tegrastats.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace sinter::tool::monitor {
namespace {

constexpr double kLargest = 1e12;      // what no figure of a machine reaches
constexpr double kSensorOff = -200;    // "-256C": the sensor's part has no power
constexpr size_t kShown = 40;          // characters of a bad field in a message

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-'; }

// A reader of one text from left to right: each take_ either takes what it names or leaves everything as it was.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool done() const { return at_ == text_.size(); }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  bool take_number(double& value) {
    const char* const begin = text_.data() + at_;
    const char* const end = text_.data() + text_.size();
    if (begin == end || !(is_digit(*begin) || *begin == '-')) return false;
    const auto [after, error] = std::from_chars(begin, end, value, std::chars_format::fixed);
    if (error != std::errc() || !(std::fabs(value) < kLargest)) return false;
    at_ += static_cast<size_t>(after - begin);
    return true;
  }
  bool take_number(Figure& figure) {
    double value = 0;
    if (!take_number(value)) return false;
    figure = value;
    return true;
  }
  // Up to the next blank.
  std::string_view take_token() {
    const size_t begin = at_;
    while (!done() && !is_blank(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  void skip_blanks() {
    while (!done() && is_blank(text_[at_])) ++at_;
  }
  char next() const { return done() ? '\0' : text_[at_]; }
  std::string_view rest() const { return text_.substr(at_); }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
  std::string_view text_;
  size_t at_ = 0;
};

std::string shown(std::string_view text) {
  std::string result;
  for (char c : text.substr(0, kShown)) result += c >= ' ' && c <= '~' ? c : '?';
  return result + (text.size() > kShown ? "..." : "");
}

std::string bad(std::string_view field, std::string_view found, const char* expected) {
  return "field '" + shown(field) + "': found '" + shown(found) + "', expected " + expected;
}

// kB of "4MB", "256kB".
bool take_size_kb(Reader& reader, Figure& kb) {
  double value = 0;
  if (!reader.take_number(value) || value < 0) return false;
  if (reader.take("MB")) kb = value * 1024;
  else if (reader.take("kB") || reader.take("KB")) kb = value;
  else return false;
  return true;
}

// "3168/6851MB"
bool take_share(Reader& reader, std::string_view unit, Figure& used, Figure& total) {
  return reader.take_number(used) && reader.take("/") && reader.take_number(total) && reader.take(unit) && *used >= 0 && *total >= 0;
}

// A "(" that follows at once, or after blanks.
bool take_opening(Reader& reader) {
  Reader ahead = reader;
  ahead.skip_blanks();
  if (!ahead.take("(")) return false;
  reader = ahead;
  return true;
}

bool parse_ram(Reader& reader, Sample& sample) {
  if (!take_share(reader, "MB", sample.ram_used_mb, sample.ram_total_mb)) return false;
  if (!take_opening(reader)) return true;
  return reader.take("lfb ") && reader.take_number(sample.lfb_blocks) && reader.take("x") && take_size_kb(reader, sample.lfb_block_kb) && reader.take(")");
}

bool parse_swap(Reader& reader, Sample& sample) {
  if (!take_share(reader, "MB", sample.swap_used_mb, sample.swap_total_mb)) return false;
  if (!take_opening(reader)) return true;
  return reader.take("cached ") && reader.take_number(sample.swap_cached_mb) && reader.take("MB)");
}

bool parse_iram(Reader& reader, Sample& sample) {
  if (!take_share(reader, "kB", sample.iram_used_kb, sample.iram_total_kb)) return false;
  if (!take_opening(reader)) return true;
  return reader.take("lfb ") && take_size_kb(reader, sample.iram_lfb_kb) && reader.take(")");
}

// "[23%@1397,off,5%]" and, of old releases, one clock for all: "[23%,off]@1397".
bool parse_cores(Reader& reader, Sample& sample) {
  if (!reader.take("[")) return false;
  do {
    Core core;
    if (reader.take("off")) {
      core.on = false;
    } else {
      if (!reader.take_number(core.load_pct) || !reader.take("%")) return false;
      if (reader.take("@") && !reader.take_number(core.mhz)) return false;
    }
    sample.cores.push_back(core);
    if (sample.cores.size() > 4096) return false;
  } while (reader.take(","));
  if (!reader.take("]")) return false;
  if (!reader.take("@")) return true;
  Figure mhz;
  if (!reader.take_number(mhz)) return false;
  for (Core& core : sample.cores) {
    if (core.on && !core.mhz) core.mhz = mhz;
  }
  return true;
}

// "76%", "76%@1300", "76%@[1300,0]", "@[1300]", "716" (a clock), "off".
bool parse_engine(Reader& reader, Engine& engine) {
  if (reader.take("off")) {
    engine.on = false;
    return true;
  }
  double first = 0;
  const bool number = reader.take_number(first);
  if (number && reader.take("%")) engine.load_pct = first;
  else if (number) engine.mhz.push_back(first);
  if (number && !engine.load_pct) return true;
  if (!reader.take("@")) return number;
  const bool list = reader.take("[");
  do {
    double mhz = 0;
    if (!reader.take_number(mhz) || engine.mhz.size() > 64) return false;
    engine.mhz.push_back(mhz);
  } while (list && reader.take(","));
  return !list || reader.take("]");
}

// "1234/1234" and "1234mW/1234mW"
bool parse_rail(Reader& reader, Rail& rail) {
  if (!reader.take_number(rail.mw)) return false;
  const bool unit = reader.take("mW");
  return reader.take("/") && reader.take_number(rail.average_mw) && (!unit || reader.take("mW"));
}

// "" for names that are no engine's. GR3D_FREQ is "gpu", GR3D2_FREQ "gpu2".
std::string engine_name(std::string_view name) {
  std::string result;
  for (char c : name) result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const bool frequency = result.ends_with("_freq");
  if (frequency) result.resize(result.size() - 5);
  if (result.starts_with("gr3d")) return "gpu" + result.substr(4);
  if (frequency && !result.empty()) return result;
  std::string_view family = result;
  while (!family.empty() && is_digit(family.back())) family.remove_suffix(1);
  for (const char* known : {"emc", "nvenc", "nvdec", "nvjpg", "msenc", "vic", "ape", "ofa", "nvdla", "pva", "pva0_vps", "vde", "avp", "nvcsi", "vi", "isp", "se", "tsec"}) {
    if (family == known) return result;
  }
  return "";
}

bool is_rail_name(std::string_view name) {
  return name.starts_with("VDD") || name.starts_with("VIN_") || name.starts_with("POM_") || name == "NC";
}

bool is_field_name(std::string_view token) {
  if (token.empty() || is_digit(token.front()) || token == "off") return false;
  for (char c : token) {
    if (!is_word(c)) return false;
  }
  return true;
}

// "MM-DD-YYYY HH:MM:SS", or with the year first.
void parse_time(Reader& reader, Sample& sample) {
  const std::string_view rest = reader.rest();
  for (std::string_view form : {"dd-dd-dddd dd:dd:dd", "dddd-dd-dd dd:dd:dd"}) {
    bool fits = rest.size() >= form.size() && (rest.size() == form.size() || rest[form.size()] == ' ');
    for (size_t i = 0; fits && i < form.size(); ++i) fits = form[i] == 'd' ? is_digit(rest[i]) : rest[i] == form[i];
    if (!fits) continue;
    sample.time = rest.substr(0, form.size());
    reader.take(sample.time);
  }
}

// "cpu@48.562C"; "PMIC@100C".
std::string parse_temperature(std::string_view token, Sample& sample) {
  const size_t at = token.find('@');
  Reader reader(token.substr(at + 1));
  double celsius = 0;
  const std::string_view name = token.substr(0, at);
  if (!is_field_name(name) || !reader.take_number(celsius) || !reader.take("C") || !reader.done()) {
    return bad(token, token.substr(at + 1), "a temperature such as cpu@48.5C");
  }
  sample.temperatures.push_back({std::string(name), celsius < kSensorOff ? Figure() : Figure(celsius)});
  return "";
}

// "(fg 0% bg 0%)": what MTS of Denver cores says, a value with blanks.
bool take_background(Reader& reader, Sample& sample) {
  double foreground = 0, background = 0;
  if (!(reader.take("fg ") && reader.take_number(foreground) && reader.take("% bg ") && reader.take_number(background) && reader.take("%"))) return false;
  sample.engines.push_back({"mts_fg", true, foreground, {}});
  sample.engines.push_back({"mts_bg", true, background, {}});
  return true;
}

// The value's text for fields whose value has no blanks: checked to be taken whole.
template <typename Parse>
std::string whole(std::string_view name, std::string_view value, const char* expected, Parse parse) {
  Reader reader(value);
  return parse(reader) && reader.done() ? "" : bad(name, value, expected);
}

std::string parse_value(std::string_view name, Reader& reader, Sample& sample) {
  struct Form {
    const char* name;
    bool (*parse)(Reader&, Sample&);
    const char* expected;
  };
  static constexpr Form kForms[] = {{"RAM", parse_ram, "USED/TOTALMB (lfb NxSIZEMB)"},        {"SWAP", parse_swap, "USED/TOTALMB (cached SIZEMB)"},
                                    {"IRAM", parse_iram, "USED/TOTALkB (lfb SIZEkB)"},        {"CPU", parse_cores, "[LOAD%@MHZ,off,...]"},
                                    {"cpu", parse_cores, "[LOAD%,off,...]@MHZ"},              {"MTS", take_background, "fg LOAD% bg LOAD%"}};
  for (const Form& form : kForms) {
    if (name != form.name) continue;
    const std::string_view found = reader.rest();
    const bool ends = form.parse(reader, sample) && (reader.done() || reader.next() == ' ' || reader.next() == '\t' || reader.next() == '\r');
    return ends ? "" : bad(name, found, form.expected);
  }
  const std::string_view value = reader.take_token();
  if (const std::string engine = engine_name(name); !engine.empty()) {
    Engine found{engine, true, {}, {}};
    const std::string problem = whole(name, value, "LOAD%, LOAD%@MHZ, LOAD%@[MHZ,...], MHZ or off", [&](Reader& r) { return parse_engine(r, found); });
    if (problem.empty()) sample.engines.push_back(found);
    return problem;
  }
  if (name.starts_with("GPUMEM")) {
    Figure used, total;
    const std::string problem = whole(name, value, "USED/TOTALMB", [&](Reader& r) { return take_share(r, "MB", used, total); });
    if (problem.empty()) sample.device_memory.push_back({"gpu" + std::string(name.substr(6)), *used, *total});
    return problem;
  }
  if (!value.empty() && (is_rail_name(name) || value.find("mW") != value.npos || (is_digit(value.front()) && value.find('/') != value.npos))) {
    Rail rail{std::string(name)};
    const std::string problem = whole(name, value, "power such as 1234mW/1234mW or 1234/1234", [&](Reader& r) { return parse_rail(r, rail); });
    if (problem.empty()) sample.rails.push_back(rail);
    return problem;
  }
  if (value.empty()) return bad(name, "", "a value: the line is cut");
  sample.unknown.push_back(std::string(name) + " " + std::string(value));
  return "";
}

bool has_figures(const Sample& sample) {
  return sample.ram_used_mb || sample.swap_used_mb || sample.iram_used_kb || !sample.cores.empty() || !sample.engines.empty() ||
         !sample.temperatures.empty() || !sample.rails.empty();
}

void append(std::string& text, const char* format, auto... values) {
  char piece[200];
  std::snprintf(piece, sizeof(piece), format, values...);
  if (!text.empty() && text.back() != '[' && text.back() != ',') text += ' ';
  text += piece;
}

void append_engine(std::string& text, const Engine& engine) {
  std::string name;
  for (char c : engine.name) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (name.starts_with("GPU")) name = "GR3D" + name.substr(3) + "_FREQ";
  else if (name == "EMC" || name == "VIC") name += "_FREQ";
  else if (name == "MTS_FG") name = "MTS fg";
  else if (name == "MTS_BG") name = "bg";
  else if (engine_name(name).empty()) name += "_FREQ";
  text += ' ' + name + ' ';
  char piece[64];
  if (!engine.on) {
    text += "off";
    return;
  }
  if (engine.load_pct) {
    std::snprintf(piece, sizeof(piece), "%.0f%%", *engine.load_pct);
    text += piece;
    if (engine.mhz.empty()) return;
    text += '@';
  }
  const bool list = engine.load_pct && engine.name.starts_with("gpu");
  if (list) text += '[';
  for (size_t i = 0; i < engine.mhz.size(); ++i) {
    std::snprintf(piece, sizeof(piece), "%s%.0f", i == 0 ? "" : ",", engine.mhz[i]);
    text += piece;
  }
  if (list) text += ']';
}

void append_cores(std::string& text, const std::vector<Core>& cores) {
  text += " CPU [";
  for (size_t i = 0; i < cores.size(); ++i) {
    if (i > 0) text += ',';
    if (!cores[i].on) append(text, "off");
    else if (cores[i].mhz) append(text, "%.0f%%@%.0f", cores[i].load_pct.value_or(0), *cores[i].mhz);
    else append(text, "%.0f%%", cores[i].load_pct.value_or(0));
  }
  text += ']';
}

}  // namespace

ParsedLine parse_tegrastats_line(std::string_view line) {
  ParsedLine result;
  Sample& sample = result.sample;
  Reader reader(line);
  reader.skip_blanks();
  parse_time(reader, sample);
  for (reader.skip_blanks(); !reader.done(); reader.skip_blanks()) {
    const std::string_view token = reader.take_token();
    if (token.find('@') != token.npos) {
      result.problem = parse_temperature(token, sample);
    } else if (is_field_name(token)) {
      reader.skip_blanks();
      result.problem = parse_value(token, reader, sample);
    } else {
      result.problem = bad(token, token, "a field's name");
    }
    if (!result.ok()) return result;
  }
  if (!has_figures(sample)) result.problem = "found '" + shown(line) + "', expected tegrastats' fields (RAM, CPU, GR3D_FREQ, ...)";
  return result;
}

std::string tegrastats_line(const Sample& sample) {
  std::string text = sample.time;
  if (sample.ram_used_mb && sample.ram_total_mb) append(text, "RAM %.0f/%.0fMB", *sample.ram_used_mb, *sample.ram_total_mb);
  if (sample.lfb_blocks && sample.lfb_block_kb) {
    const bool mb = *sample.lfb_block_kb >= 1024;
    append(text, "(lfb %.0fx%.0f%s)", *sample.lfb_blocks, *sample.lfb_block_kb / (mb ? 1024 : 1), mb ? "MB" : "kB");
  }
  if (sample.swap_used_mb && sample.swap_total_mb) {
    append(text, "SWAP %.0f/%.0fMB (cached %.0fMB)", *sample.swap_used_mb, *sample.swap_total_mb, sample.swap_cached_mb.value_or(0));
  }
  if (!sample.cores.empty()) append_cores(text, sample.cores);
  for (const Engine& engine : sample.engines) append_engine(text, engine);
  for (const DeviceMemory& memory : sample.device_memory) {
    append(text, "GPUMEM%s %.0f/%.0fMB", memory.name.substr(3).c_str(), memory.used_mb, memory.total_mb);
  }
  for (const Temperature& temperature : sample.temperatures) append(text, "%s@%.10gC", temperature.name.c_str(), temperature.celsius.value_or(-256));
  for (const Rail& rail : sample.rails) append(text, "%s %.0fmW/%.0fmW", rail.name.c_str(), rail.mw, rail.average_mw);
  return text;
}

}  // namespace sinter::tool::monitor
