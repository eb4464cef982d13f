"""The page in a real browser, played by the small model: with a mouse, on a phone's width, and by keyboard alone."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason="gradio is not installed (the extra `serve`)")
pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Browser, Locator, Page, Response, expect, sync_playwright
from playwright.sync_api import TimeoutError as NotInTime
from support.served import tune

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")]
FLAGS = ["--no-sandbox", "--mute-audio", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
HOSTILE = "<img src=x onerror='window.hostile=1'>.wav"
LONG = 30_000  # milliseconds


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of the command's server."""
    words = [sys.executable, "-m", "orchestrator_solver.cli", "serve", "--port", "0", "--max-seconds", "60"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().split()[0]
    process.terminate()
    assert process.wait(timeout=20) in (0, -15)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, which asks nobody but its server, and in which nothing goes wrong."""
    page = browser.new_page(viewport=getattr(request, "param", {"width": 1280, "height": 900}))
    outside, wrong = [], []
    page.on("request", lambda asked: outside.append(asked.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if _is_wrong(answer) else None)
    page.goto(address)
    expect(page.get_by_role("heading", name="Who plays it")).to_be_visible(timeout=LONG)
    page.wait_for_timeout(1000)  # until Gradio has put its last parts in place
    yield page
    assert [url for url in outside if not url.startswith((address, "data:", "blob:"))] == [] and wrong == []
    assert not page.evaluate("Boolean(window.hostile)")
    page.close()


def _is_wrong(answer: Response) -> bool:
    """A recording's own player asks for it in vain: it is heard, and gone."""
    return answer.status > 399 and not answer.url.endswith("/audio.wav")


def _drop(page: Page, path: Path) -> None:
    """Drag a file onto the page; nothing shows when its script listens."""
    data = page.evaluate_handle(
        """([name, bytes]) => { const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], name)); return data; }""",
        [path.name, list(path.read_bytes())],
    )
    target = page.get_by_role("button", name="Click to upload or drop files")
    _until_it_listens(
        lambda: page.expect_request(lambda asked: "/upload" in asked.url, timeout=LONG / 5),
        lambda: target.dispatch_event("drop", {"dataTransfer": data}),
    )


def _until_it_listens(expected: Callable[[], Any], act: Callable[[], None], times: int = 5) -> Any:
    """Act until what it leads to is seen; what that is."""
    try:
        with expected() as seen:
            act()
        return seen.value
    except NotInTime:
        if times == 1:
            raise
    return _until_it_listens(expected, act, times - 1)


def _status(page: Page) -> Locator:
    return page.locator(".status")


def test_a_tune_is_dropped_described_played_and_compared(page: Page, tmp_path: Path) -> None:
    _drop(page, tune(tmp_path / "song.wav", 6))
    expect(page.get_by_text("Your tune: song.wav, 6.0 s")).to_be_visible(timeout=LONG)
    description, tempo = page.get_by_label("Description"), page.get_by_label("Tempo")
    found = description.input_value()
    assert "BPM" in found and tempo.input_value()
    tempo.fill("96")
    tempo.press("Tab")
    expect(description).to_have_value(re.compile("96 BPM"), timeout=LONG)
    description.fill("A calm piece.")
    page.get_by_role("group", name="Strings").get_by_label("violin", exact=True).check()
    page.get_by_label("cello", exact=True).check()
    page.get_by_label("own words").fill("2 flutes")
    page.get_by_role("group", name="Takes").get_by_label("3", exact=True).check()
    page.get_by_role("button", name="Play", exact=True).click()
    takes = page.locator(".takes .take")
    expect(takes).to_have_count(3, timeout=LONG)
    expect(page.get_by_text("A calm piece. Instruments: violin, cello, pipe.")).to_be_visible()
    expect(page.get_by_text(re.compile("^Best: Take of seed"))).to_be_visible()
    scores = takes.locator("dd").all_inner_texts()
    assert len(scores) == 9 and all(re.fullmatch(r"-?\d\.\d{3}|–", score) for score in scores)
    lasts = page.evaluate("[...document.querySelectorAll('.takes audio')].map((audio) => audio.duration)")
    assert lasts == pytest.approx([6, 6, 6], abs=0.2)
    assert page.evaluate("[...document.querySelectorAll('.take img')].every((image) => image.naturalWidth > 0)")
    with page.expect_download() as wav:
        takes.first.get_by_text("Download wav").click()
    assert wav.value.suggested_filename.startswith("song-violin-cello-flutes-nano-") and wav.value.path().stat().st_size
    takes.nth(1).locator("audio").evaluate("(audio) => audio.play()")
    page.wait_for_function("document.querySelectorAll('.takes audio')[1].currentTime > 0.1", timeout=LONG)


def test_it_is_heard_while_it_is_played_and_can_be_cancelled(page: Page, tmp_path: Path) -> None:
    page.get_by_role("button", name="Click to upload or drop files").locator("input").set_input_files(
        tune(tmp_path / "song.wav", 60)  # long enough to be heard, and to be cancelled
    )
    expect(page.get_by_text("Your tune: song.wav")).to_be_visible(timeout=LONG)
    page.get_by_label("violin", exact=True).check()
    page.get_by_label("4", exact=True).check()
    page.get_by_role("button", name="Play", exact=True).click(timeout=3 * LONG)  # it is described first
    page.wait_for_function("document.querySelector('.live audio')?.currentSrc", timeout=LONG)
    expect(page.locator(".takes")).to_have_count(0)
    page.get_by_role("button", name="Cancel").click()
    expect(_status(page)).to_have_text("Cancelled.", timeout=LONG)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()
    time.sleep(2)
    expect(page.locator(".takes")).to_have_count(0)


def test_mistakes_are_a_line_on_the_page(page: Page, tmp_path: Path) -> None:
    page.get_by_role("button", name="Play", exact=True).click()
    expect(_status(page)).to_have_text("Give it a tune first: drop a file, or record one.", timeout=LONG)
    (tmp_path / "page.wav").write_text("no wave")
    _drop(page, tmp_path / "page.wav")
    expect(_status(page)).to_have_text(re.compile("^page.wav cannot be read as audio"), timeout=LONG)
    _drop(page, tune(tmp_path / HOSTILE, 3))
    expect(page.get_by_role("heading", name="Your tune:")).to_contain_text("onerror", timeout=LONG)
    page.get_by_label("own words").fill("violin, <b>bold</b>")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(_status(page)).to_contain_text("is no instrument's name", timeout=LONG)
    page.get_by_label("own words").fill("trumpit")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(_status(page)).to_have_text("unknown instrument 'trumpit': did you mean trumpet?", timeout=LONG)


def test_a_tune_is_recorded(page: Page) -> None:
    """Of Chromium's microphone that beeps."""
    page.get_by_role("button", name="Record", exact=True).click()
    time.sleep(3)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("heading", name="Your tune:")).to_be_visible(timeout=LONG)


@pytest.mark.parametrize("page", [{"width": 390, "height": 844}], indirect=True)
def test_on_a_phone_nothing_is_beyond_the_edge(page: Page, tmp_path: Path) -> None:
    _drop(page, tune(tmp_path / "song.wav", 3))
    expect(page.get_by_text("Your tune: song.wav")).to_be_visible(timeout=LONG)
    page.get_by_label("violin", exact=True).check()
    page.get_by_label("2", exact=True).check()
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator(".takes .take")).to_have_count(2, timeout=LONG)
    beyond = page.evaluate(
        """[...document.querySelectorAll("button, input, textarea, audio, img, a, h1, h2, h3, p, label")].filter(
            (one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 200))"""
    )
    assert beyond == [] and page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until what has this name, or a label of it, is focused."""
    for _ in range(120):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """(() => { const one = document.activeElement, label = one.labels?.[0]?.textContent;
                return (label || one.getAttribute("aria-label") || one.textContent).trim(); })()"""
        )
        if focused.startswith(name):
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_by_keyboard_alone(page: Page, tmp_path: Path) -> None:
    """In the order in which the page is read."""
    _tab_to(page, "Click to upload")
    chooser = _until_it_listens(
        lambda: page.expect_file_chooser(timeout=LONG / 5), lambda: page.keyboard.press("Enter")
    )
    chooser.set_files(tune(tmp_path / "song.wav", 3))
    expect(page.get_by_text("Your tune: song.wav")).to_be_visible(timeout=LONG)
    _tab_to(page, "violin")
    page.keyboard.press("Space")
    _tab_to(page, "Or in your own words")
    page.keyboard.type("flute")
    _tab_to(page, "Description")
    page.keyboard.press("Control+A")
    page.keyboard.type("Calm.")
    _tab_to(page, "2")
    page.keyboard.press("Space")
    _tab_to(page, "Play")
    page.keyboard.press("Enter")
    expect(page.locator(".takes .take")).to_have_count(2, timeout=LONG)
    expect(page.get_by_text("Calm. Instruments: violin, pipe.")).to_be_visible()
    _tab_to(page, "Download wav")
