"""The nano codec's encoder and decoder: shapes, alignment in time, and pure tones."""

import torch

from orchestrator_solver.nano.spectral_codec import SpectralDecoder, SpectralEncoder


def _codec() -> tuple[SpectralEncoder, SpectralDecoder]:
    torch.manual_seed(0)
    return SpectralEncoder(16, 32, 1, 640), SpectralDecoder(16, 32, 1, 640, 16_000, 3, 2, 20)


@torch.no_grad()
def test_shapes_of_any_length() -> None:
    encoder, decoder = _codec()
    for samples in (640, 6400, 6401):
        latents = encoder(torch.randn(2, 1, samples))
        assert latents.shape == (2, 16, -(-samples // 640))
        assert decoder(latents).shape == (2, 1, latents.shape[-1] * 640)


def test_a_device_is_sent_no_float64() -> None:
    """A Mac's GPU has none."""
    sent = [tensor for part in _codec() for tensor in (*part.parameters(), *part.buffers())]
    assert torch.float64 not in {tensor.dtype for tensor in sent}


@torch.no_grad()
def test_a_held_amplitude_is_a_pure_tone() -> None:
    _, decoder = _codec()
    decoder.noise.loudness.weight.zero_(), decoder.noise.loudness.bias.fill_(-20)
    decoder.tones.amplitudes.weight.zero_(), decoder.tones.amplitudes.bias.fill_(-20)
    count = len(decoder.tones.cycles)
    tone = 12 * 3 * 4  # four octaves above A0: A4
    decoder.tones.amplitudes.bias.view(2, count)[:, tone] = 0
    wav = decoder(torch.zeros(1, 16, 100))[0, 0]
    middle = wav[16_000:32_000]
    spectrum = torch.fft.rfft(middle * torch.hann_window(16_000)).abs()
    assert int(spectrum.argmax()) == 440
    assert spectrum[:430].max() < 1e-3 * spectrum.max() and spectrum[450:].max() < 1e-3 * spectrum.max()


@torch.no_grad()
def test_the_encoder_sees_an_event_in_its_own_frame() -> None:
    encoder, _ = _codec()
    silence, click = torch.zeros(1, 1, 64_000), torch.zeros(1, 1, 64_000)
    click[..., 50 * 640 + 320] = 1.0
    change = (encoder(click) - encoder(silence)).abs().sum(1)[0]
    assert abs(int(change.argmax()) - 50) <= 1
