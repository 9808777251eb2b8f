#include "session/feed.h"

#include <algorithm>
#include <cstring>

#include "runtime/split.h"

namespace sinter::session {
namespace {

Tensor stack(const std::vector<Tensor>& parts, size_t rows) {
  Dims dims = parts[0].dims();
  dims[0] = static_cast<int64_t>(rows);
  Tensor whole(parts[0].dtype(), std::move(dims));
  const size_t bytes = static_cast<size_t>(parts[0].bytes());
  for (size_t row = 0; row < rows; ++row) std::memcpy(whole.data<uint8_t>() + row * bytes, parts[std::min(row, parts.size() - 1)].raw(), bytes);
  return whole;
}

}  // namespace

Result<std::vector<data::InputSpec>> input_specs(const runtime::Engine& engine) {
  std::vector<data::InputSpec> specs;
  for (const engine::IoInfo& input : engine.inputs()) {
    if (!input.type.is_tensor()) {
      return make_error(Code::kUnsupported, "input '{}' is {}, expected a tensor: a dataset can't feed it", input.name, input.type.to_string());
    }
    data::InputSpec spec{input.name, input.type.dtype, std::nullopt};
    if (input.type.shape) {
      spec.dims.emplace();
      for (const Dim& dim : *input.type.shape) spec.dims->push_back(dim.is_constant() ? dim.value() : -1);
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

SampleSource split_batches(const runtime::Engine& engine, SampleSource source) {
  const Dim* const leading = runtime::shared_leading_dim(engine);
  if (!leading) return source;
  struct Batch {
    std::vector<Tensor> tensors;
    size_t rows = 0, next = 0;
  };
  const int64_t own = leading->is_constant() ? leading->value() : -1;
  return [source = std::move(source), own, batch = std::make_shared<Batch>()](size_t inputs) -> Result<std::optional<std::vector<Tensor>>> {
    if (batch->next == batch->rows) {
      SINTER_ASSIGN(auto given, source(inputs));
      if (!given || given->empty() || (*given)[0].rank() == 0) return given;
      const int64_t rows = (*given)[0].dim(0);
      const bool same = std::all_of(given->begin(), given->end(), [&](const Tensor& tensor) {
        return tensor.rank() > 0 && tensor.dim(0) == rows && dtype_bits(tensor.dtype()) >= 8;
      });
      if (!same || rows <= 1 || rows == own) return given;
      *batch = {std::move(*given), static_cast<size_t>(rows), 0};
    }
    std::vector<Tensor> sample;
    for (const Tensor& tensor : batch->tensors) sample.push_back(row_of(tensor, batch->next, batch->rows).clone());
    ++batch->next;
    return std::optional<std::vector<Tensor>>(std::move(sample));
  };
}

Feeder::Feeder(const runtime::Engine& engine, SampleSource source, int64_t batch)
    : source_(std::move(source)), inputs_(engine.inputs().size()) {
  const Dim* const leading = runtime::shared_leading_dim(engine);
  if (!leading) return;
  if (leading->is_constant()) {
    group_ = leading->value();
    fixed_ = true;
    return;
  }
  group_ = std::max<int64_t>(1, batch);
  for (const plan::SymbolRange& symbol : engine.plan().symbols) {
    if (symbol.name != leading->symbol_name()) continue;
    group_ = std::clamp(group_, std::max<int64_t>(1, symbol.min), symbol.max);
    fixed_ = symbol.min > 1;
  }
}

bool Feeder::stackable(const std::vector<Tensor>& sample) const {
  return group_ > 1 && std::all_of(sample.begin(), sample.end(), [](const Tensor& tensor) {
           return tensor.rank() > 0 && tensor.dim(0) == 1 && dtype_bits(tensor.dtype()) % 8 == 0 && dtype_bits(tensor.dtype()) > 0;
         });
}

Result<std::optional<std::vector<Tensor>>> Feeder::take() {
  if (waiting_) {
    std::optional<std::vector<Tensor>> sample = std::move(waiting_);
    waiting_.reset();
    return sample;
  }
  return source_(inputs_);
}

Result<std::optional<Feed>> Feeder::next() {
  SINTER_ASSIGN(auto first, take());
  if (!first) return std::optional<Feed>();
  Feed feed;
  feed.samples = 1;
  if (!stackable(*first)) {
    for (Tensor& tensor : *first) feed.inputs.emplace_back(std::move(tensor));
    return std::optional<Feed>(std::move(feed));
  }
  std::vector<std::vector<Tensor>> columns(first->size());
  const auto fits = [&](const std::vector<Tensor>& sample) {
    for (size_t i = 0; i < columns.size(); ++i) {
      if (sample.size() != columns.size() || sample[i].dims() != columns[i][0].dims() || sample[i].dtype() != columns[i][0].dtype()) return false;
    }
    return true;
  };
  for (size_t i = 0; i < columns.size(); ++i) columns[i].push_back(std::move((*first)[i]));
  while (static_cast<int64_t>(feed.samples) < group_) {
    SINTER_ASSIGN(auto sample, take());
    if (!sample) break;
    if (!fits(*sample)) {
      waiting_ = std::move(sample);
      break;
    }
    for (size_t i = 0; i < columns.size(); ++i) columns[i].push_back(std::move((*sample)[i]));
    ++feed.samples;
  }
  feed.rows = fixed_ ? static_cast<size_t>(group_) : feed.samples;
  for (const std::vector<Tensor>& column : columns) feed.inputs.emplace_back(stack(column, feed.rows));
  return std::optional<Feed>(std::move(feed));
}

Tensor row_of(const Tensor& output, size_t row, size_t rows) {
  if (rows <= 1 || output.rank() == 0 || output.dim(0) != static_cast<int64_t>(rows) || dtype_bits(output.dtype()) % 8 != 0) return output;
  Dims dims = output.dims();
  dims[0] = 1;
  const int64_t bytes = output.bytes() / static_cast<int64_t>(rows);
  auto* data = const_cast<uint8_t*>(output.data<uint8_t>()) + static_cast<int64_t>(row) * bytes;
  return Tensor::view(output.dtype(), std::move(dims), data, output.owner());
}

}  // namespace sinter::session
