"""Texts on which tokenizers of other packages and ours must agree, and some hard ones."""

from tokbench.formats.id_proof import HARD_TEXTS

WORDS = [
    "hello",
    "cat",
    "hat",
    "the",
    "sat",
    "on",
    "a",
    "b",
    "c",
    "7",
    ".",
    "!",
    "e",
    "中",
    "\u1112\u1161\u11ab",
]
TEXTS = [
    "The cat sat on the hat, and the hat sat on the cat.",
    "def add(a, b):\n    return a + b  # sums\n",
    "한국어 문장은 형태소가 많다. 고양이가 모자 위에 앉았다.",
    "Tokenizers break in silence; 12 cats, 3,456 hats!",
    "  indented\n\n\ttabs and   spaces ",
]
EVERY = (*HARD_TEXTS, *TEXTS)
