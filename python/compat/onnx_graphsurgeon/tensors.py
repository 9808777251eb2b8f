"""Tensors of a graph, and lists that keep nodes and tensors pointing at each other."""
import numpy as np
import onnx
from onnx import numpy_helper


class OnnxGraphSurgeonException(Exception):
    """What was asked for can't be done, or the graph is no valid one; the text says why."""


class LinkedList(list):
    """Inputs or outputs of `owner`. Whatever enters gets the owner in its opposite list, whatever leaves loses it."""

    def __init__(self, owner, field, initial=()):
        super().__init__()
        self.owner, self.opposite = owner, "outputs" if field == "inputs" else "inputs"
        self.extend(initial)

    def _link(self, item):
        if not isinstance(item, self.owner.linked_kind()):
            raise OnnxGraphSurgeonException(f"'{self.owner.name}': found {type(item).__name__} among its {'outputs' if self.opposite == 'inputs' else 'inputs'}, expected "
                                            f"{self.owner.linked_kind().__name__}; make a Constant or a Variable of it, or use Graph.layer()")
        list.append(getattr(item, self.opposite), self.owner)

    def _unlink(self, item):
        others = getattr(item, self.opposite)
        for index, other in enumerate(others):
            if other is self.owner:
                list.pop(others, index)
                return

    def append(self, item):
        self._link(item)
        super().append(item)

    def extend(self, items):
        for item in list(items):
            self.append(item)

    def insert(self, index, item):
        self._link(item)
        super().insert(index, item)

    def remove(self, item):
        for index, other in enumerate(self):
            if other is item or (not any(x is item for x in self) and other == item):
                self.pop(index)
                return
        raise ValueError(f"'{self.owner.name}': '{getattr(item, 'name', item)}' is not in the list")

    def pop(self, index=-1):
        item = super().pop(index)
        self._unlink(item)
        return item

    def clear(self):
        while self:
            self.pop()

    def __setitem__(self, index, value):
        if isinstance(index, slice):
            kept = list(self)
            kept[index] = list(value)
            self.clear()
            self.extend(kept)
            return
        self._link(value)
        self._unlink(self[index])
        super().__setitem__(index, value)

    def __delitem__(self, index):
        if isinstance(index, slice):
            for place in sorted(range(*index.indices(len(self))), reverse=True):
                self.pop(place)
        else:
            self.pop(index)

    def __iadd__(self, items):
        self.extend(items)
        return self

    def __add__(self, items):
        return list(self) + list(items)

    def __copy__(self):
        return list(self)

    def copy(self):
        return list(self)


class Linked:
    """Has `inputs` and `outputs`."""

    def _start(self, inputs=(), outputs=()):
        object.__setattr__(self, "_inputs", LinkedList(self, "inputs", inputs or ()))
        object.__setattr__(self, "_outputs", LinkedList(self, "outputs", outputs or ()))

    @property
    def inputs(self):
        return self._inputs

    @inputs.setter
    def inputs(self, items):
        if items is not self._inputs:
            items = list(items)
            self._inputs.clear()
            self._inputs.extend(items)

    @property
    def outputs(self):
        return self._outputs

    @outputs.setter
    def outputs(self, items):
        if items is not self._outputs:
            items = list(items)
            self._outputs.clear()
            self._outputs.extend(items)


class Tensor(Linked):
    """`inputs`: the nodes that make it (one at most in a valid graph); `outputs`: those that read it. Equal names are equal tensors."""

    DYNAMIC = -1

    def __init__(self):
        raise OnnxGraphSurgeonException("a Tensor is a Variable or a Constant: make one of these")

    @staticmethod
    def linked_kind():
        from .nodes import Node
        return Node

    def is_empty(self):
        """Stands for an input or output that is left out."""
        return self.name == ""

    def to_constant(self, values, data_location=None, export_dtype=None):
        """Becomes a Constant in place."""
        self.__class__ = Constant
        self._values = _checked_values(self.name, values)
        self.data_location, self._export_dtype = data_location, export_dtype
        return self

    def to_variable(self, dtype=None, shape=None):
        """Becomes a Variable in place."""
        self.__class__ = Variable
        self.dtype, self.shape, self.type = dtype, shape, "tensor_type"
        self.__dict__.pop("_values", None)
        return self

    def i(self, tensor_idx=0, producer_idx=0):
        """A tensor that its producer reads."""
        return self.inputs[producer_idx].inputs[tensor_idx]

    def o(self, consumer_idx=0, tensor_idx=0):
        """A tensor that a consumer makes."""
        return self.outputs[consumer_idx].outputs[tensor_idx]

    def __eq__(self, other):
        return isinstance(other, Tensor) and self.name == other.name

    __hash__ = None

    def __str__(self):
        return f"{type(self).__name__} ({self.name}): (shape={self.shape}, dtype={self.dtype})"

    __repr__ = __str__


class Variable(Tensor):
    """A tensor whose values are known at run time. Dims are numbers, names (symbols) or None; `type`: "tensor_type", "sequence_type", "optional_type"."""

    def __init__(self, name, dtype=None, shape=None, type="tensor_type"):  # noqa: A002 - the package's name
        self.name, self.type = name, type
        self.dtype = dtype if dtype is None or isinstance(dtype, (int, np.integer)) else np.dtype(dtype)
        self.shape = None if shape is None else list(shape)
        self._start()

    @staticmethod
    def empty():
        return Variable("")

    def copy(self):
        return Variable(self.name, self.dtype, None if self.shape is None else list(self.shape), self.type)


class LazyValues:
    """Values of a TensorProto, read when they are asked for."""

    def __init__(self, tensor):
        self.tensor, self.shape = tensor, list(tensor.dims)
        try:
            self.dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
        except (KeyError, TypeError, ValueError):
            self.dtype = int(tensor.data_type)  # none of numpy's

    def load(self):
        return np.array(numpy_helper.to_array(self.tensor))

    @property
    def nbytes(self):
        bits = self.dtype.itemsize if isinstance(self.dtype, np.dtype) else 2
        return int(np.prod(self.shape, dtype=np.int64)) * bits


class SparseValues(LazyValues):
    """Values of a SparseTensorProto; load() gives the dense array."""

    def __init__(self, tensor):
        super().__init__(tensor.values)
        self.sparse, self.shape = tensor, list(tensor.dims)

    def load(self):
        dense = np.zeros(self.shape, self.dtype)
        indices, values = numpy_helper.to_array(self.sparse.indices), numpy_helper.to_array(self.sparse.values)
        if indices.ndim == 1:
            dense.reshape(-1)[indices] = values
        else:
            dense[tuple(indices.T)] = values
        return dense


def _checked_values(name, values):
    if isinstance(values, (LazyValues, np.ndarray)):
        return values
    raise OnnxGraphSurgeonException(f"constant '{name}': found {type(values).__name__}, expected a numpy array; use numpy.array(...)")


class Constant(Tensor):
    """A tensor with values. `export_dtype`: an ONNX element type that numpy has not (bfloat16, float8), to which float values are converted on export."""

    def __init__(self, name, values, data_location=None, export_dtype=None):
        self.name, self._values = name, _checked_values(name, values)
        self.data_location, self._export_dtype = data_location, export_dtype
        self._start()

    @property
    def values(self):
        if isinstance(self._values, LazyValues):
            self._values = self._values.load()
        return self._values

    @values.setter
    def values(self, values):
        self._values = _checked_values(self.name, values)

    @property
    def shape(self):
        return list(self._values.shape)

    @property
    def dtype(self):
        return self._values.dtype

    @property
    def export_dtype(self):
        return self._export_dtype or self.dtype

    @export_dtype.setter
    def export_dtype(self, kind):
        self._export_dtype = kind

    @property
    def nbytes(self):
        return self._values.nbytes

    def copy(self):
        return Constant(self.name, self._values, self.data_location, self._export_dtype)

    def __str__(self):
        return super().__str__() + (f"\n{self._values}" if isinstance(self._values, np.ndarray) and self._values.size < 20 else "")

    __repr__ = __str__
