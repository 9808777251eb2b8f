// The inputs of a model as trtexec sees them: which are dynamic, and the shapes that the options give them.
#pragma once

#include <string>
#include <vector>

#include "trtexec/log.h"
#include "trtexec/options.h"

namespace sinter::tool::trtexec {

struct Input {
  std::string name, dtype;             // "f32"
  std::vector<std::string> dims;       // "batch", "3"
  bool dynamic() const;
};

// Of an .onnx file or an engine.
std::vector<Input> inputs_of(const std::string& path);

struct BuildShapes {
  std::string min, opt, max;  // as sinter_build_options takes them
};

// One a profile, none for static models. The rules of trtexec: shapes alone are all three, dynamic inputs without any become 1, static models take none.
std::vector<BuildShapes> build_shapes(const std::vector<Input>& inputs, const Options& options, const Log& log);
// Those of the inference, for every input.
std::string run_shapes(const std::vector<Input>& inputs, const Options& options);

}  // namespace sinter::tool::trtexec
