"""Captions by an audio language model behind an OpenAI-compatible chat endpoint.

vLLM serves Qwen2.5-Omni, Qwen3-Omni, Audio Flamingo 3 and Music Flamingo so: an `input_audio` part in the message.
"""

import asyncio
import base64
import io
from collections.abc import Sequence
from weakref import WeakValueDictionary

import numpy as np
import openai
import soundfile

from ...errors import UserError
from ...llm.answer_cache import Answer
from ...llm.client import ChatClient, ChatRequest, Spending
from ...llm.description_prompt import is_refusal
from ...llm.failures import NoAnswerError, reason
from ...llm.settings import ChatSettings
from . import cache
from .captioner import Caption, CaptionError

QUESTION = "Describe this music in one or two sentences: its genre, mood, energy and texture."
LONGEST = 200  # words of a caption
MAX_TOKENS = 200
TOKENS_A_SECOND = 25  # of audio, by most models; none is known to take twice as many
_OVERHEAD = 32  # tokens that a request has beside question and audio


class ChatCaptioner:
    """Asks about clips; what may pass is tried again.

    Args:
        settings: how the server and its audio language model are reached.
    """

    name = "chat"
    seconds = 30.0
    sample_rate = 16_000

    def __init__(self, settings: ChatSettings):
        self.settings = settings
        self.who = f"chat {settings.model} {QUESTION} temperature 0, {MAX_TOKENS} tokens"
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def captions(self, wavs: Sequence[np.ndarray], sample_rate: int) -> list[Caption]:
        """Captions of clips, one by one."""
        return [self.caption(wav, sample_rate) for wav in wavs]

    def caption(self, wav: np.ndarray, sample_rate: int) -> Caption:
        """What the model says of `wav` `[T]`.

        Raises:
            UserError: for empty audio, or if the server refuses the key or does not know the model.
            CaptionError: if there is no answer, or a refusal.
        """
        return asyncio.run(self._alone(wav, sample_rate))

    async def _alone(self, wav: np.ndarray, sample_rate: int) -> Caption:
        async with ChatClient(self.settings, Spending()).open() as client:
            return await self.request_caption(client, wav, sample_rate)

    async def request_caption(self, client: ChatClient, wav: np.ndarray, sample_rate: int) -> Caption:
        """What the model says of `wav` `[T]`, asked through a client that others use at the same time.

        Clips that are equal are asked about one after another. So one of them is asked about, and the others have its
        caption: models do not say the same twice.

        Raises:
            UserError: for empty audio, or if the server refuses the key or does not know the model.
            CaptionError: if there is no answer, or a refusal.
            BudgetReachedError: if asking could pass the budget.
        """
        if not len(wav):
            raise UserError("there is no audio to caption: expected at least one sample")
        name = await asyncio.to_thread(cache.name_of, self.who, wav, sample_rate)
        async with self._turns.setdefault(name, asyncio.Lock()):
            if kept := cache.find(name):
                return kept
            return await self._ask(client, name, await asyncio.to_thread(_request, wav, sample_rate))

    async def _ask(self, client: ChatClient, name: str, request: ChatRequest) -> Caption:
        found: list[Caption] = []

        def keep(answer: Answer) -> None:
            found.append(_caption(answer, self.settings.model))
            cache.keep(name, self.who, found[0])

        cache.require_paid_ones_kept()
        try:
            await client.ask(request, keep)
        except (openai.OpenAIError, NoAnswerError) as error:
            raise CaptionError(f"{self.settings.model} at {self.settings.base_url}: {reason(error)}") from error
        return found[0]


def _request(wav: np.ndarray, sample_rate: int) -> ChatRequest:
    file = io.BytesIO()
    soundfile.write(file, np.clip(wav, -1.0, 1.0), sample_rate, format="WAV", subtype="PCM_16")
    sound = {"data": base64.b64encode(file.getvalue()).decode(), "format": "wav"}
    content = [{"type": "text", "text": QUESTION}, {"type": "input_audio", "input_audio": sound}]
    tokens = round(TOKENS_A_SECOND * len(wav) / sample_rate)
    most = 2 * tokens + len(QUESTION) + _OVERHEAD
    return ChatRequest([{"role": "user", "content": content}], tokens + len(QUESTION) // 4, most, MAX_TOKENS)


def _caption(answer: Answer, model: str) -> Caption:
    """What an answer comes to.

    Raises:
        CaptionError: for a refusal, or words without end.
    """
    words = answer.text.split()
    if answer.refused or is_refusal(answer.text):
        raise CaptionError(f"{model} refuses: {' '.join(words)[:120]}")
    if len(words) > LONGEST:
        raise CaptionError(f"{model} answers with {len(words)} words, expected at most {LONGEST}")
    return Caption(" ".join(words), {})
