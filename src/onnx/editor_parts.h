// What the edits of onnx/editor.h share.
#pragma once

#include <algorithm>
#include <charconv>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "onnx/wire.h"

namespace sinter::onnx {

inline Status wrong_edit(const std::string& edit, const std::string& found, const std::string& expected) {
  return make_error(Code::kInvalidArgument, "edit '{}': found {}, expected {}", edit, found, expected);
}

// The graph and all bodies inside it.
inline void each_graph(GraphProto& graph, const std::function<void(GraphProto&)>& visit) {
  visit(graph);
  for (NodeProto& node : *graph.mutable_node()) {
    for (AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) each_graph(*attribute.mutable_g(), visit);
      for (GraphProto& body : *attribute.mutable_graphs()) each_graph(body, visit);
    }
  }
}

inline std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> items;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    if (comma > begin) items.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return items;
}

inline bool parse_int(std::string_view text, int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

inline bool parse_float(std::string_view text, float& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// "1", "0.5", "text", "[1,2]", "[0.5,2]".
inline AttributeProto parse_attribute(const std::string& name, const std::string& text) {
  AttributeProto made;
  made.set_name(name);
  int64_t integer = 0;
  float real = 0;
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    const auto items = split_list(text.substr(1, text.size() - 2));
    const bool integers = std::all_of(items.begin(), items.end(), [&](const std::string& item) { return parse_int(item, integer); });
    const bool reals = std::all_of(items.begin(), items.end(), [&](const std::string& item) { return parse_float(item, real); });
    made.set_type(integers ? kAttrInts : reals ? kAttrFloats : kAttrStrings);
    for (const std::string& item : items) {
      if (integers) parse_int(item, integer), made.add_ints(integer);
      else if (reals) parse_float(item, real), made.add_floats(real);
      else made.add_strings(item);
    }
  } else if (parse_int(text, integer)) {
    made.set_type(kAttrInt);
    made.set_i(integer);
  } else if (parse_float(text, real)) {
    made.set_type(kAttrFloat);
    made.set_f(real);
  } else {
    made.set_type(kAttrString);
    made.set_s(text);
  }
  return made;
}

inline void put_attribute(NodeProto& node, AttributeProto made) {
  for (AttributeProto& attribute : *node.mutable_attribute()) {
    if (attribute.name() != made.name()) continue;
    // "1" for an attribute that is a float is a float.
    if (attribute.type() == kAttrFloat && made.type() == kAttrInt) made.set_type(kAttrFloat), made.set_f(static_cast<float>(made.i())), made.clear_i();
    attribute = std::move(made);
    return;
  }
  *node.add_attribute() = std::move(made);
}

inline std::string plural(int count, const char* what) { return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s"); }

struct OpName {
  std::string domain, op;
  explicit OpName(const std::string& text) {
    const size_t colons = text.find("::");
    if (colons != text.npos) domain = text.substr(0, colons);
    op = colons == text.npos ? text : text.substr(colons + 2);
    if (domain == "ai.onnx") domain.clear();
  }
  bool is(const NodeProto& node) const { return node.op_type() == op && (node.domain() == domain || (domain.empty() && node.domain() == "ai.onnx")); }
};

template <typename List, typename Keep>
void keep_if(List& list, Keep keep) {
  int kept = 0;
  for (int i = 0; i < list.size(); ++i) {
    if (!keep(list.Get(i))) continue;
    if (kept != i) list.SwapElements(kept, i);
    ++kept;
  }
  list.DeleteSubrange(kept, list.size() - kept);
}

}  // namespace sinter::onnx
