#include "data/bpe/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <new>
#include <utility>

#include "core/error.h"

namespace slm {
namespace {

std::string describe(int error) {
  PCRE2_UCHAR8 text[200];
  pcre2_get_error_message_8(error, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

template <class T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* pointer) const { kFree(pointer); }
};
template <class T, void (*kFree)(T*)>
using Owned = std::unique_ptr<T, Freed<T, kFree>>;

template <class T>
T* checked(T* pointer) {
  if (!pointer) throw std::bad_alloc();
  return pointer;
}

// What a thread needs to match, whatever the pattern.
struct Workspace {
  // Grows to its largest only under patterns that nest deeply.
  static constexpr size_t kStackBytes = 32 << 10, kLargestStackBytes = 16 << 20;
  static constexpr uint32_t kInterpreterKilobytes = 256 << 10;

  Owned<pcre2_match_data_8, pcre2_match_data_free_8> data{checked(pcre2_match_data_create_8(1, nullptr))};
  Owned<pcre2_jit_stack_8, pcre2_jit_stack_free_8> stack{
      checked(pcre2_jit_stack_create_8(kStackBytes, kLargestStackBytes, nullptr))};
  Owned<pcre2_match_context_8, pcre2_match_context_free_8> context{checked(pcre2_match_context_create_8(nullptr))};

  Workspace() {
    pcre2_jit_stack_assign_8(context.get(), nullptr, stack.get());
    pcre2_set_heap_limit_8(context.get(), kInterpreterKilobytes);
  }
};

pcre2_code_8* compile(const std::string& pattern, const std::string& where) {
  const Owned<pcre2_compile_context_8, pcre2_compile_context_free_8> context(
      checked(pcre2_compile_context_create_8(nullptr)));
  pcre2_set_newline_8(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  // Oniguruma's ^ and $ are those of lines.
  pcre2_code_8* code =
      pcre2_compile_8(reinterpret_cast<PCRE2_SPTR8>(pattern.data()), pattern.size(),
                      PCRE2_UTF | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &offset, context.get());
  if (!code) fail(ExitCode::kData, "{}: not a pattern that slm can use: {}", where, describe(error));
  pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE);  // where there is no JIT, the interpreter matches
  return code;
}

}  // namespace

Pattern::Pattern(std::string_view pattern, std::string where)
    : where_(std::move(where)), code_(compile(to_pcre2(pattern, where_), where_), pcre2_code_free_8) {}

std::optional<Pattern::Match> Pattern::find(std::string_view text, size_t from) const {
  thread_local const Workspace workspace;
  const auto match = [&](uint32_t options) {
    return pcre2_match_8(code_.get(), reinterpret_cast<PCRE2_SPTR8>(text.data()), text.size(), from,
                         PCRE2_NO_UTF_CHECK | options, workspace.data.get(), workspace.context.get());
  };
  int result = match(0);
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = match(PCRE2_NO_JIT);
  if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (result < 0) {
    fail(ExitCode::kData, "{}: gave up on a text of {} bytes: {}; simplify the pattern", where_, text.size(),
         describe(result));
  }
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer_8(workspace.data.get());
  return Match{ends[0], ends[1]};
}

}  // namespace slm
