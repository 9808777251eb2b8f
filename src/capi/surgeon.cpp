// Part 2 of sinter.h: ONNX files edited as they are written.
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "capi/request.h"
#include "onnx/edit.h"
#include "onnx/import.h"
#include "session/simplify.h"

using namespace sinter;
using capi::guarded;
using Json = nlohmann::ordered_json;

namespace {

namespace fs = std::filesystem;

// A folder of its own that goes with it.
class WorkFolder {
 public:
  static Result<std::unique_ptr<WorkFolder>> make() {
    std::string name = (fs::temp_directory_path() / "sinter-edit-XXXXXX").string();
    if (!mkdtemp(name.data())) return make_error(Code::kIo, "'{}': can't be made; set TMPDIR to a folder that this user may write to", name);
    return std::unique_ptr<WorkFolder>(new WorkFolder(name));
  }
  ~WorkFolder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  explicit WorkFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Nodes that depend on constants alone are computed; those of operators that Sinter has not stay.
Result<std::string> fold_constants(onnx::ModelEdit& editor) {
  std::vector<std::string> left_out;
  std::string part;
  for (;;) {
    SINTER_ASSIGN(part, editor.constant_part(left_out));
    if (part.empty()) return std::string("0 nodes");
    const size_t before = left_out.size();
    for (const onnx::Finding& finding : onnx::check_bytes(part, "constants")) {
      if (!finding.warning && !finding.op.empty()) left_out.push_back((finding.domain == "ai.onnx" ? "" : finding.domain) + "::" + finding.op);
    }
    if (left_out.size() == before) break;
  }
  SINTER_ASSIGN(const std::unique_ptr<WorkFolder> folder, WorkFolder::make());
  const std::string in = folder->file("constants.onnx"), out = folder->file("values.onnx");
  SINTER_TRY(write_file(in, part));
  session::SimplifyOptions how;
  how.skip_optimization = how.skip_fuse_batch_norm = true;
  how.checks = 0;
  sinter_build_options build;
  sinter_build_options_init(&build);
  build.tf32 = 0;
  SINTER_ASSIGN(const session::BuildRequest engines, capi::to_request(in.c_str(), &build));
  SINTER_TRY(session::simplify(in, how, engines, out).status());
  SINTER_ASSIGN(const int folded, editor.adopt_constants(out));
  return fmt::format("{} node{}", folded, folded == 1 ? "" : "s");
}

}  // namespace

extern "C" {

void sinter_edit_options_init(sinter_edit_options* options) {
  if (!options) return;
  std::memset(options, 0, sizeof *options);
  options->struct_size = sizeof *options;
}

sinter_status sinter_edit_json(const char* model_path, const sinter_edit_options* given, const char* out_path, char** out) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(model_path && out_path && out, "a path or the place for the text"));
    SINTER_ASSIGN(const sinter_edit_options options, capi::read_options(given, sinter_edit_options_init));
    SINTER_TRY(capi::require(options.edits || options.edit_count == 0, "the edits"));
    SINTER_ASSIGN(onnx::ModelEdit editor, onnx::ModelEdit::open(model_path));
    Json done = Json::array();
    for (size_t i = 0; i < options.edit_count; ++i) {
      const std::string edit = options.edits[i] ? options.edits[i] : "";
      SINTER_ASSIGN(const auto words, onnx::split_words(edit));
      const bool fold = words.size() == 1 && words[0] == "fold";
      SINTER_ASSIGN(const std::string result, fold ? fold_constants(editor) : editor.apply(edit));
      done.push_back({{"edit", edit}, {"done", result}});
    }
    std::vector<std::string> warnings;
    const Status valid = editor.validate(warnings);
    if (!valid.ok() && !options.force) return valid;
    if (!valid.ok()) warnings.insert(warnings.begin(), std::string(valid.message()));
    SINTER_TRY(editor.save(out_path));
    const Json json{{"edits", done}, {"warnings", warnings}, {"nodes", editor.nodes()}};
    *out = capi::copy_text(json.dump(1, ' ', false, Json::error_handler_t::replace));
    return ok_status();
  });
}

}  // extern "C"
