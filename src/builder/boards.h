// Boards that engines are built for on another machine, from a list (boards.def), and what their work is estimated to
// take.
#pragma once

#include <string>
#include <vector>

#include "tactic/device.h"
#include "tactic/tactic.h"

namespace sinter::builder {

struct Board {
  std::string name, gpu, text;  // "orin-nano-8gb", "Orin" as the driver says, in words
  int64_t total = 0, system = 0, desktop = 0, cuda = 0, runtime = 0;  // bytes of memory, and who takes them
  DeviceSpec spec;
  double gpu_mhz = 0, bandwidth = 0;  // bytes a second
  int cores = 1;
  double core_mhz = 0;
};

const std::vector<Board>& boards();
// A name of the list, or the part of it before the memory's size ("orin-nano"): the first such.
Result<const Board*> find_board(const std::string& name);

// The board's GPU for the builder: it says what it is, and can do nothing. One object a board, for the whole process.
Device* target_device(const Board& board);

// Microseconds of an offer on the board by its peaks: the larger of arithmetic and of bytes moved. `rank`: its place
// among the offers of its tactic, which come with the most promising first. Tells tactics apart, not tiles of a
// percent.
double estimate_us(const Board& board, const Problem& problem, const Tactic& tactic, const Offer& offer, size_t rank);

}  // namespace sinter::builder
