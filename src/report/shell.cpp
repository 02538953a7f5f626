#include "report/shell.h"

#include <fmt/format.h>

#include "report/html.h"
#include "report/style.h"

namespace slm {

std::string html_page(std::string_view title, std::string_view html_body, std::string_view html_footer) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src "
      "data:\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}"
      "<footer>{}</footer>\n</body>\n</html>\n",
      html(title), kReportStyle, html_body, html_footer);
}

}  // namespace slm
