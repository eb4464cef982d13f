"""Against a real HTTP server on loopback: what is sent, kept, asked again, and refused."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dataset_builder.chat_description import ChatDescriber, format_input, without_instruments
from dataset_builder.descriptions import Facts
from dataset_builder.errors import UserError

FACTS = Facts("Track00001-mix", "A calm piano piece.", None, 79.6, "E- major")


class Server(ThreadingHTTPServer):
    """Answers chat requests with `replies` in turn (status, text), and keeps what it was asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies, self.asked, self.keys = [], [], []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        self.server.keys.append(self.headers["Authorization"])
        status, text = self.server.replies.pop(0)
        message = {"role": "assistant", "content": text}
        answer = {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"],
                  "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}  # fmt: skip
        data = json.dumps(answer if status == 200 else {"error": {"message": text}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield server
        server.shutdown()


@pytest.fixture
def describer(server, tmp_path):
    return ChatDescriber(cache=tmp_path)


def test_the_prompt_is_the_papers():
    assert format_input(FACTS) == (
        "Create a short simple overall musical description with just a sentence using the following information. "
        "Do not include any instrument name. General description: A calm piano piece, Tempo:80 BPM, Key:E-flat major"
    )


def test_an_answer_is_kept_and_never_asked_for_again(describer, server, tmp_path):
    server.replies = [(200, " A calm piece\nin E-flat major. ")]
    assert describer.describe(FACTS) == "A calm piece in E-flat major."
    assert ChatDescriber(cache=tmp_path).describe(FACTS) == "A calm piece in E-flat major."
    assert len(server.asked) == 1 and server.keys == ["Bearer sk-secret"]
    assert server.asked[0]["model"] == "gpt-4o"
    assert server.asked[0]["messages"] == [{"role": "user", "content": format_input(FACTS)}]
    assert "sk-secret" not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_another_model_is_another_question(describer, server, tmp_path):
    server.replies = [(200, "One."), (200, "Two.")]
    assert describer.describe(FACTS) == "One."
    assert ChatDescriber("gpt-5", tmp_path).describe(FACTS) == "Two."


def test_an_answer_with_instruments_is_asked_for_once_more(describer, server):
    server.replies = [(200, "A calm piano piece."), (200, "A calm piece.")]
    assert describer.describe(FACTS) == "A calm piece."
    assert [message["role"] for message in server.asked[1]["messages"]] == ["user", "assistant", "user"]
    assert "piano" in server.asked[1]["messages"][2]["content"]


def test_then_it_is_cleaned(describer, server):
    server.replies = [(200, "A piano piece."), (200, "A calm, slow piano piece with violins.")]
    assert describer.describe(FACTS) == "A calm, slow piece."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Gentle guitar music in C major.", "Gentle music in C major."),
        ("A piece featuring a flute, drums and strings.", "A piece."),
        ("Violins, slow and soft.", "Slow and soft."),
        ("A calm piece.", "A calm piece."),
    ],
)
def test_without_instruments(text, expected):
    assert without_instruments(text) == expected


def test_a_server_that_is_busy_is_asked_again(describer, server):
    server.replies = [(429, "slow down"), (500, "oops"), (200, "A calm piece.")]
    assert describer.describe(FACTS) == "A calm piece."


@pytest.mark.parametrize(
    ("status", "text", "message"),
    [(401, "Incorrect key sk-secret", "refuses OPENAI_API_KEY"), (400, "no such model", "failed"),
     (200, "", "answered with nothing"), (200, None, "answered with nothing")],
)  # fmt: skip
def test_refusals_are_one_line_and_nothing_is_kept(describer, server, tmp_path, status, text, message):
    server.replies = [(status, text)]
    with pytest.raises(UserError, match=message) as caught:
        describer.describe(FACTS)
    assert "sk-secret" not in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_without_a_key_it_says_so(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(UserError, match="need OPENAI_API_KEY"):
        ChatDescriber()
