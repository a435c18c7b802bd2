"""Which script a character belongs to, as far as its name in Unicode tells."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

JAPANESE = {"Hiragana", "Katakana", "Katakana-Hiragana", "Halfwidth"}
OTHERS = {"N": "digits", "P": "punctuation", "S": "symbols and emoji", "Z": "white space", "C": "control"}


@lru_cache(maxsize=100_000)
def script_of(character: str) -> str:
    """The script of a letter, or what else the character is.

    >>> [script_of(each) for each in "aж한漢の7🙂"]
    ['Latin', 'Cyrillic', 'Hangul', 'Chinese', 'Kana', 'digits', 'symbols and emoji']
    """
    category = unicodedata.category(character)
    if character in "\u200d\ufe0f\ufe0e":  # what joins and styles emoji
        return OTHERS["S"]
    if character.isspace():
        return OTHERS["Z"]
    if category[0] in OTHERS:
        return OTHERS[category[0]]
    first = unicodedata.name(character, "OTHER").split()[0].capitalize()
    if first == "Cjk":
        return "Chinese"
    return "Kana" if first in JAPANESE else "marks" if first == "Combining" else first


def script_of_word(word: str) -> str:
    """The script of a word's first letter, or of its first character when it has none.

    >>> script_of_word("«да»"), script_of_word("2024")
    ('Cyrillic', 'digits')
    """
    return script_of(next((each for each in word if each.isalpha()), word[0]))
