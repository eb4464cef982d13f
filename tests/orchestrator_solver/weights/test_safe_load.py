"""Files that others made: what they may hold, and what is refused."""

import os
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support import hub_cache

from dataset_builder.errors import UserError
from dataset_builder.runtime.checksums import digest_of
from orchestrator_solver.bench import random_hub
from orchestrator_solver.weights import safe_load


class Harmful:
    """Makes a file when unpickled."""

    def __reduce__(self) -> tuple:
        return os.mkdir, (os.environ["HARM"],)


@pytest.fixture
def harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARM", str(tmp_path / "harm"))
    return tmp_path / "harm"


def _saved(path: Path, contents: object) -> Path:
    torch.save(contents, path)
    return path


def test_packages_of_audiocraft(tmp_path: Path) -> None:
    package = {
        "best_state": OrderedDict(w=torch.ones(2).half()),
        "xp.cfg": "a: 1",
        "version": "1.3.0",
        "exported": True,
    }
    read = safe_load.read(_saved(tmp_path / "a.bin", package), "audiocraft")
    assert torch.equal(read.pop("best_state")["w"], package.pop("best_state")["w"]) and read == package


@pytest.mark.parametrize("maker", sorted(safe_load.ALLOWED))
@pytest.mark.parametrize("name", ["a.th", *safe_load.PINNED])
def test_code_is_refused(tmp_path: Path, harm: Path, maker: str, name: str) -> None:
    """Also under the name of a file that is known: its hash is not that file's."""
    with pytest.raises(UserError, match="refused"):
        safe_load.read(_saved(tmp_path / name, {"state": Harmful()}), maker)
    assert not harm.exists()


def test_a_known_file_is_read_bit_for_bit(tmp_path: Path, harm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _saved(tmp_path / "known.th", {"state": Harmful()})
    monkeypatch.setitem(safe_load.PINNED, "known.th", digest_of(path))
    safe_load.read(path, "demucs")
    assert harm.exists()


def test_pinned_hashes_begin_as_their_names_end() -> None:
    for name, digest in safe_load.PINNED.items():
        assert len(digest) == 64 and digest.startswith(Path(name).stem.rsplit("-", 1)[-1])


def test_the_pinned_separator_is_the_one_that_demucs_names() -> None:
    from demucs.pretrained import REMOTE_ROOT, _parse_remote_files

    assert {url.rsplit("/", 1)[-1] for url in _parse_remote_files(REMOTE_ROOT / "files.txt").values()} >= set(
        safe_load.PINNED
    )


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x80\x02X"])
def test_torn_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.bin"):
        safe_load.read(tmp_path / "a.bin", "audiocraft")


def test_downloads_are_not_unpickled(tmp_path: Path, harm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from audiocraft.models import loaders

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda url, path, prefix: torch.save({"w": Harmful()}, path))
    with pytest.raises(UserError, match="refused"):
        loaders._get_state_dict("https://example.org/state_dict.bin")
    assert not harm.exists()


def test_clap_is_read_without_unpickling(tmp_path: Path, harm: Path) -> None:
    """LAION's checkpoint has numpy numbers beside the state, and the prefix of its training's wrapper."""
    state = {"module.audio.w": torch.ones(1), "module.text_branch.embeddings.position_ids": torch.zeros(1)}
    path = _saved(tmp_path / "clap.pt", {"epoch": 15, "score": np.float64(0.9), "state_dict": state})
    assert safe_load.read_clap(path).keys() == {"audio.w"}
    with pytest.raises(UserError, match="refused"):
        safe_load.read_clap(_saved(path, {"state_dict": Harmful()}))
    with pytest.raises(UserError, match="CLAP"):
        safe_load.read_clap(_saved(path, {"state_dict": {"w": 1}}))
    assert not harm.exists()


@pytest.mark.parametrize(
    ("changed", "line"),
    [({"weight": torch.ones(2, 2)}, r"expected \(1, 2\) as weight, found \(2, 2\)"),
     ({"bias": None}, r"expected \(1,\) as bias, found nothing"),
     ({"more": torch.ones(1)}, r"expected nothing as more, found \(1,\)"),
     ({"bias": torch.tensor([float("nan")])}, "damaged: bias is not finite")],
)  # fmt: skip
def test_a_network_takes_its_own_weights_alone(changed: dict, line: str) -> None:
    state = {"weight": torch.ones(1, 2), "bias": torch.zeros(1), **changed}
    with pytest.raises(UserError, match=line) as raised:
        safe_load.fill(
            torch.nn.Linear(2, 1), {name: value for name, value in state.items() if value is not None}, "x.pt"
        )
    assert "\n" not in str(raised.value)


def test_passt_is_read_without_unpickling(tmp_path: Path, harm: Path) -> None:
    """Its files hold a state and nothing else."""
    assert safe_load.read_passt(_saved(tmp_path / "passt.pt", {"w": torch.ones(1)})).keys() == {"w"}
    with pytest.raises(UserError, match="refused"):
        safe_load.read_passt(_saved(tmp_path / "passt.pt", {"w": Harmful()}))
    with pytest.raises(UserError, match="not a checkpoint of PaSST"):
        safe_load.read_passt(_saved(tmp_path / "passt.pt", {"w": 1}))
    assert not harm.exists()


def test_libraries_cannot_unpickle(tmp_path: Path, harm: Path) -> None:
    """Even one that asks for it, as those of PaSST and CLAP do; afterwards all is as before."""
    path = _saved(tmp_path / "a.pt", Harmful())
    with pytest.raises(UserError, match="PaSST"), safe_load.nothing_unpickled("PaSST"):
        torch.load(path, weights_only=False)
    assert not harm.exists()
    torch.load(path, weights_only=False)
    assert harm.exists()


def test_audiocraft_reads_clap_by_us(tmp_path: Path) -> None:
    from audiocraft.metrics import clap_consistency

    path = _saved(
        tmp_path / "clap.pt", {"state_dict": {"module.weight": torch.ones(1, 1), "module.bias": torch.ones(1)}}
    )
    module = torch.nn.Linear(1, 1)
    clap_consistency.load_clap_state_dict(SimpleNamespace(model=module), path)
    assert module.weight.item() == 1.0


def _separate(network: torch.nn.Module) -> torch.Tensor:
    from demucs.apply import apply_model

    noise = torch.randn(1, 2, 4410, generator=torch.Generator().manual_seed(0))
    return apply_model(network, noise, shifts=0)


@pytest.mark.slow
def test_both_publications_of_htdemucs(empty_hub: Path) -> None:
    """The older one in torch's folder, the newer one in the hub's cache: the same network, neither unpickled."""
    from demucs.pretrained import get_model

    package = hub_cache.small_separator()
    assert isinstance(package["kwargs"]["segment"], Fraction)
    older = empty_hub / "torch" / "checkpoints" / "955717e8-8726e21a.th"
    older.parent.mkdir(parents=True)
    torch.save(package, older)
    one = _separate(get_model("htdemucs"))
    older.unlink()
    random_hub.put_htdemucs(empty_hub, package)
    assert torch.equal(one, _separate(get_model("htdemucs")))


def test_a_separator_of_another_class_is_refused(empty_hub: Path, tmp_path: Path) -> None:
    from demucs import hf
    from safetensors.torch import save_file

    metadata = {"klass": "os.mkdir", "args": f'["{tmp_path}/harm"]', "kwargs": "{}"}
    save_file({"w": torch.ones(1)}, tmp_path / "a.safetensors", metadata)
    with pytest.raises(UserError, match=r"os\.mkdir"):
        hf.load_safetensors_model(tmp_path / "a.safetensors")
    assert not (tmp_path / "harm").exists()
