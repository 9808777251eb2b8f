#include "tactic/code.h"

#include <cstring>

namespace sinter {
namespace {

// "SINTERCB", the number of forms, then of each: what it is, its place from the start, its bytes; then the bytes, each
// at a multiple of 16. A cubin begins with ELF's magic, so the two can't be confused.
constexpr char kMagic[8] = {'S', 'I', 'N', 'T', 'E', 'R', 'C', 'B'};
constexpr uint32_t kMostForms = 64;
constexpr int64_t kFormAlignment = 16;

struct Header {
  char magic[8];
  uint32_t forms = 0, padding = 0;
};
struct Entry {
  uint32_t sm = 0, toolkit = 0;
  uint32_t ptx = 0, tegra = 0;
  uint64_t offset = 0, bytes = 0;
};

int64_t aligned(int64_t bytes) { return (bytes + kFormAlignment - 1) / kFormAlignment * kFormAlignment; }

}  // namespace

bool cubin_runs_on(int made_for, int here) {
  constexpr int kFirstOfOneCapability = 90;
  return made_for == here || (made_for < kFirstOfOneCapability && made_for / 10 == here / 10 && made_for < here);
}

bool has_kernel_text(const Tactic& tactic) { return dynamic_cast<const CodeMaker*>(&tactic) != nullptr; }

Result<Tensor> compile_code(const Tactic& tactic, const Problem& problem, const Offer& offer,
                            const CodeTarget& target) {
  const auto* const maker = dynamic_cast<const CodeMaker*>(&tactic);
  return maker ? maker->compile_for(problem, offer, target) : tactic.compile(problem, offer);
}

bool is_code_bundle(const Tensor& code) {
  return code.defined() && code.bytes() >= static_cast<int64_t>(sizeof(Header)) &&
         std::memcmp(code.raw(), kMagic, sizeof kMagic) == 0;
}

Tensor bundle_code(std::span<const CodeForm> forms) {
  int64_t bytes = static_cast<int64_t>(sizeof(Header) + forms.size() * sizeof(Entry));
  std::vector<Entry> entries;
  for (const CodeForm& form : forms) {
    bytes = aligned(bytes);
    entries.push_back({static_cast<uint32_t>(form.target.sm), static_cast<uint32_t>(form.toolkit), form.target.ptx,
                       form.tegra, static_cast<uint64_t>(bytes), static_cast<uint64_t>(form.bytes.bytes())});
    bytes += form.bytes.bytes();
  }
  Tensor bundle(DType::kU8, {bytes});
  auto* const out = bundle.data<uint8_t>();
  std::memset(out, 0, static_cast<size_t>(bytes));
  Header header{{}, static_cast<uint32_t>(forms.size())};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  std::memcpy(out, &header, sizeof header);
  for (size_t i = 0; i < forms.size(); ++i) {
    std::memcpy(out + sizeof header + i * sizeof(Entry), &entries[i], sizeof(Entry));
    std::memcpy(out + entries[i].offset, forms[i].bytes.raw(), entries[i].bytes);
  }
  return bundle;
}

Result<std::vector<CodeForm>> code_forms(const Tensor& bundle) {
  const auto damaged = [](std::string_view what) {
    return make_error(Code::kInvalidEngine,
                      "device code: found a bundle with {}; the engine is damaged, build it again", what);
  };
  if (!is_code_bundle(bundle)) return damaged("another beginning");
  const auto bytes = static_cast<uint64_t>(bundle.bytes());
  const auto* const from = bundle.data<uint8_t>();
  Header header;
  std::memcpy(&header, from, sizeof header);
  if (header.forms > kMostForms || sizeof header + header.forms * sizeof(Entry) > bytes)
    return damaged("too many forms");
  std::vector<CodeForm> forms;
  for (uint32_t i = 0; i < header.forms; ++i) {
    Entry entry;
    std::memcpy(&entry, from + sizeof header + i * sizeof entry, sizeof entry);
    if (entry.offset > bytes || entry.bytes > bytes - entry.offset || entry.offset % kFormAlignment != 0 ||
        entry.sm > 9999)
      return damaged("a form outside of it");
    CodeForm form{
        {static_cast<int>(entry.sm), entry.ptx != 0}, entry.tegra != 0, static_cast<int>(entry.toolkit), Tensor()};
    // The driver reads PTX up to its zero byte.
    if (form.target.ptx && (entry.bytes == 0 || from[entry.offset + entry.bytes - 1] != 0))
      return damaged("PTX without an end");
    form.bytes = Tensor::view(DType::kU8, {static_cast<int64_t>(entry.bytes)},
                              const_cast<uint8_t*>(from) + entry.offset, bundle.owner());
    forms.push_back(std::move(form));
  }
  return forms;
}

}  // namespace sinter
