#include "engine/signature.h"

#include <dlfcn.h>

#include <cstring>
#include <map>

#include "base/files.h"
#include "engine/layout.h"

namespace sinter::engine {
namespace {

constexpr const char* kPlaceName = "code_signature";
constexpr size_t kKeyBytes = 32, kSignatureBytes = 64, kDigestBytes = 32;
constexpr size_t kPlaceLength = 2 * kKeyBytes + 1 + 2 * kSignatureBytes;  // hex of the public key, a space, hex of the signature; '0' everywhere: none

// X(result type, name, parameters) of libcrypto 1.1.1 and 3.
#define SINTER_CRYPTO(X)                                                                                                      \
  X(void*, BIO_new_mem_buf, (const void* text, int bytes))                                                                    \
  X(int, BIO_free, (void* bio))                                                                                               \
  X(void*, PEM_read_bio_PrivateKey, (void* bio, void** key, void* callback, void* user))                                      \
  X(void*, PEM_read_bio_PUBKEY, (void* bio, void** key, void* callback, void* user))                                          \
  X(void, EVP_PKEY_free, (void* key))                                                                                         \
  X(int, EVP_PKEY_get_raw_public_key, (const void* key, unsigned char* out, size_t* bytes))                                   \
  X(void*, EVP_MD_CTX_new, ())                                                                                                \
  X(void, EVP_MD_CTX_free, (void* context))                                                                                   \
  X(int, EVP_DigestSignInit, (void* context, void** key_context, const void* digest, void* engine, void* key))                \
  X(int, EVP_DigestSign, (void* context, unsigned char* out, size_t* bytes, const unsigned char* text, size_t text_bytes))    \
  X(int, EVP_DigestVerifyInit, (void* context, void** key_context, const void* digest, void* engine, void* key))              \
  X(int, EVP_DigestVerify,                                                                                                    \
    (void* context, const unsigned char* signature, size_t bytes, const unsigned char* text, size_t text_bytes))              \
  X(const void*, EVP_sha256, ())                                                                                              \
  X(int, EVP_Digest,                                                                                                          \
    (const void* data, size_t bytes, unsigned char* out, unsigned* out_bytes, const void* digest, void* engine))

struct CryptoApi {
#define X(result, name, parameters) result(*name) parameters = nullptr;
  SINTER_CRYPTO(X)
#undef X
};

Result<CryptoApi> open_crypto() {
  void* library = nullptr;
  for (const char* name : {"libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so"}) {
    if (!library) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
  if (!library) {
    return make_error(Code::kNotFound, "signatures: no libcrypto.so.3 or libcrypto.so.1.1 could be opened, which makes and checks them; install OpenSSL (libssl3)");
  }
  CryptoApi api;
#define X(result, name, parameters)                                             \
  api.name = reinterpret_cast<result(*) parameters>(dlsym(library, #name));     \
  if (!api.name) return make_error(Code::kUnsupported, "signatures: libcrypto has no '{}'; install OpenSSL 1.1.1 or newer", #name);
  SINTER_CRYPTO(X)
#undef X
  return api;
}

Result<const CryptoApi*> crypto() {
  static const Result<CryptoApi>* const opened = new Result<CryptoApi>(open_crypto());
  if (!opened->ok()) return opened->status();
  return &opened->value();
}

using Key = std::unique_ptr<void, void (*)(void*)>;

Result<Key> read_key(const CryptoApi& api, const std::string& path, bool is_private) {
  SINTER_ASSIGN(const std::string pem, read_file(path));
  void* const bio = api.BIO_new_mem_buf(pem.data(), static_cast<int>(std::min<size_t>(pem.size(), 1 << 20)));
  void* const key = bio ? (is_private ? api.PEM_read_bio_PrivateKey : api.PEM_read_bio_PUBKEY)(bio, nullptr, nullptr, nullptr) : nullptr;
  if (bio) api.BIO_free(bio);
  unsigned char raw[kKeyBytes];
  size_t bytes = sizeof raw;
  Key owned(key, api.EVP_PKEY_free);
  if (key && api.EVP_PKEY_get_raw_public_key(key, raw, &bytes) == 1 && bytes == sizeof raw) return owned;
  return make_error(Code::kInvalidArgument, "key file '{}': found no Ed25519 {} key in it; make one with 'openssl genpkey -algorithm ed25519 -out private.pem' "
                    "and 'openssl pkey -in private.pem -pubout -out public.pem'", path, is_private ? "private" : "public");
}

std::string hex(const unsigned char* data, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text += fmt::format("{:02x}", data[i]);
  return text;
}
std::string unhex(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0; };
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) bytes += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
  return bytes;
}

std::string public_hex(const CryptoApi& api, const void* key) {
  unsigned char raw[kKeyBytes];
  size_t bytes = sizeof raw;
  api.EVP_PKEY_get_raw_public_key(key, raw, &bytes);
  return hex(raw, bytes);
}

Result<std::string> digest_of(const CryptoApi& api, const Tensor& code) {
  unsigned char raw[kDigestBytes];
  unsigned bytes = 0;
  if (api.EVP_Digest(code.raw(), static_cast<size_t>(code.bytes()), raw, &bytes, api.EVP_sha256(), nullptr) != 1) {
    return make_error(Code::kInternal, "signatures: libcrypto made no SHA-256; report this");
  }
  return hex(raw, bytes);
}

// What is signed: a line for every step with code.
Result<std::string> statement(const CryptoApi& api, const EngineFile& file) {
  std::string text = "sinter device code 1\n";
  std::map<const void*, std::string> digests;  // of code by its address: profiles share it
  for (size_t p = 0; p < file.profile_count(); ++p) {
    if (p > 0) text += fmt::format("profile {}\n", p);
    const std::vector<plan::Region>& regions = file.plan(p).regions;
    for (size_t r = 0; r < regions.size(); ++r) {
      for (size_t s = 0; s < regions[r].steps.size(); ++s) {
        const plan::Step& step = regions[r].steps[s];
        if (step.code < 0) continue;
        const Tensor& code = file.blobs(p)[static_cast<size_t>(step.code)];
        std::string& digest = digests[code.raw()];
        if (digest.empty()) {
          SINTER_ASSIGN(digest, digest_of(api, code));
        }
        text += fmt::format("{} {} {}@{} {} {}\n", r, s, step.tactic, step.tactic_version, json_quote(step.offer.config), digest);
      }
    }
  }
  return text;
}

const unsigned char* bytes_of(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// The signature's place in the manifest; empty: there is none.
std::string_view place_of(const EngineFile& file) {
  for (const auto& [name, value] : file.manifest().more) {
    if (name == kPlaceName && value.size() == kPlaceLength) return value;
  }
  return {};
}

Result<std::string> make_signature(const CryptoApi& api, void* key, const std::string& text) {
  const Key context(api.EVP_MD_CTX_new(), api.EVP_MD_CTX_free);
  unsigned char raw[kSignatureBytes];
  size_t bytes = sizeof raw;
  if (!context || api.EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) != 1 ||
      api.EVP_DigestSign(context.get(), raw, &bytes, bytes_of(text), text.size()) != 1 || bytes != sizeof raw) {
    return make_error(Code::kInternal, "signatures: libcrypto made no signature; report this");
  }
  return public_hex(api, key) + " " + hex(raw, bytes);
}

// Puts `value` at the place of `old` in the manifest of the engine's bytes and makes the checksums right.
Status replace_in_manifest(std::string& bytes, size_t begin, std::string_view old, const std::string& value) {
  FileHeader header;
  std::memcpy(&header, bytes.data() + begin, sizeof header);
  const size_t table = begin + sizeof header, table_bytes = header.section_count * sizeof(SectionEntry);
  for (uint32_t i = 0; i < header.section_count; ++i) {
    SectionEntry entry;
    char* const place = bytes.data() + table + i * sizeof entry;
    std::memcpy(&entry, place, sizeof entry);
    if (entry.kind != static_cast<uint32_t>(Section::kManifest)) continue;
    char* const section = bytes.data() + begin + entry.offset;
    const size_t at = std::string_view(section, entry.bytes).find(old);
    if (at == std::string_view::npos) break;
    std::memcpy(section + at, value.data(), value.size());
    entry.hash = hash_bytes(section, entry.bytes);
    std::memcpy(place, &entry, sizeof entry);
    header.header_hash = 0;
    std::memcpy(bytes.data() + begin, &header, sizeof header);
    header.header_hash = hash_bytes(bytes.data() + begin, sizeof header + table_bytes);
    std::memcpy(bytes.data() + begin, &header, sizeof header);
    return ok_status();
  }
  return make_error(Code::kInternal, "the manifest's signature was not found again; report this");
}

}  // namespace

std::pair<std::string, std::string> signature_place() { return {kPlaceName, std::string(kPlaceLength, '0')}; }

bool has_code(const plan::Plan& plan) {
  for (const plan::Region& region : plan.regions) {
    for (const plan::Step& step : region.steps) {
      if (step.code >= 0) return true;
    }
  }
  return false;
}

bool has_code(const EngineFile& file) {
  for (size_t p = 0; p < file.profile_count(); ++p) {
    if (has_code(file.plan(p))) return true;
  }
  return false;
}

Status sign_engine(const std::string& path, const std::string& private_key_path, const std::string& out_path) {
  SINTER_ASSIGN(const CryptoApi* api, crypto());
  SINTER_ASSIGN(const Key key, read_key(*api, private_key_path, /*is_private=*/true));
  SINTER_ASSIGN(std::string bytes, read_file(path));
  SINTER_ASSIGN(const auto file, EngineFile::open(path, Verify::kFull));
  const std::string_view place = place_of(*file);
  if (!has_code(*file) || place.empty()) {
    return make_error(Code::kUnsupported, "engine '{}': it has no device code, or was built by a Sinter that left no place for a signature; there is nothing to "
                      "sign, or build it again", path);
  }
  SINTER_ASSIGN(const std::string text, statement(*api, *file));
  SINTER_ASSIGN(const std::string value, make_signature(*api, key.get(), text));
  const size_t begin = bytes.find(std::string_view(kMagic, sizeof kMagic));
  SINTER_TRY(replace_in_manifest(bytes, begin, place, value));
  return write_file(out_path, bytes);
}

Status check_signature(const EngineFile& file, std::span<const std::string> public_key_paths) {
  const std::string_view place = place_of(file);
  const bool is_signed = !place.empty() && place.find_first_not_of("0") != place.npos;
  if (!is_signed) return make_error(Code::kTargetMismatch, "it is not signed");
  const std::string signer(place.substr(0, 2 * kKeyBytes));
  if (public_key_paths.empty()) return make_error(Code::kTargetMismatch, "it is signed by the key {}, and no key is trusted", signer.substr(0, 16));
  SINTER_ASSIGN(const CryptoApi* api, crypto());
  for (const std::string& path : public_key_paths) {
    SINTER_ASSIGN(const Key key, read_key(*api, path, /*is_private=*/false));
    if (public_hex(*api, key.get()) != signer) continue;
    SINTER_ASSIGN(const std::string text, statement(*api, file));
    const std::string signature = unhex(place.substr(2 * kKeyBytes + 1));
    const Key context(api->EVP_MD_CTX_new(), api->EVP_MD_CTX_free);
    if (context && api->EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
        api->EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1) {
      return ok_status();
    }
    return make_error(Code::kTargetMismatch, "its signature by the key {} does not fit: the code was changed after signing", signer.substr(0, 16));
  }
  return make_error(Code::kTargetMismatch, "it is signed by the key {}, which is none of the {} trusted", signer.substr(0, 16), public_key_paths.size());
}

}  // namespace sinter::engine
