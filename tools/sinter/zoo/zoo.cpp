// sinter zoo: the networks of deployment guides, made in code with deterministic weights.
#include <algorithm>
#include <cstdio>

#include "common.h"
#include "usage.h"
#include "zoo/maker.h"

namespace sinter::tool {
namespace {

struct Entry {
  const char* name;
  const char* what;
  void (*make)(zoo::Maker&);
  bool detector = false;  // --nms is known
};

const Entry kEntries[] = {
    {"bert_base", "input_ids, attention_mask, token_type_ids i64[1,128] -> last_hidden_state, pooler_output; --hw is the sequence", zoo::make_bert_base},
    {"deeplabv3_resnet50", "input [1,3,520,520] -> output [1,21,520,520]", zoo::make_deeplabv3},
    {"efficientdet_d0", "input [1,3,512,512] -> boxes [1,100,4], scores, classes; suppression inside", zoo::make_efficientdet_d0},
    {"efficientnet_b0", "input [1,3,224,224] -> output [1,1000]", zoo::make_efficientnet_b0},
    {"lstm", "input [1,50,128] -> output [1,50,64]; --hw is the sequence", zoo::make_lstm},
    {"mobilenet_v2", "input [1,3,224,224] -> output [1,1000]", zoo::make_mobilenet_v2},
    {"mobilenet_v3_large", "input [1,3,224,224] -> output [1,1000]", [](zoo::Maker& m) { zoo::make_mobilenet_v3(m, true); }},
    {"mobilenet_v3_small", "input [1,3,224,224] -> output [1,1000]", [](zoo::Maker& m) { zoo::make_mobilenet_v3(m, false); }},
    {"resnet18", "input [1,3,224,224] -> output [1,1000]", [](zoo::Maker& m) { zoo::make_resnet(m, 18); }},
    {"resnet50", "input [1,3,224,224] -> output [1,1000]", [](zoo::Maker& m) { zoo::make_resnet(m, 50); }},
    {"ssd_mobilenet", "input_tensor u8[1,300,300,3] -> detection_boxes [1,100,4] and three more; as tf2onnx writes it, suppression inside", zoo::make_ssd_mobilenet},
    {"vit_b_16", "input [1,3,224,224] -> output [1,1000]", zoo::make_vit_b_16},
    {"yolov8n", "images [1,3,640,640] -> output0 [1,84,8400]; with --nms [1,300,6]", [](zoo::Maker& m) { zoo::make_yolov8(m, 'n'); }, true},
    {"yolov8s", "images [1,3,640,640] -> output0 [1,84,8400]; with --nms [1,300,6]", [](zoo::Maker& m) { zoo::make_yolov8(m, 's'); }, true},
};

const Entry& find(const std::string& name) {
  std::vector<std::string> names;
  for (const Entry& entry : kEntries) {
    if (name == entry.name) return entry;
    names.push_back(entry.name);
  }
  const std::string near = nearest(name, names);
  throw CLI::ValidationError("NAME", "found '" + name + "', expected a network of the zoo" + (near.empty() ? "; see --list" : "; did you mean '" + near + "'?"));
}

int64_t size_of(const std::string& text, const char* flag) {
  if (text == "dynamic") return zoo::kDynamic;
  char* end = nullptr;
  const long long size = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end || size < 1 || size > 1 << 16) throw CLI::ValidationError(flag, "found '" + text + "', expected a number from 1 to 65536, or 'dynamic'");
  return size;
}

struct State {
  std::string name, output, batch = "1", hw;
  int64_t opset = 0;
  bool list = false, nms = false, external = false;
};

void make_network(const State& state) {
  std::string name = state.name;
  zoo::Options options;
  options.nms = state.nms;
  const std::string suffix = "_nms";
  if (name.size() > suffix.size() && name.ends_with(suffix)) {
    name.resize(name.size() - suffix.size());
    options.nms = true;
  }
  const Entry& entry = find(name);
  if (options.nms && !entry.detector) throw CLI::ValidationError("--nms", std::string("found '") + entry.name + "', expected yolov8n or yolov8s");
  options.batch = size_of(state.batch, "--batch");
  if (!state.hw.empty()) {
    const size_t cross = state.hw.find('x');
    options.height = size_of(state.hw.substr(0, cross), "--hw");
    options.width = cross == std::string::npos ? options.height : size_of(state.hw.substr(cross + 1), "--hw");
  }
  zoo::Maker maker(entry.name, options);
  try {
    entry.make(maker);
    const std::string path = state.output.empty() ? state.name + ".onnx" : state.output;
    maker.net.save(path, state.opset, state.external);
    std::printf("%s: %zu nodes\n", path.c_str(), maker.net.node_count());
    for (size_t i = 0; i < maker.net.input_count(); ++i) std::printf("  input  %s: %s\n", maker.net.input(i).name().c_str(), maker.net.input(i).type().c_str());
    for (size_t i = 0; i < maker.net.output_count(); ++i) std::printf("  output %s: %s\n", maker.net.output(i).name().c_str(), maker.net.output(i).type().c_str());
  } catch (const Error& error) {
    throw Failure{error.what()};
  }
}

}  // namespace

void add_zoo(CLI::App& app) {
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "zoo", "Makes a network of deployment guides as an ONNX file, with weights of its own making.",
                                  "  sinter zoo resnet50 -o resnet50.onnx --batch dynamic\n  sinter zoo yolov8n --hw 320 --nms\n  sinter zoo --list");
  command->add_option("NAME", state->name, "the network; yolov8n_nms is yolov8n --nms");
  command->add_option("-o,--output", state->output, "the file to write (default: NAME.onnx)");
  command->add_option("--batch", state->batch, "a number, or 'dynamic' (default 1)");
  command->add_option("--hw", state->hw, "height and width of pictures: N, HxW or 'dynamic'; tokens or steps of bert_base and lstm (default: the network's own)");
  command->add_option("--opset", state->opset, "opset of the file (default 17)");
  command->add_flag("--nms", state->nms, "YOLO: with non-maximum suppression inside");
  command->add_flag("--external-data", state->external, "weights in a file of their own");
  command->add_flag("--list", state->list, "list the networks");
  command->callback([state] {
    if (state->list) {
      for (const Entry& entry : kEntries) std::printf("%-20s %s\n", entry.name, entry.what);
      return;
    }
    if (state->name.empty()) throw CLI::ValidationError("NAME", "found no network, expected one; see --list");
    make_network(*state);
  });
}

}  // namespace sinter::tool
