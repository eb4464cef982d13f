"""A stand-in for wandb's server on loopback: takes workspaces, reports and offline runs that are synced; gives rows."""

import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "a" * 40
_PAGE = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}


class WandbServer:
    """Serves until `stop`.

    Attributes:
        address: for WANDB_BASE_URL; its key is `KEY`.
        views: what was published, the variables of each `upsertView`.
        projects: names of those that there are.
        runs: what was told of each run by its id, the variables of each `UpsertBucket`.
        history: the rows of each run, as its file stream brought them.
        files: what was uploaded, by name.
        unknown: operations for which there is no answer.
    """

    def __init__(self) -> None:
        self.views: list[dict[str, Any]] = []
        self.projects: list[str] = []
        self.runs: dict[str, list[dict[str, Any]]] = {}
        self.history: dict[str, list[dict[str, Any]]] = {}
        self.files: dict[str, bytes] = {}
        self.unknown: list[str] = []
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"wandb": self}))
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """What tells wandb to come here."""
        return {"WANDB_BASE_URL": self.address, "WANDB_API_KEY": KEY}

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of a GraphQL operation."""
        known = _ANSWERS.get(operation[:1].upper() + operation[1:])
        if known is None:
            self.unknown.append(operation)
            return {}
        return known(self, variables)

    def viewer(self, variables: dict[str, Any]) -> dict[str, Any]:
        teams = {"edges": [{"node": {"name": "me"}}]}
        return {"viewer": {"id": "1", "entity": "me", "username": "me", "email": "", "flags": "{}", "teams": teams}}

    def read_run(self, variables: dict[str, Any]) -> dict[str, Any]:
        """A run's facts, as wandb's API for reading asks for them."""
        rows = self.history.get(variables["name"])
        if rows is None:
            return {"project": {"internalId": "1", "run": None}}
        run = {
            "id": "1", "projectId": 1, "name": variables["name"], "displayName": variables["name"], "tags": [],
            "sweepName": None, "state": "finished", "config": "{}", "group": None, "jobType": None, "commit": None,
            "readOnly": False, "createdAt": "2026-01-01T00:00:00", "heartbeatAt": "2026-01-01T00:00:00",
            "description": "", "notes": "", "systemMetrics": "{}", "summaryMetrics": "{}",
            "historyLineCount": len(rows), "user": {"name": "me", "username": "me"},
            "historyKeys": {"lastStep": len(rows) - 1, "keys": {}},
        }  # fmt: skip
        return {"project": {"internalId": "1", "run": run}}

    def read_history(self, variables: dict[str, Any]) -> dict[str, Any]:
        lines = [json.dumps(row) for row in self.history[variables["run"]]]
        return {"project": {"run": {"history": lines[variables["minStep"] : variables["maxStep"]]}}}

    def read_parquet(self, variables: dict[str, Any]) -> dict[str, Any]:
        """None: all of it is live."""
        live = [{"_step": row["_step"]} for row in self.history[variables["runName"]]]
        return {"project": {"run": {"parquetHistory": {"parquetUrls": [], "liveData": live}}}}

    def list_projects(self, variables: dict[str, Any]) -> dict[str, Any]:
        facts = {"__typename": "Project", "id": "1", "entityName": "me", "createdAt": "", "isBenchmark": False}
        edges = [{"node": {**facts, "name": name, "user": None}} for name in self.projects]
        return {"models": {"pageInfo": _PAGE, "edges": edges}}

    def create_project(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.projects.append(variables["input"]["name"])
        return {"upsertModel": {"inserted": True}}

    def upsert_view(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.views.append(variables)
        project = {"id": "1", "name": variables["projectName"], "entityName": variables["entityName"]}
        told = {name: variables.get(name) or "" for name in ("name", "type", "displayName", "description", "spec")}
        view = {"id": "Vmlldzox", "project": project, "updatedAt": "2026-01-01T00:00:00", **told}
        return {"upsertView": {"view": view, "inserted": True}}

    def upsert_run(self, variables: dict[str, Any]) -> dict[str, Any]:
        self.runs.setdefault(variables["name"], []).append(variables)
        project = {"id": "1", "name": variables["project"], "entity": {"id": "1", "name": variables["entity"] or "me"}}
        facts = {"id": "1", "displayName": variables["displayName"], "description": "", "config": "{}"}
        run = {**facts, "name": variables["name"], "sweepName": None, "historyLineCount": 0, "project": project}
        return {"upsertBucket": {"bucket": run, "inserted": True}}

    def resume_status(self, variables: dict[str, Any]) -> dict[str, Any]:
        """How far a run is that goes on."""
        rows = self.history.get(variables["name"])
        tail = json.dumps([json.dumps(row) for row in (rows or [])[-1:]])
        counts = {"historyLineCount": len(rows or []), "eventsLineCount": 0, "logLineCount": 0}
        bucket = {
            "id": "1", "name": variables["name"], "displayName": variables["name"], "notes": "", "tags": [],
            "config": "{}", "summaryMetrics": "{}", "wandbConfig": '{"t": 1}', "historyTail": tail, "eventsTail": "[]",
            **counts,
        }  # fmt: skip
        entity = {"id": "1", "name": variables["entity"] or "me"}
        model = {"id": "1", "name": variables["project"], "entity": entity, "bucket": bucket if rows else None}
        return {"model": model}

    def create_files(self, variables: dict[str, Any]) -> dict[str, Any]:
        files = [{"name": name, "uploadUrl": f"{self.address}/upload/{name}"} for name in variables["files"]]
        return {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}

    def create_artifact(self, variables: dict[str, Any]) -> dict[str, Any]:
        """It is there already, so that its files are not asked for."""
        sequence = {"id": "1", "latestArtifact": {"id": "1", "versionIndex": 0}}
        return {"createArtifact": {"artifact": {"id": "1", "state": "COMMITTED", "artifactSequence": sequence}}}


_ANSWERS = {
    "Viewer": WandbServer.viewer, "GetDefaultEntity": WandbServer.viewer,
    "GetProjects": WandbServer.list_projects, "CreateProject": WandbServer.create_project,
    "UpsertView": WandbServer.upsert_view, "UpsertView2": WandbServer.upsert_view,
    "RunResumeStatus": WandbServer.resume_status, "UpsertBucket": WandbServer.upsert_run,
    "CreateRunFiles": WandbServer.create_files, "CreateArtifact": WandbServer.create_artifact,
    "Run": WandbServer.read_run, "RunHistoryKeys": WandbServer.read_run,
    "HistoryPage": WandbServer.read_history, "RunParquetHistory": WandbServer.read_parquet,
}  # fmt: skip


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """wandb leaves its connections without a word when it ends."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wandb: WandbServer

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/graphql":
            asked = json.loads(body)
            operation = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])[1]  # type: ignore[index]
            self._json({"data": self.wandb.answer(operation, asked.get("variables") or {})})
        elif self.path.endswith("/file_stream"):
            self._take_stream(self.path.split("/")[-2], json.loads(body))
        else:  # telemetry
            self._json({})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.wandb.files[self.path.removeprefix("/upload/")] = body
        self._json({})

    def _take_stream(self, run: str, told: dict[str, Any]) -> None:
        part = told.get("files", {}).get("wandb-history.jsonl", {})
        rows, begin = self.wandb.history.setdefault(run, []), part.get("offset", 0)
        rows[begin:] = [json.loads(line) for line in part.get("content", [])] if part else rows[begin:]
        self._json({})

    def _json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
