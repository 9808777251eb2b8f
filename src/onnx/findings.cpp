#include "onnx/findings.h"

namespace sinter::onnx {
namespace {

// More than anyone reads; a hostile file must not fill the memory with messages.
constexpr size_t kMaxFindings = 1000;

}  // namespace

std::string Finding::to_string() const {
  std::string text = file.empty() ? "" : file + ": ";
  if (!op.empty()) {
    const std::string kind = domain.empty() ? op : domain + "." + op;
    text += opset > 0 ? fmt::format("node '{}' ({}, opset {}): ", node, kind, opset)
                      : fmt::format("node '{}' ({}): ", node, kind);
  } else if (!node.empty()) {
    text += fmt::format("node '{}': ", node);
  }
  text += found;
  if (!expected.empty()) text += "; expected " + expected;
  if (!action.empty()) text += "; " + action;
  return text;
}

void Findings::add(Finding finding) {
  if (!finding.warning) ++errors_;
  // Room is kept for the first error when warnings fill the list.
  if (list_.size() >= kMaxFindings && (finding.warning || errors_ > 1)) return;
  finding.file = file_;
  list_.push_back(std::move(finding));
}

void Findings::error(std::string found, std::string expected, std::string action, Code code) {
  Finding finding;
  finding.found = std::move(found);
  finding.expected = std::move(expected);
  finding.action = std::move(action);
  finding.code = code;
  add(std::move(finding));
}

void Findings::warning(std::string found, std::string expected, std::string action) {
  // A value is looked at where it is made and again as an output of the graph.
  for (const Finding& earlier : list_) {
    if (earlier.warning && earlier.found == found && earlier.expected == expected) return;
  }
  Finding finding;
  finding.warning = true;
  finding.found = std::move(found);
  finding.expected = std::move(expected);
  finding.action = std::move(action);
  add(std::move(finding));
}

Status Findings::status() const {
  for (const Finding& finding : list_) {
    if (finding.warning) continue;
    std::string text = finding.to_string();
    if (errors_ > 1) text += fmt::format(" ({} more: sinter check {})", errors_ - 1, file_);
    return Status(finding.code, std::move(text));
  }
  return ok_status();
}

}  // namespace sinter::onnx
