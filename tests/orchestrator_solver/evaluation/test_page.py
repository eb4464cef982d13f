"""The listening page: self-contained, safe against hostile titles, whole or not at all."""

import base64
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.echo_model import RATE, EchoModel

from dataset_builder.errors import UserError
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings
from orchestrator_solver.evaluation.rows import ClipScores
from orchestrator_solver.evaluation.table import Column, Table
from orchestrator_solver.evaluation.table_formats import to_json
from orchestrator_solver.evaluation.tabulation import tabulate
from orchestrator_solver.generation.sampling import SamplingSettings
from orchestrator_solver.metrics.sim import Sim
from orchestrator_solver.page import PageExcerpt, Take, write_page
from orchestrator_solver.page.build import PageSettings, build_page
from orchestrator_solver.page.content import score_text, tables_of
from orchestrator_solver.page.played_excerpts import play_excerpts, telling_excerpts

SECONDS = 1.5
HOSTILE = '</title><script>alert(1)</script><img src="http://evil/x" onerror=alert(2)>"\'&{{ 7*7 }}'


def takes() -> list[Take]:
    wav = (0.4 * np.sin(2 * np.pi * 440 * np.arange(round(SECONDS * RATE)) / RATE)).astype(np.float32)
    scores = {"SIM ↑": 0.53219, "KL(musicnn) ↓": float("nan")}
    return [Take("reference", "Reference", wav, RATE), Take("finetuned", "Fine-tuned", wav * 0, RATE, scores)]


class Reader(HTMLParser):
    """Collects elements and checks that they nest."""

    VOID = ("meta", "img", "link", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "deep" / "page.html"
    excerpts = [PageExcerpt("Air", ["violin", "drums"], {"With description": "Slow."}, takes()),
                PageExcerpt(HOSTILE, [HOSTILE], {HOSTILE: HOSTILE}, takes(), HOSTILE)]  # fmt: skip
    write_page(path, excerpts, tables_of(to_json(table())), {HOSTILE: HOSTILE, "guidance": 3.0})
    return path.read_text()


def table() -> Table:
    scores = [
        ClipScores(f"Track{w}-mix", 0.0, f"Track{w}", row, "with", "stem", {"sim": value + w / 100})
        for w in range(4) for row, value in (("baseline", 0.3), ("finetuned", 0.5))
    ]  # fmt: skip
    return tabulate(scores, [Column("sim", "SIM", True)], resamples=100)


@pytest.fixture(scope="module")
def reader(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    return reader


def test_everything_is_inside(page: str, reader: Reader) -> None:
    sources = [a["src"] or "" for tag in ("img", "audio") for a in reader.all(tag)]
    assert len(sources) == 4 * 3 and all(source.startswith("data:") for source in sources)
    assert not reader.all("link") and not reader.all("iframe")
    addresses = [value for _, a in reader.elements for name, value in a.items() if name in ("href", "srcset", "action")]
    assert all(value and value.startswith("#") for value in addresses)


def test_audio_decodes_to_the_take(reader: Reader) -> None:
    for attributes in reader.all("audio"):
        kind, content = (attributes["src"] or "").split(";base64,")
        assert kind == "data:audio/mpeg"
        wav, rate = soundfile.read(io.BytesIO(base64.b64decode(content)))
        assert rate == RATE and len(wav) / rate == pytest.approx(SECONDS, abs=0.1)


def test_the_policy_names_this_style_and_script_and_nothing_else(page: str, reader: Reader) -> None:
    policy = next(a["content"] for a in reader.all("meta") if a.get("http-equiv") == "Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy
    for tag in ("style", "script"):
        found = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert len(found) == 1 and f"{tag}-src 'sha256-{digest}'" in policy
    assert not any(name == "style" or name.startswith("on") for _, a in reader.elements for name in a)


def test_hostile_text_is_only_text(page: str, reader: Reader) -> None:
    assert "<script>alert" not in page and "onerror=alert(2)>" not in page
    assert "{{ 7*7 }}" in page, "text is not a template"
    assert len(reader.all("script")) == 1


def test_it_can_be_read_without_seeing(reader: Reader) -> None:
    assert reader.all("html")[0]["lang"] == "en"
    assert all(attributes.get("alt") for attributes in reader.all("img"))
    assert all("controls" in a and a.get("aria-label") for a in reader.all("audio"))
    ids = [a["id"] for _, a in reader.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in reader.elements if "aria-labelledby" in a} <= set(ids)


def test_tables_and_scores(page: str) -> None:
    means, differences = tables_of(to_json(table()))
    assert means.head == ("", "SIM ↑")
    assert [row[0] for row in means.rows] == ["Baseline (w description)", "Fine-tuned (w description)"]
    assert means.rows[1][1].startswith("0.515 [")
    assert differences.rows[0][1].startswith("+0.200 [")
    assert "0.532" in page and means.rows[1][1] in page
    assert score_text(float("nan")) == score_text(None) == "–"


def test_equal_pages_have_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_page(tmp_path / name, [PageExcerpt("Air", [], {}, takes())], (), {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_page_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UserError, match="No space left"):
        write_page(path, [], (), {})
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"] and path.read_text() == "old"


@pytest.fixture(scope="module")
def data(tiny_slakh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    build(BuildSettings(source="slakh", out=root, root=tiny_slakh, captions="none", workers=1))
    return root


def test_a_page_of_models(data: Path, tmp_path: Path) -> None:
    shares: list[float] = []
    settings = PageSettings(data, seconds=2.0)
    (tmp_path / "table1.json").write_text(json.dumps(to_json(table())))
    models = {"baseline": EchoModel(), "finetuned": EchoModel()}
    build_page(tmp_path / "page.html", models, settings, tmp_path / "table1.json", shares.append)
    reader = Reader()
    reader.feed((tmp_path / "page.html").read_text())
    labels = [attributes["aria-label"] for attributes in reader.all("audio")]
    assert labels[0] is not None and labels[0].startswith("Reference: ")
    assert labels[1:] == [
        f"{label}, excerpt 1" for label in (
            "Baseline (w/o description)", "Fine-tuned (w/o description)", "Target", "Baseline (w description)",
            "Fine-tuned (w description)",
        )
    ]  # fmt: skip
    assert shares[-1] == 1.0 and shares == sorted(shares)
    assert "echo (eeeeeeeeeeee)" in (tmp_path / "page.html").read_text()


def test_a_reference_that_is_the_target_is_shown_once(data: Path) -> None:
    excerpts = telling_excerpts(data, "test", 3, 2.0, "self", 0.32)
    shown = play_excerpts(excerpts, {"finetuned": EchoModel()}, {"sim": Sim()}, "self", SamplingSettings())
    assert [take.role for take in shown[0].takes] == ["target", "finetuned", "finetuned"]
    assert shown[0].takes[1].scores == {"SIM ↑": pytest.approx(1.0)}
    assert len(shown[0].instruments) > 1


@pytest.mark.parametrize("content", [None, "{", "[]", '{"columns": 3}'])
def test_a_table_that_is_none(data: Path, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "table1.json").write_text(content)
    with pytest.raises(UserError, match="Table 1's JSON"):
        build_page(tmp_path / "page.html", {"finetuned": EchoModel()}, PageSettings(data), tmp_path / "table1.json")
    assert not (tmp_path / "page.html").exists()
