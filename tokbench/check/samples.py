"""Short texts of many kinds, through which a tokenizer shows what it does."""

from __future__ import annotations

# Nothing here that a decoder's clean-up rewrites ("do not" becomes "don't"), and no special token.
SAMPLES: dict[str, str] = {
    "English": "The quick brown fox jumps over the lazy dog, twice.",
    "numbers": "In 2024 it cost 1234.50 (about 7%).",
    "accents": "Café naïve, Straße, œuvre, año, Zażółć.",
    "Korean": "한국어 문장을 자연스럽게 읽습니다.",
    "Chinese": "我喜欢读书。",
    "Japanese": "日本語のテキストです。",
    "Russian": "Быстрая лиса",
    "Arabic": "لغة عربية",
    "emoji": "ok 🙂 👩‍💻 🇰🇷",
    "code": "def f(x):\n    return x[0] + 1  # ok",
    "white space": " two  spaces\tand a tab ",
}
