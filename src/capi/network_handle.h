// What stands behind sinter_network: the network, and memory for what its queries return.
#pragma once

#include <deque>
#include <unordered_map>

#include "capi_rt/handles.h"
#include "network/network.h"

struct sinter_network {
  explicit sinter_network(std::unique_ptr<sinter::network::Network> made) : network(std::move(made)) {}
  std::unique_ptr<sinter::network::Network> network;
  // Of queries, by value number; dropped when the network changes.
  std::unordered_map<int64_t, std::unique_ptr<sinter::capi::IoText>> value_texts;
  std::unordered_map<int64_t, std::unique_ptr<sinter::capi::TensorText>> constant_texts;
  std::vector<const sinter::ir::Node*> nodes;
  struct NodeText {
    std::string name;
    std::vector<sinter_value> inputs, outputs;
  };
  std::unordered_map<size_t, std::unique_ptr<NodeText>> node_texts;

  void changed() {
    value_texts.clear();
    constant_texts.clear();
    nodes.clear();
    node_texts.clear();
  }
};
