"""Tensors of engines and contexts by index: bindings, most of them of 8.x alone."""
from ._enums import AT_MOST_8, TensorFormat, TensorLocation


class EngineBindings:
    """Of ICudaEngine."""

    # Bindings are the tensors, once a profile.

    def _binding_names(self):
        names = [tensor.name for tensor in self._tensors]
        return names + [f"{name} [profile {number}]" for number in range(1, self.num_optimization_profiles) for name in names]

    def __len__(self):
        return len(self._tensors) * self.num_optimization_profiles

    def __bool__(self):
        return True

    def __iter__(self):
        return iter(self._binding_names())

    def __getitem__(self, key):
        names = self._binding_names()
        return names.index(key) if isinstance(key, str) else names[key]

    # ---- bindings by index (8.x) ----

    if AT_MOST_8:
        num_bindings = property(len)
        max_batch_size = 1

        def _binding(self, key):
            if isinstance(key, str):
                key = self.get_binding_index(key)
                if key < 0:
                    raise KeyError(key)
            if not 0 <= key < len(self):
                raise IndexError(f"binding {key} does not exist: the engine has {len(self)}")
            return self._tensors[key % len(self._tensors)]

        def get_binding_index(self, name):
            return next((index for index, known in enumerate(self) if known == name), -1)

        def get_binding_name(self, index):
            self._binding(index)
            return self._binding_names()[index]

        def get_binding_shape(self, key):
            return self._binding(key).shape

        def get_binding_dtype(self, key):
            return self._binding(key).dtype

        def binding_is_input(self, key):
            return self._binding(key).is_input

        def get_location(self, key):
            return TensorLocation.DEVICE

        def is_shape_binding(self, index):
            return False

        def is_execution_binding(self, index):
            return True

        def get_binding_format(self, index):
            return TensorFormat.LINEAR

        def get_profile_shape(self, profile_index, binding):
            return self.get_tensor_profile_shape(self._binding(binding).name, profile_index)


class ContextBindings:
    """Of IExecutionContext."""

    def _take(self, where, bindings):
        tensors = self._engine._tensors
        if len(bindings) not in (len(tensors), len(self._engine)):
            return self._error(where, f"found {len(bindings)} bindings, expected {len(self._engine)}: {', '.join(self._engine)}")
        # Those of the profile in use; one set alone is its.
        first = self._profile * len(tensors) if len(bindings) > len(tensors) else 0
        return all(self.set_tensor_address(tensor.name, binding) for tensor, binding in zip(tensors, bindings[first:first + len(tensors)]))

    def execute_v2(self, bindings):
        """One run with addresses in the order of the engine's tensors; returns when it is over."""
        return self._take("executeV2", bindings) and self._run("executeV2", 0)

    if AT_MOST_8:
        def execute_async_v2(self, bindings, stream_handle, input_consumed=None):
            return self._take("enqueueV2", bindings) and self._run("enqueueV2", int(stream_handle))

        def execute_async(self, batch_size=1, bindings=(), stream_handle=0, input_consumed=None):
            return self.execute_async_v2(bindings, stream_handle)

        def execute(self, batch_size=1, bindings=()):
            return self.execute_v2(bindings)

        def set_binding_shape(self, binding, shape):
            return self.set_input_shape(self._engine._binding(binding).name, shape)

        def get_binding_shape(self, binding):
            return self.get_tensor_shape(self._engine._binding(binding).name)

        def get_strides(self, binding):
            return self.get_tensor_strides(self._engine._binding(binding).name)

        def set_shape_input(self, binding, shape):
            return self._error("setInputShapeBinding", "inputs are never shapes alone here; set the input's address")
