// Conversations: what a line of a .jsonl file with `messages` holds.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slm {

enum class Role { kSystem, kUser, kAssistant };

/// system, user or assistant
std::string_view name_of(Role role);

struct Message {
  Role role = Role::kUser;
  std::string content;

  bool operator==(const Message&) const = default;
};

/// A system message or none, then user and assistant in turns, the assistant last.
using Conversation = std::vector<Message>;

/// The messages of {"messages": [{"role": ..., "content": ...}, ...]}; other keys beside `messages` are passed over.
/// Error (kData) that begins with `origin` (file:line) and names the message, where the messages are missing or not of
/// that form and order, a role is unknown, a content is empty or no text, or a message has another key.
Conversation parse_conversation(const nlohmann::json& json, const std::string& origin);

/// The reverse.
nlohmann::ordered_json conversation_json(const Conversation& conversation);

}  // namespace slm
