// Pointwise programs together with the values they read: what canonicalize_pointwise, fuse_pointwise and fuse_epilogue share.
#pragma once

#include "passes/match.h"

namespace sinter::passes {

// Programs read and write f32, f16, bf16, bool, i8 and u8.
bool is_program_type(const IrValue* value);
// Removes absent (null) inputs the program does not read; false when it reads one.
bool drop_absent(PointwiseProgram& program, std::vector<IrValue*>& inputs);
// Constants of one element become kConst. An input is kept when the result would lose rank without it (`rank`: of the output).
void inline_constants(PointwiseProgram& program, std::vector<IrValue*>& inputs, int rank);
// Inputs that are one value become one operand.
void merge_equal_inputs(PointwiseProgram& program, std::vector<IrValue*>& inputs);
// The same program with its inputs in another order: new input i is old input order[i]; order holds each old input once, or
// leaves out ones that `merged` maps onto another.
PointwiseProgram renumber_inputs(const PointwiseProgram& program, const std::vector<int>& new_index, int new_count);
// The program of a sinter.Pointwise node (parsed; the node was made by these passes, so it parses).
std::optional<PointwiseProgram> program_of(const Node& node);
Node* add_pointwise(Patch& patch, std::string_view name, const PointwiseProgram& program, const std::vector<IrValue*>& inputs,
                    DType dtype, const std::vector<const Node*>& sources);

}  // namespace sinter::passes
