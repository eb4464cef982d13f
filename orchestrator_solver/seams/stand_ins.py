"""Stand-ins for modules that audiocraft imports and that may be absent."""

from types import ModuleType
from typing import Any

from dataset_builder.errors import UserError

from .registry import falls_back_for, stands_in_for


@falls_back_for("torchaudio._extension")
def stub_torchaudio_extension(module: ModuleType) -> None:
    """Why: torchaudio's wheel from PyPI links CUDA's libraries, and beside a CPU build of torch its import raises
    OSError; beside one for another CUDA it raises RuntimeError. Its Python parts (transforms, functional) work without
    the compiled ones. Only used after these errors.
    Goes when: torchaudio's wheel loads without CUDA, as is promised for its libtorch-stable builds."""

    def unavailable(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("torchaudio's compiled part cannot be loaded beside this build of torch")

    module.__dict__.update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _check_cuda_version=lambda: None,
        fail_if_no_align=lambda function: unavailable,
    )


@stands_in_for("xformers")
def stub_xformers(module: ModuleType) -> None:
    """Why: audiocraft imports `xformers.ops` although its default attention is torch's; xformers pins torch to one
    version. Only used where it is not installed. Goes when: audiocraft imports it on use."""
    module.__path__ = []  # a package, of which nothing but `ops` exists


@stands_in_for("xformers.ops")
def stub_xformers_ops(module: ModuleType) -> None:
    """Why: audiocraft uses three names of xformers, here by torch. Goes when: audiocraft imports xformers on use."""

    class LowerTriangularMask:
        """Marks causal attention."""

    def memory_efficient_attention(query: Any, key: Any, value: Any, attn_bias: Any = None, p: float = 0.0) -> Any:
        """Attention over `[B, T, H, D]`; `attn_bias` is a LowerTriangularMask, a `[B, H, T, T]` tensor or None."""
        import torch

        causal = isinstance(attn_bias, LowerTriangularMask)
        query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))
        mask = None if causal else attn_bias
        out = torch.nn.functional.scaled_dot_product_attention(query, key, value, mask, p, is_causal=causal)
        return out.transpose(1, 2)

    def unbind(tensor: Any, dim: int = 0) -> Any:
        return tensor.unbind(dim)

    names = (LowerTriangularMask, memory_efficient_attention, unbind)
    module.__dict__.update({item.__name__: item for item in names})


@stands_in_for("spacy")
def stub_spacy(module: ModuleType) -> None:
    """Why: audiocraft imports spacy, of 180 MB with what it brings along, for the tokenizer `whitespace` of its
    conditioner `lut` alone, and none of ours splits text into words. Only used where it is not installed.
    Goes when: audiocraft imports it on use."""

    def load(name: str) -> None:
        raise UserError(
            "tokenizer=whitespace splits texts by spacy, which is not installed: pip install 'spacy>=3.6.1', or use "
            "tokenizer=noop, or a conditioner of model=t5"
        )

    module.load = load  # type: ignore[attr-defined]
