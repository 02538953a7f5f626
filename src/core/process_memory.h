// Memory of this process and of the machine.
#pragma once

#include <cstdint>

namespace slm {

/// Bytes that are resident now; 0 where the system does not tell.
int64_t resident_bytes();
/// The most that was ever resident.
int64_t peak_resident_bytes();
/// Bytes that the machine can still give without swapping; 0 where the system does not tell.
int64_t available_bytes();

}  // namespace slm
