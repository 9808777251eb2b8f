// sinter run: one inference on given inputs; outputs go to files.
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "session.h"

namespace sinter::tool {
namespace {

// Names may hold slashes and the like; files may not.
std::string file_name(std::string name) {
  for (char& c : name) {
    if (c == '/' || c == '\\' || c == '\0' || c == ':') c = '_';
  }
  return name.empty() || name == "." || name == ".." ? "output" : name;
}

// One more run that writes every tensor. Engines do not know which tensors of the model they have fused away; the model does.
void dump(const Session& session, const std::string& model, const std::string& names, const std::string& folder, int threads) {
  std::vector<sinter_tensor> inputs;
  for (size_t i = 0; i < sinter_engine_input_count(session.engine()); ++i) inputs.push_back(session.input(i));
  const bool is_model = model.size() > 5 && model.compare(model.size() - 5, 5, ".onnx") == 0;
  char* text = nullptr;
  require(sinter_dump_tensors(session.engine(), inputs.data(), inputs.size(), is_model ? model.c_str() : nullptr, names.empty() ? nullptr : names.c_str(), folder.c_str(),
                              threads, &text));
  const Text owner(text);
  const auto index = nlohmann::json::parse(text);
  std::printf("wrote %zu tensors to %s, described in index.json\n", index["tensors"].size(), folder.c_str());
  if (!index["fused_away"].empty()) std::printf("%zu tensors of the model were fused away, as index.json lists\n", index["fused_away"].size());
  for (const auto& pattern : index["unmatched"]) std::fprintf(stderr, "warning: no tensor of the run is named '%s'\n", pattern.get<std::string>().c_str());
}

void print_output(const char* name, const sinter_tensor& tensor) {
  std::printf("%s: %s[", name, sinter_dtype_name(tensor.dtype));
  for (int32_t axis = 0; axis < tensor.rank; ++axis) std::printf("%s%lld", axis ? "," : "", static_cast<long long>(tensor.dims[axis]));
  std::printf("]\n");
}

}  // namespace

void add_run(CLI::App& app) {
  struct State {
    BuildFlags flags;
    InputFlags inputs;
    std::string model, folder, dump_folder, dump_names;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "run", "Runs a model once.",
                                  "  sinter run model.onnx --input x=x.npy --output-dir out\n"
                                  "  sinter run model.engine --random-inputs 1 --output-dir out\n"
                                  "  sinter run model.onnx --int8 --calib-cache c.cache --input x.npy --dump-tensors tensors --dump-names 'conv1*,scores'");
  command->add_option("MODEL", state->model, "an .onnx file (built in memory) or an engine")->required();
  command->add_option("--output-dir", state->folder, "folder for NAME.npy of every output; default: only shapes are printed");
  command->add_option("--dump-tensors", state->dump_folder, "folder for NAME.npy of every tensor of the run, and index.json");
  command->add_option("--dump-names", state->dump_names, "with --dump-tensors: only these, comma-separated, * for any text");
  state->inputs.add_to(*command);
  state->flags.add_to(*command);
  state->flags.add_calibration(*command);
  state->flags.add_constraints(*command);
  state->flags.add_loading(*command);
  command->callback([state] {
    Session session;
    session.load(state->model, state->flags);
    if (const std::string compiled = session.compiled_code(); !compiled.empty())
      std::printf("code: %s\n", compiled.c_str());
    session.create_context(state->flags.threads(), false);
    session.set_inputs(state->inputs, state->flags.shapes(), false);
    if (!state->dump_folder.empty()) dump(session, state->model, state->dump_names, state->dump_folder, state->flags.threads());
    require(sinter_context_execute(session.context()));
    if (!state->folder.empty()) {
      std::error_code error;
      std::filesystem::create_directories(state->folder, error);
      if (error) throw Failure{"output folder '" + state->folder + "': can't be made: " + error.message() + "; choose another"};
    }
    for (size_t i = 0; i < sinter_engine_output_count(session.engine()); ++i) {
      sinter_io_info info;
      require(sinter_engine_output_info(session.engine(), i, &info));
      size_t length = 0;
      require(sinter_context_output_length(session.context(), i, &length));
      for (size_t element = 0; element < length; ++element) {
        sinter_tensor tensor;
        require(sinter_context_output_element(session.context(), i, element, &tensor));
        const std::string name = info.kind != SINTER_SEQUENCE ? info.name : std::string(info.name) + "." + std::to_string(element);
        print_output(name.c_str(), tensor);
        if (!state->folder.empty()) require(sinter_tensor_write((std::filesystem::path(state->folder) / (file_name(name) + ".npy")).c_str(), &tensor));
      }
    }
  });
}

}  // namespace sinter::tool
