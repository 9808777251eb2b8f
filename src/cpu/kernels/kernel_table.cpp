#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {

KernelTable make_kernel_table_portable();
void add_byte_tiles_portable(KernelTable& table);
#if defined(__x86_64__)
void add_byte_tiles_avx2(KernelTable& table);
void add_byte_tiles_avxvnni(KernelTable& table);
void add_byte_tiles_vnni(KernelTable& table);
void add_matrix_tiles_amx(KernelTable& table);
KernelTable make_kernel_table_avx2();
KernelTable make_kernel_table_avx512();
#elif defined(__aarch64__)
void add_byte_tiles_dotprod(KernelTable& table);
#endif

namespace {

KernelTable with_bytes(KernelTable table, void (*add)(KernelTable&)) {
  add(table);
  return table;
}

const KernelTable* emulated_amx = nullptr;

}  // namespace

void emulate_amx(const KernelTable& table) { emulated_amx = &table; }

const KernelTable& kernel_table(Isa isa) {
  if (isa == Isa::kAmx && emulated_amx != nullptr) return *emulated_amx;
#if defined(__x86_64__)
  if (isa >= Isa::kAmx) {
    static const KernelTable amx = with_bytes(kernel_table(Isa::kAvx512Vnni), &add_matrix_tiles_amx);
    return amx;
  }
  if (isa >= Isa::kAvx512Vnni) {
    static const KernelTable vnni = with_bytes(make_kernel_table_avx512(), &add_byte_tiles_vnni);
    return vnni;
  }
  if (isa >= Isa::kAvx512) {
    static const KernelTable avx512 = with_bytes(make_kernel_table_avx512(), &add_byte_tiles_avx2);
    return avx512;
  }
  if (isa >= Isa::kAvx2) {
    static const KernelTable avx2 = with_bytes(make_kernel_table_avx2(), cpu_info().avx_vnni ? &add_byte_tiles_avxvnni : &add_byte_tiles_avx2);
    return avx2;
  }
#elif defined(__aarch64__)
  if (isa == Isa::kDotprod) {
    static const KernelTable dotprod = with_bytes(make_kernel_table_portable(), &add_byte_tiles_dotprod);
    return dotprod;
  }
#else
  (void)isa;
#endif
  static const KernelTable portable = with_bytes(make_kernel_table_portable(), &add_byte_tiles_portable);
  return portable;
}

}  // namespace sinter::cpu
