// Reads engine files. Order of checks: header, section table, checksums, structure, meaning; nothing is used before its check.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/files.h"
#include "engine/codec.h"
#include "engine/layout.h"

namespace sinter::engine {
namespace {

constexpr uint32_t kMaxPrefixBytes = 1 << 24;  // of the JSON that exporters put before an engine

uint64_t end_of(const std::vector<BlobEntry>& entries) {
  uint64_t end = 0;
  for (const BlobEntry& entry : entries) end = std::max(end, entry.offset + entry.bytes);
  return end;
}

// Contexts change between profiles: the plans must have the same inputs and outputs, on the same kind of device.
Status check_alike(const EngineContents& contents) {
  const plan::Region& first = contents.plan.regions[0];
  for (size_t p = 0; p < contents.further.size(); ++p) {
    const plan::Region& other = contents.further[p].plan.regions[0];
    const auto same = [&](const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
      return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                        [&](int32_t v, int32_t w) { return first.values[static_cast<size_t>(v)].type == other.values[static_cast<size_t>(w)].type; });
    };
    if (!same(first.inputs, other.inputs) || !same(first.outputs, other.outputs) || contents.plan.on_cuda() != contents.further[p].plan.on_cuda()) {
      return make_error(Code::kInvalidEngine, "the plan of optimization profile {} has other inputs or outputs than the first", p + 1);
    }
  }
  return ok_status();
}

}  // namespace

class EngineReader {
 public:
  EngineReader(std::string name, std::string_view bytes, std::shared_ptr<const void> keep_alive) {
    file_.reset(new EngineFile());
    file_->name_ = std::move(name);
    file_->size_bytes_ = bytes.size();
    file_->bytes_ = bytes;
    file_->keep_alive_ = std::move(keep_alive);
  }

  EngineReader(const std::string& path, std::shared_ptr<const MappedFile> mapped)
      : EngineReader(path, {reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size()}, mapped) {
    file_->mapped_ = std::move(mapped);
  }

  Result<std::shared_ptr<const EngineFile>> read(Verify verify) {
    SINTER_TRY(read_header());
    SINTER_TRY(read_sections());
    SINTER_ASSIGN(file_->contents_.manifest, decode_manifest(section(Section::kManifest)));
    SINTER_TRY(read_blob_table());
    SINTER_ASSIGN(std::vector<DecodedPlan> decoded, decode_plans(section(Section::kPlan), entries_));
    file_->contents_.further.resize(decoded.size() - 1);
    for (size_t p = 0; p < decoded.size(); ++p) {
      plan::Plan& plan = p == 0 ? file_->contents_.plan : file_->contents_.further[p - 1].plan;
      std::vector<Tensor>& blobs = p == 0 ? file_->contents_.blobs : file_->contents_.further[p - 1].blobs;
      plan = std::move(decoded[p].plan);
      for (uint32_t blob : decoded[p].blobs) {
        SINTER_ASSIGN(Tensor tensor, load_blob(blob, verify != Verify::kMetadata));
        blobs.push_back(std::move(tensor));
      }
    }
    const Status alike = check_alike(file_->contents_);
    if (!alike.ok()) return damaged("{}", alike.message());
    file_->contents_.report_json = section(Section::kReport);
    file_->has_portable_ = present(Section::kPortable);
    if (verify == Verify::kFull && file_->has_portable_) {
      SINTER_ASSIGN(const PortablePart part, read_portable());
    }
    return std::shared_ptr<const EngineFile>(std::move(file_));
  }

  // For a file whose header was checked when it was opened.
  Result<PortablePart> portable() {
    SINTER_TRY(read_header());
    SINTER_TRY(read_sections());
    SINTER_TRY(read_blob_table());
    if (!present(Section::kPortable)) {
      return make_error(Code::kInvalidEngine, "engine '{}' has no portable part (built with --target-only): it can't be tuned "
                        "for another machine; build it again from the model", file_->name_);
    }
    return read_portable();
  }

 private:
  template <typename... Args>
  Status damaged(fmt::format_string<Args...> format, Args&&... args) const {
    return make_error(Code::kInvalidEngine, "engine '{}': {}; build it again, or copy it again if it was copied", file_->name_,
                      fmt::format(format, std::forward<Args>(args)...));
  }

  std::string_view bytes() const { return file_->bytes_; }
  bool present(Section kind) const { return sections_[static_cast<uint32_t>(kind)].kind != 0; }
  std::string_view section(Section kind) const {
    const SectionEntry& entry = sections_[static_cast<uint32_t>(kind)];
    return entry.kind == 0 ? std::string_view() : bytes().substr(entry.offset, entry.bytes);
  }

  void skip_prefix() {
    uint32_t length = 0;
    if (bytes().size() < sizeof length + sizeof kMagic || std::memcmp(bytes().data(), kMagic, sizeof kMagic) == 0) return;
    std::memcpy(&length, bytes().data(), sizeof length);
    const uint64_t start = sizeof length + uint64_t{length};
    if (length > kMaxPrefixBytes || start > bytes().size() - sizeof kMagic) return;
    if (std::memcmp(bytes().data() + start, kMagic, sizeof kMagic) == 0) file_->bytes_ = bytes().substr(start);
  }

  // Structures are read in place: a prefix of odd length would misplace them.
  void realign() {
    if (reinterpret_cast<uintptr_t>(bytes().data()) % kBlobAlignment == 0) return;
    Tensor copy(DType::kU8, {static_cast<int64_t>(bytes().size())});
    std::memcpy(copy.raw(), bytes().data(), bytes().size());
    file_->bytes_ = {copy.data<char>(), bytes().size()};
    file_->keep_alive_ = copy.owner();
  }

  Status read_header() {
    skip_prefix();
    if (bytes().size() < sizeof(FileHeader)) return damaged("{} bytes are too few for an engine", file_->size_bytes_);
    if (std::memcmp(bytes().data(), kMagic, sizeof kMagic) != 0) {
      return make_error(Code::kInvalidEngine, "file '{}' is no Sinter engine: it does not start with its signature; engines are "
                        "made by 'sinter build MODEL.onnx -o F.engine'", file_->name_);
    }
    realign();
    std::memcpy(&header_, bytes().data(), sizeof header_);
    if (header_.format_version != kFormatVersion) {
      return make_error(Code::kInvalidEngine, "engine '{}' has format version {}, this Sinter reads version {}; build the engine "
                        "again with this Sinter", file_->name_, header_.format_version, kFormatVersion);
    }
    if (header_.file_bytes != bytes().size()) {
      return damaged("the file has {} bytes, its header says {}: it is {}", bytes().size(), header_.file_bytes,
                     bytes().size() < header_.file_bytes ? "truncated" : "too long");
    }
    return ok_status();
  }

  Status read_sections() {
    if (header_.section_count > kSectionCount) return damaged("{} sections", header_.section_count);
    const size_t table_bytes = header_.section_count * sizeof(SectionEntry);
    if (bytes().size() - sizeof(FileHeader) < table_bytes) return damaged("no room for its section table");
    std::string head(bytes().substr(0, sizeof(FileHeader) + table_bytes));
    std::memset(head.data() + offsetof(FileHeader, header_hash), 0, sizeof header_.header_hash);
    if (hash_bytes(head.data(), head.size()) != header_.header_hash) return damaged("the header's checksum does not match");
    for (uint32_t i = 0; i < header_.section_count; ++i) {
      SectionEntry entry;
      std::memcpy(&entry, head.data() + sizeof(FileHeader) + i * sizeof entry, sizeof entry);
      if (entry.kind == 0 || entry.kind > kSectionCount || sections_[entry.kind].kind != 0) {
        return damaged("section {} has kind {}", i, entry.kind);
      }
      if (entry.offset % kSectionAlignment != 0 || entry.offset > bytes().size() || entry.bytes > bytes().size() - entry.offset) {
        return damaged("section {} lies outside of the file", i);
      }
      const std::string_view body = bytes().substr(entry.offset, entry.bytes);
      if (entry.kind != static_cast<uint32_t>(Section::kBlobs) && hash_bytes(body.data(), body.size()) != entry.hash) {
        return damaged("the checksum of section {} does not match", i);
      }
      sections_[entry.kind] = entry;
    }
    for (Section kind : {Section::kManifest, Section::kBlobTable, Section::kPlan, Section::kBlobs}) {
      if (!present(kind)) return damaged("section {} is missing", static_cast<uint32_t>(kind));
    }
    return ok_status();
  }

  Status read_blob_table() {
    SINTER_ASSIGN(entries_, decode_blob_table(section(Section::kBlobTable)));
    const uint64_t available = section(Section::kBlobs).size();
    for (size_t i = 0; i < entries_.size(); ++i) {
      const BlobEntry& entry = entries_[i];
      if (entry.offset % kBlobAlignment != 0 || entry.offset > available || entry.bytes > available - entry.offset) {
        return damaged("blob {} lies outside of the blob section", i);
      }
      const bool strings = entry.dtype == DType::kString;
      const std::optional<int64_t> expected =
          plan::physical_bytes(strings ? DType::kU64 : entry.dtype, Layout::kRowMajor, entry.dims);
      const bool good = expected && (strings ? static_cast<uint64_t>(*expected) <= entry.bytes
                                             : static_cast<uint64_t>(*expected) == entry.bytes);
      if (!good) return damaged("blob {} of {}{} has {} bytes", i, dtype_name(entry.dtype), to_string(entry.dims), entry.bytes);
    }
    if (end_of(entries_) != available) return damaged("the blob section has {} bytes, its blobs end at {}", available, end_of(entries_));
    return ok_status();
  }

  // The plan may name a blob many times; it is checked and decoded once.
  Result<Tensor> load_blob(uint32_t number, bool verify) {
    loaded_.resize(entries_.size());
    if (!loaded_[number].defined()) {
      SINTER_ASSIGN(loaded_[number], decode_blob(number, verify));
    }
    return loaded_[number];
  }

  Result<Tensor> decode_blob(uint32_t number, bool verify) const {
    const BlobEntry& entry = entries_[number];
    const std::string_view body = section(Section::kBlobs).substr(entry.offset, entry.bytes);
    if (verify && hash_bytes(body.data(), body.size()) != entry.hash) {
      return damaged("the checksum of blob {} ({}{}) does not match", number, dtype_name(entry.dtype), to_string(entry.dims));
    }
    if (entry.dtype != DType::kString) {
      return Tensor::view(entry.dtype, entry.dims, const_cast<char*>(body.data()), file_->keep_alive_);
    }
    Tensor strings(DType::kString, entry.dims);
    size_t at = 0;
    for (int64_t i = 0; i < strings.count(); ++i) {
      uint64_t length = 0;
      if (body.size() - at < sizeof length) return damaged("the strings of blob {} end early", number);
      std::memcpy(&length, body.data() + at, sizeof length);
      at += sizeof length;
      if (length > body.size() - at) return damaged("a string of blob {} is too long", number);
      strings.data<std::string>()[i] = body.substr(at, length);
      at += length;
    }
    return strings;
  }

  Result<PortablePart> read_portable() {
    SINTER_ASSIGN(DecodedPortable decoded, decode_portable(section(Section::kPortable), entries_.size()));
    PortablePart part;
    part.ir_text = std::move(decoded.ir_text);
    for (auto& [digest, number] : decoded.blobs) {
      SINTER_ASSIGN(Tensor tensor, load_blob(number, true));
      part.blobs.emplace_back(std::move(digest), std::move(tensor));
    }
    // A damaged part must not unfold to more than the file holds.
    int64_t left = static_cast<int64_t>(section(Section::kBlobs).size());
    for (auto& [digest, weight] : decoded.packed) {
      SINTER_ASSIGN(const Tensor blob, load_blob(static_cast<uint32_t>(weight.blob), true));
      left -= blob.bytes();
      if (left < 0) return damaged("the portable part's packed weights are larger than the file");
      SINTER_ASSIGN(Tensor tensor, plan::unpack(weight, blob));
      part.blobs.emplace_back(std::move(digest), std::move(tensor));
    }
    return part;
  }

  std::shared_ptr<EngineFile> file_;
  FileHeader header_{};
  std::array<SectionEntry, kSectionCount + 1> sections_{};
  std::vector<BlobEntry> entries_;
  std::vector<Tensor> loaded_;
};

Result<std::shared_ptr<const EngineFile>> EngineFile::open(const std::string& path, Verify verify) {
  SINTER_ASSIGN(std::shared_ptr<MappedFile> mapped, MappedFile::open(path));
  return EngineReader(path, std::move(mapped)).read(verify);
}

void EngineFile::drop_pages() const {
  if (mapped_) mapped_->release(0, mapped_->bytes().size());
}

Result<std::shared_ptr<const EngineFile>> EngineFile::from_memory(std::string_view bytes, std::shared_ptr<const void> keep_alive,
                                                                  Verify verify) {
  return EngineReader("<memory>", bytes, std::move(keep_alive)).read(verify);
}

Result<std::shared_ptr<const EngineFile>> EngineFile::from_contents(EngineContents contents) {
  const auto complete = [](plan::Plan& plan, const std::vector<Tensor>& blobs) {
    plan.blobs.clear();
    for (const Tensor& blob : blobs) plan.blobs.push_back({blob.dtype(), blob.dims()});
    return plan::validate(plan);
  };
  SINTER_TRY(complete(contents.plan, contents.blobs));
  for (PlanPart& part : contents.further) SINTER_TRY(complete(part.plan, part.blobs));
  SINTER_TRY(check_alike(contents));
  std::shared_ptr<EngineFile> file(new EngineFile());
  file->name_ = "<plan>";
  file->has_portable_ = contents.portable.has_value();
  file->contents_ = std::move(contents);
  return std::shared_ptr<const EngineFile>(std::move(file));
}

Result<PortablePart> EngineFile::portable() const {
  if (bytes_.empty() && contents_.portable) {
    PortablePart part = *contents_.portable;
    for (const auto& [digest, weight] : part.packed) {
      SINTER_ASSIGN(Tensor tensor, plan::unpack(weight, contents_.blobs[static_cast<size_t>(weight.blob)]));
      part.blobs.emplace_back(digest, std::move(tensor));
    }
    part.packed.clear();
    return part;
  }
  return EngineReader(name_, bytes_, keep_alive_).portable();
}

}  // namespace sinter::engine
