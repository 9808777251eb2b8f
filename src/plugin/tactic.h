// The kernels of plugins as a tactic: for every node of a plugin's operator whose sizes follow from the model's inputs.
#pragma once

#include "plugin/library.h"
#include "tactic/tactic.h"

namespace sinter::plugin {

class PluginTactic final : public Tactic {
 public:
  PluginTactic(const char* id, int version, DeviceKind device) : id_(id), version_(version), device_(device) {}
  std::string_view id() const override { return id_; }
  int version() const override { return version_; }
  DeviceKind device() const override { return device_; }
  // The offer's config is the plugin's name and version: another version is other work.
  void query(const Problem& problem, Answer& answer) const override;
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override;

 private:
  const char* id_;
  int version_;
  DeviceKind device_;
};

}  // namespace sinter::plugin
