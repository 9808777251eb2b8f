#include "onednn/team.h"

#include <omp.h>

namespace sinter::onednn {
namespace {

class OpenMpTeam final : public ThreadTeam {
 public:
  explicit OpenMpTeam(int size) : size_(size) {}
  int size() const override { return size_; }

 protected:
  void run_erased(int parts, void (*fn)(void*, int), void* arg) override {
#pragma omp parallel num_threads(size_)
    {
      // OpenMP may give fewer threads than asked for.
      for (int part = omp_get_thread_num(); part < parts; part += omp_get_num_threads()) fn(arg, part);
    }
  }

 private:
  const int size_;
};

}  // namespace

std::unique_ptr<ThreadTeam> make_openmp_team(int size) { return std::make_unique<OpenMpTeam>(size); }

}  // namespace sinter::onednn
