#include "onnx/node_order.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <unordered_map>

namespace sinter::onnx {
namespace {

void collect_graph_uses(const GraphProto& graph, NameSet& uses) {
  NameSet inner, local;
  for (const ValueInfoProto& input : graph.input()) local.insert(input.name());
  for (const TensorProto& initializer : graph.initializer()) local.insert(initializer.name());
  for (const SparseTensorProto& initializer : graph.sparse_initializer()) local.insert(initializer.values().name());
  for (const NodeProto& node : graph.node()) {
    collect_uses(node, inner);
    for (const std::string& output : node.output()) local.insert(output);
  }
  for (const ValueInfoProto& output : graph.output()) inner.insert(output.name());
  for (const std::string_view name : inner) {
    if (!local.count(name)) uses.insert(name);
  }
}

// Every node left over by the sort waits for another of them: following any one such dependency must come around.
std::vector<std::vector<int>> find_cycles(const std::vector<std::vector<int>>& needs, const std::vector<int>& waiting) {
  std::vector<std::vector<int>> cycles;
  std::vector<int> visit(needs.size(), 0);  // 0: not yet, k: in walk k
  int walk = 0;
  for (size_t start = 0; start < needs.size(); ++start) {
    if (waiting[start] == 0 || visit[start] != 0) continue;
    ++walk;
    std::vector<int> path;
    int node = static_cast<int>(start);
    while (node >= 0 && visit[static_cast<size_t>(node)] == 0) {
      visit[static_cast<size_t>(node)] = walk;
      path.push_back(node);
      int next = -1;
      for (const int need : needs[static_cast<size_t>(node)]) {
        if (waiting[static_cast<size_t>(need)] > 0) next = need;
      }
      node = next;
    }
    if (node >= 0 && visit[static_cast<size_t>(node)] == walk) {
      cycles.emplace_back(std::find(path.begin(), path.end(), node), path.end());
      std::reverse(cycles.back().begin(), cycles.back().end());
    }
  }
  return cycles;
}

}  // namespace

void collect_uses(const NodeProto& node, NameSet& uses) {
  for (const std::string& input : node.input()) {
    if (!input.empty()) uses.insert(input);
  }
  for (const AttributeProto& attribute : node.attribute()) {
    if (attribute.has_g()) collect_graph_uses(attribute.g(), uses);
    for (const GraphProto& graph : attribute.graphs()) collect_graph_uses(graph, uses);
  }
}

NodeOrder order_nodes(const NodeList& nodes) {
  const auto count = static_cast<size_t>(nodes.size());
  std::unordered_map<std::string_view, int> producer;
  for (int i = 0; i < nodes.size(); ++i) {
    for (const std::string& output : nodes[i].output()) {
      if (!output.empty()) producer.emplace(output, i);
    }
  }
  NodeOrder result;
  std::vector<std::vector<int>> needs(count), feeds(count);
  std::vector<int> waiting(count, 0);
  for (int i = 0; i < nodes.size(); ++i) {
    NameSet uses;
    collect_uses(nodes[i], uses);
    for (const std::string_view name : uses) {
      const auto found = producer.find(name);
      if (found == producer.end()) continue;
      result.sorted = result.sorted && found->second < i;
      needs[static_cast<size_t>(i)].push_back(found->second);
      feeds[static_cast<size_t>(found->second)].push_back(i);
      ++waiting[static_cast<size_t>(i)];
    }
  }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (size_t i = 0; i < count; ++i) {
    if (waiting[i] == 0) ready.push(static_cast<int>(i));
  }
  while (!ready.empty()) {
    const int node = ready.top();
    ready.pop();
    result.order.push_back(node);
    for (const int next : feeds[static_cast<size_t>(node)]) {
      if (--waiting[static_cast<size_t>(next)] == 0) ready.push(next);
    }
  }
  if (result.order.size() < count) {
    for (std::vector<int>& need : needs) std::sort(need.begin(), need.end());
    result.cycles = find_cycles(needs, waiting);
  }
  return result;
}

}  // namespace sinter::onnx
