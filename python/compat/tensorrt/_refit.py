"""Refitting: an engine's weights can't be changed here, and this says so."""


class Refitter:
    """Not supported: build the engine again, which a timing cache makes fast."""

    def __init__(self, engine, logger):
        raise NotImplementedError("Refitter: engines are not refittable here; build the engine again from the changed model, with the timing cache of the first build")


class OnnxParserRefitter:
    """Not supported, as Refitter."""

    def __init__(self, refitter, logger):
        raise NotImplementedError("OnnxParserRefitter: engines are not refittable here; build the engine again from the changed model")
