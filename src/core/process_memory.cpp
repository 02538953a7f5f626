#include "core/process_memory.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace slm {

int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0, resident = 0;
  if (!(statm >> total >> resident)) return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

int64_t peak_resident_bytes() {
  rusage usage{};
  return getrusage(RUSAGE_SELF, &usage) == 0 ? int64_t{usage.ru_maxrss} * 1024 : 0;
}

void forget_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";  // proc(5): resets the "high water mark" of the resident set
}

int64_t available_bytes() {
  std::ifstream meminfo("/proc/meminfo");
  std::string line;
  constexpr std::string_view kKey = "MemAvailable:";
  while (std::getline(meminfo, line)) {
    if (line.starts_with(kKey)) return std::stoll(line.substr(kKey.size())) * 1024;
  }
  return 0;
}

void discard_pages(void* begin, size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t before = (page - reinterpret_cast<uintptr_t>(begin) % page) % page;  // of a page that began earlier
  if (bytes < before + page) return;
  // Where the system cannot do it, the memory is only kept longer.
  madvise(static_cast<std::byte*>(begin) + before, (bytes - before) / page * page, MADV_DONTNEED);
}

void return_freed_memory() {
  constexpr int kMapped = 1 << 20;
  mallopt(M_MMAP_THRESHOLD, kMapped);
  malloc_trim(0);
}

}  // namespace slm
