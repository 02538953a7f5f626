// Memory of this process and of the machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace slm {

/// Bytes that are resident now; 0 where the system does not tell.
int64_t resident_bytes();
/// The most that was resident since the process began, or since forget_peak.
int64_t peak_resident_bytes();
/// Has no effect where the system cannot do it.
void forget_peak();
/// Bytes that the machine can still give without swapping; 0 where the system does not tell.
int64_t available_bytes();

/// Gives the system back what lies in the whole pages between `begin` and `begin + bytes`. The range stays usable: a
/// mapped file is read again, in other memory zeros stand in the place of what was there.
void discard_pages(void* begin, size_t bytes);

/// From now on memory that is freed goes back to the system, but for small pieces: what the heap keeps now, and blocks
/// of 1 MiB and more as soon as they are free. Costs time where such blocks come and go.
void return_freed_memory();

}  // namespace slm
