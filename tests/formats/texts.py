"""Texts on which tokenizers of other packages and ours must agree, and some hard ones."""

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
HARD = (
    "", " ", "  ", "\n", "\t\tx", " leading", "trailing ", "two  spaces", "a\n\n\nb\r\nc", "don't DON'T 'S",
    "café cafe\u0301", "\u1112\u1161\u11ab\uae00 한글", "中文 字", "日本語テキスト",
    "🙂👍🏽👨‍👩‍👧", "\ufeffbom", "x\u00a0y\u3000z",
    "\u200b\u200d", "ﬁ ½ ² Ⅷ", "1234567 3.14", "a_b-c/d\\e",
    "<s></s> <unk> [CLS] <|endoftext|>", "<0x0A>", "▁▁a",
    "ſ 'ſ K", "İ ß ǅ", "\u0000\u0001\u007f\u0085", "َعربي", "हिन्दी", "ไทย", "\U00010348\U000e0001", "a" * 300,
)  # fmt: skip
TEXTS = [
    "The cat sat on the hat, and the hat sat on the cat.",
    "def add(a, b):\n    return a + b  # sums\n",
    "한국어 문장은 형태소가 많다. 고양이가 모자 위에 앉았다.",
    "Tokenizers break in silence; 12 cats, 3,456 hats!",
    "  indented\n\n\ttabs and   spaces ",
]
EVERY = (*HARD, *TEXTS)
