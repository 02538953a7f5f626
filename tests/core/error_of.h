// What an action throws, for tests of messages.
#pragma once

#include <optional>
#include <string>

#include "core/error.h"

namespace slm {

/// The Error that `action` throws, or nullopt; anything else passes through.
template <typename Action>
std::optional<Error> error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

/// The message of the Error that `action` throws, or "no error".
template <typename Action>
std::string message_of(Action&& action) {
  const auto error = error_of(action);
  return error ? error->what() : "no error";
}

}  // namespace slm
