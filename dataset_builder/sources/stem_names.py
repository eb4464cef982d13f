"""What studios call the files of their stems: "KICK in", "E Gtr L", "Vln I", "BVs", spelt out for the vocabulary.

Only for names of files: in a sentence "oh" and "hat" mean something else.
"""

import re

_SHORT = {
    "drums": "kick kik bd snare sn snr hat hats hh hihat tom toms ride crash oh ohs overhead overheads kit drs perc "
             "shaker tamb tambourine conga congas bongo bongos clap claps cowbell cymbal",
    "electric bass": "bs bassgtr bgtr",
    "guitar": "gtr gtrs gt git",
    "electric guitar": "egtr elgtr",
    "acoustic guitar": "agtr acgtr acgt",
    "piano": "pno",
    "electric piano": "ep rhds kbd keys wurli",
    "organ": "org",
    "violin": "vln vlns vn vl",
    "viola": "vla vlas",
    "cello": "vc vcl vlc celli",
    "contrabass": "cb kb",
    "string ensemble": "str strs strgs",
    "choir and voice": "vox vocals bv bvs bgv bgvs",
    "flute": "fl flt",
    "oboe": "ob",
    "clarinet": "cl clar",
    "bassoon": "bsn fg",
    "trumpet": "tpt tpts trp",
    "trombone": "tbn tbns tb",
    "french horn": "hn hrn",
    "saxophone": "sx",
    "synth": "syn synths",
}  # fmt: skip
_LONG = {short: word for word, shorts in _SHORT.items() for short in shorts.split()}
# What hides another instrument's name, or says the part that it plays.
_PHRASES = {
    r"bass drums?|snare drums?|hi hats?|drum (?:room|bus|overheads?)": "drums",
    r"bass (?:gtr|di|amp)": "electric bass",
    r"bass cl(?:arinet)?": "clarinet",
    r"(?:e|el|elec|lead|rhythm) (?:gtr|guitar)s?": "electric guitar",
    r"(?:a|ac|acou) (?:gtr|guitar)s?": "acoustic guitar",
    r"(?:lead|backing|background) (?:vox|vocals?|voices?)": "choir and voice",
}


def spelt_out(name: str) -> str:
    """The words of a file's name in lower case, without numbers, what is abbreviated written out.

    >>> spelt_out("03 E Gtr_L")
    'electric guitar l'
    """
    words = re.sub(r"[\W_\d]+", " ", name).strip().lower()
    for phrase, meaning in _PHRASES.items():
        words = re.sub(rf"\b(?:{phrase})\b", meaning, words)
    return " ".join(_LONG.get(word, word) for word in words.split())
