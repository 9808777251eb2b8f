// Plan, manifest and portable part ⇄ FlatBuffers. Encoding trusts its input; decoding trusts nothing: it checks every enum, size and
// text, and bounds the memory it takes by the section's size.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine_file.h"

namespace sinter::engine {

// A blob as the file's table has it.
struct BlobEntry {
  DType dtype = DType::kU8;
  Dims dims;
  uint64_t offset = 0;  // from the start of the blob section
  uint64_t bytes = 0;
  uint64_t hash = 0;
};

std::string encode_manifest(const Manifest& manifest);
struct PlanBlobs {
  const plan::Plan* plan = nullptr;
  std::vector<uint32_t> blobs;  // blob of the plan → entry of the table
};
std::string encode_plans(std::span<const PlanBlobs> plans);  // one an optimization profile, at least one
std::string encode_blob_table(std::span<const BlobEntry> entries);
// `blobs`: entries of part.blobs; `plan_blobs`: of the plan's.
std::string encode_portable(const PortablePart& part, std::span<const uint32_t> blobs, std::span<const uint32_t> plan_blobs);

Result<Manifest> decode_manifest(std::string_view bytes);
Result<std::vector<BlobEntry>> decode_blob_table(std::string_view bytes);
struct DecodedPlan {
  plan::Plan plan;
  std::vector<uint32_t> blobs;  // in range
};
Result<std::vector<DecodedPlan>> decode_plans(std::string_view bytes, std::span<const BlobEntry> entries);  // at least one
struct DecodedPortable {
  std::string ir_text;
  std::vector<std::pair<std::string, uint32_t>> blobs;  // in range
  std::vector<std::pair<std::string, plan::PackedWeight>> packed;  // their blob is an entry, in range
};
Result<DecodedPortable> decode_portable(std::string_view bytes, size_t entry_count);

}  // namespace sinter::engine
