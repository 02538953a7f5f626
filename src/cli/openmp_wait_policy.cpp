// How long LibTorch's OpenMP threads spin at a barrier before they sleep. libgomp's default is some milliseconds; where
// another process wants the same core, every barrier then waits for the spinning thread's time slice, and training is
// up to twenty times slower (docs/log.md has the figures). libgomp reads the setting from the environment when it is
// loaded, before main, so it has to stand there earlier: a function in .preinit_array runs before any library's
// constructors, and starts the program again with the variable set. That costs some milliseconds, once.
#include <unistd.h>

#include <array>
#include <climits>
#include <string_view>

namespace {

constexpr std::string_view kOwn = "GOMP_SPINCOUNT=";
constexpr std::string_view kStandard = "OMP_WAIT_POLICY=";
constexpr size_t kMostVariables = 4096;

// No allocation and no library state: nothing is initialized yet.
void choose_wait_policy(int, char** argv, char** environment) {
  static char setting[] = "GOMP_SPINCOUNT=2000";
  static std::array<char*, kMostVariables + 2> changed;
  static std::array<char, PATH_MAX> program;
  size_t count = 0;
  for (; environment[count]; ++count) {
    const std::string_view variable = environment[count];
    if (count == kMostVariables || variable.starts_with(kOwn) || variable.starts_with(kStandard)) return;
    changed[count] = environment[count];
  }
  changed[count] = setting;
  const auto length = readlink("/proc/self/exe", program.data(), program.size() - 1);
  if (length <= 0) return;
  execve(program.data(), argv, changed.data());  // returns only where it fails: then the default stays
}

[[gnu::section(".preinit_array"), gnu::used]] void (*const kBeforeEveryConstructor)(int, char**, char**) =
    choose_wait_policy;

}  // namespace
