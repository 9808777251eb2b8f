// The tiles of AMX over emulated registers (emulated_amx_vnni.cpp); entered only with AVX-512 VNNI.
#pragma once

#include <atomic>
#include <cstdint>

#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {

// AVX-512 VNNI's, with the tiles of AMX.
KernelTable emulated_amx_table();
extern std::atomic<int64_t> emulated_faults;    // uses of registers that the processor would refuse
extern std::atomic<int64_t> emulated_products;  // of two registers

}  // namespace sinter::cpu
