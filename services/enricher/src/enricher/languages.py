"""One table of language codes: what X and the detectors write, as BCP 47.

A code that is not in the table is passed on as it is: X adds codes without notice.
"""

_CODES = """
am ar bg bn bo bs ca ckb cs cy da de dv el en es et eu fa fi fr gl gu he hi hr ht hu hy id is it
ja ka km kn ko lo lt lv ml mr my ne nl no or pa pl ps pt ro ru sd si sk sl sr sv ta te th tl tr
ug uk ur vi zh
"""
# What X's `lang:` operator lists, and Galician. The detectors choose among these alone: with
# every language they know, short English turns into Oromo and Javanese.
LANGUAGES = frozenset(_CODES.split())
UNDETERMINED = "und"

# Retired ISO 639 codes that X and pycld2 still use, variants, and codes of one detector alone.
_BCP_47 = {
    "in": "id",
    "iw": "he",
    "fil": "tl",
    "nb": "no",
    "nn": "no",
    "wuu": "zh",
    "yue": "zh",
    "zh-CN": "zh",
    "zh-TW": "zh",
    "zh-Hant": "zh",
}
# Codes of X that name no language: only mentions, cashtags, hashtags, media links, very short,
# no text, art.
_NO_LANGUAGE = frozenset({"qam", "qct", "qht", "qme", "qst", "zxx", "und", "art", ""})


def bcp_47(code: str) -> str:
    """Return a detector's or X's code in BCP 47."""
    return _BCP_47.get(code, code)


def said_by_x(lang: str | None) -> str | None:
    """Return the language that X's `lang` names, or None where it names none."""
    return None if lang is None or lang in _NO_LANGUAGE else bcp_47(lang)
