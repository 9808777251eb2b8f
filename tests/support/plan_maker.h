// Plans made by hand, for tests of plan, engine and runtime; and test tactics with every feature the runtime has to honour.
#pragma once

#include <string>
#include <vector>

#include "engine/engine_file.h"
#include "tactic/registry.h"

namespace sinter::test {

// Adds values and steps to one region of a plan.
class RegionMaker {
 public:
  RegionMaker(engine::EngineContents& contents, int32_t number) : contents_(contents), number_(number) {}

  int32_t number() const { return number_; }
  plan::Region& region() { return contents_.plan.regions[static_cast<size_t>(number_)]; }
  int32_t value(const std::string& name, const std::string& type, plan::Storage storage, int32_t index = -1,
                Layout layout = Layout::kRowMajor);
  int32_t input(const std::string& name, const std::string& type);
  int32_t constant(const std::string& name, Tensor tensor);
  int32_t arena(const std::string& name, const std::string& type, Layout layout = Layout::kRowMajor) {
    return value(name, type, plan::Storage::kArena, -1, layout);
  }
  int32_t host(const std::string& name, const std::string& type) { return value(name, type, plan::Storage::kHost); }
  int32_t alias(const std::string& name, const std::string& type, int32_t of, Dim offset_bytes = 0);
  int32_t capture(const std::string& name, const std::string& type, int32_t outer) {
    return value(name, type, plan::Storage::kCaptured, outer);
  }
  void output(int32_t value) { region().outputs.push_back(value); }

  plan::Step& reference(const std::string& op, std::vector<int32_t> inputs, std::vector<int32_t> outputs, Attributes attributes = {});
  plan::Step& control(const std::string& op, std::vector<int32_t> inputs, std::vector<int32_t> outputs,
                      std::vector<std::pair<std::string, int32_t>> bodies);
  // A step of a test tactic; descriptions follow from the values.
  plan::Step& kernel(const std::string& tactic, const std::string& op, std::vector<int32_t> inputs, std::vector<int32_t> outputs);

 private:
  plan::Step& step(plan::StepKind kind, const std::string& op, std::vector<int32_t> inputs, std::vector<int32_t> outputs);
  engine::EngineContents& contents_;
  int32_t number_;
};

RegionMaker add_region(engine::EngineContents& contents, const std::string& name, int32_t parent = -1);

// "test.relu" (any layout; may work in place, records its pointers), "test.add" (same shapes) and "test.blob_add" (adds
// blob 0, checks alignment and workspace). f32. Registered once.
void register_test_tactics();
// Input and output pointers of the last launch of test.relu in this thread.
struct LastLaunch {
  const void* input = nullptr;
  const void* output = nullptr;
};
LastLaunch& last_relu_launch();

}  // namespace sinter::test
