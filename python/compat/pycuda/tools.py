"""make_default_context and clear_context_caches, as scripts without pycuda.autoinit call them."""
import pycuda.driver as _driver


def make_default_context(context_factory=None):
    device = _driver.Device(0)
    return context_factory(device) if context_factory else device.make_context()


def clear_context_caches():
    """Nothing is cached."""
