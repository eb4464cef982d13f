"""What a data set holds, counted; as text, JSON and a page that is safe and whole in itself."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import asdict, replace
from html.parser import HTMLParser

import pytest

from dataset_builder.__main__ import main
from dataset_builder.audit.exclusions import LeftOut
from dataset_builder.dataset.report import Tally, read_report, report_of, tally
from dataset_builder.dataset.report_page import page
from dataset_builder.errors import UserError
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings
from dataset_builder.runtime import atomic

HOSTILE = '</title><script>alert(1)</script><img src="http://evil/x" onerror=alert(2)>"\'&{{ 7*7 }}'


@pytest.fixture
def report(make_item):
    """Two tracks: one with a mix and a submix, one that has neither tempo nor key."""
    first = make_item(kind="mix", id="a", bpm=119.6, description="Five words are in this one.")
    second = make_item(id="b", description="Short.")
    plain = make_item(track="T2", split="test", kind="stem", bpm=None, key=None, description=None, duration=20.0)
    tallies = [
        tally([first, second], [LeftOut("T1", "stem", "S01", "silent"), LeftOut("T1", "stem", "S02", "silent")]),
        tally([plain], []),
    ]
    return report_of(tallies, {})


def test_counts(report):
    assert report.items == {"train": {"mix": 1, "submix": 1}, "test": {"stem": 1}}
    assert report.tracks == {"train": 1, "test": 1}
    assert report.hours == {"train": round(20 / 3600, 3), "test": round(20 / 3600, 3)}
    assert report.tempi == {"100-119": 1, "none": 1} and report.keys == {"C major": 1, "none": 1}
    assert report.words == {"0-4": 1, "5-9": 1, "none": 1}
    assert report.instruments == {"violin": 3, "drums": 3}
    assert report.left_out == {"stem: silent": 2}


def test_silence_is_what_no_stem_sounds_in(report):
    """The item's stems sound in 0..4 and 6..10, and in 3.9..10 s: never silent; in 20 s, half of it is."""
    assert report.silent == {"mix": 0.0, "stem": 0.5, "submix": 0.0}


def test_tallies_add_up_in_any_order(make_item):
    tallies = [tally([make_item(id=str(index), duration=10 + index / 7)], []) for index in range(20)]
    assert asdict(report_of(tallies, {})) == asdict(report_of(tallies[::-1], {}))


def test_nothing_at_all():
    report = report_of([Tally()], {})
    assert "left out: 0" in report.text() and "<svg" not in page(report)


def test_money(report):
    paid = replace(report, cost={"calls": 3, "tokens_in": 1200, "tokens_out": 90, "dollars": 0.0039})
    assert "language model: 3 calls, 1,200 tokens in, 90 out, $0.0039" in paid.text()
    assert "3 calls, 1,200 tokens in" in page(paid)
    assert "language model" not in report.text() and "anguage model" not in page(report)


class Elements(HTMLParser):
    """Collects elements and texts, and checks that they nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_needs_nothing_and_runs_nothing(report):
    text = page(report)
    found = Elements(text)
    tags = {tag for tag, _ in found.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "a"}
    assert not any(name.startswith("on") or name in ("src", "href", "style") for _, a in found.elements for name in a)
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(a["content"] for _, a in found.elements if a.get("http-equiv"))
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_hostile_text_is_only_text(report):
    hostile = replace(report, left_out={HOSTILE: 3}, instruments={HOSTILE: 1})
    text = page(hostile)
    assert "<script" not in text and "{{ 7*7 }}" in text and Elements(text).texts.count(HOSTILE) == 2


def test_charts_say_their_values(report):
    found = Elements(page(report))
    labels = [a["aria-label"] for tag, a in found.elements if tag == "svg"]
    assert len(labels) == 5 and "Tempo: 100-119 1, none 1" in labels
    assert "Silence: mix 0.0 %, stem 50.0 %, submix 0.0 %" in labels
    widths = [float(a["width"]) for tag, a in found.elements if tag == "rect"]
    assert max(widths) == 320 and min(widths) == 0


def test_a_chart_of_many_bars_says_what_it_leaves_out(report):
    text = page(replace(report, instruments={f"instrument {number}": 1 for number in range(60)}))
    assert "20 more are not shown" in text and "instrument 39" in text and "instrument 40" not in text


@pytest.fixture(scope="module")
def data(tiny_slakh, tmp_path_factory):
    out = tmp_path_factory.mktemp("data")
    build(BuildSettings("slakh", out, tiny_slakh, captions="none", workers=1))
    return out


def test_the_command(data, tmp_path, capsys):
    report = read_report(data)
    assert main(["report", str(data)]) == 0
    assert capsys.readouterr().out == report.text() + "\n"
    assert main(["report", str(data), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == asdict(report) == json.loads((data / "report.json").read_text())
    assert main(["report", str(data), "--format", "html", "--out", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_text().strip() == (data / "report.html").read_text().strip()
    assert main(["report", str(tmp_path)]) == 2
    assert "expected a finished data set" in capsys.readouterr().err


def test_a_torn_report(tmp_path):
    atomic.write_text(tmp_path / "report.json", "{}")
    with pytest.raises(UserError, match="torn or another version's"):
        read_report(tmp_path)


@pytest.mark.slow
def test_a_browser_shows_it_whole(data, tmp_path):
    """The style has the hash that the policy names, and the browser refuses nothing."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("there is no Chromium")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
         f"--screenshot={tmp_path / 'page.png'}", "--window-size=400,900", "--enable-logging=stderr",
         (data / "report.html").as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert (tmp_path / "page.png").stat().st_size > 10_000
    assert "CONSOLE" not in done.stderr, "no style or element was refused"


@pytest.mark.parametrize(
    "change",
    [{"items": 1}, {"items": {"train": {"mix": "<b>"}}}, {"hours": {"train": []}}, {"silent": {"mix": "x"}},
     {"keys": []}, {"tracks": {}}, {"cost": []}, {"cost": {"calls": 1}},
     {"silent": {"mix": float("nan")}}, {"more": 1}],
    ids=str,
)  # fmt: skip
def test_a_report_that_no_build_wrote_is_one_line(data, tmp_path, change):
    values = {**json.loads((data / "report.json").read_text()), **change}
    (tmp_path / "report.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match="is torn or another version's") as caught:
        read_report(tmp_path)
    assert "\n" not in str(caught.value)
