// Datasets: samples for a model's inputs from files.
//
// A path is one of
//   - a folder of pictures (.jpg, .jpeg, .png; needs Preprocess), of arrays (.npy), of archives (.npz: the inputs' names; any name for an only input)
//     or of raw little-endian elements (.bin, the input's type and fixed shape); subfolders are searched too, files are taken in the order of their names;
//   - for a model of several inputs, a folder with a subfolder of such files for each input, by name ('/' and ':' written as '_'), with as many
//     samples in each; or a folder with NAME.npy for each input;
//   - one .npy or .npz file;
//   - a .txt file that lists files, one a line, relative to it: a choice, such as every second picture.
// Other files of a folder (labels, notes) are left alone; files of several kinds in one folder are an error.
// A sample's tensor has the input's rank and a batch of one: a missing leading dim of 1 is added, and an array whose leading dim is not the input's
// holds that many samples.
#pragma once

#include <memory>

#include "core/tensor.h"
#include "data/preprocess.h"

namespace sinter::data {

struct InputSpec {
  std::string name;
  DType dtype = DType::kF32;
  std::optional<Dims> dims;  // -1: any size; nullopt: any rank
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual size_t size() const = 0;
  // One tensor for each input, of its type. Files are read at each call. kInvalidArgument, kUnsupported: this sample is damaged; others may be good.
  virtual Result<std::vector<Tensor>> sample(size_t i) const = 0;
  // The file relative to the folder, and for one of several samples in a file "#" and its number: "n01440764_tench.jpg", "batch.npy#3".
  virtual std::string name(size_t i) const = 0;
};

// kNotFound: no such path. kInvalidArgument: no sample in it.
Result<std::unique_ptr<Dataset>> open_dataset(const std::string& path, const std::vector<InputSpec>& inputs, const std::optional<Preprocess>& preprocess);

// Reads a dataset's samples in order; damaged ones are logged as warnings and left out, an error as soon as they are more than 5 % of all.
class SampleReader {
 public:
  explicit SampleReader(const Dataset& dataset, size_t begin = 0, size_t end = SIZE_MAX);
  // The next good sample; nullopt at the end.
  Result<std::optional<std::vector<Tensor>>> next();
  size_t index() const { return next_ - 1; }  // of the last sample given
  size_t position() const { return next_; }
  size_t skipped() const { return skipped_; }

 private:
  const Dataset& dataset_;
  size_t next_, end_, skipped_ = 0;
};

// A file name for a tensor's name: '/', '\\', ':' become '_', as `sinter run --output-dir` does.
std::string file_name_of(std::string name);

}  // namespace sinter::data
