// ZipMap of ai.onnx.ml: a classifier's scores as a list of maps from label to score. Maps are no values here; the scores stay the matrix that they are, a column a
// label, which is what the maps are made of and what a caller wants of them.
#include "onnx/contrib/contrib.h"

namespace sinter::onnx {
namespace {

Status expand_zip_map(Expansion& e) {
  const auto* numbers = e.attributes().find_as<std::vector<int64_t>>("classlabels_int64s");
  const auto* texts = e.attributes().find_as<std::vector<std::string>>("classlabels_strings");
  const size_t labels = numbers && !numbers->empty() ? numbers->size() : texts ? texts->size() : 0;
  const Shape* shape = Expansion::shape(e.input(0));
  if (labels == 0 || (shape && !shape->empty() && shape->back().is_constant() && shape->back().value() != static_cast<int64_t>(labels)))
    return e.error(fmt::format("{} labels for scores of {}", labels, shape ? to_string(*shape) : "unknown shape"), "a label a column");
  e.note({"maps are not supported", "the scores as a matrix", "the output is that matrix, a column a label in the order of the attribute"});
  e.output(0, "Identity", {e.input(0)});
  return ok_status();
}

}  // namespace

void add_maps(ContribList& list) {
  OpDef zip("ZipMap", 1, "ai.onnx.ml");
  zip.input("X", "T").output("Z", "T").type("T", dtype_set(DType::kF32));
  zip.attr("classlabels_int64s", AttrKind::kInts, false).attr("classlabels_strings", AttrKind::kStrings, false);
  list.push_back({zip, expand_zip_map});
}

}  // namespace sinter::onnx
