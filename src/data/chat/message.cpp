#include "data/chat/message.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"

namespace slm {
namespace {

using Json = nlohmann::json;

constexpr Role kRoles[] = {Role::kSystem, Role::kUser, Role::kAssistant};

const std::string& text_of(const Json& message, const char* key, const std::string& origin) {
  const auto found = message.find(key);
  if (found == message.end()) {
    fail(ExitCode::kData, "{}: the key \"{}\" is missing; expected {{\"role\": ..., \"content\": ...}}", origin, key);
  }
  if (!found->is_string()) {
    fail(ExitCode::kData, "{}.{}: found {}, expected text", origin, key, found->type_name());
  }
  return found->get_ref<const std::string&>();
}

Role parse_role(const std::string& name, const std::string& origin) {
  for (const Role role : kRoles) {
    if (name == name_of(role)) return role;
  }
  fail(ExitCode::kData, "{}.role: found {}, expected system, user or assistant", origin, quote_json(name));
}

Message parse_message(const Json& json, const std::string& origin) {
  if (!json.is_object()) {
    fail(ExitCode::kData, "{}: found {}, expected {{\"role\": ..., \"content\": ...}}", origin, json.type_name());
  }
  for (const auto& [key, value] : json.items()) {
    if (key == "role" || key == "content") continue;
    fail(ExitCode::kData, "{}: unknown key {}; expected role and content alone", origin, quote_json(key));
  }
  Message message{parse_role(text_of(json, "role", origin), origin), text_of(json, "content", origin)};
  if (message.content.empty()) fail(ExitCode::kData, "{}.content: empty; expected text", origin);
  return message;
}

// What may stand behind `before`.
Role expected_after(const Conversation& before) {
  return before.empty() || before.back().role != Role::kUser ? Role::kUser : Role::kAssistant;
}

void check_turn(Role role, const Conversation& before, const std::string& origin) {
  const Role expected = expected_after(before);
  if (role == expected || (role == Role::kSystem && before.empty())) return;
  fail(ExitCode::kData,
       "{}.role: found {}, expected {}; a conversation is a system message or none, then user and assistant in turns",
       origin, name_of(role), name_of(expected));
}

}  // namespace

std::string_view name_of(Role role) {
  if (role == Role::kSystem) return "system";
  return role == Role::kUser ? "user" : "assistant";
}

Conversation parse_conversation(const Json& json, const std::string& origin) {
  const auto found = json.is_object() ? json.find("messages") : json.end();
  if (found == json.end()) {
    fail(ExitCode::kData, "{}: the key \"messages\" is missing; expected {{\"messages\": [...]}}", origin);
  }
  if (!found->is_array() || found->empty()) {
    fail(ExitCode::kData, "{}: messages: found {}, expected a list of messages", origin,
         found->is_array() ? "an empty list" : found->type_name());
  }
  Conversation conversation;
  for (const Json& json_message : *found) {
    const std::string place = fmt::format("{}: messages[{}]", origin, conversation.size());
    Message message = parse_message(json_message, place);
    check_turn(message.role, conversation, place);
    conversation.push_back(std::move(message));
  }
  if (conversation.back().role != Role::kAssistant) {
    fail(ExitCode::kData,
         "{}: messages: the last one is {}'s, so nothing answers it; the loss is on the assistant's messages, which "
         "come "
         "last",
         origin, name_of(conversation.back().role));
  }
  return conversation;
}

nlohmann::ordered_json conversation_json(const Conversation& conversation) {
  auto messages = nlohmann::ordered_json::array();
  for (const auto& [role, content] : conversation) messages.push_back({{"role", name_of(role)}, {"content", content}});
  return {{"messages", std::move(messages)}};
}

}  // namespace slm
