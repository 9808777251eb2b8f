#include "engine/manifest.h"

namespace sinter::engine {
namespace {

// Length of the valid UTF-8 sequence at the start of `text`, 0 when it is none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t length = lead < 0x80 ? 1 : lead >= 0xC2 && lead < 0xE0 ? 2 : lead >= 0xE0 && lead < 0xF0 ? 3
                      : lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
  if (length == 0 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool outside = (lead == 0xED && byte(1) >= 0xA0) || (lead == 0xF4 && byte(1) >= 0x90);
  return overlong || outside ? 0 : length;
}

std::string quote_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() > 1 ? ", " : "") + json_quote(text);
  return out + "]";
}

std::string io_json(const std::vector<IoInfo>& infos) {
  std::string out = "[";
  for (const IoInfo& info : infos) {
    out += fmt::format("{}{{\"name\": {}, \"type\": {}, \"onnx_names\": {}}}", out.size() > 1 ? ", " : "",
                       json_quote(info.name), json_quote(info.type.to_string()), quote_list(info.onnx_names));
  }
  return out + "]";
}

std::string ranges_json(const std::vector<plan::SymbolRange>& ranges) {
  std::string out;
  for (const plan::SymbolRange& symbol : ranges) {
    out += fmt::format("{}{{\"symbol\": {}, \"min\": {}, \"opt\": {}, \"max\": {}}}", out.empty() ? "" : ", ", json_quote(symbol.name),
                       symbol.min, symbol.opt, symbol.max);
  }
  return out;
}

}  // namespace

std::string json_quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const unsigned char c = static_cast<unsigned char>(text[0]);
    const size_t length = utf8_length(text);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (length == 0 || c < 0x20) {
      out += fmt::format("\\u{:04x}", c);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + "\"";
}

std::string to_json(const Manifest& m) {
  std::string out = fmt::format(
      "{{\"sinter_version\": {}, \"model_name\": {}, \"model_hash\": {}, \"build_command\": {}, \"date\": {}, \"device\": {}, "
      "\"isa\": {}, \"threads\": {}, \"precisions\": {}, \"inputs\": {}, \"outputs\": {}, \"profile\": [",
      json_quote(m.sinter_version), json_quote(m.model_name), json_quote(m.model_hash), json_quote(m.build_command),
      json_quote(m.date), json_quote(m.device), json_quote(m.isa), m.threads, quote_list(m.precisions), io_json(m.inputs),
      io_json(m.outputs));
  out += ranges_json(m.profile);
  out += "], \"further_profiles\": [";
  for (size_t i = 0; i < m.further_profiles.size(); ++i) out += fmt::format("{}[{}]", i ? ", " : "", ranges_json(m.further_profiles[i]));
  out += "], \"shapes_to_warm\": [";
  for (size_t i = 0; i < m.shapes_to_warm.size(); ++i) {
    out += i ? ", [" : "[";
    for (size_t input = 0; input < m.shapes_to_warm[i].size(); ++input) out += (input ? ", " : "") + to_string(m.shapes_to_warm[i][input]);
    out += "]";
  }
  out += "], \"plugins\": [";
  for (const PluginInfo& plugin : m.plugins) {
    out += fmt::format("{}{{\"name\": {}, \"version\": {}, \"file\": {}, \"hash\": {}, \"operators\": {}}}", out.back() == '[' ? "" : ", ", json_quote(plugin.name),
                       json_quote(plugin.version), json_quote(plugin.file), json_quote(plugin.hash), quote_list(plugin.operators));
  }
  out += "], \"more\": {";
  for (size_t i = 0; i < m.more.size(); ++i) {
    out += fmt::format("{}{}: {}", i ? ", " : "", json_quote(m.more[i].first), json_quote(m.more[i].second));
  }
  return out + "}}";
}

}  // namespace sinter::engine
