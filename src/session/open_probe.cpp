#include "session/open_probe.h"

namespace sinter::session {

Result<AccuracyProbe> open_probe(const std::shared_ptr<const runtime::Engine>& reference, const CalibrateOptions& calibrate, const std::string& labels_file, int threads,
                                 int64_t most) {
  std::optional<data::Labels> labels;
  if (!labels_file.empty()) {
    SINTER_ASSIGN(labels, data::Labels::read(labels_file));
  }
  if (calibrate.data.empty()) {
    return make_error(Code::kInvalidArgument, "a target of accuracy: found no folder of samples, expected one to measure it on; give --data DIR");
  }
  std::optional<data::Preprocess> preprocess;
  if (!calibrate.preprocess.empty()) {
    SINTER_ASSIGN(preprocess, data::read_preprocess(calibrate.preprocess));
  }
  SINTER_ASSIGN(const auto specs, input_specs(*reference));
  SINTER_ASSIGN(const auto dataset, data::open_dataset(calibrate.data, specs, preprocess));
  data::SampleReader reader(*dataset);
  const auto next = [&]() -> Result<std::optional<NamedSample>> {
    SINTER_ASSIGN(auto sample, reader.next());
    if (!sample) return std::optional<NamedSample>();
    return std::optional<NamedSample>(NamedSample{dataset->name(reader.index()), std::move(*sample)});
  };
  return AccuracyProbe::make(reference, next, threads, most, labels ? &*labels : nullptr);
}

}  // namespace sinter::session
