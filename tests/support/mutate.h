// Mutator: a deterministic stream of damaged copies of good files, for readers of bytes. The same seeds and seed number
// give the same stream on every machine, so that a failure is replayed by its number.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace sinter::test {

class Mutator {
 public:
  // `seeds`: good files, not empty.
  Mutator(std::vector<std::string> seeds, uint64_t seed) : seeds_(std::move(seeds)), seed_(seed) {}

  struct Mutation {
    std::string bytes;
    std::string what;  // for messages: "seed 2: cut to 117 bytes"
  };

  // Mutation `number` of the stream; any order, no state.
  Mutation at(uint64_t number) {
    state_ = seed_ * 0x9e3779b97f4a7c15u + number;
    const size_t seed = random(seeds_.size());
    Mutation mutation{seeds_[seed], "seed " + std::to_string(seed)};
    const size_t times = random(4) == 0 ? 1 + random(8) : 1;
    for (size_t i = 0; i < times; ++i) change(mutation);
    return mutation;
  }

 private:
  // splitmix64: small, and the same everywhere (the standard library's distributions are not).
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  size_t random(size_t bound) { return bound == 0 ? 0 : static_cast<size_t>(next() % bound); }

  void note(Mutation& mutation, const char* what, size_t at) {
    mutation.what += std::string(": ") + what + " at " + std::to_string(at);
  }

  void change(Mutation& mutation) {
    static constexpr uint64_t kHostile[] = {0,
                                            1,
                                            0x7f,
                                            0x80,
                                            0xff,
                                            0xffff,
                                            0x7fffffff,
                                            0x80000000,
                                            0xffffffff,
                                            0x7fffffffffffffff,
                                            0x8000000000000000,
                                            0xffffffffffffffff,
                                            0x4000000000000000};
    std::string& bytes = mutation.bytes;
    const size_t at = random(bytes.size());
    switch (random(9)) {
      case 0:
        note(mutation, "cut", at);
        bytes.resize(at);
        break;
      case 1:
      case 2:
        if (bytes.empty()) break;
        note(mutation, "bit flipped", at);
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random(8)));
        break;
      case 3:
        if (bytes.empty()) break;
        note(mutation, "byte set", at);
        bytes[at] = static_cast<char>(kHostile[random(5)]);
        break;
      case 4: {
        note(mutation, "number overwritten", at);
        const uint64_t value = kHostile[random(std::size(kHostile))];
        const size_t width = size_t{1} << random(4);
        for (size_t i = 0; i < width && at + i < bytes.size(); ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
        break;
      }
      case 5: {
        note(mutation, "varint inserted", at);
        std::string varint;
        for (uint64_t value = kHostile[random(std::size(kHostile))];; value >>= 7) {
          varint += static_cast<char>(value > 0x7f ? (value & 0x7f) | 0x80 : value);
          if (value <= 0x7f) break;
        }
        bytes.replace(at, std::min<size_t>(1, bytes.size() - at), varint);
        break;
      }
      case 6: {
        note(mutation, "piece removed", at);
        bytes.erase(at, 1 + random(16));
        break;
      }
      case 7: {
        const size_t length = 1 + random(64);
        note(mutation, "piece doubled", at);
        bytes.insert(random(bytes.size()), bytes.substr(at, length));
        break;
      }
      default: {
        const std::string& other = seeds_[random(seeds_.size())];
        note(mutation, "tail of another file", at);
        bytes = bytes.substr(0, at) + other.substr(random(other.size()));
        break;
      }
    }
  }

  std::vector<std::string> seeds_;
  uint64_t seed_;
  uint64_t state_ = 0;
};

}  // namespace sinter::test
