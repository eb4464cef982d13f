"""MusicGen Melody as transformers writes it, narrow and with random weights."""

import torch
from transformers import EncodecConfig, MusicgenMelodyConfig, MusicgenMelodyForConditionalGeneration, T5Config
from transformers.models.musicgen_melody import MusicgenMelodyDecoderConfig

FRAMES = 16  # of 2 s


def small_melody(words: int) -> MusicgenMelodyForConditionalGeneration:
    """With T5's true width, 12 pitch classes as Hugging Face's own has, and so many words."""
    torch.manual_seed(0)
    text = T5Config(vocab_size=words, d_model=768, d_kv=64, d_ff=3072, num_heads=12, num_layers=1)
    codec = EncodecConfig(sampling_rate=32_000, target_bandwidths=[2.2], num_filters=4, upsampling_ratios=[8, 5, 4, 4],
                          codebook_size=2048, codebook_dim=8, hidden_size=8, num_lstm_layers=1, use_causal_conv=False,
                          use_conv_shortcut=False)  # fmt: skip
    decoder = MusicgenMelodyDecoderConfig(hidden_size=32, ffn_dim=128, num_hidden_layers=2, num_attention_heads=2)
    config = MusicgenMelodyConfig(text_encoder=text, audio_encoder=codec, decoder=decoder, chroma_length=FRAMES)
    return MusicgenMelodyForConditionalGeneration(config).eval()
