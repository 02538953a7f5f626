// CRC-32C (Castagnoli), as iSCSI has it: RFC 3720, appendix B.4.
#pragma once

#include <cstdint>
#include <string_view>

namespace slm {

/// Of all the bytes; 0 of none.
uint32_t crc32c(std::string_view bytes);

}  // namespace slm
