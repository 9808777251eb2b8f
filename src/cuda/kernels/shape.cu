// Shape and Size: writes numbers that the host knows. One block.
#include "device.h"

struct Numbers {
  i64 count;
  i64 at[8];
};

SINTER_KERNEL(shape, 32, (i64* to, const Numbers numbers)) {
  after_previous();
  if (thread_x() < numbers.count) to[thread_x()] = numbers.at[thread_x()];
}
