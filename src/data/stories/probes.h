// Questions that only one answer fits, to see which ability a model has, and which one it loses when it is quantized.
#pragma once

#include <string>
#include <vector>

namespace slm::stories {

/// A place in a story of its own seed where the grammar allows `correct` and no `wrong`. A model gets it right if it
/// gives `correct` a higher probability than every `wrong` as the continuation of `context`. All of them have equally
/// many characters (shorter ones are filled up with what follows in the story).
struct Probe {
  std::string ability;  // recall, agreement, counting or closing
  std::string context;  // begins with a sentence; holds everything that the answer depends on
  std::string correct;
  std::vector<std::string> wrong;
  std::string story;  // the whole story up to the end of `context`
};

inline constexpr size_t kProbesPerAbility = 50;
inline constexpr size_t kProbeContextBytes = 110;  // at most; context and answer fit into a window of 128 characters

/// All probes, the abilities one behind the other; always the same.
///   recall     whose name it is: two characters with names of one length are about
///   agreement  was or were, sings or sing, with another noun before the verb
///   counting   the number after one came or went
///   closing    whether a quote is open after an exclamation mark; in half of the probes none is
std::vector<Probe> make_probes();

}  // namespace slm::stories
