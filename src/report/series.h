// A number over the steps of a run, and how it is thinned for drawing.
#pragma once

#include <cstddef>
#include <vector>

namespace slm {

struct Point {
  double step;
  double value;  // NaN where it was not finite
};

/// By rising step.
using Series = std::vector<Point>;

/// What is drawn at one place: neighbouring points together, from the lowest to the highest.
struct Bucket {
  double step;
  double low, mean, high;
};

/// Buckets that are joined by a line.
using Piece = std::vector<Bucket>;

/// A bucket for each point where there are at most `most` points, otherwise one for each of `most` equal stretches of
/// steps. A line ends where values are not finite (thinned: where all of a stretch are not).
std::vector<Piece> pieces_of(const Series& series, size_t most);

}  // namespace slm
