"""Calibrators: subclasses whose get_batch() returns addresses of device memory."""
from ._enums import CalibrationAlgoType


class IInt8Calibrator:
    """Subclass with get_batch_size(), get_batch(names) → list of addresses or None, read_calibration_cache() → bytes or None, write_calibration_cache(cache);
    directly, also get_algorithm()."""

    _algorithm = CalibrationAlgoType.ENTROPY_CALIBRATION_2

    def __init__(self):
        pass

    def get_algorithm(self):
        return self._algorithm

    def get_batch_size(self):
        raise NotImplementedError("a calibrator must override get_batch_size")

    def get_batch(self, names):
        raise NotImplementedError("a calibrator must override get_batch")

    def read_calibration_cache(self):
        return None

    def write_calibration_cache(self, cache):
        pass


class IInt8EntropyCalibrator2(IInt8Calibrator):
    """Ranges that keep the most information."""


class IInt8EntropyCalibrator(IInt8Calibrator):
    """As IInt8EntropyCalibrator2."""

    _algorithm = CalibrationAlgoType.ENTROPY_CALIBRATION


class IInt8MinMaxCalibrator(IInt8Calibrator):
    """Ranges of all values seen."""

    _algorithm = CalibrationAlgoType.MINMAX_CALIBRATION


class IInt8LegacyCalibrator(IInt8Calibrator):
    """Quantiles: get_quantile() of the values is in range."""

    _algorithm = CalibrationAlgoType.LEGACY_CALIBRATION

    def get_quantile(self):
        return 0.9999

    def get_regression_cutoff(self):
        return 1.0

    def read_histogram_cache(self, length):
        return None

    def write_histogram_cache(self, data, length):
        pass


NAMES = {CalibrationAlgoType.ENTROPY_CALIBRATION_2: "entropy", CalibrationAlgoType.ENTROPY_CALIBRATION: "entropy",
         CalibrationAlgoType.MINMAX_CALIBRATION: "minmax", CalibrationAlgoType.LEGACY_CALIBRATION: "percentile"}
