"""Messages of ONNX files. The schema is that of src/onnx/onnx.proto (a test compares them); fields that it leaves out are kept as they are."""
from .wire import DecodeError, make_messages

SCHEMA = """
StringStringEntryProto: 1 string key, 2 string value
OperatorSetIdProto: 1 string domain, 2 int64 version
TensorProto: 1 *int64 dims, 2 int32 data_type, 3 TensorProto.Segment segment, 4 +float float_data, 5 +int32 int32_data, 6 *bytes string_data, 7 +int64 int64_data, 8 string name, 9 bytes raw_data, 10 +double double_data, 11 +uint64 uint64_data, 12 string doc_string, 13 *StringStringEntryProto external_data, 14 int32 data_location, 16 *StringStringEntryProto metadata_props
TensorProto.Segment: 1 int64 begin, 2 int64 end
SparseTensorProto: 1 TensorProto values, 2 TensorProto indices, 3 *int64 dims
TensorShapeProto: 1 *TensorShapeProto.Dimension dim
TensorShapeProto.Dimension: 1 ~int64 dim_value, 2 ~string dim_param, 3 string denotation
TypeProto: 1 ~TypeProto.Tensor tensor_type, 4 ~TypeProto.Sequence sequence_type, 5 ~TypeProto.Map map_type, 7 ~TypeProto.Opaque opaque_type, 8 ~TypeProto.SparseTensor sparse_tensor_type, 9 ~TypeProto.Optional optional_type, 6 string denotation
TypeProto.Tensor: 1 int32 elem_type, 2 TensorShapeProto shape
TypeProto.Sequence: 1 TypeProto elem_type
TypeProto.Map: 1 int32 key_type, 2 TypeProto value_type
TypeProto.Opaque: 1 string domain, 2 string name
TypeProto.SparseTensor: 1 int32 elem_type, 2 TensorShapeProto shape
TypeProto.Optional: 1 TypeProto elem_type
ValueInfoProto: 1 string name, 2 TypeProto type, 3 string doc_string, 4 *StringStringEntryProto metadata_props
AttributeProto: 1 string name, 2 float f, 3 int64 i, 4 bytes s, 5 TensorProto t, 6 GraphProto g, 7 *float floats, 8 *int64 ints, 9 *bytes strings, 10 *TensorProto tensors, 11 *GraphProto graphs, 13 string doc_string, 14 TypeProto tp, 15 *TypeProto type_protos, 20 int32 type, 21 string ref_attr_name, 22 SparseTensorProto sparse_tensor, 23 *SparseTensorProto sparse_tensors
NodeProto: 1 *string input, 2 *string output, 3 string name, 4 string op_type, 5 *AttributeProto attribute, 6 string doc_string, 7 string domain, 8 string overload, 9 *StringStringEntryProto metadata_props
TensorAnnotation: 1 string tensor_name, 2 *StringStringEntryProto quant_parameter_tensor_names
GraphProto: 1 *NodeProto node, 2 string name, 5 *TensorProto initializer, 10 string doc_string, 11 *ValueInfoProto input, 12 *ValueInfoProto output, 13 *ValueInfoProto value_info, 14 *TensorAnnotation quantization_annotation, 15 *SparseTensorProto sparse_initializer, 16 *StringStringEntryProto metadata_props
FunctionProto: 1 string name, 4 *string input, 5 *string output, 6 *string attribute, 7 *NodeProto node, 8 string doc_string, 9 *OperatorSetIdProto opset_import, 10 string domain, 11 *AttributeProto attribute_proto, 12 *ValueInfoProto value_info, 13 string overload, 14 *StringStringEntryProto metadata_props
ModelProto: 1 int64 ir_version, 2 string producer_name, 3 string producer_version, 4 string domain, 5 int64 model_version, 6 string doc_string, 7 GraphProto graph, 8 *OperatorSetIdProto opset_import, 14 *StringStringEntryProto metadata_props, 25 *FunctionProto functions
SequenceProto: 1 string name, 2 int32 elem_type, 3 *TensorProto tensor_values, 4 *SparseTensorProto sparse_tensor_values, 5 *SequenceProto sequence_values, 6 *MapProto map_values, 7 *OptionalProto optional_values
MapProto: 1 string name, 2 int32 key_type, 3 *int64 keys, 4 *bytes string_keys, 5 SequenceProto values
OptionalProto: 1 string name, 2 int32 elem_type, 3 TensorProto tensor_value, 4 SparseTensorProto sparse_tensor_value, 5 SequenceProto sequence_value, 6 MapProto map_value, 7 OptionalProto optional_value
"""

# TensorProto.DataType
DATA_TYPES = {"UNDEFINED": 0, "FLOAT": 1, "UINT8": 2, "INT8": 3, "UINT16": 4, "INT16": 5, "INT32": 6, "INT64": 7, "STRING": 8, "BOOL": 9, "FLOAT16": 10,
              "DOUBLE": 11, "UINT32": 12, "UINT64": 13, "COMPLEX64": 14, "COMPLEX128": 15, "BFLOAT16": 16, "FLOAT8E4M3FN": 17, "FLOAT8E4M3FNUZ": 18,
              "FLOAT8E5M2": 19, "FLOAT8E5M2FNUZ": 20, "UINT4": 21, "INT4": 22, "FLOAT4E2M1": 23, "FLOAT8E8M0": 24, "UINT2": 25, "INT2": 26}
ATTRIBUTE_TYPES = {"UNDEFINED": 0, "FLOAT": 1, "INT": 2, "STRING": 3, "TENSOR": 4, "GRAPH": 5, "FLOATS": 6, "INTS": 7, "STRINGS": 8, "TENSORS": 9, "GRAPHS": 10,
                   "SPARSE_TENSOR": 11, "SPARSE_TENSORS": 12, "TYPE_PROTO": 13, "TYPE_PROTOS": 14}
LOCATIONS = {"DEFAULT": 0, "EXTERNAL": 1}

MESSAGES = make_messages(SCHEMA, "onnx", {"TensorProto": {**DATA_TYPES, **LOCATIONS}, "AttributeProto": ATTRIBUTE_TYPES})
ModelProto = MESSAGES["ModelProto"]
