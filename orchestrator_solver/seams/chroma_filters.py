"""The filters of audiocraft's chroma without librosa, whose import compiles loops that this path never runs."""

from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

from .registry import patches

if TYPE_CHECKING:
    import numpy as np

_A0 = 27.5  # Hz: octaves are counted from it
_CENTRE, _WIDTH = 5.0, 2.0  # octaves: where the filters are highest, and the deviation of the bell around it


def chroma(sr: float, n_fft: int, tuning: float = 0.0, n_chroma: int = 12) -> "np.ndarray":
    """`librosa.filters.chroma` with its default settings, to the bit: float32 `[n_chroma, 1 + n_fft // 2]`.

    Args:
        sr: of the audio, in Hz.
        n_fft: samples of a window.
        tuning: off A = 440 Hz, in pitch classes.
        n_chroma: pitch classes of an octave.
    """
    import numpy as np  # here, because the seams are closed before a command knows what it will need

    frequencies = np.linspace(0, sr, n_fft, endpoint=False)[1:]
    bins = n_chroma * np.log2(frequencies / (_A0 * 2.0 ** (tuning / n_chroma)))
    bins = np.concatenate(([bins[0] - 1.5 * n_chroma], bins))  # 0 Hz has no pitch: a wide bump far below
    widths = np.concatenate((np.maximum(bins[1:] - bins[:-1], 1.0), [1]))
    half = np.round(n_chroma / 2)
    distances = np.subtract.outer(bins, np.arange(n_chroma, dtype=float)).T
    distances = np.remainder(distances + half + 10 * n_chroma, n_chroma) - half
    weights = np.exp(-0.5 * (2 * distances / widths) ** 2)
    lengths = np.sum(weights**2, axis=0, keepdims=True) ** 0.5
    lengths[lengths < np.finfo(float).tiny] = 1.0
    weights = weights / lengths * np.exp(-0.5 * ((bins / n_chroma - _CENTRE) / _WIDTH) ** 2)
    from_c = np.roll(weights, -3 * (n_chroma // 12), axis=0)  # they were counted from A
    return np.ascontiguousarray(from_c[:, : 1 + n_fft // 2], dtype=np.float32)


@patches("audiocraft.modules.chroma")
def filter_without_librosa(module: ModuleType) -> None:
    """Why: for this one table of numbers audiocraft imports librosa, and with it scipy and numba, which costs more than
    torch. Goes when: librosa no longer compiles as it is imported, or audiocraft takes torchaudio's filters."""
    module.filters = SimpleNamespace(chroma=chroma)  # type: ignore[attr-defined]
