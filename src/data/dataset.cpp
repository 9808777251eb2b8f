#include "data/dataset.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/files.h"
#include "base/log.h"
#include "onnx/tensor_io.h"

namespace sinter::data {
namespace {

namespace fs = std::filesystem;

enum class Kind { kImage, kNpy, kNpz, kBin };

std::optional<Kind> kind_of(const std::string& path) {
  if (is_image_name(path)) return Kind::kImage;
  if (path.ends_with(".npy")) return Kind::kNpy;
  if (path.ends_with(".npz")) return Kind::kNpz;
  if (path.ends_with(".bin")) return Kind::kBin;
  return std::nullopt;
}

const char* kind_name(Kind kind) {
  switch (kind) {
    case Kind::kImage: return "pictures";
    case Kind::kNpy: return ".npy files";
    case Kind::kNpz: return ".npz files";
    case Kind::kBin: break;
  }
  return ".bin files";
}

std::string describe(const InputSpec& input) {
  if (!input.dims) return fmt::format("{} of any shape", dtype_name(input.dtype));
  std::string dims;
  for (int64_t dim : *input.dims) dims += (dims.empty() ? "" : ",") + (dim < 0 ? std::string("?") : std::to_string(dim));
  return fmt::format("{}[{}]", dtype_name(input.dtype), dims);
}

bool fits(const Dims& dims, size_t from, const Dims& wanted, size_t wanted_from) {
  if (dims.size() - from != wanted.size() - wanted_from) return false;
  for (size_t i = from; i < dims.size(); ++i) {
    const int64_t dim = wanted[i - from + wanted_from];
    if (dim >= 0 && dim != dims[i]) return false;
  }
  return true;
}

// How an array becomes samples of an input: as it is, with a leading 1, or a row each. 0: it does not fit.
int64_t samples_in(const Dims& dims, const InputSpec& input) {
  if (!input.dims) return 1;
  const Dims& wanted = *input.dims;
  if (dims.size() + 1 == wanted.size() && fits(dims, 0, wanted, 1)) return 1;
  if (dims.size() != wanted.size()) return 0;
  if (dims.empty()) return 1;
  if (!fits(dims, 1, wanted, 1)) return 0;
  return dims[0] == wanted[0] ? 1 : dims[0];
}

Result<Tensor> typed(Tensor tensor, const InputSpec& input, const std::string& label) {
  if (tensor.dtype() == input.dtype) return tensor;
  const bool numbers = dtype_bits(tensor.dtype()) >= 8 && dtype_bits(input.dtype) >= 8 && !contains(kComplexTypes, tensor.dtype());
  if (!numbers || (is_float(tensor.dtype()) && !is_float(input.dtype))) {
    return make_error(Code::kInvalidArgument, "'{}': found elements of {}, expected {} of input '{}'; write the file in that type", label, dtype_name(tensor.dtype()),
                      dtype_name(input.dtype), input.name);
  }
  return tensor.cast(input.dtype);
}

// Row `row` of an array that holds samples.
Result<Tensor> take_row(const Tensor& tensor, int64_t row, const InputSpec& input, const std::string& label) {
  const int64_t samples = samples_in(tensor.dims(), input);
  if (row >= samples) {
    return make_error(Code::kInvalidArgument, "'{}': found {}{}, expected input '{}' of {}; check the file, or the preprocessing's resize, crop, color and layout", label,
                      dtype_name(tensor.dtype()), to_string(tensor.dims()), input.name, describe(input));
  }
  SINTER_ASSIGN(Tensor sample, typed(tensor, input, label));
  if (!input.dims || sample.rank() == 0) return sample;
  Dims dims = sample.dims();
  if (dims.size() + 1 == input.dims->size()) {
    dims.insert(dims.begin(), 1);
    return sample.reshaped(dims);
  }
  if (samples == 1) return sample;
  dims[0] = 1;
  Tensor one(sample.dtype(), dims);
  std::memcpy(one.raw(), sample.data<uint8_t>() + row * one.bytes(), static_cast<size_t>(one.bytes()));
  return one;
}

struct Entry {
  std::string path, name;  // name: relative to the folder
  int64_t row = 0;
};

// Samples of one input, or of all inputs when the files are .npz.
class FileSet {
 public:
  Kind kind = Kind::kImage;
  std::vector<Entry> entries;

  Result<Tensor> read(const Entry& entry, const InputSpec& input, const std::optional<Preprocess>& preprocess) const {
    if (kind == Kind::kImage) {
      SINTER_ASSIGN(const auto file, MappedFile::open(entry.path));
      SINTER_ASSIGN(Image image, decode_image({reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()}, entry.path));
      SINTER_ASSIGN(const Tensor tensor, apply(*preprocess, std::move(image), entry.path));
      return take_row(tensor, 0, input, entry.path);
    }
    if (kind == Kind::kNpy) {
      SINTER_ASSIGN(const Tensor tensor, onnx::read_npy(entry.path));
      return take_row(tensor, entry.row, input, entry.path);
    }
    // One sample a file: of the input's own leading dim, or of one.
    Dims dims = input.dims.value_or(Dims{-1});
    std::error_code error;
    const auto bytes = static_cast<int64_t>(fs::file_size(entry.path, error));
    const bool known = std::none_of(dims.begin(), dims.end(), [](int64_t dim) { return dim < 0; });
    if (!dims.empty() && !(known && dtype_bytes(input.dtype, product(dims)) == bytes)) dims[0] = 1;
    if (std::any_of(dims.begin(), dims.end(), [](int64_t dim) { return dim < 0; })) {
      return make_error(Code::kInvalidArgument, "'{}': raw elements need a known shape, input '{}' is {}; use .npy", entry.path, input.name, describe(input));
    }
    return onnx::read_bin(entry.path, input.dtype, dims);
  }
};

Result<Tensor> find_array(const std::map<std::string, Tensor>& arrays, const InputSpec& input, bool only, const std::string& label) {
  for (const std::string& name : {input.name, file_name_of(input.name)}) {
    if (const auto it = arrays.find(name); it != arrays.end()) return it->second;
  }
  if (only && arrays.size() == 1) return arrays.begin()->second;
  std::string names;
  for (const auto& [name, tensor] : arrays) names += (names.empty() ? "'" : ", '") + name + "'";
  return make_error(Code::kInvalidArgument, "'{}': found arrays {}, expected one named '{}'; write it with numpy.savez and the inputs' names", label,
                    names.empty() ? "none" : names.substr(0, 300), input.name);
}

// Arrays with many rows become an entry a row. Files are read once for that; a damaged one stays one entry, whose reading says what is wrong.
Status expand_rows(FileSet& set, const std::vector<InputSpec>& inputs) {
  std::vector<Entry> expanded;
  for (const Entry& entry : set.entries) {
    int64_t rows = 1;
    if (set.kind == Kind::kNpy) {
      const Result<Tensor> tensor = onnx::read_npy(entry.path);
      if (tensor.ok()) rows = samples_in(tensor->dims(), inputs[0]);
    } else if (set.kind == Kind::kNpz) {
      const Result<std::map<std::string, Tensor>> arrays = onnx::read_npz(entry.path);
      if (arrays.ok()) {
        const Result<Tensor> first = find_array(*arrays, inputs[0], inputs.size() == 1, entry.path);
        if (first.ok()) rows = samples_in(first->dims(), inputs[0]);
      }
    }
    for (int64_t row = 0; row < std::max<int64_t>(1, rows); ++row) {
      expanded.push_back({entry.path, rows > 1 ? fmt::format("{}#{}", entry.name, row) : entry.name, row});
    }
  }
  set.entries = std::move(expanded);
  return ok_status();
}

// Pictures that preprocessing turns into another shape than the model's are no damage of theirs: said at once, by the first that can be read.
Status check_picture(const FileSet& set, const InputSpec& input, const Preprocess& preprocess) {
  constexpr size_t kMostTries = 32;
  for (size_t i = 0; i < std::min(kMostTries, set.entries.size()); ++i) {
    const auto file = MappedFile::open(set.entries[i].path);
    if (!file.ok()) continue;
    const auto bytes = (*file)->bytes();
    Result<Image> image = decode_image({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, set.entries[i].path);
    if (!image.ok()) continue;
    SINTER_ASSIGN(const Tensor tensor, apply(preprocess, std::move(*image), set.entries[i].path));
    return take_row(tensor, 0, input, set.entries[i].path).status();
  }
  return ok_status();
}

class Files : public Dataset {
 public:
  std::vector<InputSpec> inputs;
  std::optional<Preprocess> preprocess;
  std::vector<FileSet> sets;  // one an input, or one .npz set for all

  size_t size() const override { return sets[0].entries.size(); }
  std::string name(size_t i) const override { return sets[0].entries[i].name; }
  Result<std::vector<Tensor>> sample(size_t i) const override {
    std::vector<Tensor> tensors;
    if (sets[0].kind == Kind::kNpz) {
      const Entry& entry = sets[0].entries[i];
      SINTER_ASSIGN(const auto arrays, onnx::read_npz(entry.path));
      for (const InputSpec& input : inputs) {
        SINTER_ASSIGN(const Tensor whole, find_array(arrays, input, inputs.size() == 1, entry.path));
        const bool shared = &input != &inputs[0] && samples_in(whole.dims(), input) == 1;  // one value for all rows
        SINTER_ASSIGN(Tensor tensor, take_row(whole, shared ? 0 : entry.row, input, entry.path));
        tensors.push_back(std::move(tensor));
      }
      return tensors;
    }
    for (size_t k = 0; k < inputs.size(); ++k) {
      SINTER_ASSIGN(Tensor tensor, sets[k].read(sets[k].entries[i], inputs[k], preprocess));
      tensors.push_back(std::move(tensor));
    }
    return tensors;
  }
};

Result<std::vector<Entry>> list_folder(const fs::path& folder) {
  std::vector<Entry> entries;
  std::error_code error;
  auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (!it->is_regular_file() || !kind_of(it->path().string())) continue;
    entries.push_back({it->path().string(), it->path().lexically_relative(folder).generic_string()});
  }
  if (error) return make_error(Code::kIo, "folder '{}': can't be read: {}; check its permissions", folder.string(), error.message());
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

Result<std::vector<Entry>> read_list(const fs::path& list) {
  SINTER_ASSIGN(const std::string text, read_file(list.string()));
  std::vector<Entry> entries;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) entries.push_back({(list.parent_path() / line).string(), std::string(line)});
  }
  return entries;
}

Result<FileSet> make_set(std::vector<Entry> entries, const std::string& path) {
  FileSet set;
  if (entries.empty()) {
    return make_error(Code::kInvalidArgument, "dataset '{}': found no samples, expected files of .jpg, .jpeg, .png, .npy, .npz or .bin; check the path", path);
  }
  for (const Entry& entry : entries) {
    const std::optional<Kind> kind = kind_of(entry.path);
    if (!kind) {
      return make_error(Code::kInvalidArgument, "dataset '{}': '{}' is of an unknown format, expected .jpg, .jpeg, .png, .npy, .npz or .bin; remove it", path, entry.name);
    }
    if (&entry == &entries[0]) set.kind = *kind;
    if (*kind != set.kind) {
      return make_error(Code::kInvalidArgument, "dataset '{}': found {} ('{}') beside {} ('{}'), expected one kind; separate them", path, kind_name(*kind), entry.name,
                        kind_name(set.kind), entries[0].name);
    }
  }
  set.entries = std::move(entries);
  return set;
}

Result<std::vector<Entry>> list_path(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) return list_folder(path);
  if (!fs::exists(status)) return make_error(Code::kNotFound, "dataset '{}': no such folder or file; check the path", path);
  if (path.ends_with(".txt")) return read_list(path);
  return std::vector<Entry>{{path, fs::path(path).filename().string()}};
}

}  // namespace

std::string file_name_of(std::string name) {
  for (char& c : name) {
    if (c == '/' || c == '\\' || c == '\0' || c == ':') c = '_';
  }
  return name;
}

Result<std::unique_ptr<Dataset>> open_dataset(const std::string& path, const std::vector<InputSpec>& inputs, const std::optional<Preprocess>& preprocess) {
  auto files = std::make_unique<Files>();
  files->inputs = inputs;
  files->preprocess = preprocess;
  if (inputs.empty()) return make_error(Code::kInvalidArgument, "dataset '{}': the model has no inputs to feed", path);
  std::vector<std::string> folders;
  std::error_code error;
  for (const InputSpec& input : inputs) {
    for (const std::string& name : {input.name, file_name_of(input.name)}) {
      const fs::path folder = fs::path(path) / name;
      if (folders.size() == static_cast<size_t>(&input - inputs.data()) && !name.empty() && fs::is_directory(folder, error)) folders.push_back(folder.string());
    }
  }
  std::vector<std::string> arrays;
  for (const InputSpec& input : inputs) {
    const std::string file = (fs::path(path) / (file_name_of(input.name) + ".npy")).string();
    if (fs::is_regular_file(file, error)) arrays.push_back(file);
  }
  // Of an only input, the folder's other files count too.
  if (arrays.size() == inputs.size() && inputs.size() > 1) folders = arrays;
  if (folders.size() == inputs.size()) {
    for (size_t k = 0; k < inputs.size(); ++k) {
      SINTER_ASSIGN(std::vector<Entry> entries, list_path(folders[k]));
      SINTER_ASSIGN(FileSet set, make_set(std::move(entries), folders[k]));
      if (set.kind == Kind::kNpz) return make_error(Code::kInvalidArgument, "dataset '{}': found .npz files in a folder of one input, expected .npy; put .npz files above", folders[k]);
      SINTER_TRY(expand_rows(set, {inputs[k]}));
      files->sets.push_back(std::move(set));
      if (files->sets[k].entries.size() != files->sets[0].entries.size()) {
        return make_error(Code::kInvalidArgument, "dataset '{}': {} samples for input '{}', {} for input '{}', expected as many for each", path,
                          files->sets[0].entries.size(), inputs[0].name, files->sets[k].entries.size(), inputs[k].name);
      }
    }
  } else {
    SINTER_ASSIGN(std::vector<Entry> entries, list_path(path));
    SINTER_ASSIGN(FileSet set, make_set(std::move(entries), path));
    if (inputs.size() > 1 && set.kind != Kind::kNpz) {
      std::string names;
      for (const InputSpec& input : inputs) names += (names.empty() ? "'" : ", '") + input.name + "'";
      return make_error(Code::kInvalidArgument, "dataset '{}': found {}, but the model has {} inputs ({}); use a folder for each, or .npz files with their names", path,
                        kind_name(set.kind), inputs.size(), names);
    }
    SINTER_TRY(expand_rows(set, inputs));
    files->sets.push_back(std::move(set));
  }
  for (size_t k = 0; k < files->sets.size(); ++k) {
    if (files->sets[k].kind != Kind::kImage) continue;
    if (!preprocess) return make_error(Code::kInvalidArgument, "dataset '{}': it is not known how the network takes pictures; give --preprocess FILE.json", path);
    SINTER_TRY(check_picture(files->sets[k], inputs[k], *preprocess));
  }
  return Result<std::unique_ptr<Dataset>>(std::move(files));
}

SampleReader::SampleReader(const Dataset& dataset, size_t begin, size_t end)
    : dataset_(dataset), next_(begin), end_(std::min(end, dataset.size())) {}

Result<std::optional<std::vector<Tensor>>> SampleReader::next() {
  while (next_ < end_) {
    const size_t i = next_++;
    Result<std::vector<Tensor>> sample = dataset_.sample(i);
    if (sample.ok()) return std::optional<std::vector<Tensor>>(std::move(*sample));
    const Code code = sample.status().code();
    if (code != Code::kInvalidArgument && code != Code::kUnsupported) return std::move(sample).status();
    log(Severity::kWarning, "skipped: {}", sample.status().message());
    if (++skipped_ * 20 > end_) {
      return make_error(code, "{} of {} samples are damaged, more than 5 %, the last: {}", skipped_, end_, sample.status().message());
    }
  }
  return std::optional<std::vector<Tensor>>();
}

}  // namespace sinter::data
