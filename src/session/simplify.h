// A model made smaller that stays a model: constants and shapes folded, what changes nothing removed, batch norms and scales taken into the weights
// before them; operators, opset, names of inputs and outputs are ONNX's and the file's own. The result is run beside the original on random inputs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "session/session.h"

namespace sinter::session {

struct SimplifyOptions {
  std::map<std::string, Shape, std::less<>> input_shapes;  // in place of the file's ("": of the only input)
  std::map<std::string, Shape, std::less<>> test_shapes;   // of the check alone, where inputs are dynamic
  std::vector<std::string> skipped;                        // passes to leave out, by name
  bool skip_constant_folding = false, skip_fuse_batch_norm = false, skip_optimization = false, skip_value_types = false;
  std::vector<std::string> unused_outputs;                 // outputs to drop
  int checks = 1;                                          // random inputs that are tried; 0: no check
  double relative = 1e-3, absolute = 1e-4;                 // |a - b| <= relative * |b| + absolute * max |b|
  uint64_t seed = 0;
  bool external_data = false;
  int64_t opset = 0;                                       // 0: the file's own
};

struct Share {
  std::map<std::string, int64_t> operators;  // bodies included
  int64_t nodes = 0, weight_bytes = 0, file_bytes = 0;
};

struct SimplifyCheck {
  std::string output;
  double largest_error = 0;  // |a - b|
  double relative_l2 = 0;
  bool agrees = true;
};

struct SimplifyReport {
  Share before, after;
  int64_t opset_before = 0, opset_after = 0;
  std::map<std::string, int64_t, std::less<>> passes;  // that fired
  int checked = 0;                                     // inputs tried
  std::string not_checked;                             // why fewer than asked for
  std::vector<SimplifyCheck> outputs;
  bool agrees = true;
};

// The file is written even where the check finds a difference; the report says so.
Result<SimplifyReport> simplify(const std::string& path, const SimplifyOptions& options, const BuildRequest& engines, const std::string& out_path);
std::string to_json(const SimplifyReport& report);
// The passes that may be skipped, in the order they run.
std::vector<std::string> simplify_passes();

}  // namespace sinter::session
