// The engine file: plan ⇄ bytes. format.md beside this file describes the format.
//
// Reading maps the file and checks everything a damaged or hostile file could get wrong: header, section table, checksums,
// FlatBuffers structure, every index of the plan (plan::validate). Tensors that are handed out are views into the mapping and keep it alive.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "engine/manifest.h"
#include "plan/packed_weight.h"
#include "plan/plan.h"

namespace sinter {
class MappedFile;
}
namespace sinter::engine {

constexpr uint32_t kFormatVersion = 2;

// The model as data: the optimised graph's text and the weights its digests name. Enough to build for another machine.
struct PortablePart {
  std::string ir_text;
  std::vector<std::pair<std::string, Tensor>> blobs;  // digest → tensor
  // Further weights, which lie inside blobs of the plan. Only for writing: EngineFile::portable() gives them among `blobs`.
  std::vector<std::pair<std::string, plan::PackedWeight>> packed;
};

// What runs in one optimization profile.
struct PlanPart {
  plan::Plan plan;            // plan.blobs is filled from `blobs`
  std::vector<Tensor> blobs;  // row-major bytes of blob i of the plan
};

// What goes into an engine. Tensors may be shared between plan and portable part: equal ones are stored once.
struct EngineContents {
  Manifest manifest;
  plan::Plan plan;            // plan.blobs is filled from `blobs`
  std::vector<Tensor> blobs;  // row-major bytes of blob i of the plan
  std::string report_json;
  std::optional<PortablePart> portable;
  std::vector<PlanPart> further = {};  // plans of further optimization profiles: same inputs and outputs, tuned for other sizes
};

// The same contents give the same bytes. A failure leaves no partial file and an existing file untouched.
Status write_engine(const EngineContents& contents, const std::string& path);
Result<std::string> write_engine(const EngineContents& contents);

enum class Verify : uint8_t {
  kMetadata,  // all but the weights' bytes
  kTarget,    // and the weights that the plan uses: what a run can touch
  kFull,      // and the portable part's
};

class EngineFile {
 public:
  // Bytes may be preceded by a 4-byte little-endian length and so many bytes of JSON (as some exporters write).
  static Result<std::shared_ptr<const EngineFile>> open(const std::string& path, Verify verify = Verify::kTarget);
  // The bytes must stay as they are as long as `keep_alive` (or, when it is null, the engine and all tensors of it).
  static Result<std::shared_ptr<const EngineFile>> from_memory(std::string_view bytes, std::shared_ptr<const void> keep_alive,
                                                               Verify verify = Verify::kTarget);
  // Without bytes: for a plan that was just made. Blobs are taken as they are.
  static Result<std::shared_ptr<const EngineFile>> from_contents(EngineContents contents);

  const std::string& name() const { return name_; }  // path, or "<memory>"
  uint64_t size_bytes() const { return size_bytes_; }
  bool in_process() const { return bytes_.data() == nullptr; }  // from_contents: never was bytes of anybody
  const Manifest& manifest() const { return contents_.manifest; }
  size_t profile_count() const { return 1 + contents_.further.size(); }
  const plan::Plan& plan(size_t profile = 0) const { return profile == 0 ? contents_.plan : contents_.further[profile - 1].plan; }
  const std::vector<Tensor>& blobs(size_t profile = 0) const { return profile == 0 ? contents_.blobs : contents_.further[profile - 1].blobs; }
  const std::string& report_json() const { return contents_.report_json; }
  bool has_portable() const { return has_portable_; }
  // Read and checked at every call.
  Result<PortablePart> portable() const;
  // Pages of a mapped file that are in memory leave it; who touches them reads them again.
  void drop_pages() const;

 private:
  friend class EngineReader;
  EngineFile() = default;
  std::string name_;
  uint64_t size_bytes_ = 0;
  EngineContents contents_;
  bool has_portable_ = false;
  std::shared_ptr<const MappedFile> mapped_;  // of open()
  std::string_view bytes_;  // from the magic on
  std::shared_ptr<const void> keep_alive_;
};

}  // namespace sinter::engine
