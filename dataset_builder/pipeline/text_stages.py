"""The texts that are put into the items when these are all there: captions, then descriptions by a language model."""

from dataclasses import replace

from ..items.track_results import TrackResults
from ..llm.settings import ChatSettings
from .caption_stage import caption_tracks
from .settings import BuildSettings
from .track_list import TrackList


def text_stages(
    settings: BuildSettings, source: TrackList, results: TrackResults, chat: ChatSettings | None,
    audio_llm: ChatSettings | None,
) -> None:  # fmt: skip
    """Put captions and descriptions into the results of the tracks, as far as these settings want that.

    Args:
        settings: which captioner and which describer.
        source: the tracks.
        results: of all the tracks.
        chat: how the language model is reached that is to write the descriptions.
        audio_llm: how the audio language model is reached that is to write the captions.

    Raises:
        UserError: if a model cannot be reached, refuses the key or is not known, or a table of captions is missing.
    """
    stopped = ""
    if settings.captioned_after_items:
        stopped = caption_tracks(settings, source, results, audio_llm)
    if settings.described_after_items:
        from .description_stage import describe_tracks, describe_without_asking  # openai takes a second to import

        chat = replace(chat or ChatSettings(), model=settings.chat_model)
        if stopped:  # asked without its caption, an item would be asked about, and paid for, once more when it has one
            described = describe_without_asking(results, source.names, chat, f"captions come first, and {stopped}")
        else:
            described = describe_tracks(results, source.names, chat)
        print(described.text(), flush=True)
