"""Element types of Sinter as arrays of numpy."""
import numpy

import _sinter


def numpy_dtype(name):
    """The numpy.dtype of arrays that stand for an element type of Sinter ('f32' float32, 'bf16' uint16, 'i4' int8, 'string' object).

    Raises InvalidArgumentError for a name that is none.
    """
    return _sinter._numpy_dtype(name)


def bfloat16_bits(values):
    """The bits of bf16 (uint16) of an array of floats, rounded to nearest, ties to even; NaN stays NaN. The shape stays."""
    wide = numpy.ascontiguousarray(values, dtype=numpy.float32).reshape(numpy.shape(values))
    bits = wide.view(numpy.uint32)
    rounded = (bits.astype(numpy.uint64) + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return numpy.where(numpy.isnan(wide), (bits >> 16) | 0x40, rounded).astype(numpy.uint16)


def bfloat16_values(bits):
    """float32 of an array with the bits of bf16 (uint16); exact. The shape stays."""
    narrow = numpy.asarray(bits, dtype=numpy.uint16)
    return (narrow.astype(numpy.uint32) << 16).view(numpy.float32)
