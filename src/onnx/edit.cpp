#include "onnx/edit.h"

#include "onnx/editor.h"

namespace sinter::onnx {

ModelEdit::ModelEdit(std::unique_ptr<ModelEditor> editor) : editor_(std::move(editor)) {}
ModelEdit::ModelEdit(ModelEdit&&) noexcept = default;
ModelEdit::~ModelEdit() = default;

Result<ModelEdit> ModelEdit::open(const std::string& path) {
  SINTER_ASSIGN(ModelEditor editor, ModelEditor::open(path));
  return ModelEdit(std::make_unique<ModelEditor>(std::move(editor)));
}

Result<std::string> ModelEdit::apply(std::string_view edit) { return editor_->apply(edit); }

Result<std::string> ModelEdit::constant_part(const std::vector<std::string>& left_out) const { return editor_->constant_part(left_out); }

Result<int> ModelEdit::adopt_constants(const std::string& result_path) {
  SINTER_ASSIGN(const ModelFile result, read_model(result_path));
  return editor_->adopt_constants(*result.proto);
}

Status ModelEdit::validate(std::vector<std::string>& warnings) const { return editor_->validate(warnings); }

Status ModelEdit::save(const std::string& path) { return editor_->save(path); }

int ModelEdit::nodes() const { return editor_->proto().graph().node_size(); }

}  // namespace sinter::onnx
