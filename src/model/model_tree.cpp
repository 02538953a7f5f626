#include "model/model_tree.h"

#include <fmt/format.h>

#include <sstream>
#include <vector>

namespace slm {
namespace {

struct Node {
  std::string name;  // of the module in its parent
  std::string text;  // its own line and those below it, without the name
};

std::string own_line(const torch::nn::Module& module) {
  std::ostringstream line;
  module.pretty_print(line);
  constexpr std::string_view kNamespace = "slm::";  // LibTorch names a module after its class
  const auto text = line.str();
  return text.starts_with(kNamespace) ? text.substr(kNamespace.size()) : text;
}

bool is_numbered(const Node& node) { return node.name.find_first_not_of("0123456789") == std::string::npos; }

// Neighbours in a list that print alike become one.
std::string joined(const std::vector<Node>& nodes, int depth) {
  std::string text;
  for (size_t i = 0; i < nodes.size();) {
    size_t end = i + 1;
    while (end < nodes.size() && is_numbered(nodes[i]) && nodes[end].text == nodes[i].text) ++end;
    const auto indent = std::string(2 * static_cast<size_t>(depth), ' ');
    text += end - i == 1
                ? fmt::format("{}{}: {}", indent, nodes[i].name, nodes[i].text)
                : fmt::format("{}{}-{}: {} x {}", indent, nodes[i].name, nodes[end - 1].name, end - i, nodes[i].text);
    i = end;
  }
  return text;
}

std::string subtree(const torch::nn::Module& module, int depth) {
  const auto children = module.named_children();
  std::vector<Node> nodes;
  for (const auto& child : children) nodes.push_back({child.key(), subtree(*child.value(), depth + 1)});
  return own_line(module) + "\n" + joined(nodes, depth + 1);
}

}  // namespace

std::string model_tree(const Transformer& model) {
  const auto tied = model.config().tie_embeddings ? "  lm_head: the weight of model.embed_tokens\n" : "";
  return subtree(model, 0) + tied;
}

}  // namespace slm
