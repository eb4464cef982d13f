"""Descriptions of a whole data set: what each takes of this machine, against openai's client that only asks."""

import asyncio
import json
import multiprocessing
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openai

from ..items.facts import Facts
from ..llm.ask_all import ask_all
from ..llm.client import each
from ..llm.description_prompt import MAX_TOKENS, first_request, format_input
from ..llm.settings import ChatSettings
from .comparison import Comparison, compare
from .measurement import Report

CONCURRENCY = 32
_ANSWER = json.dumps({
    "id": "1", "object": "chat.completion", "created": 0, "model": "gpt-4o",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": "A calm piece in C major at a slow tempo."}}],
    "usage": {"prompt_tokens": 60, "completion_tokens": 10, "total_tokens": 70},
}).encode()  # fmt: skip


@dataclass(frozen=True)
class DescribeReport(Report):
    """What was measured.

    Attributes:
        items: how many were described.
        comparison: describing against asking alone.
        again: seconds of a second run, which finds every answer kept.
        grown: bytes by which the process' greatest size grew.
    """

    items: int
    comparison: Comparison
    again: float
    grown: int

    def text(self) -> str:
        """For a terminal."""
        each, again = (1000 * seconds / self.items for seconds in (self.comparison.our_seconds[0], self.again))
        return "\n".join(
            [
                self.comparison.text(),
                f"  {each:.2f} ms an item; a second run, by kept answers: {again:.2f} ms an item",
                f"  memory grew by {self.grown / 2**20:.0f} MiB",
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain values for JSON."""
        return {"items": self.items, "again": self.again, "grown": self.grown, **self.comparison.to_json()}


def bench_describe(folder: Path, items: int) -> DescribeReport:
    """Describe items, no two of which are known by the same facts, with a server on loopback that answers at once.

    Args:
        folder: for the answers.
        items: how many.
    """
    questions = [format_input(Facts("", f"Slow, calm music number {n}.", None, 100.0, "C major")) for n in range(items)]
    with _server() as url:
        settings = ChatSettings(base_url=url, concurrency=CONCURRENCY, cache=folder / "answers")
        before = _greatest_size()
        found = compare(
            f"{items} descriptions, {CONCURRENCY} at once",
            ("python -m dataset_builder describe", lambda: ask_all(questions, settings)),
            ("openai's client alone", lambda: asyncio.run(_only_ask(questions, url))),
            repeats=1,
        )
        grown = _greatest_size() - before
        again = compare("again", ("", lambda: ask_all(questions, settings)), ("", lambda: None), repeats=1)
    return DescribeReport(items, found, again.our_seconds[0], grown)


async def _only_ask(questions: list[str], url: str) -> None:
    """What nobody can do without: a request for each question."""
    async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:

        async def ask(question: str) -> None:
            messages: Any = first_request(question)
            await client.chat.completions.create(
                model="gpt-4o", messages=messages, temperature=0.0, max_tokens=MAX_TOKENS
            )

        await each(questions, CONCURRENCY, ask)


def _greatest_size() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    def log_message(self, *args: object) -> None:
        """Quietly."""


def _serve(ports: Any) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    ports.put(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ports.close()
    threading.Event().wait()


@contextmanager
def _server() -> Iterator[str]:
    """A server in a process of its own; its URL."""
    context = multiprocessing.get_context("spawn")
    ports = context.Queue()
    process = context.Process(target=_serve, args=(ports,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ports.get(timeout=60)}/v1"
    finally:
        process.kill()
        process.join()
