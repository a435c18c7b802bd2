"""Texts in which two tokenizers that are not the same show it: scripts, spaces, forms, code, emoji."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from tokbench.check.samples import SAMPLES

MORE: dict[str, str] = {
    "capitals": "HELLO World iPhone McDonald’s NASA's İstanbul ﬁne",
    "quotes": "“Yes,” she said—‘no’… don't it's we'll",
    "Hindi": "हिन्दी में लिखा हुआ वाक्य।",
    "Thai": "ภาษาไทยไม่มีช่องว่าง",
    "Hebrew": "שָׁלוֹם עולם",
    "Greek": "Η γρήγορη αλεπού",
    "Vietnamese": "Tiếng Việt có nhiều dấu.",
    "Korean letters": "ㅋㅋㅋ ㅠㅠ 안녕하세요!!",
    "Chinese numbers": "二〇二四年，共計１２３個。",
    "mathematics": "∑ x² ≤ ½·√π → ∞ 𝐱 ℝ",
    "emoji families": "👨‍👩‍👧‍👦 👍🏽 ❤️ 🏳️‍🌈 ☕",
    "Python": "class A(B):\n\tdef f(self, *args):\n\t\treturn {k: v for k, v in args}\n",
    "web page": '<a href="https://example.org/?q=1&amp;r=2#top">x</a>',
    "numbers of all kinds": "0 00 007 1,234,567.89 3.14e-10 0xFF 2024-01-31 12:59",
    "spaces of all kinds": "a  b   c\u00a0d\u3000e\u2009f\u200bg\n\n\nh\r\ni\t\tj ",
    "a leading space": " lead",
    "control characters": "a\x00b\x07c\x1b[31md\x7fe\ufefff\u202eg",
    "marks": "▁the Ġthe ##the @@the the</w> [UNK] <unk>",
    "a long word": "pneumono" + "ultramicroscopic" * 8,
    "repetition": "aaaaaaaaaaaaaaaa " + "=" * 40,
    "rare characters": "\U0001f9ec\U00013000\U000e0041\ue000\ufffd",
}


def probes() -> Iterator[tuple[str, str]]:
    """What a text is → the text; those of two forms come in both."""
    for name, text in {**SAMPLES, **MORE}.items():
        yield name, text
        for form in ("NFC", "NFD"):
            other = unicodedata.normalize(form, text)
            if other != text:
                yield f"{name} in {form}", other
