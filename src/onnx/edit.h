// Edits of an ONNX file, for callers that know nothing of its messages: onnx/editor.h behind a pointer, and what an edit is.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sinter::onnx {

class ModelEditor;

class ModelEdit {
 public:
  static Result<ModelEdit> open(const std::string& path);
  ModelEdit(ModelEdit&&) noexcept;
  ~ModelEdit();

  // The functions of ModelEditor.
  Result<std::string> apply(std::string_view edit);
  Result<std::string> constant_part(const std::vector<std::string>& left_out) const;
  Result<int> adopt_constants(const std::string& result_path);
  Status validate(std::vector<std::string>& warnings) const;
  Status save(const std::string& path);
  int nodes() const;

 private:
  explicit ModelEdit(std::unique_ptr<ModelEditor> editor);
  std::unique_ptr<ModelEditor> editor_;
};

// "a 'b' \"c d\"" -> a, b, c d.
Result<std::vector<std::string>> split_words(std::string_view text);

}  // namespace sinter::onnx
