// The thread interface of Sinter (design decision 17): a team of threads that runs a static partition of work.
//
// A kernel asks ThreadTeam::run(parts, fn) to run fn(part) for part in [0, parts), with parts usually size(). The calling
// thread works too, and does what no other thread has begun. run() allocates nothing, does not throw, and returns after every part is done. A team serves
// one caller at a time; contexts that run side by side each have their own.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace sinter {

class ThreadTeam {
 public:
  virtual ~ThreadTeam() = default;
  virtual int size() const = 0;

  template <typename Fn>
  void run(int parts, Fn&& fn) {
    if (parts <= 1) {
      if (parts == 1) fn(0);
      return;
    }
    run_erased(parts, [](void* f, int part) { (*static_cast<std::remove_reference_t<Fn>*>(f))(part); }, &fn);
  }

  // Splits [0, count) into at most size() ranges of nearly equal length (multiples of `grain` but for the last one) and
  // runs fn(begin, end) for each that is not empty.
  template <typename Fn>
  void split(int64_t count, int64_t grain, Fn&& fn) {
    if (count <= 0) return;
    const int64_t grains = (count + grain - 1) / grain;
    const int parts = static_cast<int>(grains < size() ? grains : size());
    run(parts, [&](int part) {
      const int64_t begin = grains * part / parts * grain;
      int64_t end = grains * (part + 1) / parts * grain;
      if (end > count) end = count;
      if (begin < end) fn(begin, end);
    });
  }

 protected:
  virtual void run_erased(int parts, void (*fn)(void*, int), void* arg) = 0;
};

// One thread: runs everything in the caller.
ThreadTeam& inline_team();

// A pool of size-1 workers that spin briefly and then sleep; the caller is the first of the team.
std::unique_ptr<ThreadTeam> make_thread_pool(int size);

}  // namespace sinter
