"""Weights in files beside a model. Locations that lead out of the model's folder are refused."""
import os
import uuid as _uuid




def _graphs(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for body in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from _graphs(body)


def _tensors(model):
    for outer in [model.graph]:
        for graph in _graphs(outer):
            yield from graph.initializer
            for node in graph.node:
                for attribute in node.attribute:
                    if attribute.HasField("t"):
                        yield attribute.t
                    yield from attribute.tensors


def uses_external_data(tensor):
    return tensor.data_location == 1


def _place(tensor):
    facts = {entry.key: entry.value for entry in tensor.external_data}
    try:
        return facts["location"], int(facts.get("offset", 0)), int(facts["length"]) if "length" in facts else None
    except (KeyError, ValueError):
        raise ValueError(f"tensor '{tensor.name}': its external data has no valid location, offset or length") from None


def _inside(folder, location, name):
    folder = os.path.realpath(folder)
    path = os.path.realpath(os.path.join(folder, location))
    if os.path.isabs(location) or not path.startswith(folder.rstrip(os.sep) + os.sep):
        raise ValueError(f"tensor '{name}': its data lies at '{location}', outside of the model's folder")
    return path


def load_external_data_for_tensor(tensor, base_dir):
    location, offset, length = _place(tensor)
    path = _inside(base_dir, location, tensor.name)
    size = os.path.getsize(path)
    length = size - offset if length is None else length
    if offset < 0 or length < 0 or offset + length > size:
        raise ValueError(f"tensor '{tensor.name}': bytes {offset} to {offset + length} of '{location}', which has {size}")
    with open(path, "rb") as file:
        file.seek(offset)
        tensor.raw_data = file.read(length)


def load_external_data_for_model(model, base_dir):
    for tensor in _tensors(model):
        if uses_external_data(tensor):
            load_external_data_for_tensor(tensor, base_dir)
            tensor.data_location = 0
            del tensor.external_data[:]


def set_external_data(tensor, location, offset=None, length=None, checksum=None, basepath=None):
    if not tensor.HasField("raw_data"):
        raise ValueError(f"tensor '{tensor.name}' has no raw_data, which alone can be external")
    del tensor.external_data[:]
    tensor.data_location = 1
    for key, value in (("location", location), ("offset", offset), ("length", length), ("checksum", checksum)):
        if value is not None:
            tensor.external_data.add(key=key, value=str(value))


def convert_model_to_external_data(model, all_tensors_to_one_file=True, location=None, size_threshold=1024, convert_attribute=False):
    one = location or f"{_uuid.uuid4()}.data"
    tensors = _tensors(model) if convert_attribute else [tensor for graph in _graphs(model.graph) for tensor in graph.initializer]
    for tensor in tensors:
        if tensor.HasField("raw_data") and len(tensor.raw_data) >= size_threshold:
            set_external_data(tensor, one if all_tensors_to_one_file else tensor.name.replace(os.sep, "_") or str(_uuid.uuid4()))


def convert_model_from_external_data(model):
    for tensor in _tensors(model):
        if uses_external_data(tensor):
            if not tensor.HasField("raw_data"):
                raise ValueError(f"tensor '{tensor.name}' has no data; load the model with its external data first")
            del tensor.external_data[:]
            tensor.data_location = 0


def write_external_data_tensors(model, filepath):
    """Writes the data of tensors that are external and hold it."""
    begun = set()
    for tensor in _tensors(model):
        if not uses_external_data(tensor) or not tensor.HasField("raw_data"):
            continue
        location, _, _ = _place(tensor)
        path = _inside(filepath, location, tensor.name)
        with open(path, "ab" if path in begun else "wb") as file:
            begun.add(path)
            file.write(b"\0" * (-file.tell() % 64))
            offset = file.tell()
            file.write(tensor.raw_data)
        set_external_data(tensor, location, offset, len(tensor.raw_data))
        tensor.ClearField("raw_data")
    return model


