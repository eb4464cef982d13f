"""What the words of a data set will take, counted from its source before anything is built or sent."""

from .build_settings import BuildSettings
from .chat.captioner import MAX_TOKENS, QUESTION, TOKENS_A_SECOND, ChatCaptioner
from .chat.prices import Estimate, Price, estimate, price_of
from .chat.question import Facts, first_request, format_input
from .chat.settings import ChatSettings
from .descriptions import REMOTE
from .errors import UserError
from .plan import plan_folder

ANSWER_TOKENS = 60  # of a caption, about
TYPICAL = Facts("", "Slow, calm music with a warm and gentle mood and a soft, sparse texture throughout.", None, 120.0,
                "C-sharp minor")  # fmt: skip


def forecast(settings: BuildSettings, chat: ChatSettings, ears: ChatSettings) -> str:
    """Calls, tokens and money of captions and descriptions by models elsewhere, at most: for a terminal.

    Equal questions are asked once, and what is kept from before is not asked at all, so that it may well be less.

    Raises:
        UserError: for a source whose tracks are not there yet.
    """
    if settings.root is None:
        raise UserError(
            "--estimate counts the tracks of a source that is there: the embedded corpus is rendered by the build "
            "(build it with --descriptions template, then python -m dataset_builder describe DATA --estimate)"
        )
    plan = plan_folder(settings.root, settings.submixes, settings.grouping, settings.source, omit=settings.omit)
    items = sum(plan.total(split) for split in plan.items)
    lines = [f"{items} items at most, before silent or broken stems are left out; nothing was sent"]
    if settings.captions == "chat":
        lines.append(f"captions by {ears.model}: {_captions(items * settings.caption_windows, ears).text()}")
    if settings.descriptions in REMOTE:
        request = first_request(format_input(TYPICAL))
        lines.append(f"descriptions by {chat.model}: {estimate([request] * items, _price(chat)).text()}")
        lines.append(f"assumed: captions of {len((TYPICAL.caption or '').split())} words")
    if len(lines) == 1:
        lines.append("captions and descriptions are made on this machine and cost nothing")
    return "\n".join(lines)


def _captions(clips: int, ears: ChatSettings) -> Estimate:
    tokens = round(TOKENS_A_SECOND * ChatCaptioner.seconds) + len(QUESTION) // 4
    tokens_in, tokens_out, price = clips * tokens, clips * ANSWER_TOKENS, _price(ears)
    if price is None:
        return Estimate(clips, tokens_in, tokens_out, None, None)
    most = price.of(2 * tokens_in, clips * MAX_TOKENS)
    return Estimate(clips, tokens_in, tokens_out, price.of(tokens_in, tokens_out), most)


def _price(settings: ChatSettings) -> Price | None:
    return price_of(settings.model, settings.price)
