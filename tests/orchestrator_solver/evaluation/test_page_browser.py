"""The listening page in a real browser, where there is one (Debian: `apt-get install chromium`)."""

import base64
import hashlib
import json
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from orchestrator_solver.page import PageExcerpt, Take, write_page

BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), "")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-quic", "--mute-audio",
         "--autoplay-policy=no-user-gesture-required"]  # fmt: skip
HOSTILE = "<script>window.hostile = true</script><img src=x onerror='window.hostile = true'>"
RATE, SECONDS = 16_000, 4.0
# Plays the first take, then the second, then clicks into the middle of the first one's picture.
VISIT = """
const refused = [];
document.addEventListener("securitypolicyviolation", (event) => refused.push(event.violatedDirective));
const plays = (audio, from) => new Promise((done) => {
  const look = () => (audio.currentTime > from && !audio.paused ? done() : setTimeout(look, 20));
  look();
});
addEventListener("load", async () => {
  const [first, second] = document.querySelectorAll("audio"), found = {durations: [first.duration, second.duration]};
  first.play();
  await plays(first, 0);
  second.play();
  await plays(second, 0);
  found.paused = [first.paused, second.paused];
  const plot = first.closest(".take").querySelector(".plot"), box = plot.getBoundingClientRect();
  plot.dispatchEvent(new MouseEvent("click", {bubbles: true, clientX: box.left + box.width / 2}));
  await plays(first, first.duration / 2 + 0.1);
  const head = first.closest(".take").querySelector(".head");
  found.after = {second: second.paused, time: first.currentTime, head: parseFloat(head.style.left), seen: !head.hidden};
  found.pictures = [...document.images].every((image) => image.naturalWidth > 0);
  found.hostile = Boolean(window.hostile);
  fetch("/found", {method: "POST", body: JSON.stringify({...found, refused})});
});
"""


@pytest.fixture
def visited(tmp_path: Path) -> Iterator[tuple[str, queue.Queue]]:
    """Address of a page with the visitor's script, and where what it found arrives."""
    time = np.arange(round(SECONDS * RATE)) / RATE
    sounds = [(0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32) for hertz in (220, 440)]
    takes = [Take("reference", "Reference", sounds[0], RATE), Take("finetuned", "Fine-tuned", sounds[1], RATE, {})]
    write_page(tmp_path / "page.html", [PageExcerpt(HOSTILE, ["violin"], {HOSTILE: HOSTILE}, takes)], [], {}, HOSTILE)
    page = (tmp_path / "page.html").read_text()
    allowed = base64.b64encode(hashlib.sha256(VISIT.encode()).digest()).decode()
    page = re.sub("script-src ", f"connect-src 'self'; script-src 'sha256-{allowed}' ", page, count=1)
    body, found = page.replace("</body>", f"<script>{VISIT}</script></body>").encode(), queue.Queue[dict]()

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body if self.path == "/" else b"")

        def do_POST(self) -> None:
            found.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", found
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@pytest.mark.skipif(not BROWSER, reason="there is no Chromium here")
def test_one_take_plays_at_a_time_and_a_click_seeks(visited: tuple[str, queue.Queue], tmp_path: Path) -> None:
    address, arrived = visited
    browser = subprocess.Popen(
        [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'browser'}", address],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        found = arrived.get(timeout=60)
    finally:
        browser.terminate()
        browser.wait()
    assert found["durations"] == pytest.approx([SECONDS, SECONDS], abs=0.1)
    assert found["paused"] == [True, False]
    after = found["after"]
    assert after["second"] and after["seen"] and SECONDS / 2 < after["time"] < SECONDS
    assert after["head"] == pytest.approx(50, abs=20)
    assert found["pictures"] and not found["hostile"] and found["refused"] == []
