"""Captions by a model that hears, behind an OpenAI-compatible chat endpoint.

vLLM serves Qwen2.5-Omni, Qwen3-Omni, Audio Flamingo 3 and Music Flamingo so: an `input_audio` part in the message.
"""

import base64
import io
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import openai
import soundfile

from ..captions import Caption, CaptionError
from ..errors import UserError
from ..kept_captions import kept_caption
from .asking import NoAnswerError, answer_of, raise_if_hopeless
from .question import is_refusal

QUESTION = "Describe this music in one or two sentences: its genre, mood, energy and texture."
_MAX_TOKENS = 200
KEY = "CAPTION_API_KEY"


class ChatCaptioner:
    """Asks about each clip; requests that fail for a reason that may pass are tried again by openai's client.

    Args:
        url: of the server, such as `http://localhost:8000/v1`.
        model: as the server names it.
        attempts: of a request.
        timeout: seconds until a request is given up.
    """

    name = "chat"
    seconds = 30.0
    sample_rate = 16_000

    def __init__(self, url: str, model: str, attempts: int = 6, timeout: float = 120.0):
        self.url, self.model = url, model
        # A variable of its own: nobody's OpenAI key is sent to another server. One's own server wants none at all.
        key = os.environ.get(KEY) or "none"
        self.client = openai.OpenAI(base_url=url, api_key=key, max_retries=attempts - 1, timeout=timeout)

    def captions(self, wavs: Sequence[np.ndarray], sample_rate: int) -> list[Caption]:
        """Captions of clips, one by one."""
        return [self.caption(wav, sample_rate) for wav in wavs]

    def caption(self, wav: np.ndarray, sample_rate: int) -> Caption:
        """What the model says of `wav` `[T]`.

        Raises:
            UserError: if the server refuses the key or does not know the model.
            CaptionError: if there is no answer, or a refusal.
        """
        if not len(wav):
            raise UserError("there is no audio to caption: expected at least one sample")
        who = f"chat {self.model} {QUESTION}"
        return Caption(kept_caption(who, wav, sample_rate, lambda: self._ask(wav, sample_rate)), {})

    def _ask(self, wav: np.ndarray, sample_rate: int) -> str:
        file = io.BytesIO()
        soundfile.write(file, np.clip(wav, -1.0, 1.0), sample_rate, format="WAV", subtype="PCM_16")
        sound = {"data": base64.b64encode(file.getvalue()).decode(), "format": "wav"}
        content = [{"type": "text", "text": QUESTION}, {"type": "input_audio", "input_audio": sound}]
        messages: Any = [{"role": "user", "content": content}]
        try:
            answer = answer_of(
                self.client.chat.completions.create(
                    model=self.model, messages=messages, temperature=0.0, max_tokens=_MAX_TOKENS
                )
            )
        except openai.OpenAIError as error:
            raise_if_hopeless(error, self.model, self.url)
            raise CaptionError(f"{self.model} at {self.url} failed ({type(error).__name__})") from error
        except (NoAnswerError, ValueError) as error:
            raise CaptionError(f"{self.model} at {self.url}: {error}") from error
        if answer.refused or is_refusal(answer.text):
            raise CaptionError(f"{self.model} refuses: {' '.join(answer.text.split())[:120]}")
        return answer.text
