// sinter surgeon: edits ONNX files.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common.h"

namespace sinter::tool {
namespace {

struct State {
  std::string input, output;
  std::vector<std::string> edits, replaced, removed, removed_ops, renamed, types, shapes, inputs, outputs;
  bool fold = false, cleanup = false, toposort = false, json = false, force = false;
};

std::string quoted(const std::string& word) {
  if (word.find_first_of(" \t\"'") == word.npos && !word.empty()) return word;
  const char quote = word.find('"') == word.npos ? '"' : '\'';
  return quote + word + quote;
}

// "OLD=NEW" -> "verb OLD NEW"; the name may hold '=' itself: the last one parts them.
std::string pair_edit(const char* verb, const std::string& text, char separator) {
  const size_t at = text.rfind(separator);
  if (at == text.npos || at == 0 || at + 1 == text.size()) {
    throw CLI::ValidationError(std::string("--") + verb + ": found '" + text + "', expected " + (separator == '=' ? "OLD=NEW" : "NAME:VALUE"));
  }
  return std::string(verb) + " " + quoted(text.substr(0, at)) + " " + quoted(text.substr(at + 1));
}

std::vector<std::string> edits_of(const State& state) {
  std::vector<std::string> edits = state.edits;
  for (const std::string& item : state.renamed) edits.push_back(pair_edit("rename", item, '='));
  for (const std::string& item : state.replaced) edits.push_back(pair_edit("replace-op", item, '='));
  for (const std::string& item : state.removed) edits.push_back("remove " + quoted(item));
  for (const std::string& item : state.removed_ops) edits.push_back("remove-op " + quoted(item));
  for (const auto& [verb, names] : {std::pair<const char*, const std::vector<std::string>*>{"outputs", &state.outputs}, {"inputs", &state.inputs}}) {
    if (names->empty()) continue;
    std::string edit = verb;
    for (const std::string& name : *names) edit += " " + quoted(name);
    edits.push_back(edit);
  }
  for (const std::string& item : state.types) edits.push_back(pair_edit("set-type", item, ':'));
  for (const std::string& item : state.shapes) edits.push_back(pair_edit("set-shape", item, ':'));
  if (state.fold) edits.push_back("fold");
  if (state.cleanup || !state.inputs.empty() || !state.outputs.empty()) edits.push_back("cleanup");
  if (state.toposort) edits.push_back("toposort");
  return edits;
}

void run(const State& state) {
  const std::vector<std::string> edits = edits_of(state);
  if (edits.empty()) throw CLI::ValidationError("found no edit, expected at least one, such as --replace-op OLD=NEW or --cleanup");
  std::vector<const char*> texts;
  for (const std::string& edit : edits) texts.push_back(edit.c_str());
  sinter_edit_options options;
  sinter_edit_options_init(&options);
  options.edits = texts.data();
  options.edit_count = texts.size();
  options.force = state.force;
  char* text = nullptr;
  require(sinter_edit_json(state.input.c_str(), &options, state.output.c_str(), &text));
  const Text owned(text);
  if (state.json) {
    std::printf("%s\n", text);
    return;
  }
  const auto json = nlohmann::ordered_json::parse(text);
  for (const auto& edit : json.at("edits")) std::printf("%s: %s\n", edit.at("edit").get<std::string>().c_str(), edit.at("done").get<std::string>().c_str());
  for (const auto& warning : json.at("warnings")) std::fprintf(stderr, "warning: %s\n", warning.get<std::string>().c_str());
  std::printf("wrote %s, %lld nodes\n", state.output.c_str(), static_cast<long long>(json.at("nodes").get<int64_t>()));
}

}  // namespace

void add_surgeon(CLI::App& app) {
  auto state = std::make_shared<State>();
  CLI::App* command = add_command(app, "surgeon", "Edits an ONNX file: operators, nodes, names, inputs, outputs, types, constants.",
                                  "  sinter surgeon model.onnx -o changed.onnx --replace-op UnsupportedOp=SupportedAlternative --fold --cleanup --toposort\n"
                                  "  sinter surgeon model.onnx -o backbone.onnx --inputs images --outputs /features/out\n"
                                  "  sinter surgeon model.onnx -o dynamic.onnx --set-shape images:Nx3x640x640\n"
                                  "  sinter surgeon model.onnx -o changed.onnx --edit 'insert-after x Relu act' --edit 'set-attr conv1 pads=[1,1,1,1]'");
  command->add_option("IN", state->input, "an .onnx file")->required();
  command->add_option("-o,--output", state->output, "the file to write; may be IN")->required();
  command->add_option("--edit", state->edits, "one edit as text; may be repeated, done in order, before the others (docs/surgeon.md lists them)")->expected(1)->take_all();
  command->add_option("--rename", state->renamed, "OLD=NEW ...: values: inputs, outputs, weights, what nodes make")->expected(1, -1);
  command->add_option("--replace-op", state->replaced, "OLD=NEW ...: operators of all nodes that have them (DOMAIN::OP for other domains)")->expected(1, -1);
  command->add_option("--remove", state->removed, "NODE ...: readers of its output read its input")->expected(1, -1);
  command->add_option("--remove-op", state->removed_ops, "OP ...: the same for all nodes of an operator")->expected(1, -1);
  command->add_option("--outputs", state->outputs, "VALUE[:TYPE] ...: the graph's outputs; what they do not need is removed")->expected(1, -1);
  command->add_option("--inputs", state->inputs, "VALUE[:TYPE] ...: the graph's inputs; what made them is cut off")->expected(1, -1);
  command->add_option("--set-type", state->types, "VALUE:f32[1,3,h,w] ...: of inputs and outputs")->expected(1, -1);
  command->add_option("--set-shape", state->shapes, "VALUE:1x3xHxW ...: of inputs and outputs; a name is a dynamic size")->expected(1, -1);
  command->add_flag("--fold", state->fold, "compute what depends on constants alone");
  command->add_flag("--cleanup", state->cleanup, "remove what no output depends on");
  command->add_flag("--toposort", state->toposort, "put nodes after those whose values they read");
  command->add_flag("--force", state->force, "write the file even where it is no valid model any more");
  command->add_flag("--json", state->json, "print what was done as JSON");
  command->callback([state] { run(*state); });
}

}  // namespace sinter::tool
