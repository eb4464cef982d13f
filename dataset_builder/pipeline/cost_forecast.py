"""What captions and descriptions will take, counted from a source before anything is built or sent."""

from ..descriptor.captions.chat_captioner import MAX_TOKENS, QUESTION, TOKENS_A_SECOND, ChatCaptioner
from ..descriptor.captions.registry import build_captioner
from ..errors import UserError
from ..items.facts import Facts
from ..items.plan import plan_folder
from ..llm.description_prompt import first_request, format_input
from ..llm.prices import Estimate, Price, estimate, price_of
from ..llm.settings import ChatSettings
from .settings import BuildSettings

ANSWER_TOKENS = 60  # of a caption, about
WORDS = {"none": 1, "musicnn": 4}  # of a window's caption, about
WORDS_BY_MODEL = 45  # of a window's caption by a language model, about


def forecast(settings: BuildSettings, chat: ChatSettings, audio_llm: ChatSettings) -> str:
    """Calls, tokens and money of captions and descriptions by models elsewhere, at most: for a terminal.

    Equal questions are asked once, and what is kept from before is not asked at all, so that it may well be less.

    Raises:
        UserError: for a source whose tracks are not there yet, or a captioner that lacks something.
    """
    build_captioner(settings.caption_settings())
    root = settings.root or settings.out / "slakh"
    if settings.root is None and not root.is_dir():
        raise UserError(
            "--estimate counts the tracks of a source that is there: the embedded corpus is rendered by the build "
            "(build it with --descriptions template, then python -m dataset_builder describe DATA --estimate)"
        )
    plan = plan_folder(root, settings.submixes, settings.grouping, settings.source, omit=settings.omit)
    items = sum(plan.total(split) for split in plan.items)
    lines = [f"{items} items at most, before silent or broken stems are left out; nothing was sent"]
    if settings.captions == "chat":
        captions = _captions(items * settings.caption_windows, audio_llm).text(audio_llm.options)
        lines.append(f"captions by {audio_llm.model}: {captions}")
        lines.append(
            f"  assumed: {settings.caption_windows} windows of {ChatCaptioner.seconds:g} s an item, "
            f"{TOKENS_A_SECOND} tokens a second, {ANSWER_TOKENS} an answer"
        )
    if settings.described_after_items:
        words = settings.caption_windows * WORDS.get(settings.captions, WORDS_BY_MODEL)
        lines.append(f"descriptions by {chat.model}: {described(items, words, _price(chat)).text()}")
        lines.append(f"  assumed: captions of {words} words, for they are not known yet, and no two items alike")
    if len(lines) == 1:
        lines.append("captions and descriptions are made on this machine and cost nothing")
    return "\n".join(lines)


def described(items: int, words: int, price: Price | None) -> Estimate:
    """What descriptions of so many items take, each of a caption of so many words."""
    request = first_request(format_input(Facts("", " ".join(["calm"] * words), None, 120.0, "C-sharp minor")))
    return estimate([request] * items, price)


def _captions(clips: int, audio_llm: ChatSettings) -> Estimate:
    tokens = round(TOKENS_A_SECOND * ChatCaptioner.seconds) + len(QUESTION) // 4
    tokens_in, tokens_out, price = clips * tokens, clips * ANSWER_TOKENS, _price(audio_llm)
    most = price.of(2 * tokens_in, clips * MAX_TOKENS) if price else 0.0
    return Estimate(clips, tokens_in, tokens_out, price, most, again=False)


def _price(settings: ChatSettings) -> Price | None:
    return price_of(settings.model, settings.price)
