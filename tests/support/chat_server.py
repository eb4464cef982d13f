"""A chat server on loopback that misbehaves when told to, with files and batches as OpenAI's API has them."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

GOOD = "A calm piece in C major."
USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}


def completion(model: str, text: str | None, refusal: str | None = None) -> dict:
    """A chat completion with this answer."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": model, "choices": [choice], "usage": USAGE}


class ChatServer(ThreadingHTTPServer):
    """Answers with `replies` in turn, then with `GOOD`.

    A reply is a text, None (an empty answer), a mapping (the body), a pair (status, headers), or one of `hang`, `cut`,
    `no json`, `refusal` in a tuple of one. What was asked is in `asked`, the most that were asked at once in
    `most_at_once`.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: list = []
        self.asked: list[dict] = []
        self.keys: set[str] = set()
        self.headers: set[str] = set()  # all that came with requests, in small letters
        self.files: dict[str, str] = {}
        self.batches: dict[str, dict] = {}
        self.name_next_batch = ""  # in place of the usual one
        self.at_once = self.most_at_once = 0
        self.guard, self.released = threading.Lock(), threading.Event()
        self.changed = threading.Condition(self.guard)
        self.barrier: threading.Barrier | None = None
        self.troubles: list[int] = []  # statuses of the next requests about files and batches
        self.counts = True  # whether it says how many tokens were used
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for something that a request brings about; returns whether it came in time."""
        with self.guard:
            return self.changed.wait_for(condition, seconds)

    def stop(self) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gave up is no error of ours."""

    def run_batch(self, batch_id: str, fail: int = 0, status: str = "completed") -> None:
        """Work on a batch: all but the last `fail` requests are answered."""
        batch = self.batches[batch_id]
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        good, bad = lines[: len(lines) - fail], lines[len(lines) - fail :]
        out = [
            {"custom_id": line["custom_id"],
             "response": {"status_code": 200, "body": completion("m", self.replies.pop(0) if self.replies else GOOD)}}
            for line in good
        ]  # fmt: skip
        errors = [{"custom_id": line["custom_id"], "response": {"status_code": 500, "body": {}}} for line in bad]
        self.files["out-" + batch_id] = "\n".join(map(json.dumps, out))
        self.files["err-" + batch_id] = "\n".join(map(json.dumps, errors))
        counts = {"total": len(lines), "completed": len(good), "failed": len(bad)}
        batch |= {"status": status, "output_file_id": "out-" + batch_id, "request_counts": counts}
        batch |= {"error_file_id": "err-" + batch_id if bad else None}


def started(words: list[str], cache: Path) -> subprocess.Popen[bytes]:
    """The program at work in a process of its own, which keeps answers and captions in `cache`."""
    return subprocess.Popen(
        [sys.executable, "-m", "dataset_builder", *words], env={**os.environ, "ORCHESTRATOR_CACHE": str(cache)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def kill_when_asked(server: ChatServer, process: subprocess.Popen[bytes], requests: int) -> None:
    """Kill a process with -9 as soon as it has asked so often; what hangs is let go."""
    assert server.wait_until(lambda: len(server.asked) == requests, 120) and process.poll() is None
    process.kill()
    process.wait()
    server.released.set()


class _Handler(BaseHTTPRequestHandler):
    server: ChatServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Quietly."""

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path.endswith("/batches"):
            newest_first = list(self.server.batches.values())[::-1]
            self._send(200, {"object": "list", "data": newest_first, "has_more": False})
        elif "/batches/" in path:
            self._send(200, self.server.batches[unquote(path.rsplit("/", 1)[1])])
        else:
            self._send(200, self.server.files[unquote(path.split("/")[-2])])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keys.add(self.headers["Authorization"])
        self.server.headers |= {f"{name}: {value}".lower() for name, value in self.headers.items()}
        if self.server.troubles and not self.path.endswith("/completions"):
            self._send(self.server.troubles.pop(0), {"error": {"message": "no, sk-secret"}})
        elif self.path.endswith("/files"):
            self._upload(body)
        elif self.path.endswith("/batches"):
            self._create_batch(json.loads(body))
        else:
            self._chat(json.loads(body))

    def _upload(self, body: bytes) -> None:
        message = BytesParser().parsebytes(
            b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n" + body
        )
        parts = {part.get_param("name", header="content-disposition"): part for part in message.get_payload()}
        name = f"file-{len(self.server.files)}"
        self.server.files[name] = parts["file"].get_payload(decode=True).decode()
        self._send(200, {"id": name, "object": "file", "bytes": 1, "created_at": 0, "filename": "f", "purpose": "batch",
                         "status": "processed"})  # fmt: skip

    def _create_batch(self, values: dict) -> None:
        name = self.server.name_next_batch or f"batch-{len(self.server.batches)}"
        batch = {"id": name, "object": "batch", "created_at": 0, "status": "in_progress", "request_counts": None,
                 "output_file_id": None, "error_file_id": None, **values}  # fmt: skip
        self.server.batches[name] = batch
        self._send(200, batch)

    def _chat(self, body: dict) -> None:
        server = self.server
        with server.guard:
            server.asked.append(body)
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            reply = server.replies.pop(0) if server.replies else GOOD
            server.changed.notify_all()
        try:
            if server.barrier is not None:
                server.barrier.wait(10)
            self._reply(reply, body["model"])
        finally:
            with server.guard:
                server.at_once -= 1

    def _reply(self, reply: object, model: str) -> None:
        if reply == ("hang",):
            self.server.released.wait(30)
        elif reply == ("cut",):
            self.connection.shutdown(socket.SHUT_RDWR)
        elif reply == ("no json",):
            self._send(200, '{"choices": [', "application/json")
        elif reply == ("refusal",):
            self._send(200, completion(model, None, "I can't help with that."))
        elif isinstance(reply, dict):
            self._send(200, reply)
        elif isinstance(reply, tuple):
            status, headers = reply
            code = "insufficient_quota" if "quota" in headers else None
            headers = {name: value for name, value in headers.items() if name != "quota"}
            self._send(status, {"error": {"message": "no, sk-secret", "code": code}}, headers=headers)
        else:
            self._send(200, {**completion(model, reply), **({} if self.server.counts else {"usage": None})})

    def _send(self, status: int, body: object, kind: str = "application/json", headers: dict | None = None) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
