// Real models: the files of ../shared/models, and those of SINTER_MODEL_FOLDERS (folders with colons between them).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "onnx/import.h"
#include "onnx/inspect.h"

namespace sinter::onnx {
namespace {

std::vector<std::string> models() {
  std::vector<std::string> folders{SINTER_SOURCE_DIR "/../shared/models/real", SINTER_SOURCE_DIR "/examples/digits"};
  std::stringstream more(std::getenv("SINTER_MODEL_FOLDERS") ? std::getenv("SINTER_MODEL_FOLDERS") : "");
  for (std::string folder; std::getline(more, folder, ':');) folders.push_back(folder);
  std::vector<std::string> paths;
  for (const std::string& folder : folders) {
    std::error_code error;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      if (it->path().extension() == ".onnx") paths.push_back(it->path().string());
    }
  }
  return paths;
}

TEST(SharedModels, AllImport) {
  for (const std::string& path : models()) {
    ImportOptions options;
    options.warn = [](const Finding& finding) { std::printf("%s\n", finding.to_string().c_str()); };
    const Result<ir::Model> model = import_model(path, options);
    EXPECT_TRUE(model.ok()) << model.status().to_string();
    const Result<ModelInfo> info = inspect_model(path);
    ASSERT_TRUE(info.ok()) << info.status().to_string();
    if (!model.ok()) continue;
    EXPECT_EQ(info->inputs.size(), model->graph->inputs.size());
    EXPECT_EQ(info->outputs.size(), model->graph->outputs.size());
    EXPECT_EQ(info->operators, model->operator_histogram);
    for (const ir::Value* output : model->graph->outputs)
      EXPECT_NE(output->type.kind, ValueType::Kind::kUnknown) << path << " " << output->name;
    const std::string first = model->graph->outputs[0]->type.to_string();
    std::printf("%s: %zu nodes, %lld bytes of weights, output 0 %s\n", path.c_str(), model->graph->node_count(),
                static_cast<long long>(info->initializer_bytes), first.c_str());
  }
}

}  // namespace
}  // namespace sinter::onnx
