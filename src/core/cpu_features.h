// What the processor can do, as far as a choice of kernels depends on it.
#pragma once

namespace slm {

/// x86-64 with AVX-512 (foundation), of Intel or of another maker.
bool has_avx512();
bool made_by_intel();

/// Whether it multiplies bfloat16 numbers (AVX-512 BF16, which every processor with AMX has as well).
bool multiplies_bfloat16();

/// Whether it multiplies bytes and adds up the products in 32 bits (VNNI), and whether it does so in tiles (AMX).
bool multiplies_int8();
bool multiplies_int8_in_tiles();

}  // namespace slm
