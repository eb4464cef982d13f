"""Stems of Slakh2100 that are known to be bad.

From the list in slakh-dataset 0.1.25 (https://github.com/henrikgroenbech/slakh-pytorch-dataset) and Slakh's own errata;
stems whose audio is missing are left to the audit, which sees them.
"""

from .defects import Defect

_KNOWN: dict[str, tuple[tuple[str, str], ...]] = {
    "white-noise": (
        ("Track00357", "S03"), ("Track00377", "S07"), ("Track00385", "S00"), ("Track00398", "S00"),
        ("Track00400", "S00"), ("Track00629", "S01"), ("Track00633", "S01"), ("Track00749", "S01"),
        ("Track01629", "S00"),
    ),
    "wrong-pitch": (
        ("Track00262", "S01"), ("Track00496", "S01"), ("Track01918", "S10"), ("Track01929", "S04"),
        ("Track01931", "S01"), ("Track01937", "S03"),
    ),
    "cut-notes": (("Track00404", "S03"), ("Track00737", "S01"), ("Track00893", "S01")),
    "endless-tone": (("Track01500", "S12"), ("Track01500", "S13")),
}  # fmt: skip


def known_of(source: str, track: str) -> list[Defect]:
    """Those of a track of a source: only Slakh2100's tracks are known by their names."""
    return known_defects(track) if source == "slakh" else []


def known_defects(track: str) -> list[Defect]:
    """Those of a track of Slakh2100."""
    return [
        Defect(kind, track, stem, "known of Slakh2100")
        for kind, stems in _KNOWN.items()
        for name, stem in stems
        if name == track
    ]
