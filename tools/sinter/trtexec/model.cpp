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

// The profile that is tuned for, widened by the others.
std::string widened(const std::vector<Profile>& profiles, const std::string& name, Shapes Profile::*which, bool largest) {
  std::vector<std::string> dims;
  for (const Profile& profile : profiles) {
    const std::string* found = find_shape(profile.*which, name);
    if (!found) continue;
    const std::vector<std::string> those = split_dims(*found, 'x');
    if (dims.empty()) dims = those;
    for (size_t i = 0; i < std::min(dims.size(), those.size()); ++i) {
      const bool replace = largest ? std::stoll(those[i]) > std::stoll(dims[i]) : std::stoll(those[i]) < std::stoll(dims[i]);
      if (replace) dims[i] = those[i];
    }
  }
  return join(dims);
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

BuildShapes build_shapes(const std::vector<Input>& inputs, const Options& options, const Log& log) {
  const bool dynamic = std::any_of(inputs.begin(), inputs.end(), [](const Input& input) { return input.dynamic(); });
  const bool given = !options.shapes.inputs.empty() || !options.profiles.empty();
  if (!dynamic) {
    if (given) throw Error{"Static model does not take explicit shapes since the shape of inference tensors will be determined by the model itself"};
    return {};
  }
  if (static_cast<size_t>(options.use_profile) >= std::max<size_t>(options.profiles.size(), 1)) {
    throw Error{"--useProfile=" + std::to_string(options.use_profile) + ": there are " + std::to_string(options.profiles.size()) + " profiles, expected a smaller number"};
  }
  if (options.profiles.size() > 1) log.info("The " + std::to_string(options.profiles.size()) + " profiles become one range that holds them all, tuned at profile " + std::to_string(options.use_profile));
  check_names(inputs, options.shapes);
  for (const Profile& profile : options.profiles) {
    for (const Shapes* shapes : {&profile.min, &profile.opt, &profile.max}) check_names(inputs, *shapes);
  }
  BuildShapes result;
  for (const Input& input : inputs) {
    if (!input.dynamic()) continue;
    std::string min = widened(options.profiles, input.name, &Profile::min, false), max = widened(options.profiles, input.name, &Profile::max, true), opt;
    if (!options.profiles.empty()) {
      if (const std::string* found = find_shape(options.profiles[static_cast<size_t>(options.use_profile)].opt, input.name)) opt = *found;
    } else if (const std::string* found = find_shape(options.shapes, input.name)) {
      min = opt = max = *found;
    }
    if (opt.empty()) {
      min = opt = max = join(ones_for_dynamic(input.dims));
      log.warn("Dynamic dimensions required for input: " + input.name + ", but no shapes were provided. Automatically overriding shape to: " + opt);
    }
    append(result.min, input.name, min);
    append(result.opt, input.name, opt);
    append(result.max, input.name, max);
    log.info("Set shape of input tensor " + input.name + " for optimization profile 0 to: MIN=" + min + " OPT=" + opt + " MAX=" + max);
  }
  return result;
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
