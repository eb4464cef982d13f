"""The way in from Python: a model that plays what it is given on the instruments that are named."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dataset_builder.errors import UserError
from dataset_builder.music.instrument_words import asked_for
from dataset_builder.music.instruments import ordered, refuse_word

from ..metrics.clips import ClipMetric
from ..metrics.registry import build_metrics
from ..runtime.placement import AUTO, placement
from .descriptor import Descriptor
from .model import OrchestratorModel, Progress, load_model
from .orchestrate import asked_of, orchestrate, recorded, warnings_of
from .recordings import Recording
from .reference_audio import WHOLE, Hints, ReferenceAudio, read_reference, reference_of
from .references.excerpt import Part
from .request import Description, Request, parts_of
from .sampling import SamplingSettings
from .takes.choice import DEFAULT, Choice, choose
from .takes.ranking import Ranking
from .takes.redo import redone

SCORES = ("sim", "instruments")  # of a recording's record
AT_ONCE = 8  # candidates: what memory and patience allow
NO_HINTS = Hints()
Reference = str | Path | ReferenceAudio | tuple[np.ndarray, int]


class Orchestrator:
    """A model, ready to play. Threads may share it: they play one after the other.

    Args:
        model: who plays.

    >>> from orchestrator_solver import Orchestrator
    >>> player = Orchestrator.from_pretrained()
    >>> take = player.orchestrate("tune.wav", "violin, cello", seed=1)
    >>> take.playable, take.sample_rate, take.record["scores"]
    """

    def __init__(self, model: OrchestratorModel) -> None:
        self.model = model
        self._playing = threading.Lock()  # a language model keeps what it has played so far in itself

    @classmethod
    def from_pretrained(cls, name: str = "nano", device: str = AUTO, precision: str = AUTO) -> "Orchestrator":
        """A model by its name, see `load_model`.

        Args:
            name: a shipped model, an exported one's folder, the signature of a run of this machine, or one at the hub
                (`OWNER/NAME`).
            device: auto, cpu, cuda, cuda:N or mps.
            precision: auto, float32, float16 or bfloat16.

        Raises:
            UserError: if there is no such model or device, or too little memory.
        """
        return cls(load_model(name, placement(device, precision)))

    def save_pretrained(self, folder: str | Path, format_name: str = "ours") -> None:
        """Write the model that was loaded, as it is kept under its name, with a card.

        Args:
            folder: where to.
            format_name: ours, audiocraft, transformers or peft.

        Raises:
            UserError: if the format cannot hold all of it.
        """
        from ..formats import registry
        from ..formats.source import source_of

        registry.write(source_of(self.model.name), Path(folder), format_name, {})

    def push_to_hub(
        self, repo_id: str, *, format_name: str = "ours", commit_message: str = "Push a Music Orchestrator",
        private: bool | None = None, token: str | None = None, branch: str | None = None,
    ) -> str:  # fmt: skip
        """Upload what `save_pretrained` writes; `from_pretrained(repo_id)` loads it again.

        Args:
            repo_id: `OWNER/NAME`; made if there is none.
            format_name: as for `save_pretrained`; `peft` uploads a LoRA run's additions alone.
            commit_message: of the commit.
            private: whether a new repository is for its owner alone.
            token: of the hub; by default the one that `hf auth login` keeps.
            branch: of the repository.

        Returns:
            The commit's address.

        Raises:
            UserError: if the format cannot hold it, it needs what is on this machine alone, or the hub refuses.
        """
        from ..formats.pushing import Upload, push
        from ..formats.source import source_of

        return push(source_of(self.model.name), repo_id, format_name, Upload(commit_message, private, token, branch))

    @property
    def sample_rate(self) -> int:
        """Hz of what is played."""
        return self.model.sample_rate

    def describe(
        self, reference: Reference, *, part: Part = WHOLE, hints: Hints = NO_HINTS, descriptor: Descriptor | None = None
    ) -> Description:
        """A sentence of mood, genre, tempo and key, as a prompt has it; see `request` for the arguments."""
        return (descriptor or Descriptor()).describe(hints.of(_read(reference, part)))

    def request(
        self, reference: Reference, instruments: str | Sequence[str], description: str | Description | None = None, *,
        part: Part = WHOLE, hints: Hints = NO_HINTS, descriptor: Descriptor | None = None,
    ) -> Request:  # fmt: skip
        """What is to be played.

        Args:
            reference: a file (wav, flac, mp3, ogg, m4a, MIDI, MusicXML), one that was read, or samples `[T]` or
                `[T, C]` and their rate in Hz.
            instruments: in one's own words: `"violin, 2 cellos"`.
            description: of the music; "" says nothing, None has the reference described.
            part: what is read of a file.
            hints: tempo, key, and whether it is one instrument, in place of what is found out.
            descriptor: who describes the reference; by default musicnn and a template.

        Raises:
            UserError: the reference cannot be used, or the model does not know a word.
        """
        words = instruments if isinstance(instruments, str) else ", ".join(instruments)
        asked = asked_for(words)
        if unknown := [one.word for one in asked if not one.instrument and not self.model.reads_any_words]:
            refuse_word(unknown[0])
        audio = hints.of(_read(reference, part))
        if description is None:
            description = (descriptor or Descriptor()).describe(audio)
        elif isinstance(description, str):
            description = Description(description.strip(), "user") if description.strip() else Description()
        classes = ordered(one.instrument for one in asked if one.instrument)
        return Request(audio, classes, description, self.model.words_for(asked), tuple(one.word for one in asked))

    def warnings(self, request: Request, seconds: float | None = None) -> list[str]:
        """What one should know before it is played, a line each."""
        return warnings_of(self.model, request, seconds or request.reference.seconds)

    def asked(self, request: Request, seconds: float, sampling: SamplingSettings) -> dict[str, Any]:
        """What the record of a take says that is known before it is played: whether it was played before."""
        return asked_of(self.model, request, sampling, sampling.seed, seconds)

    def play(
        self, requests: Sequence[Request], seconds: float | None = None, sampling: SamplingSettings | None = None,
        seeds: Sequence[int] | None = None, progress: Progress | None = None,
        metrics: Mapping[str, ClipMetric] | None = None,
    ) -> list[Recording]:  # fmt: skip
        """Play requests at once, each as if it were alone, and score them.

        Args:
            requests: what is asked for.
            seconds: of every recording; by default as long as the longest reference.
            sampling: how codes are drawn.
            seeds: of each request's draws, in place of `sampling.seed`.
            progress: called with the share that is done, 0..1.
            metrics: for their records; by default those of `SCORES`.

        Raises:
            UserError: if the device has too little memory.
        """
        metrics = build_metrics(SCORES) if metrics is None else metrics
        with self._playing:
            return orchestrate(self.model, requests, sampling or SamplingSettings(), seconds, metrics, progress, seeds)

    def choose(
        self, request: Request, candidates: int = 4, seconds: float | None = None,
        sampling: SamplingSettings | None = None, progress: Progress | None = None, ranking: Ranking = DEFAULT,
    ) -> Choice:  # fmt: skip
        """Play a request several times at once, each with the next seed, and rank what is heard.

        Args:
            request: what is asked for.
            candidates: how many takes.
            seconds: of each; by default the reference's.
            sampling: how codes are drawn; its seed is the first take's.
            progress: called with the share that is done, 0..1.
            ranking: by what they are compared.

        Raises:
            UserError: if the device has too little memory, or what the ranking needs is missing.
        """
        sampling = sampling or SamplingSettings()
        metrics = ranking.metrics() if candidates > 1 else None
        takes: list[Recording] = []
        for first in range(0, candidates, AT_ONCE):
            seeds = [sampling.seed + number for number in range(first, min(candidates, first + AT_ONCE))]
            part = _part_of(progress, first / candidates, len(seeds) / candidates)
            takes += self.play([request] * len(seeds), seconds, sampling, seeds, part, metrics)
        return choose(takes, ranking)

    def parts(
        self, request: Request, seconds: float | None = None, sampling: SamplingSettings | None = None,
        progress: Progress | None = None,
    ) -> list[Recording]:  # fmt: skip
        """A take of each instrument alone, in the order of the request; `mixing.mixed` makes one of them.

        Each follows the reference; none hears the others.

        Args:
            request: what is asked for.
            seconds: of each; by default the reference's.
            sampling: how codes are drawn.
            progress: called with the share that is done, 0..1.

        Raises:
            UserError: if the device has too little memory.
        """
        return self.play(parts_of(request), seconds, sampling, progress=progress)

    def redo(
        self, take: Recording, request: Request, start: float, end: float, sampling: SamplingSettings | None = None
    ) -> Recording:
        """A take with a stretch made anew, and the rest sample for sample as it was.

        Args:
            take: of this model, or of one with the same codec.
            request: what the take was asked for.
            start: of the stretch, in seconds.
            end: of the stretch, in seconds.
            sampling: how it is drawn; by default as any take, with the seed after the take's.

        Raises:
            UserError: if the stretch is not inside the take, or shorter than half a second.
        """
        sampling = sampling or SamplingSettings(int(take.record["seed"]) + 1)
        with self._playing:
            anew = redone(self.model, take, request, (start, end), sampling)
        heard = self.recorded(request, anew.wav, 0.0, sampling=sampling)
        return replace(anew, record={**anew.record, "scores": heard.record["scores"]})

    def stream(
        self, request: Request, seconds: float | None = None, sampling: SamplingSettings | None = None,
        progress: Progress | None = None,
    ) -> Iterator[np.ndarray]:  # fmt: skip
        """Play a request, and hear it while it is played.

        Other threads wait until all is played, or the iterator is closed or forgotten.

        Args:
            request: what is asked for.
            seconds: of the whole; by default the reference's.
            sampling: how codes are drawn.
            progress: called with the share that is done, 0..1.

        Yields:
            Samples `[T]`, piece after piece; together they are the `wav` of what `play` returns.

        Raises:
            UserError: if the device has too little memory.
        """
        chosen = self.model.resolved(sampling or SamplingSettings())
        seconds = seconds or request.reference.seconds
        with self._playing:
            pieces = self.model.stream([request.prompt], [request.reference], seconds, chosen, progress)
            for piece in pieces:
                yield piece[0, 0].float().numpy()

    def recorded(
        self, request: Request, wav: np.ndarray, took: float, seconds: float | None = None,
        sampling: SamplingSettings | None = None, metrics: Mapping[str, ClipMetric] | None = None,
    ) -> Recording:  # fmt: skip
        """The recording that `play` would return of what was heard, scored.

        Args:
            request: what was asked for.
            wav: `[T]`, all pieces of `stream`.
            took: seconds that playing took.
            seconds: as `stream` was told.
            sampling: as `stream` was told.
            metrics: for its record; by default those of `SCORES`.
        """
        metrics = build_metrics(SCORES) if metrics is None else metrics
        chosen, length = self.model.resolved(sampling or SamplingSettings()), seconds or request.reference.seconds
        (recording,) = recorded(self.model, [request], [wav], chosen, length, took, metrics)
        return recording

    def orchestrate(
        self, reference: Reference, instruments: str | Sequence[str], description: str | Description | None = None, *,
        seconds: float | None = None, seed: int = 0, guidance: float | None = None, temperature: float = 1.0,
    ) -> Recording:  # fmt: skip
        """Play one reference, see `request` for what it, the instruments and the description may be.

        Args:
            reference: what is to be followed.
            instruments: on which it is to be played.
            description: what the music is like.
            seconds: of the recording; by default the reference's.
            seed: of the draws: the same seed, the same take.
            guidance: how closely reference and words are followed; by default the model's own.
            temperature: how freely it plays; 0 takes the likeliest.

        Raises:
            UserError: as `request` and `play`.
        """
        request = self.request(reference, instruments, description)
        (recording,) = self.play([request], seconds, SamplingSettings(seed, guidance, temperature=temperature))
        return recording


def _part_of(progress: Progress | None, begun: float, share: float) -> Progress | None:
    """What tells `progress` of a part of the work, which begins at one share of it and is another."""
    return None if progress is None else lambda done: progress(begun + share * done)


def _read(reference: Reference, part: Part) -> ReferenceAudio:
    if isinstance(reference, ReferenceAudio):
        return reference
    if isinstance(reference, str | Path):
        return read_reference(Path(reference), part)
    if not isinstance(reference, tuple) or len(reference) != 2:
        raise UserError(f"a reference is a file or (samples, rate), found {type(reference).__name__}")
    return reference_of(*reference)
