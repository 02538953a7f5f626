// Text in HTML.
#pragma once

#include <string>
#include <string_view>

namespace slm {

/// `text` as content or attribute value: & < > " ' are written as entities, control characters that HTML forbids and
/// bytes that are no UTF-8 as U+FFFD.
std::string html(std::string_view text);

}  // namespace slm
