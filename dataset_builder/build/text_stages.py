"""Words that are put into the items when these are all there: captions, then descriptions by a language model."""

from dataclasses import replace

from ..descriptor.captions.registry import CAPTIONED_AFTER_ITEMS
from ..descriptor.describers import DESCRIBED_AFTER_ITEMS
from ..llm.settings import ChatSettings
from .caption_stage import caption_tracks
from .settings import BuildSettings
from .track_list import TrackList


def text_stages(
    settings: BuildSettings, source: TrackList, chat: ChatSettings | None, audio_llm: ChatSettings | None
) -> bool:
    """Put them into the results of the tracks, which are all there; returns whether any were to be put.

    Args:
        settings: which captioner and which describer.
        source: the tracks.
        chat: how a language model is reached that is to write the descriptions.
        ears: how one is reached that hears, for captions.

    Raises:
        UserError: as `caption_tracks` and `describe_tracks`.
    """
    names, stopped = [folder.name for _, folder in source.tracks], ""
    if settings.captions in CAPTIONED_AFTER_ITEMS:
        stopped = caption_tracks(settings, source.root, names, audio_llm)
    if settings.descriptions in DESCRIBED_AFTER_ITEMS:
        from .description_stage import describe_tracks, describe_without_asking  # openai takes a second to import

        chat = replace(chat or ChatSettings(), model=settings.chat_model)
        if stopped:  # asked without its caption, an item would be asked about, and paid for, once more when it has one
            described = describe_without_asking(settings.out, names, chat, f"captions come first, and {stopped}")
        else:
            described = describe_tracks(settings.out, names, chat)
        print(described.text(), flush=True)
    return settings.captions in CAPTIONED_AFTER_ITEMS or settings.descriptions in DESCRIBED_AFTER_ITEMS
