// Findings: the problems met while a model is read. Importing goes on after one, so that a check reports all.
#pragma once

#include <string>
#include <vector>

#include "onnx/import.h"

namespace sinter::onnx {

class Findings {
 public:
  explicit Findings(std::string file) : file_(std::move(file)) {}

  // Completes the file's name. Past kMaxFindings further ones are counted only.
  void add(Finding finding);
  void error(std::string found, std::string expected = "", std::string action = "", Code code = Code::kInvalidModel);
  void warning(std::string found, std::string expected = "", std::string action = "");

  bool failed() const { return errors_ > 0; }
  size_t errors() const { return errors_; }
  const std::string& file() const { return file_; }
  const std::vector<Finding>& list() const { return list_; }
  std::vector<Finding> take() { return std::move(list_); }
  // The first error, with the number of further ones; ok when there is none.
  Status status() const;

 private:
  std::string file_;
  std::vector<Finding> list_;
  size_t errors_ = 0;
};

}  // namespace sinter::onnx
