// Collector: a watcher that counts the values of every named tensor of a run.
#pragma once

#include <map>
#include <set>

#include "quant/histogram.h"
#include "runtime/context.h"

namespace sinter::session {

class Collector : public runtime::StepWatcher {
 public:
  // Floating tensors whose values are counted once a run, whatever the layout; values in several layouts count once.
  Status after(runtime::StepView& view) override;
  Status add_input(const std::string& name, const Tensor& tensor);
  // Names the samples of the coming run, for messages.
  void set_sample(std::string name) { sample_ = std::move(name); }

  struct Entry {
    std::vector<std::string> names;
    quant::Histogram histogram;
  };
  // By the first of a value's names.
  const std::map<std::string, Entry>& entries() const { return entries_; }
  std::map<std::string, Entry>& entries() { return entries_; }

 private:
  Status check(const Entry& entry, int64_t nans_before) const;
  Entry* entry_of(const plan::Region& region, const plan::PlanValue& value, size_t index);
  std::map<std::string, Entry> entries_;
  std::map<const plan::Region*, std::vector<std::optional<Entry*>>> known_;  // by value; null: not counted
  std::set<std::pair<const plan::Region*, std::string>> claimed_;
  std::set<std::string> inputs_;
  std::vector<float> wide_;
  std::string sample_;
};

}  // namespace sinter::session
