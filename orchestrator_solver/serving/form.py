"""The page: a tune, who plays it, what it is like, and what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from dataset_builder.errors import UserError
from dataset_builder.music.key import NAMES

from ..generation.orchestrator import Orchestrator
from .api import asked_of
from .cards import live_card, status_line, take_cards, tune_card
from .families import FAMILIES
from .hearing import Heard, Listener, described
from .live import LiveWav
from .playing import Performance, Piece, Played, Share
from .sessions import Sessions
from .wish import LONGEST_DESCRIPTION, LONGEST_LIST, MOST_TAKES, Limits, facts_of, wish_of

HEARING, DEVICE = "hearing", "device"  # one at a time of each
_LEAD = """<header class="masthead"><h1>Music Orchestrator</h1>
<p>Give it a tune, name the instruments, and hear them play it. It keeps the melody, and plays it in its own way.</p>
</header>"""
_FIRST = "Give it a tune first: drop a file, or record one."


@dataclass(frozen=True)
class _Fields:
    """What a wish is made of, in the order in which it is handed over."""

    families: list[gr.CheckboxGroup]
    words: gr.Textbox
    description: gr.Textbox
    bpm: gr.Number
    key: gr.Dropdown
    takes: gr.Radio
    seconds: gr.Slider
    seed: gr.Number
    guidance: gr.Slider
    temperature: gr.Slider

    def all(self) -> list[Any]:
        """The components."""
        return [
            *self.families, self.words, self.description, self.takes, self.seconds, self.seed, self.guidance,
            self.temperature,
        ]  # fmt: skip


class Form:
    """The page's parts, and what happens when they are used.

    Args:
        player: who plays.
        listener: who reads the tunes.
        sessions: where tunes and takes are kept.
        limits: of what may be asked.
    """

    def __init__(self, player: Orchestrator, listener: Listener, sessions: Sessions, limits: Limits) -> None:
        self._player, self._listener, self._sessions, self._limits = player, listener, sessions, limits

    def build(self) -> None:
        """Lay the page out; called within Gradio's `Blocks`."""
        gr.HTML(_LEAD, padding=False)
        gr.Markdown("## 1. Your tune")
        with gr.Row():
            dropped = gr.File(
                label=f"Drop wav, flac, mp3, ogg or MIDI (up to {self._limits.max_seconds:g} s)", height=150,
            )  # fmt: skip
            recorded = gr.Audio(label="Or record it", sources=["microphone"], type="filepath", format="wav")
        tune = gr.HTML(padding=False)
        fields = self._fields()
        with gr.Row():
            play = gr.Button("Play", variant="primary")
            cancel = gr.Button("Cancel", interactive=False)
        status = gr.HTML(status_line(_FIRST), padding=False)
        live, takes = gr.HTML(padding=False), gr.HTML(padding=False)
        found = [tune, fields.bpm, fields.key, fields.description, fields.seconds, status, dropped, recorded]
        heard: dict[str, Any] = {
            "outputs": found,
            "concurrency_id": HEARING,
            "concurrency_limit": 1,
            "api_visibility": "private",
        }
        dropped.upload(self._hear, dropped, show_progress_on=tune, **heard)
        recorded.stop_recording(self._hear, recorded, show_progress_on=tune, **heard)
        self._tie_description(fields)
        begun = play.click(
            self._play, fields.all(), [status, live, takes, play, cancel], concurrency_id=DEVICE, concurrency_limit=1,
            show_progress="hidden", api_visibility="private",
        )  # fmt: skip
        stopped = cancel.click(None, cancels=[begun], api_visibility="private")
        stopped.then(  # what was told before has arrived by then
            _cancelled, None, [status, play, cancel], concurrency_limit=None, show_progress="hidden",
            api_visibility="private",
        )  # fmt: skip

    def _fields(self) -> _Fields:
        gr.Markdown("## 2. Who plays it")
        with gr.Row(elem_classes="families"):
            families = [
                gr.CheckboxGroup(list(names), label=family, min_width=260) for family, names in FAMILIES.items()
            ]
        words = gr.Textbox(label="Or in your own words", placeholder="2 violins, flute", max_length=LONGEST_LIST)
        gr.Markdown("## 3. What it is like")
        with gr.Row():
            bpm = gr.Number(label="Tempo (quarters a minute)", minimum=20, maximum=400, min_width=160)
            key = gr.Dropdown([("not told", ""), *((name, name) for name in NAMES)], label="Key", min_width=160)
        description = gr.Textbox(
            label="Description", lines=2, max_length=LONGEST_DESCRIPTION,
            info="Found in your tune; write your own, or nothing.",
        )  # fmt: skip
        gr.Markdown("## 4. How")
        takes = gr.Radio(list(range(1, MOST_TAKES + 1)), value=1, label="Takes, side by side")
        with gr.Accordion("More", open=False):
            return _Fields(families, words, description, bpm, key, takes, *self._numbers())

    def _numbers(self) -> tuple[gr.Slider, gr.Number, gr.Slider, gr.Slider]:
        most, model = self._limits.max_seconds, self._player.model
        seconds = gr.Slider(1, most, min(8, most), step=0.5, label="Length (seconds)")
        seed = gr.Number(0, label="Seed", info="The same seed, the same take.", precision=0, minimum=0)
        guidance = gr.Slider(
            1, 10, model.guidance, step=0.5, label="Guidance",
            info="Higher keeps closer to the tune and the instruments, lower plays more freely.",
        )  # fmt: skip
        temperature = gr.Slider(0, 2, 1, step=0.05, label="Temperature", info="Lower plays safer.")
        return seconds, seed, guidance, temperature

    def _tie_description(self, fields: _Fields) -> None:
        """Write the description anew for another tempo or key, unless it is the user's own."""
        tied: dict[str, Any] = {
            "fn": self._describe_anew, "inputs": [fields.bpm, fields.key, fields.description],
            "outputs": fields.description, "concurrency_id": HEARING, "api_visibility": "private",
        }  # fmt: skip
        gr.on([fields.bpm.submit, fields.bpm.blur, fields.key.select], **tied)

    def _hear(self, upload: str | None, request: gr.Request) -> list[Any]:
        """What is shown of a tune; the two components that take one are emptied, for the next."""
        emptied = [None, None]
        if upload is None:
            return [gr.skip()] * 8
        try:
            heard = described(self._listener.hear(Path(upload)), facts_of(None, None))
        except UserError as error:
            return [*[gr.skip()] * 5, status_line(str(error)), *emptied]
        self._sessions.remember(str(request.session_hash), heard)
        facts, seconds = heard.facts, min(heard.reference.seconds, self._limits.max_seconds)
        return [
            tune_card(heard), facts.bpm, facts.key or "", heard.description.text, seconds,
            status_line("Choose instruments, and play."), *emptied,
        ]  # fmt: skip

    def _describe_anew(self, bpm: float | None, key: str | None, text: str, request: gr.Request) -> Any:
        heard = self._sessions.heard(str(request.session_hash))
        if heard is None or text != (heard.description.text or ""):
            return gr.skip()
        try:
            said = facts_of(bpm, key or None)
        except UserError:
            return gr.skip()  # the field's own bounds are beside it
        if said == heard.facts:
            return gr.skip()  # the field was only left, and the user may be writing by now
        heard = described(heard.reference, said)
        self._sessions.remember(str(request.session_hash), heard)
        return heard.description.text

    def _play(self, request: gr.Request, *values: Any) -> Iterator[list[Any]]:
        """What is shown while it is played: status, player of what comes, takes, and which buttons are there."""
        key, families = str(request.session_hash), values[: len(FAMILIES)]
        names = ("words", "description", "takes", "seconds", "seed", "guidance", "temperature")
        fields = dict(zip(names, values[len(FAMILIES) :], strict=True))
        fields["instruments"] = ", ".join([*(name for chosen in families for name in chosen), fields.pop("words")])
        heard = self._sessions.heard(key)
        try:
            if heard is None:
                raise UserError(_FIRST)
            wish = wish_of(self._limits.max_seconds, **fields)
            asked = asked_of(self._player, heard, wish)
            yield [status_line("Playing ...", 0.0), "", "", *_buttons(playing=True)]
            yield from self._played(key, heard, Performance(self._player, asked, wish, self._limits.timeout))
        except UserError as error:
            yield [status_line(str(error)), gr.skip(), gr.skip(), *_buttons(playing=False)]

    def _played(self, key: str, heard: Heard, performance: Performance) -> Iterator[list[Any]]:
        live = LiveWav(self._player.sample_rate, performance.seconds)
        address = self._sessions.begin_live(key, live)
        shown = False
        try:
            for event in performance.events():
                card = gr.skip()
                if isinstance(event, Piece):
                    live.add(event.wav)
                    card, shown = gr.skip() if shown else live_card(address, "As it is played"), True
                    yield [gr.skip(), card, *[gr.skip()] * 3]
                elif isinstance(event, Share):
                    line = status_line(f"Playing: {event.value:.0%}", event.value)
                    yield [line, *[gr.skip()] * 4]
                elif isinstance(event, Played):
                    cards = take_cards(heard, self._sessions.keep(key, event.recordings))
                    yield [status_line("Played."), gr.skip(), cards, *_buttons(playing=False)]
        finally:
            live.end()


def _buttons(playing: bool) -> tuple[Any, Any]:
    """Of Play and Cancel, one is there."""
    return gr.update(interactive=not playing), gr.update(interactive=playing)


def _cancelled() -> list[Any]:
    return [status_line("Cancelled."), *_buttons(playing=False)]
