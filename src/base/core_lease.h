// Cores are leased from one budget of the process (design decision 17): contexts that run side by side queue, first come first served, instead of
// putting more busy threads on the machine than it has cores for.
#pragma once

namespace sinter {

class CoreLease {
 public:
  // Waits until `threads` of the cores this process may use are free (cpu_info().usable_cores; a larger team leases all of them, 0 takes nothing). A lease
  // inside a lease of the same thread takes nothing: a callback may run another context.
  explicit CoreLease(int threads);
  ~CoreLease();
  CoreLease(const CoreLease&) = delete;
  CoreLease& operator=(const CoreLease&) = delete;

 private:
  int cores_;
};

}  // namespace sinter
