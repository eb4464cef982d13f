"""A build whose captions come from an audio language model on loopback: faults, limits, kills, money."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import submitit
from aiolimiter import AsyncLimiter
from support.chat_server import GOOD, ChatServer, kill_when_asked, started

from dataset_builder.__main__ import main
from dataset_builder.dataset import manifest
from dataset_builder.dataset.costs import total_cost
from dataset_builder.items.item import Item
from dataset_builder.llm import client
from dataset_builder.pipeline import cluster_jobs
from dataset_builder.pipeline.build import build_shard
from dataset_builder.pipeline.cluster_jobs import Launch
from dataset_builder.pipeline.settings import BuildSettings
from dataset_builder.runtime.shards import Shard

pytestmark = pytest.mark.usefixtures("caption_cache", "answers")
PATIENT = ["--caption-timeout", "5"]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LONGEST_WAIT", 0.001)


def arguments(source: Path, out: Path, server: ChatServer, *more: str) -> list[str]:
    return ["build", "--source", "slakh", "--root", str(source), "--out", str(out), "--workers", "1",
            "--captions", "chat", "--caption-url", server.url, "--caption-model", "omni",
            "--caption-concurrency", "4", "--submixes", "0", *more]  # fmt: skip


def items(out: Path) -> list[Item]:
    return [item for split in manifest.SPLITS for item in manifest.load(out, split)]


def tree(out: Path) -> dict[str, bytes]:
    """Every file of a data set that a build decides."""
    names = [path for path in out.rglob("*") if path.is_file() and path.name != "costs.jsonl" and not path.is_symlink()]
    volatile = {"report.json", "report.html", "SHA256SUMS", "dataset.json"}  # hold money, or the place of the source
    return {str(path.relative_to(out)): path.read_bytes() for path in names if path.name not in volatile}


def test_every_item_is_captioned_and_described_by_its_caption(
    server: ChatServer, tiny_slakh: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert main(arguments(tiny_slakh, out, server)) == 0
    found = items(out)
    assert {item.caption for item in found} == {GOOD} and all(item.description for item in found)
    assert main(["check", str(out)]) == 0
    calls = len(server.asked)
    assert calls == total_cost(out).calls <= len(found)  # items with one sound are captioned once
    assert main(arguments(tiny_slakh, out, server)) == 0 and len(server.asked) == calls
    assert main(arguments(tiny_slakh, tmp_path / "again", server)) == 0 and len(server.asked) == calls


def test_a_sound_that_many_items_share_is_captioned_once(
    server: ChatServer, tmp_path: Path, write_track: Callable[..., Path]
) -> None:
    """At once: the mix of a single stem, and the stem; the model would not say the same twice."""
    write_track(tmp_path / "slakh" / "train" / "Track00001", 80.0, {0: 40})
    server.replies = ["Slow.", "Fast."]
    assert main(arguments(tmp_path / "slakh", tmp_path / "out", server)) == 0
    assert [item.caption for item in items(tmp_path / "out")] == ["Slow.", "Slow."] and len(server.asked) == 1


def test_jobs_leave_the_asking_to_the_end(
    server: ChatServer, tiny_slakh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def launcher(folder: Path, launch: Launch) -> submitit.Executor:
        return submitit.AutoExecutor(folder, cluster="debug")  # its jobs run in this process

    def shard(settings: BuildSettings, shard: Shard) -> int:
        done = build_shard(settings, shard)
        assert not server.asked
        return done

    monkeypatch.setitem(cluster_jobs.LAUNCHERS, "local", launcher)  # type: ignore[misc]
    monkeypatch.setattr(cluster_jobs, "build_shard", shard)
    jobs = ["--launcher", "local", "--shards", "2"]
    assert main(arguments(tiny_slakh, tmp_path / "out", server, *jobs)) == 0
    assert {item.caption for item in items(tmp_path / "out")} == {GOOD}


def test_a_repair_asks_nobody(
    server: ChatServer, tiny_slakh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(arguments(tiny_slakh, out, server)) == 0
    asked, whole = len(server.asked), tree(out)
    (out / "tracks" / "Track00002.json").unlink()
    assert main(["check", str(out), "--repair"]) == 2 and len(server.asked) == asked
    assert "build it again (--captions chat --descriptions template)" in capsys.readouterr().err.splitlines()[-1]
    assert main(arguments(tiny_slakh, out, server)) == 0 and tree(out) == whole and len(server.asked) == asked


def test_requests_go_out_together(server: ChatServer, tiny_slakh: Path, tmp_path: Path) -> None:
    """With one worker; the first four are answered when all four are there."""
    server.barrier = threading.Barrier(4, action=lambda: setattr(server, "barrier", None))
    assert main(arguments(tiny_slakh, tmp_path / "out", server)) == 0
    assert server.most_at_once == 4


def test_limits_of_the_rate_are_the_captions_own(
    server: ChatServer, tiny_slakh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[tuple[float, float]] = []

    class Limiter(AsyncLimiter):
        def __init__(self, rate: float, period: float):
            limits.append((rate, period))
            super().__init__(1e9, 1.0)  # nobody waits

    monkeypatch.setattr(client, "AsyncLimiter", Limiter)
    rates = ["--rpm", "1", "--caption-rpm", "30", "--caption-tpm", "90000"]
    assert main(arguments(tiny_slakh, tmp_path, server, *rates)) == 0
    assert [60 * rate / period for rate, period in limits] == [30.0, 90_000.0]


def test_shards_and_a_merge_make_the_same_bytes(server: ChatServer, tiny_slakh: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(arguments(tiny_slakh, whole, server)) == 0
    asked = len(server.asked)
    for shard in ("1/2", "2/2"):
        assert main(arguments(tiny_slakh, parts, server, "--shard", shard)) == 0
    assert len(server.asked) == asked, "a shard asked"
    assert main(["merge", str(parts)]) == 2, "it has to be said where the model is"
    assert main(["merge", str(parts), "--caption-url", server.url]) == 0
    assert tree(parts) == tree(whole)


@pytest.mark.parametrize(
    "reply",
    [(429, {"Retry-After": "0"}), (429, {}), (500, {}), ("cut",), ("no json",), None, ("hang",)],
    ids=lambda reply: str(reply),
)
def test_what_may_pass_is_tried_again(server: ChatServer, tiny_slakh: Path, tmp_path: Path, reply: object) -> None:
    server.replies = [reply]
    patience = ["--caption-timeout", "0.3"] if reply == ("hang",) else PATIENT
    assert main(arguments(tiny_slakh, tmp_path / "out", server, *patience)) == 0
    assert {item.caption for item in items(tmp_path / "out")} == {GOOD}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(("refusal",), "refuses"), ("I'm sorry, I can't hear it.", "refuses"), ("word " * 3000, "3000 words"),
     ((400, {}), "status 400")],
)  # fmt: skip
def test_what_fails_is_listed_and_the_next_run_asks_again(
    server: ChatServer, tiny_slakh: Path, tmp_path: Path, reply: object, reason: str
) -> None:
    out = tmp_path / "out"
    server.replies = [reply]
    assert main(arguments(tiny_slakh, out, server)) == 0
    (line,) = [json.loads(line) for line in (out / "left_out.jsonl").read_text().splitlines() if '"caption"' in line]
    assert line["reason"] == "no caption" and reason in line["detail"]
    asked = len(server.asked)
    assert main(arguments(tiny_slakh, out, server)) == 0
    assert {item.caption for item in items(out)} == {GOOD} and len(server.asked) == asked + 1
    assert "no caption" not in (out / "left_out.jsonl").read_text()


@pytest.mark.parametrize(
    ("reply", "words"), [((401, {}), "refuses CAPTION_API_KEY"), ((404, {}), "does not know 'omni'")]
)
def test_what_is_hopeless_stops_at_once(
    server: ChatServer, tiny_slakh: Path, tmp_path: Path, reply: object, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.replies = [GOOD, *[reply] * 99]
    one = ["--caption-concurrency", "1"]
    assert main(arguments(tiny_slakh, tmp_path / "out", server, *one)) == 2
    assert words in capsys.readouterr().err.splitlines()[-1] and len(server.asked) == 2
    server.replies = []
    assert main(arguments(tiny_slakh, tmp_path / "out", server, *one)) == 0
    assert total_cost(tmp_path / "out").calls == len(server.asked) - 1, "the answer that came first is kept"


def test_no_key_of_openais_is_sent(server: ChatServer, tiny_slakh: Path, tmp_path: Path) -> None:
    assert main(arguments(tiny_slakh, tmp_path / "out", server)) == 0
    assert server.keys == {"Bearer none"}


def test_a_budget_stops_and_more_money_goes_on(
    server: ChatServer, tiny_slakh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(arguments(tiny_slakh, out, server, "--caption-budget", "0.005")) == 2  # without a price
    priced = ["--caption-price", "2,10"]
    assert main(arguments(tiny_slakh, out, server, *priced, "--caption-budget", "0.005")) == 0
    assert "the budget of $0.005 is reached" in (out / "left_out.jsonl").read_text()
    dollars = total_cost(out).dollars
    assert dollars is not None and 0 < dollars <= 0.005
    assert main(arguments(tiny_slakh, out, server, *priced)) == 0
    assert {item.caption for item in items(out)} == {GOOD}


def test_no_description_is_paid_for_before_its_caption(server: ChatServer, tiny_slakh: Path, tmp_path: Path) -> None:
    """Else it would be asked for without one now, and with it by the next run."""
    out = tmp_path / "out"
    build = arguments(tiny_slakh, out, server, "--descriptions", "chat", "--url", server.url)
    assert main([*build, "--caption-price", "2,10", "--caption-budget", "0.005"]) == 0
    assert all(isinstance(body["messages"][0]["content"], list) for body in server.asked), "it asked for a sentence"
    assert "captions come first, and the budget of $0.005 is reached" in (out / "left_out.jsonl").read_text()
    assert main(build) == 0 and {item.description for item in items(out)} == {GOOD}


@pytest.mark.slow
def test_a_kill_repeats_only_what_was_in_flight(server: ChatServer, tiny_slakh: Path, tmp_path: Path) -> None:
    """Killed with -9 while four requests hang: those are asked again, and what had been paid for is in the ledger."""
    out = tmp_path / "out"
    server.replies = [GOOD] * 5 + [("hang",)] * 4
    words = arguments(tiny_slakh, out, server, "--caption-timeout", "60")
    kill_when_asked(server, started(words, tmp_path / "cache"), 9)
    assert total_cost(out).calls == 5
    asked = [json.dumps(body) for body in server.asked]
    server.replies = []
    assert started(words, tmp_path / "cache").wait() == 0
    again = [json.dumps(body) for body in server.asked[9:]]
    assert set(again) & set(asked) == set(asked[5:]), "of what was asked before, only what hung"
    undisturbed = tmp_path / "undisturbed"
    assert main(arguments(tiny_slakh, undisturbed, server)) == 0 and tree(undisturbed) == tree(out)
