#include "builder/packing.h"

#include <cstring>

namespace sinter::builder {
namespace {

constexpr int64_t kLeastElements = 4096;
constexpr uint32_t kNowhere = UINT32_MAX;

// Writes bits [8 * kBytes * part, …) of element number + 1 into every element: 0 stays the mark of padding.
void number_elements(Tensor& tensor, size_t bytes, int part) {
  auto* place = static_cast<uint8_t*>(tensor.raw());
  for (int64_t i = 0; i < tensor.count(); ++i, place += bytes) {
    const uint64_t bits = static_cast<uint64_t>(i + 1) >> (8 * bytes * static_cast<size_t>(part));
    std::memcpy(place, &bits, bytes);
  }
}

// Where each element of the constant lies in blob `which`; {} when prepare fails on numbers.
std::vector<uint32_t> places_of(const Tactic& tactic, const Problem& problem, const Offer& offer, std::span<const Tensor> constants, size_t input,
                                size_t which, size_t blob_bytes) {
  const Tensor& weight = constants[input];
  const auto bytes = static_cast<size_t>(dtype_bits(weight.dtype()) / 8);
  std::vector<Tensor> numbered(constants.begin(), constants.end());
  std::vector<uint64_t> number(blob_bytes / bytes, 0);
  const int parts = static_cast<int>((sizeof(uint32_t) + bytes - 1) / bytes);
  for (int part = 0; part < parts; ++part) {
    numbered[input] = Tensor(weight.dtype(), weight.dims());
    number_elements(numbered[input], bytes, part);
    const auto packed = tactic.prepare(problem, offer, numbered);
    if (!packed.ok() || packed->size() <= which || static_cast<size_t>((*packed)[which].bytes()) != blob_bytes) return {};
    const auto* place = static_cast<const uint8_t*>((*packed)[which].raw());
    for (uint64_t& bits : number) {
      uint64_t more = 0;
      std::memcpy(&more, place, bytes);
      bits |= more << (8 * bytes * static_cast<size_t>(part));
      place += bytes;
    }
  }
  std::vector<uint32_t> places(static_cast<size_t>(weight.count()), kNowhere);
  for (size_t i = 0; i < number.size(); ++i) {
    if (number[i] >= 1 && number[i] <= places.size() && places[number[i] - 1] == kNowhere) places[number[i] - 1] = static_cast<uint32_t>(i);
  }
  return places;
}

// Tables whose sums give every place; nullopt when there are none.
std::optional<std::vector<std::vector<int64_t>>> separate(const Dims& dims, const std::vector<uint32_t>& places) {
  std::vector<std::vector<int64_t>> tables(dims.size());
  int64_t stride = static_cast<int64_t>(places.size());
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    stride /= dims[axis];
    for (int64_t i = 0; i < dims[axis]; ++i) {
      const uint32_t place = places[static_cast<size_t>(i * stride)];
      if (place == kNowhere) return std::nullopt;
      // The first table holds the place of element 0 too.
      tables[axis].push_back(static_cast<int64_t>(place) - (axis == 0 ? 0 : static_cast<int64_t>(places[0])));
    }
  }
  return tables;
}

}  // namespace

std::optional<plan::PackedWeight> find_packing(const Tactic& tactic, const Problem& problem, const Offer& offer, std::span<const Tensor> constants,
                                               size_t input, std::span<const Tensor> blobs) {
  const Tensor& weight = constants[input];
  if (!weight.defined() || weight.count() < kLeastElements || weight.count() >= kNowhere || dtype_bits(weight.dtype()) % 8 != 0) return std::nullopt;
  for (size_t which = 0; which < blobs.size(); ++which) {
    const Tensor& blob = blobs[which];
    const auto blob_bytes = static_cast<size_t>(blob.bytes());
    if (blob.bytes() < weight.bytes() || blob.bytes() / (dtype_bits(weight.dtype()) / 8) >= kNowhere) continue;
    const std::vector<uint32_t> places = places_of(tactic, problem, offer, constants, input, which, blob_bytes);
    if (places.empty()) continue;
    auto tables = separate(weight.dims(), places);
    if (!tables) continue;
    plan::PackedWeight found{weight.dtype(), weight.dims(), static_cast<int32_t>(which), std::move(*tables)};
    const auto back = plan::unpack(found, blob);
    if (back.ok() && std::memcmp(back->raw(), weight.raw(), static_cast<size_t>(weight.bytes())) == 0) return found;
  }
  return std::nullopt;
}

}  // namespace sinter::builder
