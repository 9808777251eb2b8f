"""The part of PyCUDA that deployment scripts use, over Sinter: see pycuda.driver. Found here because python/compat is on PYTHONPATH."""
VERSION = (2024, 1, 2)
VERSION_TEXT = "2024.1.2"
VERSION_STATUS = ""
__version__ = VERSION_TEXT
