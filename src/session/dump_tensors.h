// Every tensor of one run in files, to be looked at or compared with another framework's.
#pragma once

#include "runtime/context.h"

namespace sinter::session {

struct DumpOptions {
  std::string folder;                 // made when it is not there
  std::vector<std::string> patterns;  // names of tensors, `*` for any text; {}: all
  int threads = 0;
  std::string model_path;             // the model behind the engine, to tell what was fused away; "": not known
};

struct DumpedTensor {
  std::string name, file;          // the file's name within the folder
  std::vector<std::string> names;  // the model's tensors that it stands for; {}: the builder's own
  std::string layer;               // that made it; "": an input
  std::string stored;              // as it was in the run: "u8[1,64,56,56] channels last"
  bool dequantized = false;        // the file holds (x - zero) * scale
  double scale = 1;
  int64_t zero = 0;
};

struct DumpReport {
  std::vector<DumpedTensor> tensors;    // in the order in which they were made
  std::vector<std::string> fused_away;  // tensors of the model that no memory holds in this engine
  std::vector<std::string> unmatched;   // patterns that no tensor has
};

// Runs the engine once. Writes NAME.npy of every tensor that matches (other characters than letters, digits, '.', '-' and '_' become '_', names that would be
// equal get a number) and index.json. 8-bit values whose scale is known are written as the f32 that they stand for, others as they are. A tensor of
// the body of an If, Loop or Scan is as the last run of the body left it. kNotFound: nothing matches.
Result<DumpReport> dump_tensors(std::shared_ptr<const runtime::Engine> engine, const std::vector<Value>& inputs, const DumpOptions& options);

// As index.json has it.
std::string to_json(const DumpReport& report);

// Whether `*` stands for any text, also none, in the pattern.
bool matches(std::string_view pattern, std::string_view name);

}  // namespace sinter::session
