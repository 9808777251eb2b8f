// Engine files whose contents were changed, with checksums that are right again.
#pragma once

#include <cstring>
#include <string>

#include "engine/layout.h"

namespace sinter::test {

// Makes checksums right again, so that the checks behind them are reached.
inline void reseal(std::string& bytes) {
  engine::FileHeader header;
  if (bytes.size() < sizeof header) return;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.section_count > 64 || bytes.size() < sizeof header + header.section_count * sizeof(engine::SectionEntry)) return;
  header.file_bytes = bytes.size();
  const size_t head_bytes = sizeof header + header.section_count * sizeof(engine::SectionEntry);
  for (uint32_t i = 0; i < header.section_count; ++i) {
    char* at = bytes.data() + sizeof header + i * sizeof(engine::SectionEntry);
    engine::SectionEntry entry;
    std::memcpy(&entry, at, sizeof entry);
    if (entry.kind == static_cast<uint32_t>(engine::Section::kBlobs)) continue;
    if (entry.offset > bytes.size() || entry.bytes > bytes.size() - entry.offset) continue;
    entry.hash = engine::hash_bytes(bytes.data() + entry.offset, entry.bytes);
    std::memcpy(at, &entry, sizeof entry);
  }
  header.header_hash = 0;
  std::memcpy(bytes.data(), &header, sizeof header);
  header.header_hash = engine::hash_bytes(bytes.data(), head_bytes);
  std::memcpy(bytes.data(), &header, sizeof header);
}

}  // namespace sinter::test
