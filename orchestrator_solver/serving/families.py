"""The instruments by the families that musicians look for them in."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "Keys and bells": ("acoustic piano", "electric piano", "organ", "chromatic percussion"),
    "Guitars and basses": (
        "acoustic guitar", "clean electric guitar", "distorted electric guitar", "acoustic bass", "electric bass",
    ),
    "Strings": (
        "violin", "viola", "cello", "contrabass", "string ensemble", "synth strings", "orchestral harp",
    ),
    "Brass": ("trumpet", "trombone", "french horn", "tuba", "brass section"),
    "Woodwinds": (
        "pipe", "oboe", "english horn", "clarinet", "bassoon", "soprano/alto sax", "tenor sax", "baritone sax",
    ),
    "Voices and synthesizers": ("choir and voice", "synth lead", "synth pad"),
    "Drums": ("drums", "timpani"),
}  # fmt: skip
