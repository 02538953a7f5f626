// Numbers of an inspection as words, the same in a terminal and on a page.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/inspection.h"

namespace slm {

/// "as if int4 per_group 64 weight_only, method rtn": how the model is quantized; not of a float one.
std::string scheme_line(const Inspection& inspection);

/// "19.8", or "exact" where nothing differs.
std::string decibels(double sqnr_db);

/// "0.02 %" of a share; "<0.01 %" of one that is not 0.
std::string percentage(double share);

/// "int4 g64" for a narrow column, "float" where there is none.
std::string compact_scheme(const LayerReport& layer);

/// "128x512"
std::string shape_words(const LayerReport& layer);

/// "-7, 3..5 and 12 more"; "none" of none. `codes` rise.
std::string ranges_of(const std::vector<int>& codes);

/// The codes that bin `bin` of `bins` joins; counts of equally many codes are joined where there are more than `most`.
struct CodeBin {
  int first = 0, last = 0;
  int64_t count = 0;

  std::string label() const;  // "-7", "-127..-113"
};
std::vector<CodeBin> code_bins(const CodeCounts& codes, size_t most);

/// A line for each thing that is to say of a model as a whole: what it was made from, totals, what is left float, and
/// the quality where it is known.
std::vector<std::string> summary_lines(const Inspection& inspection);

}  // namespace slm
