"""The server: page, API and door put together, on a port, with a folder of its own for what comes in."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import gradio as gr
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from gradio.themes import Base
from starlette.datastructures import UploadFile

from dataset_builder.errors import UserError

from ..generation.orchestrator import Orchestrator
from ..page.shell import template_source
from .api import Api
from .door import Application, Door
from .form import DEVICE, HEARING, Form
from .hearing import Listener
from .sessions import Sessions
from .uploads import Uploads
from .wish import Limits

_OWN = Path(__file__).with_name("templates")
_TITLE = "Music Orchestrator"
_NOTHING = "There is nothing here: takes are kept for an hour, or until the page is closed."
_FORM_AROUND_FILE = 10_000  # bytes of an upload that are not its file's
_WAIT_FOR_ANSWERS = 2  # seconds, at the end


def application(player: Orchestrator, limits: Limits) -> Application:
    """The server's application; its folder of uploads and takes is deleted when it ends.

    Args:
        player: who plays.
        limits: of what may be asked.
    """
    folder = TemporaryDirectory(prefix="orchestrator-serve-", ignore_cleanup_errors=True)
    incoming, kept = Path(folder.name, "uploads"), Path(folder.name, "takes")
    incoming.mkdir()
    kept.mkdir()
    os.environ["GRADIO_TEMP_DIR"] = str(incoming)  # where Gradio's components write to, told in no other way

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        yield
        folder.cleanup()

    sessions, uploads = Sessions(kept), Uploads(incoming)
    app = FastAPI(lifespan=living, docs_url=None, redoc_url=None, openapi_url=None)
    _add_files(app, sessions, uploads)
    blocks = _blocks(player, Listener(uploads, limits), sessions, limits)
    largest = round(limits.max_megabytes * 1e6)
    gr.mount_gradio_app(
        app, blocks, "/", show_error=False, max_file_size=largest, ssr_mode=False, footer_links=[], run_history=False,
        enable_monitoring=False, pwa=False, mcp_server=False, theme=_theme(), css=_style(), head=_script(),
    )  # fmt: skip
    return Door(app, uploads, largest + _FORM_AROUND_FILE)


def serve(app: Application, host: str, port: int) -> None:
    """Answer requests until the process is stopped.

    Raises:
        UserError: if the port cannot be had.
    """
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise UserError(
            f"cannot listen at {host}, port {port} ({error.strerror}): name another --host or --port"
        ) from error
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=_WAIT_FOR_ANSWERS
    )
    with listening:
        print(f"http://{host}:{listening.getsockname()[1]}/  (Ctrl-C ends it)", flush=True)
        uvicorn.Server(config).run([listening])


def _blocks(player: Orchestrator, listener: Listener, sessions: Sessions, limits: Limits) -> gr.Blocks:
    api = Api(player, listener, sessions, limits)
    with gr.Blocks(title=_TITLE, analytics_enabled=False, delete_cache=(300, 900)) as blocks:
        Form(player, listener, sessions, limits).build()
        gr.api(api.instruments, api_name="instruments", queue=False)
        gr.api(api.describe, api_name="describe", concurrency_id=HEARING)
        gr.api(api.orchestrate, api_name="orchestrate", concurrency_id=DEVICE)

        def gone(request: gr.Request) -> None:
            sessions.forget(str(request.session_hash))

        blocks.unload(gone)
    blocks.queue(max_size=limits.max_queue, api_open=False)
    return blocks


def _add_files(app: FastAPI, sessions: Sessions, uploads: Uploads) -> None:
    """What comes in, and takes for those who know the word."""

    @app.post("/gradio_api/upload")  # in place of Gradio's, which has two who send the same share a file
    async def upload(request: Request) -> Response:
        try:
            async with request.form(max_files=1, max_fields=1) as form:
                file = form.get("files")
                if not isinstance(file, UploadFile):
                    return PlainTextResponse("There is no file: send one, as the field `files` of a form.", 400)
                return JSONResponse([uploads.put(file.filename or "", file.file)])
        except HTTPException:
            return PlainTextResponse("It is no form with one file, as the field `files`.", 400)

    @app.get("/gradio_api/upload_progress")
    def progress() -> Response:
        return PlainTextResponse('data: {"msg": "done"}\n\n', media_type="text/event-stream")

    @app.get("/takes/{token}/{name}")
    def take(token: str, name: str) -> Response:
        path = sessions.file(token, name)
        headers = {"cache-control": "private, no-store"}
        return FileResponse(path, filename=name, headers=headers) if path else PlainTextResponse(_NOTHING, 404)

    @app.get("/live/{token}.wav")
    def live(token: str) -> Response:
        found = sessions.live(token)
        headers = {"cache-control": "no-store"}
        if not found:
            return PlainTextResponse(_NOTHING, 404)
        return StreamingResponse(found.parts(), media_type="audio/wav", headers=headers)


def _theme() -> Base:
    """Gradio's plainest, in the listening page's colours and in fonts that every machine has."""
    return Base(
        font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"], radius_size="sm",
    ).set(
        body_background_fill="#faf8f4", body_background_fill_dark="#171513", body_text_color="#1d1b18",
        body_text_color_dark="#efe9df", block_background_fill="#ffffff", block_background_fill_dark="#211e1b",
        button_primary_background_fill="#8a3b12", button_primary_background_fill_hover="#b4530f",
        button_primary_background_fill_dark="#f0a36b", button_primary_background_fill_hover_dark="#f0954f",
        button_primary_text_color="#ffffff", button_primary_text_color_dark="#171513",
        block_label_text_color="#1d1b18", block_title_text_color="#1d1b18", block_label_text_color_dark="#efe9df",
        block_title_text_color_dark="#efe9df", block_info_text_color="#5d574e", block_info_text_color_dark="#b3aa9c",
        slider_color="#8a3b12", slider_color_dark="#f0a36b",
        checkbox_background_color_selected="#8a3b12", checkbox_background_color_selected_dark="#b4530f",
        checkbox_border_color_selected="#8a3b12", checkbox_border_color_selected_dark="#b4530f",
    )  # fmt: skip


def _style() -> str:
    return template_source("takes.css") + (_OWN / "serving.css").read_text()


def _script() -> str:
    return f"<script>{template_source('listening.js')}</script><script>{(_OWN / 'serving.js').read_text()}</script>"
