"""Scripts of Unicode: which one a letter belongs to, and the languages that are mostly written in it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import regex
from numpy.typing import NDArray

# Script (Unicode's property of that name, UAX #24) → languages that are mostly written in it, by speakers
# (CLDR's likely subtags). Latin has too many to be told by it.
LANGUAGES = {
    "Latin": "English, Spanish, French, German and most others",
    "Han": "Chinese, Japanese",
    "Hangul": "Korean",
    "Hiragana": "Japanese",
    "Katakana": "Japanese",
    "Cyrillic": "Russian, Ukrainian, Bulgarian, Serbian",
    "Arabic": "Arabic, Persian, Urdu",
    "Devanagari": "Hindi, Marathi, Nepali",
    "Greek": "Greek",
    "Hebrew": "Hebrew, Yiddish",
    "Thai": "Thai",
    "Bengali": "Bengali, Assamese",
    "Tamil": "Tamil",
    "Telugu": "Telugu",
    "Gujarati": "Gujarati",
    "Gurmukhi": "Punjabi",
    "Kannada": "Kannada",
    "Malayalam": "Malayalam",
    "Oriya": "Odia",
    "Sinhala": "Sinhala",
    "Armenian": "Armenian",
    "Georgian": "Georgian",
    "Ethiopic": "Amharic, Tigrinya",
    "Khmer": "Khmer",
    "Lao": "Lao",
    "Myanmar": "Burmese",
    "Tibetan": "Tibetan, Dzongkha",
    "Mongolian": "Mongolian",
    "Bopomofo": "Chinese",
    "Cherokee": "Cherokee",
    "Canadian_Aboriginal": "Inuktitut, Cree",
    "Syriac": "Syriac",
    "Thaana": "Dhivehi",
    "Tifinagh": "Tamazight",
    "Nko": "Manding",
    "Javanese": "Javanese",
    "Yi": "Yi",
    "Coptic": "Coptic",
    "Common": "",
    "Inherited": "",
}
OTHER = "other"
NAMES = ("", *LANGUAGES, OTHER)  # by number; 0 is no letter
UNSEEN = 255


@cache
def _patterns() -> list[tuple[int, regex.Pattern[str]]]:
    """The number of each script and what finds its letters."""
    numbered = [(number, name) for number, name in enumerate(NAMES) if name in LANGUAGES]
    letters = r"[\p{{L}}&&\p{{Script={}}}]"
    return [(number, regex.compile(letters.format(name), regex.V1)) for number, name in numbered]


class ScriptNumbers:
    """The script of each character that has come, by its number in NAMES; 0 for what is no letter."""

    def __init__(self) -> None:
        self._numbers = np.full(0x110000, UNSEEN, np.uint8)

    def of(self, characters: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """The numbers of these code points."""
        found: NDArray[np.uint8] = self._numbers[characters]
        if (found == UNSEEN).any():
            self._learn("".join(map(chr, np.unique(characters[found == UNSEEN]).tolist())))
            found = self._numbers[characters]
        return found

    def _learn(self, characters: str) -> None:
        left = set(characters)
        self._numbers[[ord(each) for each in left]] = 0
        for number, pattern in _patterns():
            letters = pattern.findall("".join(left))
            self._numbers[[ord(each) for each in letters]] = number
            left.difference_update(letters)
        others = [ord(each) for each in left if each.isalpha()]
        self._numbers[others] = NAMES.index(OTHER)
