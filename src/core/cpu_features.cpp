#include "core/cpu_features.h"

namespace slm {

#if defined(__x86_64__)
bool has_avx512() { return __builtin_cpu_supports("avx512f") != 0; }
bool made_by_intel() { return __builtin_cpu_is("intel") != 0; }
bool multiplies_bfloat16() { return __builtin_cpu_supports("avx512bf16") != 0; }
bool multiplies_int8() { return __builtin_cpu_supports("avx512vnni") != 0 || __builtin_cpu_supports("avxvnni") != 0; }
bool multiplies_int8_in_tiles() { return multiplies_int8() && __builtin_cpu_supports("amx-int8") != 0; }
#else
bool has_avx512() { return false; }
bool made_by_intel() { return false; }
bool multiplies_bfloat16() { return false; }
bool multiplies_int8() { return false; }
bool multiplies_int8_in_tiles() { return false; }
#endif

}  // namespace slm
