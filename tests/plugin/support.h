// Models with operators of plugins, built and run.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "plugin/library.h"
#include "runtime/context.h"
#include "session/session.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::test {

// Beside the programs' folder, wherever both have been copied to.
inline std::string plugin_folder() { return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "plugins"; }
inline std::string plugin_path(const std::string& name) { return plugin_folder() + "/" + name + ".so"; }

// The library, loaded.
inline const plugin::Library& need_plugin(const std::string& name) {
  const auto library = plugin::load(plugin_path(name));
  if (!library.ok()) {
    ADD_FAILURE() << library.status().to_string();
    std::abort();
  }
  return **library;
}

inline Tensor ramp(Dims dims) {
  Tensor tensor(DType::kF32, std::move(dims));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.data<float>()[i] = static_cast<float>(i % 11) - 4.5f;
  return tensor;
}

inline session::BuildRequest request_for(const ModelBuilder& model, const testing::TemporaryFolder& folder) {
  session::BuildRequest request;
  request.model_path = folder.path("model.onnx");
  std::ofstream(request.model_path, std::ios::binary) << model.bytes();
  return request;
}

inline Result<engine::EngineContents> build(const ModelBuilder& model) {
  const testing::TemporaryFolder folder;
  SINTER_ASSIGN(session::BuildOutcome outcome, session::build_model(request_for(model, folder)));
  return std::move(outcome.contents);
}

inline Result<std::vector<Value>> run(std::shared_ptr<const runtime::Engine> engine, const std::vector<Value>& inputs) {
  SINTER_ASSIGN(auto context, runtime::ExecutionContext::create(std::move(engine), {.threads = 2}));
  return context->run(inputs);
}

inline Result<std::vector<Value>> build_and_run(const ModelBuilder& model, const std::vector<Value>& inputs) {
  SINTER_ASSIGN(engine::EngineContents contents, build(model));
  SINTER_ASSIGN(auto engine, runtime::Engine::from_contents(std::move(contents)));
  return run(std::move(engine), inputs);
}

// One node of a plugin's operator between x and y.
inline ModelBuilder one_node(const std::string& domain, const std::string& op, const std::string& input, const std::string& output,
                             const std::vector<onnx::AttributeProto>& attributes = {}) {
  ModelBuilder model;
  model.import(1, domain).input("x", input).output("y", output).node(op, {"x"}, {"y"}, attributes, domain);
  return model;
}

// The message has these words, in any order, and is not the message of a crash.
inline void expect_says(const Status& status, const std::vector<std::string>& words) {
  ASSERT_FALSE(status.ok());
  const std::string text = status.to_string();
  for (const std::string& word : words) EXPECT_NE(text.find(word), std::string::npos) << "'" << word << "' is not in: " << text;
}

}  // namespace sinter::test
