// Byte layout of the engine file's header and section table (format.md). Little-endian, as every machine Sinter runs on.
#pragma once

#include <cstdint>

namespace sinter::engine {

inline constexpr char kMagic[8] = {'S', 'I', 'N', 'T', 'E', 'R', '\r', '\n'};
constexpr uint64_t kSectionAlignment = 64;
constexpr uint64_t kBlobSectionAlignment = 4096;  // pages: the weights can be mapped and dropped on their own
constexpr uint64_t kBlobAlignment = 64;           // kTensorAlignment

enum class Section : uint32_t { kManifest = 1, kBlobTable = 2, kPlan = 3, kPortable = 4, kReport = 5, kBlobs = 6 };
constexpr uint32_t kSectionCount = 6;  // each at most once

struct FileHeader {
  char magic[8];
  uint32_t format_version;
  uint32_t section_count;
  uint64_t file_bytes;   // from the magic to the end
  uint64_t header_hash;  // of header (with this field 0) and section table
  uint8_t reserved[32];  // 0
};
static_assert(sizeof(FileHeader) == 64);

struct SectionEntry {
  uint32_t kind;
  uint32_t flags;   // 0
  uint64_t offset;  // from the magic
  uint64_t bytes;
  uint64_t hash;    // XXH3 of the bytes; 0 for kBlobs, whose blobs have their own
};
static_assert(sizeof(SectionEntry) == 32);

uint64_t hash_bytes(const void* data, uint64_t bytes);  // XXH3, 64 bits

}  // namespace sinter::engine
