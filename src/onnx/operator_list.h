// Every operator that models may hold, as data: those of ops.def, and those that the importer expands.
#pragma once

#include <vector>

#include "core/op_def.h"

namespace sinter::onnx {

struct OperatorInfo {
  const OpDef* op = nullptr;
  std::vector<int64_t> adapted;  // adapters bring files of opsets below these to the schema
  bool expanded = false;         // becomes other operators while it is imported
};

// By domain, then name; Sinter's own, which only passes make, are left out. The pointers live as long as the process.
std::vector<OperatorInfo> list_operators();

}  // namespace sinter::onnx
