"""Codes made sound piece by piece, without a seam and in bounded memory."""

from collections.abc import Iterator

import torch
from audiocraft.models.encodec import CompressionModel, EncodecModel

from ..nano.spectral_codec import SpectralDecoder

_PIECE = 2.0  # seconds that are decoded at once
_CONTEXT = (
    1.0  # seconds on each side that others than the spectral codec are given: past that EnCodec's change is inaudible
)


def in_pieces(codec: CompressionModel, codes: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
    """The sound `[B, 1, T]` of codes `[B, K, n]`, each piece decoded with those before and after it.

    Args:
        codec: whose codes they are.
        codes: in order; together any number of frames.
    """
    hop = round(codec.sample_rate / codec.frame_rate)
    piece, context = round(_PIECE * codec.frame_rate), context_frames(codec)
    first, held, done = 0, None, 0  # `held` begins with frame `first`; `done` frames are sound
    for new in codes:
        held = new if held is None else torch.cat([held, new], dim=-1)
        while first + held.shape[-1] >= done + piece + context:
            yield _sound(codec, held[..., : done + piece + context - first], first, done, piece, hop)
            done += piece
            cut = max(0, done - context - first)
            first, held = first + cut, held[..., cut:]
    if held is not None and first + held.shape[-1] > done:
        yield _sound(codec, held, first, done, first + held.shape[-1] - done, hop)


def context_frames(codec: CompressionModel) -> int:
    """How many frames on each side a frame's sound depends on, or as many as can be heard."""
    decoder = getattr(codec, "decoder", None)
    return decoder.context if isinstance(decoder, SpectralDecoder) else round(_CONTEXT * codec.frame_rate)


@torch.inference_mode()
def _sound(
    codec: CompressionModel, codes: torch.Tensor, first: int, start: int, frames: int, hop: int
) -> torch.Tensor:  # fmt: skip
    """The sound of `frames` frames from `start` on, of codes that begin with frame `first`."""
    if isinstance(codec, EncodecModel) and isinstance(codec.decoder, SpectralDecoder):
        wav = codec.decoder(codec.decode_latent(codes), first)
    else:
        wav = codec.decode(codes, None)
    begin = (start - first) * hop
    return wav[..., begin : begin + frames * hop]
