// What every page of slm's is wrapped in.
#pragma once

#include <string>
#include <string_view>

namespace slm {

/// A whole HTML page, which holds everything that it shows, asks for nothing from anywhere and needs no script: its
/// policy forbids both. `html_…` stand on the page as they are.
std::string html_page(std::string_view title, std::string_view html_body, std::string_view html_footer);

}  // namespace slm
