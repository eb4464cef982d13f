"""AAC and Apple Lossless, in m4a or bare: what libsndfile does not read, by PyAV's FFmpeg.

Of FFmpeg's many formats and codecs only these are ever tried, by the content: a stranger's file chooses none, and names
no other file.
"""

import io
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import numpy as np

PADDING = 0.15  # seconds that a file may promise and not have: encoders fill up the first frame and the last
FORMATS: dict[str, str] = {"mov": "M4A", "aac": "AAC"}  # FFmpeg's name -> ours
_CODECS = ("aac", "alac")
_BEFORE = 0.5  # seconds decoded before an excerpt: a frame of AAC overlaps the one before


def format_of(head: bytes) -> str | None:
    """FFmpeg's name of the format that a file's first 12 bytes begin, one of `FORMATS`; None for any other."""
    if head[4:8] == b"ftyp":
        return "mov"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    return None


class AacFile:
    """A file that is read as `soundfile.SoundFile` is; nothing before an excerpt is decoded.

    Args:
        file: opened, regular.
        kind: in `FORMATS`.

    Raises:
        ValueError: it is damaged, or holds no sound of these codecs.
        OSError: it cannot be read.
    """

    def __init__(self, file: io.BufferedReader, kind: str) -> None:
        self.format, self._file, self._kind = FORMATS[kind], file, kind
        with _told(), self._opened() as container:
            stream = container.streams.audio[0]
            self.samplerate, self.channels = int(stream.rate), int(stream.channels)
            if kind == "mov" and stream.duration:
                seconds = float(stream.duration * stream.time_base)
            else:  # nobody says how long it is
                seconds = max((_end(packet) for packet in container.demux(stream)), default=0.0)
            self.frames = round(seconds * self.samplerate)
        self._blocks = self._from(0)
        self._left = np.zeros((0, self.channels), np.float32)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The file from its start, a container of PyAV's."""
        import av

        self._file.seek(0)
        with av.open(self._file, format=self._kind, metadata_errors="replace") as container:
            codec = container.streams.audio[0].codec_context if container.streams.audio else None
            if codec is None or codec.name not in _CODECS:
                raise ValueError(f"it holds {codec.name if codec else 'no sound'}, expected AAC or ALAC")
            yield container

    def __enter__(self) -> "AacFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._blocks.close()

    def seek(self, frame: int) -> None:
        """Have `read` go on from a frame."""
        self._blocks.close()
        self._blocks = self._from(frame)
        self._left = self._left[:0]

    def read(self, frames: int, dtype: str = "float32", always_2d: bool = True) -> np.ndarray:
        """The next samples, float32 `[T, C]`, at most `frames`; none at the end, or where the file is broken."""
        while not len(self._left) and (block := next(self._blocks, None)) is not None:
            self._left = block
        found, self._left = self._left[:frames], self._left[frames:]
        return found

    def _from(self, first: int) -> Generator[np.ndarray, None, None]:
        """Blocks of samples `[T, C]` from a frame on."""
        import av

        with _told(), self._opened() as container:
            stream = container.streams.audio[0]
            same = av.AudioResampler(format="fltp", layout=stream.layout.name, rate=self.samplerate)
            begin = first / self.samplerate
            for packet in container.demux(stream):
                if packet.pts is not None and _end(packet) < begin - _BEFORE:
                    continue
                for decoded in packet.decode():
                    at = round(float((decoded.pts or 0) * decoded.time_base) * self.samplerate)
                    for frame in same.resample(decoded):
                        yield frame.to_ndarray().T[max(0, first - at) :]


@contextmanager
def _told() -> Iterator[None]:
    """Turns FFmpeg's errors, some of which are of no other kind, into ValueError."""
    from av.error import FFmpegError

    try:
        yield
    except FFmpegError as error:
        raise ValueError(f"FFmpeg: {error.strerror}") from error


def _end(packet: Any) -> float:
    """When a packet ends, in seconds; 0 for the one without content, which FFmpeg puts last."""
    if packet.pts is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)
