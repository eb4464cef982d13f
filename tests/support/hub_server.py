"""A model hub on loopback: takes commits of small files, and serves them as the hub does."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlparse

COMMIT = "89abcdef0123456789abcdef0123456789abcdef"


class HubServer:
    """Serves until `stop`.

    Attributes:
        address: for HF_ENDPOINT.
        files: what was committed, by repository and name.
        created: what repositories were asked for.
    """

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.created: list[dict] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlparse(self.path).path.removeprefix("/api/")
        if path == "repos/create":
            asked = json.loads(body)
            self.hub.created.append(asked)
            self._json({"url": f"{self.hub.address}/{asked['organization']}/{asked['name']}"})
        elif "/preupload/" in path:
            names = [one["path"] for one in json.loads(body)["files"]]
            self._json({"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]})
        elif "/commit/" in path:
            self._commit(path.removeprefix("models/").partition("/commit/")[0], body)
        else:
            self._json({"errors": [], "warnings": []})

    def _commit(self, repo: str, body: bytes) -> None:
        operations = [json.loads(line) for line in body.splitlines()]
        files = self.hub.files.setdefault(repo, {})
        for one in operations:
            if one["key"] == "file":
                files[one["value"]["path"]] = base64.b64decode(one["value"]["content"])
        self._json({"commitUrl": f"{self.hub.address}/{repo}/commit/{COMMIT}", "commitOid": COMMIT})

    def do_HEAD(self) -> None:
        self._get(with_body=False)

    def do_GET(self) -> None:
        self._get(with_body=True)

    def _get(self, with_body: bool) -> None:
        path = unquote(urlparse(self.path).path)
        if path.startswith("/api/models/"):
            repo = path.removeprefix("/api/models/").replace("/revision/", "/tree/").partition("/tree/")[0]
            if "/tree/" in path and repo in self.hub.files:
                return self._json([{"type": "file", "path": name, "size": len(data), "oid": _oid(data)}
                                   for name, data in self.hub.files[repo].items()])  # fmt: skip
            if repo in self.hub.files:
                return self._json({"id": repo, "modelId": repo, "sha": COMMIT, "private": False, "tags": [],
                                   "siblings": [{"rfilename": name} for name in self.hub.files[repo]]})  # fmt: skip
        repo, _, rest = path.strip("/").partition("/resolve/")
        data = self.hub.files.get(repo, {}).get(rest.partition("/")[2])
        if data is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound" if repo in self.hub.files else "RepoNotFound")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{_oid(data)}"')
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if with_body:
            self.wfile.write(data)
        return None

    def _json(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _oid(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
