// Writes engine files. Two passes over the weights: one for hashes and duplicates, one that writes; they are never copied whole.
#include <cstring>
#include <functional>
#include <unordered_map>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/files.h"
#include "engine/codec.h"
#include "engine/layout.h"

namespace sinter::engine {

uint64_t hash_bytes(const void* data, uint64_t bytes) { return XXH3_64bits(data, bytes); }

namespace {

// Where bytes go: a file or memory.
class Sink {
 public:
  explicit Sink(AtomicFile* file) : file_(file) {}
  explicit Sink(std::string* memory) : memory_(memory) {}
  Status write(const void* data, size_t size) {
    offset_ += size;
    if (file_) return file_->write(data, size);
    memory_->append(static_cast<const char*>(data), size);
    return ok_status();
  }
  Status pad_to(uint64_t offset) {
    static const char kZeros[4096] = {};
    while (offset_ < offset) SINTER_TRY(write(kZeros, std::min<uint64_t>(offset - offset_, sizeof kZeros)));
    return ok_status();
  }

 private:
  AtomicFile* file_ = nullptr;
  std::string* memory_ = nullptr;
  uint64_t offset_ = 0;
};

uint64_t align_up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

// The bytes of a blob as stored: strings in their length-prefixed form.
class StoredBlob {
 public:
  explicit StoredBlob(const Tensor& tensor) {
    if (tensor.dtype() != DType::kString) {
      view_ = {static_cast<const char*>(tensor.raw()), static_cast<size_t>(tensor.bytes())};
      return;
    }
    for (int64_t i = 0; i < tensor.count(); ++i) {
      const std::string& text = tensor.data<std::string>()[i];
      const uint64_t length = text.size();
      strings_.append(reinterpret_cast<const char*>(&length), sizeof length);
      strings_ += text;
    }
    view_ = strings_;
  }
  StoredBlob(const StoredBlob&) = delete;
  std::string_view bytes() const { return view_; }

 private:
  std::string strings_;
  std::string_view view_;
};

// Collects the blobs of plan and portable part; equal ones get the same entry.
class BlobPool {
 public:
  Result<uint32_t> add(const Tensor& tensor) {
    if (!tensor.defined()) return make_error(Code::kInternal, "engine: a blob is undefined; report this");
    const StoredBlob stored(tensor);
    const uint64_t hash = hash_bytes(stored.bytes().data(), stored.bytes().size());
    const auto [first, last] = by_hash_.equal_range(hash);
    for (auto it = first; it != last; ++it) {
      const Tensor& other = tensors_[it->second];
      if (other.dtype() != tensor.dtype() || other.dims() != tensor.dims()) continue;
      if (StoredBlob(other).bytes() == stored.bytes()) return it->second;
    }
    const uint32_t number = static_cast<uint32_t>(tensors_.size());
    by_hash_.emplace(hash, number);
    tensors_.push_back(tensor);
    end_ = align_up(end_, kBlobAlignment);
    entries_.push_back({tensor.dtype(), tensor.dims(), end_, stored.bytes().size(), hash});
    end_ += stored.bytes().size();
    return number;
  }

  const std::vector<BlobEntry>& entries() const { return entries_; }
  uint64_t bytes() const { return end_; }

  Status write(Sink& sink, uint64_t base) const {
    for (size_t i = 0; i < tensors_.size(); ++i) {
      SINTER_TRY(sink.pad_to(base + entries_[i].offset));
      const StoredBlob stored(tensors_[i]);
      SINTER_TRY(sink.write(stored.bytes().data(), stored.bytes().size()));
    }
    return ok_status();
  }

 private:
  std::vector<Tensor> tensors_;
  std::vector<BlobEntry> entries_;
  std::unordered_multimap<uint64_t, uint32_t> by_hash_;
  uint64_t end_ = 0;
};

Status check_blobs(plan::Plan& plan, const std::vector<Tensor>& blobs) {
  plan.blobs.clear();
  for (const Tensor& blob : blobs) plan.blobs.push_back({blob.dtype(), blob.dims()});
  return plan::validate(plan).with("while writing an engine (a bug of the builder; report this)");
}

Status write_to(Sink& sink, const EngineContents& contents) {
  BlobPool pool;
  // Plans' weights first: they are what a run touches, and lie together.
  std::vector<plan::Plan> plans;
  plans.reserve(1 + contents.further.size());
  std::vector<PlanBlobs> plan_parts;
  const auto add_plan = [&](const plan::Plan& plan, const std::vector<Tensor>& blobs) -> Status {
    plans.push_back(plan);
    SINTER_TRY(check_blobs(plans.back(), blobs));
    plan_parts.push_back({&plans.back(), {}});
    for (const Tensor& blob : blobs) {
      SINTER_ASSIGN(const uint32_t number, pool.add(blob));
      plan_parts.back().blobs.push_back(number);
    }
    return ok_status();
  };
  SINTER_TRY(add_plan(contents.plan, contents.blobs));
  for (const PlanPart& part : contents.further) SINTER_TRY(add_plan(part.plan, part.blobs));
  const std::vector<uint32_t>& plan_blobs = plan_parts[0].blobs;
  std::vector<uint32_t> portable_blobs;
  std::vector<std::pair<Section, std::string>> sections;
  sections.emplace_back(Section::kManifest, encode_manifest(contents.manifest));
  if (contents.portable) {
    for (const auto& [digest, weight] : contents.portable->packed) {
      if (weight.blob < 0 || static_cast<size_t>(weight.blob) >= plan_blobs.size()) {
        return make_error(Code::kInternal, "engine: the packed weight '{}' names blob {}, the plan has {}; report this", digest, weight.blob, plan_blobs.size());
      }
    }
    for (const auto& [digest, tensor] : contents.portable->blobs) {
      SINTER_ASSIGN(const uint32_t number, pool.add(tensor));
      portable_blobs.push_back(number);
    }
    sections.emplace_back(Section::kPortable, encode_portable(*contents.portable, portable_blobs, plan_blobs));
  }
  sections.emplace_back(Section::kBlobTable, encode_blob_table(pool.entries()));
  sections.emplace_back(Section::kPlan, encode_plans(plan_parts));
  sections.emplace_back(Section::kReport, contents.report_json);

  FileHeader header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.format_version = kFormatVersion;
  header.section_count = static_cast<uint32_t>(sections.size() + 1);
  std::vector<SectionEntry> table;
  uint64_t end = sizeof header + header.section_count * sizeof(SectionEntry);
  for (const auto& [kind, bytes] : sections) {
    end = align_up(end, kSectionAlignment);
    table.push_back({static_cast<uint32_t>(kind), 0, end, bytes.size(), hash_bytes(bytes.data(), bytes.size())});
    end += bytes.size();
  }
  end = align_up(end, kBlobSectionAlignment);
  table.push_back({static_cast<uint32_t>(Section::kBlobs), 0, end, pool.bytes(), 0});
  header.file_bytes = end + pool.bytes();
  std::string head(reinterpret_cast<const char*>(&header), sizeof header);
  head.append(reinterpret_cast<const char*>(table.data()), table.size() * sizeof(SectionEntry));
  header.header_hash = hash_bytes(head.data(), head.size());
  std::memcpy(head.data(), &header, sizeof header);

  SINTER_TRY(sink.write(head.data(), head.size()));
  for (size_t i = 0; i < sections.size(); ++i) {
    SINTER_TRY(sink.pad_to(table[i].offset));
    SINTER_TRY(sink.write(sections[i].second.data(), sections[i].second.size()));
  }
  SINTER_TRY(sink.pad_to(table.back().offset));
  return pool.write(sink, table.back().offset);
}

}  // namespace

Status write_engine(const EngineContents& contents, const std::string& path) {
  SINTER_ASSIGN(std::unique_ptr<AtomicFile> file, AtomicFile::create(path));
  Sink sink(file.get());
  SINTER_TRY(write_to(sink, contents));
  return file->commit();
}

Result<std::string> write_engine(const EngineContents& contents) {
  std::string bytes;
  Sink sink(&bytes);
  SINTER_TRY(write_to(sink, contents));
  return bytes;
}

}  // namespace sinter::engine
