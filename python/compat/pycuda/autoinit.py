"""Makes a context at import, as PyCUDA's does."""
import pycuda.driver as _driver

_driver.init()
device = _driver.Device(0)
context = device.make_context()
