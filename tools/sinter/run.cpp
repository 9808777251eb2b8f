// sinter run: one inference on given inputs; outputs go to files.
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

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
    std::string model, folder;
  };
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "run", "Runs a model once.",
                                  "  sinter run model.onnx --input x=x.npy --output-dir out\n"
                                  "  sinter run model.engine --random-inputs 1 --output-dir out");
  command->add_option("MODEL", state->model, "an .onnx file (built in memory) or an engine")->required();
  command->add_option("--output-dir", state->folder, "folder for NAME.npy of every output; default: only shapes are printed");
  state->inputs.add_to(*command);
  state->flags.add_to(*command);
  state->flags.add_loading(*command);
  command->callback([state] {
    Session session;
    session.load(state->model, state->flags);
    session.create_context(state->flags.threads(), false);
    session.set_inputs(state->inputs, state->flags.shapes(), false);
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
