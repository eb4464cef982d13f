"""In which order bars are played: repeats, endings, da capo and dal segno.

music21 can expand repeats, but doubles what it expands with every bar that says "repeat" alone: thirty such bars of a
stranger's file never end. Bars are followed here as a player follows them, and counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

MOST_BARS = 10_000  # played: hours
_LARGEST = 99  # of an ending's number, and of times


@dataclass(frozen=True)
class Bar:
    """What a bar says of where to go.

    Attributes:
        begins: a repeated part begins here.
        times: how often the part that ends here is played; 1 if none ends.
        endings: in which rounds it is played; empty for all.
        jump: at its end: "dacapo", "dalsegno", or nothing.
        segno, coda, to_coda, fine: which of these marks it has.
    """

    begins: bool = False
    times: int = 1
    endings: frozenset[int] = frozenset()
    jump: str = ""
    segno: bool = False
    coda: bool = False
    to_coda: bool = False
    fine: bool = False


def bars_of(part: Element) -> list[Bar]:
    """The bars of a part of MusicXML.

    Raises:
        ValueError: a number is none.
    """
    bars, endings = [], frozenset[int]()
    for measure in part.findall("measure"):
        marks = list(measure.iter("ending"))
        endings = next((_rounds(mark) for mark in marks if mark.get("type") == "start"), endings)
        repeats = {mark.get("direction"): _count(mark.get("times") or "2") for mark in measure.iter("repeat")}
        said = {name for mark in measure.iter("sound") for name in mark.keys()}  # noqa: SIM118 - an Element's
        jump = next((name for name in ("dacapo", "dalsegno") if name in said), "")
        bars.append(Bar("forward" in repeats, repeats.get("backward", 1), endings, jump, "segno" in said,
                        "coda" in said, "tocoda" in said, "fine" in said))  # fmt: skip
        if any(mark.get("type") != "start" for mark in marks):
            endings = frozenset()
    return bars


def _rounds(ending: Element) -> frozenset[int]:
    return frozenset(_count(word) for word in (ending.get("number") or "").replace(",", " ").split())


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= _LARGEST:
        raise ValueError(f"a repeat's number is {value}, expected 1 to {_LARGEST}")
    return value


def play_order(bars: Sequence[Bar]) -> list[int]:
    """The places of bars in the order in which they are played; after a jump no repeat is taken again.

    Raises:
        ValueError: they are too many.
    """
    last = _last_rounds(bars)
    order: list[int] = []
    at = start = 0
    turn, jumped = 1, False
    while at < len(bars):
        bar = bars[at]
        if bar.begins and at != start:
            start, turn = at, 1
        if bar.endings and (last[at] if jumped else turn) not in bar.endings:
            at += 1
            continue
        order.append(at)
        if len(order) > MOST_BARS:
            raise ValueError(f"its repeats make it more than {MOST_BARS} bars")
        if jumped and bar.fine:
            break
        rounds = last[at] if bar.endings else bar.times
        if bar.times > 1 and turn < rounds and not jumped:
            at, turn = start, turn + 1
        elif bar.jump and not jumped:
            at, jumped = _target(bars, bar.jump), True
        elif jumped and bar.to_coda and (coda := _coda_after(bars, at)):
            at = coda
        else:
            ends = bar.times > 1 or (bar.endings and not (at + 1 < len(bars) and bars[at + 1].endings))
            at += 1
            start, turn = (at, 1) if ends else (start, turn)
    return order


def _last_rounds(bars: Sequence[Bar]) -> list[int]:
    """For each bar the last round of the endings that it is among; 0 for those of no ending."""
    found = [max(bar.endings, default=0) for bar in bars]
    for at in range(len(bars) - 1, 0, -1):
        if found[at] and found[at - 1]:
            found[at - 1] = max(found[at - 1], found[at])
    for at in range(1, len(bars)):
        if found[at] and found[at - 1]:
            found[at] = found[at - 1]
    return found


def _target(bars: Sequence[Bar], jump: str) -> int:
    return next((at for at, bar in enumerate(bars) if jump == "dalsegno" and bar.segno), 0)


def _coda_after(bars: Sequence[Bar], at: int) -> int | None:
    return next((place for place in range(at + 1, len(bars)) if bars[place].coda), None)
