"""What an engine is made of, as text."""
import json

from ._base import Scoped
from ._enums import LayerInformationFormat


class EngineInspector(Scoped):
    """Layers of an engine, one a line or as JSON."""

    def __init__(self, engine):
        self._engine, self.execution_context, self.error_recorder = engine, None, None

    def get_layer_information(self, layer_index, format):  # noqa: A002 - TensorRT's name
        layers = self._engine._layers()
        if not 0 <= layer_index < len(layers):
            raise IndexError(f"layer {layer_index} does not exist: the engine has {len(layers)}")
        return self._text(layers[layer_index], format)

    def get_engine_information(self, format):  # noqa: A002
        layers = self._engine._layers()
        if format == LayerInformationFormat.JSON:
            return json.dumps({"Layers": [_in_words(layer) for layer in layers], "Bindings": list(self._engine)})
        return "\n".join([*(self._text(layer, format) for layer in layers), "Bindings:", *self._engine])

    @staticmethod
    def _text(layer, format):  # noqa: A002
        words = _in_words(layer)
        return json.dumps(words) if format == LayerInformationFormat.JSON else f"{words['Name']}: {words['LayerType']}, {words['TacticName']}, {words['Precision']}"


def _in_words(layer):
    return {"Name": layer.get("name", ""), "LayerType": layer.get("op", ""), "TacticName": layer.get("tactic", ""), "Precision": layer.get("precision", ""),
            "Problem": layer.get("problem", ""), "Microseconds": layer.get("us", 0)}
