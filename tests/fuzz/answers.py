"""Doors of servers and of what is kept of their answers: chat, batches, captions. Nothing is listened to or sent."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import openai
from support.chat_server import completion

from dataset_builder.dataset.costs import total_cost
from dataset_builder.descriptor.captions import cache
from dataset_builder.descriptor.captions.captioner import CaptionError
from dataset_builder.descriptor.captions.table_captioner import TableCaptioner
from dataset_builder.errors import UserError
from dataset_builder.llm.answer_cache import Answer, AnswerStore
from dataset_builder.llm.ask_all import request_of
from dataset_builder.llm.batch_api import LABEL, BatchClient
from dataset_builder.llm.batch_files import FOLDER, BatchFiles, Note
from dataset_builder.llm.client import ChatClient, Spending
from dataset_builder.llm.dialogue import estimate_for, pending, settled
from dataset_builder.llm.failures import NoAnswerError, reason
from dataset_builder.llm.settings import ChatSettings

from .door import Door, Opened
from .mutation import json_lines_of, json_of
from .sources import put

URL = "http://nowhere.invalid/v1"
QUESTIONS = ["What is this? A calm piece.", "And this?"]
_TEXTS = ("A calm piece in C major.", "A violin plays.", None)
_TABLE = b'{"item": "Track00001-mix", "caption": "A calm piece."}\n{"item": "Track00001-S00", "caption": "A tune."}\n'


def _settings(folder: Path) -> ChatSettings:
    return ChatSettings(base_url=URL, cache=folder / "answers", attempts=1, budget=10.0)


def _completions() -> list[bytes]:
    found = [completion("gpt-4o", text, None if text else "I can't help with that.") for text in _TEXTS]
    return [json.dumps(one).encode() for one in found]


def _open_chat(folder: Path) -> Opened:
    """A whole response of a chat server."""
    settings, store = _settings(folder), AnswerStore(folder / "answers")
    ((name, messages),) = pending(QUESTIONS[:1], settings).items()

    def read(data: bytes) -> object:
        shutil.rmtree(folder / "answers", ignore_errors=True)
        response = httpx.Response(200, content=data, headers={"Content-Type": "application/json"})
        client = ChatClient(settings, Spending())
        transport = httpx.MockTransport(lambda request: response)
        client.client = client.client.with_options(http_client=httpx.AsyncClient(transport=transport))
        try:
            asyncio.run(client.ask(request_of(messages), lambda answer: store.put(name, answer)))
        except (openai.OpenAIError, NoAnswerError) as error:
            raise UserError(reason(error)) from error
        finally:
            assert 0 <= client.budget.spent <= settings.budget, client.budget.spent
            assert client.budget.reserved == 0
        return settled(QUESTIONS[:1], settings), estimate_for(QUESTIONS[:1], settings).text()

    return Opened(_completions(), read)


def _batch(status: str = "completed", **values: object) -> dict[str, object]:
    counts = {"total": 2, "completed": 2, "failed": 0}
    return {"id": "batch-1", "object": "batch", "created_at": 0, "status": status, "request_counts": counts,
            "output_file_id": "out", "error_file_id": "err", "endpoint": "/v1/chat/completions", "errors": None,
            "completion_window": "24h", "input_file_id": "in", "metadata": {LABEL: "x"}, **values}  # fmt: skip


def _batch_client(folder: Path, batch: bytes, lines: bytes) -> BatchClient:
    """A client whose server says so of any batch, and whose files hold these lines."""
    client = BatchClient(folder / "data", _settings(folder))
    listed = b'{"object": "list", "has_more": false, "data": [' + batch + b"]}"

    def answer(request: httpx.Request) -> httpx.Response:
        path, asked = request.url.path, request.method
        data = lines if path.endswith("/content") else listed if (asked, path[-8:]) == ("GET", "/batches") else batch
        return httpx.Response(200, content=data, headers={"Content-Type": "application/json"})

    client.client = client.client.with_options(http_client=httpx.Client(transport=httpx.MockTransport(answer)))
    return client


def _submitted(folder: Path, noted: bool = True) -> dict[str, object]:
    """Begin anew with one batch under way; returns its requests."""
    for name in ("data", "answers"):
        shutil.rmtree(folder / name, ignore_errors=True)
    files, requests = BatchFiles(folder / "data"), pending(QUESTIONS, _settings(folder))
    (name,) = files.write(requests, "gpt-4o")
    if noted:
        files.note(name, Note("batch-1", f"{URL}/"))
    return {**requests}


def _answers_of(requests: dict[str, object]) -> bytes:
    bodies = map(json.loads, _completions())
    lines = [{"custom_id": name, "response": {"status_code": 200, "body": body}}
             for name, body in zip(requests, bodies, strict=False)]  # fmt: skip
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _collected(client: BatchClient, folder: Path) -> object:
    collected = client.collect()
    if bad := [line for line in collected.failures if "\n" in line]:
        raise AssertionError(f"a failure is not one line: {bad[0]!r}")
    cost = total_cost(folder / "data")
    assert 0 <= (cost.dollars or 0) <= 1, cost
    return collected, settled(QUESTIONS, _settings(folder))


def _open_batch_lines(folder: Path) -> Opened:
    """The lines of a batch that is over."""

    def read(data: bytes) -> object:
        _submitted(folder)
        return _collected(_batch_client(folder, json.dumps(_batch()).encode(), data), folder)

    return Opened([_answers_of(_submitted(folder))], read)


def _open_batch(folder: Path) -> Opened:
    """What a server says of a batch."""
    lines = _answers_of(_submitted(folder))

    def read(data: bytes) -> object:
        found = []
        for noted in (True, False):
            _submitted(folder, noted)
            client = _batch_client(folder, data, lines)
            found += [client.states(), client.under_way(), _collected(client, folder)]
        return found

    states = ({}, {"status": "in_progress"}, {"status": "failed", "output_file_id": None})
    return Opened([json.dumps(_batch(**state)).encode() for state in states], read)  # type: ignore[arg-type]


def _open_batch_file(ending: str) -> Callable[[Path], Opened]:
    """What a data set's folder holds of a batch."""

    def opened(folder: Path) -> Opened:
        _submitted(folder)
        (path,) = (folder / "data" / FOLDER).glob(f"*.{ending}")
        lines = _answers_of(_submitted(folder))

        def read(data: bytes) -> object:
            _submitted(folder)
            put(path, data)
            client = _batch_client(folder, json.dumps(_batch()).encode(), lines)
            return client.states(), client.submit(pending(["a third"], _settings(folder))), client.collect().failures

        return Opened([path.read_bytes()], read)

    return opened


def _open_kept_answer(folder: Path) -> Opened:
    settings, store = _settings(folder), AnswerStore(folder / "answers")
    (name,) = pending(QUESTIONS[:1], settings)
    store.put(name, Answer("A calm piece in C major.", 100, 10))
    (path,) = (folder / "answers").rglob("*.json")

    def read(data: bytes) -> object:
        put(path, data)
        return store.get(name), settled(QUESTIONS[:1], settings), pending(QUESTIONS[:1], settings)

    return Opened([path.read_bytes()], read)


def _open_kept_caption(folder: Path) -> Opened:
    cache.FOLDER = folder
    cache.keep("0123", "who", cache.Caption("A calm piece.", {"calm": 0.5, "slow": 0.25}))
    path = folder / "01/0123.json"

    def read(data: bytes) -> object:
        put(path, data)
        return cache.find("0123")

    return Opened([path.read_bytes()], read)


def _open_table(folder: Path) -> Opened:
    def read(data: bytes) -> object:
        put(folder / "table.jsonl", data)
        table = TableCaptioner(folder / "table.jsonl")
        return [table.of_item(item) for item in ("Track00001-mix", "Track00001-S00")]

    return Opened([_TABLE], read)


_LEVELS: dict[str, Callable[[], bytes]] = {
    "100,000 levels": lambda: b"[" * 100_000,
    "a long answer": lambda: json.dumps(completion("gpt-4o", "violin and " * 11_000)).encode(),
    "17 MB": lambda: json.dumps(completion("gpt-4o", "x" * (17 << 20))).encode(),
}  # fmt: skip
_TABLES: dict[str, Callable[[], bytes]] = {
    "100,000 levels": lambda: b"[" * 100_000, "a caption of 64 MB": lambda: json.dumps(
        {"item": "Track00001-mix", "caption": "x" * (64 << 20)}).encode(),
}  # fmt: skip

DOORS = {
    "an answer of a chat server": Door(_open_chat, json_of, crafted=_LEVELS),
    "answers of a batch": Door(_open_batch_lines, json_lines_of, crafted=_LEVELS),
    "the state of a batch": Door(_open_batch, json_of, crafted=_LEVELS),
    "a batch's requests": Door(_open_batch_file("jsonl"), json_lines_of, crafted=_LEVELS),
    "a batch's note": Door(_open_batch_file("json"), json_of, crafted=_LEVELS),
    "a kept answer": Door(_open_kept_answer, json_of, crafted=_LEVELS),
    "a kept caption": Door(_open_kept_caption, json_of, crafted=_LEVELS),
    "a table of captions": Door(_open_table, json_lines_of, (UserError, CaptionError), crafted=_TABLES),
}
