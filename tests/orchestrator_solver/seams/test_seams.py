"""Every seam between audiocraft and the current stack, seen from where it matters."""

import os
import subprocess
import sys
import types
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from dataset_builder.errors import UserError
from orchestrator_solver.paths import PROJECT
from orchestrator_solver.seams import import_hooks, libraries, registry, stand_ins


def run_python(code: str | Path, **environment: str) -> str:
    """The output of code or a script in a fresh interpreter, started outside of the repository."""
    what = [str(code)] if isinstance(code, Path) else ["-c", code]
    path = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *what], capture_output=True, text=True, timeout=300, cwd="/",
        env={**os.environ, "PYTHONPATH": path, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, orchestrator_solver; print([m for m in ('torch', 'numpy', 'audiocraft') if m in sys.modules])"
    assert run_python(code).strip() == "[]"


def test_install_twice_registers_once():
    before = len(sys.meta_path)
    import_hooks.install(entry_point="another")
    assert len(sys.meta_path) == before


def test_everything_that_is_replaced_says_why_and_when_it_goes():
    found = dict(registry.reasons())
    assert {"flashy.distrib", "xformers", "torchaudio._extension", "audiocraft.train"} < found.keys()
    for target, reason in found.items():
        assert "Why:" in reason and "Goes when:" in reason, target


def test_every_factory_can_be_replaced_and_its_stock_one_is_kept(monkeypatch):
    from audiocraft.models import builders

    import orchestrator_solver.train  # noqa: F401 - replaces all of them

    assert builders.get_lm_model.__module__ == "orchestrator_solver.models.builders"
    for name, factory in registry.FACTORIES.items():
        assert registry.stock(name).__module__.startswith("audiocraft."), factory


def test_modules_imported_before_us_are_mended_too():
    code = (
        "import torch, flashy\n"
        "before = flashy.distrib.init\n"
        "import orchestrator_solver\n"
        "print(before is flashy.distrib.init, flashy.loggers.WandbLogger.from_xp.__doc__ is None)\n"
    )
    assert run_python(code).split() == ["False", "False"]


def test_torchaudio_transforms_work():
    import torch
    import torchaudio

    wav = torch.randn(1, 4000)
    assert torchaudio.transforms.Spectrogram(n_fft=256)(wav).shape[1] == 129
    assert torchaudio.functional.resample(wav, 2, 1).shape[-1] == 2000


def test_torchaudio_itself_is_used_where_it_loads():
    """The stub comes after a failure alone: another error than a missing library is not hidden."""
    code = (
        "import sys, types, orchestrator_solver\n"
        "from orchestrator_solver.seams import import_hooks, stand_ins\n"
        "class Works:\n"
        "    def create_module(self, spec): return None\n"
        "    def exec_module(self, module): module.real = True\n"
        "loader = import_hooks.FallbackLoader(Works(), stand_ins.stub_torchaudio_extension)\n"
        "module = types.ModuleType('x'); loader.exec_module(module)\n"
        "print(module.real, hasattr(module, '_IS_ALIGN_AVAILABLE'))\n"
    )
    assert run_python(code).split() == ["True", "False"]


def test_a_macs_gpu_may_fall_back_on_the_cpu(monkeypatch):
    name = "PYTORCH_ENABLE_MPS_FALLBACK"
    monkeypatch.setenv(name, "")  # so that it is put back
    monkeypatch.delenv(name)
    monkeypatch.setattr(libraries, "make_room_for_numba", lambda: None)  # which asks Python about a true Mac
    libraries.point_to_our_settings()
    assert name not in os.environ
    monkeypatch.setattr(sys, "platform", "darwin")
    libraries.point_to_our_settings()
    assert os.environ[name] == "1"


def test_torchaudio_of_another_build_is_left_out():
    """torchaudio's own words beside a torch for another CUDA."""
    code = (
        "import types, orchestrator_solver\n"
        "from orchestrator_solver.seams import import_hooks, stand_ins\n"
        "class Mixed:\n"
        "    def create_module(self, spec): return None\n"
        "    def exec_module(self, module): raise RuntimeError('compiled with different CUDA versions')\n"
        "loader = import_hooks.FallbackLoader(Mixed(), stand_ins.stub_torchaudio_extension)\n"
        "module = types.ModuleType('x'); loader.exec_module(module)\n"
        "print(module._IS_ALIGN_AVAILABLE)\n"
    )
    assert run_python(code).split() == ["False"]


def test_xformers_attention_agrees_with_the_written_out_one():
    import torch
    from xformers import ops

    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 5, 3, 4, generator=generator, dtype=torch.float64) for _ in range(3))
    scores = torch.einsum("bthd,bshd->bhts", query, key) / 2
    scores = scores.masked_fill(torch.ones(5, 5).triu(1).bool(), float("-inf"))
    expected = torch.einsum("bhts,bshd->bthd", scores.softmax(-1), value)
    torch.testing.assert_close(
        ops.memory_efficient_attention(query, key, value, ops.LowerTriangularMask(), p=0), expected
    )
    assert [part.shape for part in ops.unbind(query, dim=2)] == [(2, 5, 4)] * 3


def test_splitting_words_without_spacy_is_one_line(monkeypatch):
    from audiocraft.modules import conditioners

    spacy = types.ModuleType("spacy")
    stand_ins.stub_spacy(spacy)
    monkeypatch.setattr(conditioners, "spacy", spacy)
    with pytest.raises(UserError, match="pip install 'spacy"):
        conditioners.WhiteSpaceTokenizer(100)


def test_what_is_left_out_of_the_installation_is_not_missed():
    """Packages that pyproject.toml's overrides drop, and extras, hidden here whether or not they are installed."""
    code = (
        "from importlib.machinery import PathFinder\n"
        "hidden, find = ('spacy', 'sphn', 'sklearn', 'tensorboard', 'xformers'), PathFinder.find_spec\n"
        "PathFinder.find_spec = lambda name, *rest: None if name in hidden else find(name, *rest)\n"
        "import orchestrator_solver\n"
        "import audiocraft.solvers.musicgen, demucs.pretrained, demucs.apply, demucs.audio\n"
        "import librosa.beat, librosa.feature, librosa.filters\n"
        "print('all there')\n"
    )
    assert run_python(code).strip() == "all there"


@pytest.mark.parametrize("backend", ["torch", "xformers"])
def test_audiocraft_transformer_runs_on_either_backend(backend):
    import torch
    from audiocraft.modules import transformer

    transformer.set_efficient_attention_backend(backend)
    try:
        torch.manual_seed(0)
        model = transformer.StreamingTransformer(
            16, 4, 2, causal=True, memory_efficient=True, custom=True, dropout=0.0, attention_dropout=0.0
        ).eval()
        x = torch.randn(2, 6, 16)
        changed = x.clone()
        changed[:, 4:] += 1
        torch.testing.assert_close(model(x)[:, :4], model(changed)[:, :4])
    finally:
        transformer.set_efficient_attention_backend("torch")


def test_train_stands_in_for_audiocrafts():
    from audiocraft import train

    import orchestrator_solver.train as ours

    assert train is ours is sys.modules["audiocraft.train"]
    assert train.__spec__.name == "orchestrator_solver.train"
    assert all(hasattr(train, name) for name in ("main", "get_solver_from_sig", "get_solver_from_xp"))


class Harmful:
    """Pickles to a call."""

    def __reduce__(self):
        return (os.mkdir, (os.environ["HARM"],))


@pytest.fixture
def runs(tmp_path, monkeypatch):
    from audiocraft.environment import AudioCraftEnvironment

    from orchestrator_solver import train

    monkeypatch.setattr(train.main.dora, "dir", tmp_path / "runs")
    monkeypatch.setattr(AudioCraftEnvironment, "get_dora_dir", lambda: tmp_path / "runs")
    folder = tmp_path / "runs" / "xps" / "0123abcd"
    folder.mkdir(parents=True)
    return folder


def test_own_checkpoint_loads_with_its_configuration(runs):
    import torch
    from audiocraft.utils import checkpoint
    from omegaconf import OmegaConf

    state = {"xp.cfg": OmegaConf.create({"lr": 1}), "found": defaultdict(list), "model": {"w": torch.ones(1)}}
    torch.save(state, runs / "checkpoint.th")
    assert checkpoint.load_checkpoint(checkpoint.resolve_checkpoint_path("//sig/0123abcd")) == state


def test_foreign_checkpoint_is_not_unpickled(runs, tmp_path, monkeypatch):
    import torch
    from audiocraft.utils import checkpoint

    monkeypatch.setenv("HARM", str(tmp_path / "harm"))
    torch.save({"model": Harmful()}, tmp_path / "checkpoint.th")
    with pytest.raises(UserError, match="refused"):
        checkpoint.load_checkpoint(tmp_path / "checkpoint.th")
    (runs / "checkpoint.th").symlink_to(tmp_path / "checkpoint.th")  # a link does not make it ours
    with pytest.raises(UserError, match="refused"):
        checkpoint.load_checkpoint(runs / "checkpoint.th")
    assert not (tmp_path / "harm").exists()


@pytest.fixture
def bare_environment(monkeypatch):
    for name in ("USER", "AUDIOCRAFT_CONFIG", "AUDIOCRAFT_CLUSTER", "AUDIOCRAFT_DORA_DIR", "ORCHESTRATOR_DORA_DIR"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(("given", "expected"), [(None, PROJECT / "outputs"), ("mine", Path.cwd() / "mine")])
def test_runs_are_kept_in_one_absolute_folder(bare_environment, given, expected):
    from audiocraft.environment import AudioCraftEnvironment

    if given:
        bare_environment.setenv("ORCHESTRATOR_DORA_DIR", given)
    libraries.point_to_our_settings()
    AudioCraftEnvironment.reset()
    assert AudioCraftEnvironment.get_dora_dir() == expected
    assert AudioCraftEnvironment.get_slurm_partitions()


def test_scipys_docstrings_are_as_they_were_written():
    from scipy import signal, special

    texts = [function.__doc__ or "" for function in (signal.lfilter, signal.get_window, special.logsumexp)]
    assert [text.split()[0] for text in texts] == ["Filter", "Convenience", "Compute"]
    assert all("Examples" in text and "Array API" not in text for text in texts)


def test_gloo_without_a_gpu(monkeypatch):
    import flashy
    import torch

    if torch.cuda.is_available():
        pytest.skip("says what happens without a GPU")
    place = {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in {**place, "DORA_FORCE_DISTRIB": "1"}.items():
        monkeypatch.setenv(name, value)
    chosen = []
    run = types.SimpleNamespace(dora=types.SimpleNamespace(use_rendezvous=False))
    monkeypatch.setattr("dora.distrib.get_xp", lambda: run)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda **options: chosen.append(options["backend"]))
    flashy.distrib.init()
    assert chosen == ["gloo"]


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers_see_the_seams(method, tmp_path):
    script = tmp_path / "load.py"
    script.write_text(
        "import orchestrator_solver, torch\n"
        "class Numbers(torch.utils.data.Dataset):\n"
        "    def __len__(self): return 2\n"
        "    def __getitem__(self, i):\n"
        "        from xformers.ops import unbind\n"
        "        return torch.tensor(i)\n"
        "if __name__ == '__main__':\n"
        f"    loader = torch.utils.data.DataLoader(Numbers(), num_workers=1, multiprocessing_context={method!r})\n"
        "    print([int(x) for x in loader])\n"
    )
    assert run_python(script).strip() == "[0, 1]"


@pytest.mark.slow
def test_stock_datasets_pass_through_the_forkserver(tmp_path):
    """The worker's first sight of audiocraft is a pickled class of audiocraft's own."""
    script = tmp_path / "load.py"
    script.write_text(
        "import multiprocessing\n"
        "if __name__ == '__main__':\n"
        "    import orchestrator_solver\n"
        "    from audiocraft.data.audio_dataset import AudioMeta\n"
        "    with multiprocessing.get_context('forkserver').Pool(1) as pool:\n"
        "        print(pool.map(AudioMeta.from_dict, [dict(path='a', duration=1.0, sample_rate=2)])[0].path)\n"
    )
    assert run_python(script).strip() == "a"


def test_wandb_offline_keeps_scalars_and_media(tmp_path):
    """Without media logging the scalars stay, each along its own axis; with it nothing crashes; no server is asked."""
    code = (
        "import orchestrator_solver, torch, wandb, dora, flashy, types, pathlib, sys\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "dora.get_xp = lambda: types.SimpleNamespace(folder=folder, sig='0123abcd')\n"
        "logged = []\n"
        "axis = lambda metrics: metrics.get('epoch', metrics.get('update'))\n"
        "wandb.Run.log = lambda run, metrics: logged.append((sorted(metrics), axis(metrics)))\n"
        "for media in (False, True):\n"
        "    logger = flashy.loggers.WandbLogger.from_xp(with_media_logging=media, project='p')\n"
        "    logger.log_metrics('train', {'ce': 1.0, 'lr': 0.1}, 3)\n"
        "    logger.log_metrics('steps', {'ce': 1.0}, 40)\n"
        "    logger.log_audio('generate', 'clip', torch.zeros(1, 100), 16000, 3)\n"
        "    logger.log_text('generate', 'prompt', 'violin', 3)\n"
        "    logger.writer.finish()\n"
        "print('LOGGED', logged)\n"
    )
    out = run_python(code, WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=str(tmp_path))
    logged = out[out.index("LOGGED") :]
    scalars = "(['epoch', 'train/ce', 'train/lr'], 3), (['steps/ce', 'update'], 40)"
    media = "(['epoch', 'generate/clip'], 3), (['epoch', 'generate/prompt'], 3)"
    assert logged.strip() == f"LOGGED [{scalars}, {scalars}, {media}]"


@pytest.mark.parametrize("exponent", [9, 12, 14])
@pytest.mark.parametrize("rate", [16_000, 32_000, 44_100])
def test_chroma_has_librosas_filters_to_the_bit(rate: int, exponent: int):
    from audiocraft.modules.chroma import ChromaExtractor
    from librosa import filters

    theirs = filters.chroma(sr=rate, n_fft=2**exponent, tuning=0, n_chroma=12)
    np.testing.assert_array_equal(ChromaExtractor(rate, radix2_exp=exponent).fbanks.numpy(), theirs)


def test_what_a_library_lacks_is_said_when_it_is_used():
    """By lazy_loader, which says who had asked for it."""
    code = (
        "import orchestrator_solver, lazy_loader\n"
        "absent = lazy_loader.load('nothing_of_this_name')\n"
        "try: absent.anything\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    said = run_python(code)
    assert "No module named 'nothing_of_this_name'" in said and "line 2, in <module>" in said
