// Two settings that libraries read from the environment when they are loaded, before main. A function in .preinit_array
// runs before any library's constructors; it starts the program again with what is missing, which costs some
// milliseconds, once. What a person has set stays. docs/log.md has the figures.
//
// GOMP_SPINCOUNT: how long LibTorch's OpenMP threads spin at a barrier before they sleep. libgomp's default is some
// milliseconds; where another process wants the same core, every barrier then waits for the spinning thread's time
// slice, and training is up to twenty times slower.
//
// GLIBC_TUNABLES: blocks of up to 32 MiB come from the heap, which keeps what is freed, and lie in huge pages. By
// default each tensor of more than 128 KiB is mapped and unmapped anew, and every page of it faults, in every step.
#include <unistd.h>

#include <array>
#include <climits>
#include <string_view>

namespace {

constexpr size_t kMostVariables = 4096;

bool is_set(char** environment, std::string_view name) {
  for (; *environment; ++environment) {
    if (std::string_view(*environment).starts_with(name)) return true;
  }
  return false;
}

// No allocation and no library state: nothing is initialized yet.
void complete_environment(int, char** argv, char** environment) {
  static char spin[] = "GOMP_SPINCOUNT=2000";
  static char malloc_settings[] =
      "GLIBC_TUNABLES=glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=17179869184:"
      "glibc.malloc.hugetlb=1";
  static std::array<char*, kMostVariables + 3> completed;
  static std::array<char, PATH_MAX> program;
  size_t count = 0;
  if (!is_set(environment, "GOMP_SPINCOUNT=") && !is_set(environment, "OMP_WAIT_POLICY=")) completed[count++] = spin;
  if (!is_set(environment, "GLIBC_TUNABLES=")) completed[count++] = malloc_settings;
  if (count == 0) return;
  for (size_t i = 0; environment[i]; ++i) {
    if (i == kMostVariables) return;
    completed[count++] = environment[i];
  }
  if (readlink("/proc/self/exe", program.data(), program.size() - 1) <= 0) return;
  execve(program.data(), argv, completed.data());  // returns only where it fails: then the defaults stay
}

[[gnu::section(".preinit_array"), gnu::used]] void (*const kBeforeEveryConstructor)(int, char**,
                                                                                    char**) = complete_environment;

}  // namespace
