"""Adds conditions to the language model's input, in training and, step by step, in generation."""

import torch
from audiocraft.modules.conditioners import ConditionFuser

from ..features.conditions import Condition


class AlignedFuser(ConditionFuser):
    """audiocraft's fuser, whose `input_interpolate` also holds while generating.

    audiocraft stretches the condition over the steps of each call; while generating a call has one step, so that every
    step would be given the condition's first frame. Here a condition's frame belongs to a fixed time: step `s` of the
    delayed sequence predicts the frame `s` of the first codebook and is given the condition of that time.

    Args:
        steps_per_frame: steps of the language model for a frame of each aligned condition, by condition name
            (codec frame rate / condition frame rate).
    """

    def __init__(self, *args: object, steps_per_frame: dict[str, float], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.steps_per_frame = steps_per_frame
        self._aligned = list(self.fuse2cond.get("input_interpolate", []))
        unknown = set(self._aligned) - set(steps_per_frame)
        if unknown:
            raise ValueError(f"No frame rate for the conditions {sorted(unknown)}, known: {sorted(steps_per_frame)}.")

    def forward(
        self, input: torch.Tensor, conditions: dict[str, Condition]
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Fuse `conditions` into `input` `[B, S, D]`; returns it with the source of cross attention, if any."""
        offset = 0
        if "offsets" in self._streaming_state:
            offset = int(self._streaming_state["offsets"][0])
        for name in self._aligned:
            if name in conditions:
                input = input + self._frames(name, conditions[name].value, offset, input.shape[1])
        others = {name: condition for name, condition in conditions.items() if name not in self._aligned}
        return super().forward(input, others)

    def _frames(self, name: str, condition: torch.Tensor, offset: int, steps: int) -> torch.Tensor:
        """The frames `[B, steps, D]` of `condition` `[B, S', D]` for the steps from `offset` on; none past its end."""
        position = torch.arange(offset, offset + steps, device=condition.device)
        frame = (position / self.steps_per_frame[name]).long()
        inside = (frame < condition.shape[1]).to(condition)[None, :, None]
        return condition[:, frame.clamp(max=condition.shape[1] - 1)] * inside
