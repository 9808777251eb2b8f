#include "trtexec/model.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common.h"

namespace sinter::tool::trtexec {
namespace {

bool is_number(const std::string& text) { return !text.empty() && text.find_first_not_of("0123456789") == text.npos; }

std::vector<std::string> split_dims(const std::string& text, char separator) {
  std::vector<std::string> dims;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    dims.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return dims;
}

// "f32[batch,3]"; the names of dims may hold brackets of their own, not commas.
Input parse_input(const std::string& name, const std::string& type) {
  const size_t open = type.find('[');
  Input input{name, type.substr(0, open), {}};
  if (open != type.npos && type.back() == ']') input.dims = split_dims(type.substr(open + 1, type.size() - open - 2), ',');
  return input;
}

const std::string* find_shape(const Shapes& shapes, const std::string& name) {
  for (const auto& [pattern, dims] : shapes.inputs) {
    if (matches(pattern, name)) return &dims;
  }
  return nullptr;
}

std::string join(const std::vector<std::string>& dims) {
  std::string text;
  for (const std::string& dim : dims) text += (text.empty() ? "" : "x") + dim;
  return text;
}

std::vector<std::string> ones_for_dynamic(std::vector<std::string> dims) {
  for (std::string& dim : dims) {
    if (!is_number(dim)) dim = "1";
  }
  return dims;
}

void append(std::string& list, const std::string& name, const std::string& dims) { list += (list.empty() ? "" : ",") + name + ":" + dims; }

void check_names(const std::vector<Input>& inputs, const Shapes& shapes) {
  for (const auto& [pattern, dims] : shapes.inputs) {
    const bool found = std::any_of(inputs.begin(), inputs.end(), [&](const Input& input) { return matches(pattern, input.name); });
    std::string names;
    for (const Input& input : inputs) names += (names.empty() ? "'" : ", '") + input.name + "'";
    if (!found) throw Error{"Cannot find input tensor with name \"" + pattern + "\" in the model; its inputs are " + names};
  }
}

BuildShapes profile_shapes(const std::vector<Input>& inputs, const Profile& profile, size_t number, const Log& log) {
  BuildShapes result;
  for (const Input& input : inputs) {
    if (!input.dynamic()) continue;
    const std::string* const min = find_shape(profile.min, input.name);
    const std::string* const opt = find_shape(profile.opt, input.name);
    const std::string* const max = find_shape(profile.max, input.name);
    const std::string* const any = opt ? opt : min ? min : max;
    const std::string ones = join(ones_for_dynamic(input.dims));
    if (!any) log.warn("Dynamic dimensions required for input: " + input.name + ", but no shapes were provided. Automatically overriding shape to: " + ones);
    const auto text = [&](const std::string* found) { return found ? *found : any ? *any : ones; };
    append(result.min, input.name, text(min));
    append(result.opt, input.name, text(opt));
    append(result.max, input.name, text(max));
    log.info("Set shape of input tensor " + input.name + " for optimization profile " + std::to_string(number) + " to: MIN=" + text(min) + " OPT=" + text(opt) + " MAX=" + text(max));
  }
  return result;
}

}  // namespace

bool Input::dynamic() const { return !std::all_of(dims.begin(), dims.end(), is_number); }

std::vector<Input> inputs_of(const std::string& path) {
  char* text = nullptr;
  require(sinter_inspect_json(path.c_str(), &text));
  const auto json = nlohmann::json::parse(Text(text).get());
  const auto& list = json.contains("manifest") ? json.at("manifest").at("inputs") : json.at("inputs");
  std::vector<Input> inputs;
  for (const auto& entry : list) inputs.push_back(parse_input(entry.at("name"), entry.at("type")));
  return inputs;
}

std::vector<BuildShapes> build_shapes(const std::vector<Input>& inputs, const Options& options, const Log& log) {
  const bool dynamic = std::any_of(inputs.begin(), inputs.end(), [](const Input& input) { return input.dynamic(); });
  const bool given = !options.shapes.inputs.empty() || !options.profiles.empty();
  if (!dynamic) {
    if (given) throw Error{"Static model does not take explicit shapes since the shape of inference tensors will be determined by the model itself"};
    return {};
  }
  if (static_cast<size_t>(options.use_profile) >= std::max<size_t>(options.profiles.size(), 1)) {
    throw Error{"--useProfile=" + std::to_string(options.use_profile) + ": there are " + std::to_string(options.profiles.size()) + " profiles, expected a smaller number"};
  }
  check_names(inputs, options.shapes);
  for (const Profile& profile : options.profiles) {
    for (const Shapes* shapes : {&profile.min, &profile.opt, &profile.max}) check_names(inputs, *shapes);
  }
  std::vector<Profile> profiles = options.profiles;
  if (profiles.empty()) profiles.push_back({options.shapes, options.shapes, options.shapes});
  std::vector<BuildShapes> results;
  for (const Profile& profile : profiles) results.push_back(profile_shapes(inputs, profile, results.size(), log));
  if (profiles.size() > 1 && !options.use_profile_given) log.warn("Multiple profiles are currently selected, but --useProfile was not given: inference is of profile 0.");
  return results;
}

std::string run_shapes(const std::vector<Input>& inputs, const Options& options) {
  std::string list;
  for (const Input& input : inputs) {
    const std::string* found = find_shape(options.shapes, input.name);
    if (!found && static_cast<size_t>(options.use_profile) < options.profiles.size()) {
      found = find_shape(options.profiles[static_cast<size_t>(options.use_profile)].opt, input.name);
    }
    if (found && input.dynamic()) append(list, input.name, *found);
  }
  return list;
}

}  // namespace sinter::tool::trtexec
