// Optimization profiles: from shapes of inputs to ranges of symbols, and plans of several profiles in one engine.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "ir/graph.h"
#include "plan/plan.h"

namespace sinter::session {

// Shapes of inputs by name; "": the only input. Dims are numbers.
using ShapeMap = std::map<std::string, Shape, std::less<>>;
using SymbolRanges = std::map<std::string, plan::SymbolRange, std::less<>>;

// One optimization profile. An input that min or max leaves out has no such end; opt left out: the upper end, else the lower one.
struct ProfileShapes {
  ShapeMap min, opt, max;
  bool empty() const { return min.empty() && opt.empty() && max.empty(); }
};

// Ranges of the inputs' symbols. An error names the input, the dimension and what is wrong with its sizes.
Result<SymbolRanges> ranges_of(const ir::Graph& graph, const ProfileShapes& profile);

// One set of shapes to warm in the order of the inputs; it has to lie in one of the profiles.
Result<std::vector<Dims>> warm_set_of(const ir::Graph& graph, const ShapeMap& shapes, const std::vector<std::vector<plan::SymbolRange>>& profiles);

// Lets blobs share the memory of equal ones among `others`.
class BlobSharer {
 public:
  void share(std::vector<Tensor>& blobs);

 private:
  std::multimap<uint64_t, Tensor> known_;
};

}  // namespace sinter::session
