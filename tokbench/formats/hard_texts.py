"""Texts on which readers of one vocabulary come apart: spaces, line ends, joined letters, bytes, names."""

HARD_TEXTS = (
    "", " ", "  ", "\n", "\t\tx", " leading", "trailing ", "two  spaces", "a\n\n\nb\r\nc", "don't DON'T 'S",
    "café cafe\u0301", "\u1112\u1161\u11ab\uae00 한글", "ㅠㅠㅠㅠ ㅋㅋㅋ", "中文 字", "日本語テキスト",
    "\U0001f642\U0001f44d\U0001f3fd\U0001f468\u200d\U0001f469\u200d\U0001f467", "\ufeffbom",
    "x\u00a0y\u3000z",
    "\u200b\u200d", "ﬁ ½ ² Ⅷ", "1234567 3.14", "a_b-c/d\\e", "<s></s> <unk> [CLS] <|endoftext|>", "<0x0A>",
    "▁▁a", "ſ 'ſ K", "İ ß ǅ", "\u0000\u0001\u007f\u0085", "َعربي", "हिन्दी", "ไทย",
    "\U00010348\U000e0001", "a" * 300,
    "x     y", "    return x  # it", "....... ------", "camelCase HTTPServer", "\u180e\u2028\u2029",
)  # fmt: skip
