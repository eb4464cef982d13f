"""Sound and pictures as `data:` addresses, small enough that a page holds dozens."""

import base64
import io

import numpy as np
import soundfile
import torch

MP3_LEVEL = 0.3  # 0 is the best and largest, 1 the smallest; about 45 kbit/s for mono at 16 kHz
SPECTRUM_BANDS, SPECTRUM_COLUMNS = 72, 360
SPECTRUM_RANGE_DB = 70.0


def data_url(kind: str, content: bytes) -> str:
    """`data:audio/mpeg;base64,...`."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def mp3(wav: np.ndarray, sample_rate: int) -> bytes:
    """Mono audio `[T]` as MP3, which every browser plays."""
    file = io.BytesIO()
    samples = np.clip(np.nan_to_num(np.asarray(wav, dtype=np.float32)), -1.0, 1.0)
    soundfile.write(file, samples, sample_rate, format="MP3", compression_level=MP3_LEVEL)
    return file.getvalue()


def chroma_picture(wav: np.ndarray, sample_rate: int) -> bytes:
    """PNG of 12 rows, C at the bottom, and a column every 64 ms or less; frames without sound are black."""
    from ..features.chroma import Chroma

    frames = Chroma(sample_rate)(torch.from_numpy(np.asarray(wav, dtype=np.float32))[None, None])
    shown = (frames.soft * frames.voiced[..., None])[0].numpy() ** 2  # squared: the melody stands out of overtones
    return _png(shown.T, "magma", 0.0, 1.0)


def spectrum_picture(wav: np.ndarray, sample_rate: int) -> bytes:
    """PNG of the mel spectrogram, low pitches at the bottom, 70 dB from black to the brightest."""
    from librosa import power_to_db
    from librosa.feature import melspectrogram

    hop = max(128, len(wav) // SPECTRUM_COLUMNS)
    power = melspectrogram(
        y=np.asarray(wav, dtype=np.float32), sr=sample_rate, n_fft=2048, hop_length=hop, n_mels=SPECTRUM_BANDS,
        fmax=min(8000, sample_rate / 2),
    )  # fmt: skip
    level = power_to_db(power, ref=max(float(power.max()), 1e-10), top_db=SPECTRUM_RANGE_DB)
    return _png(level, "magma", -SPECTRUM_RANGE_DB, 0.0)


def _png(values: np.ndarray, colours: str, low: float, high: float) -> bytes:
    """A pixel a value, the first row at the bottom; the page stretches it."""
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, values, cmap=colours, vmin=low, vmax=high, origin="lower", format="png", metadata={"Software": ""})
    return file.getvalue()
