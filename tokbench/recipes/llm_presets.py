"""The recipes of large language models' tokenizers, and of CLIP's, which has their bytes and no case.

Patterns and blocks are those of the published files: they cut texts as the originals do. Tokens that only
hold a place (reserved, unused) and those of other media are left out; `train-like` takes them from a file.
"""

from __future__ import annotations

from dataclasses import replace

from tokbench.recipes.recipe import Recipe, block

INPUTS = {"padding_side": "right", "model_input_names": ["input_ids", "attention_mask"]}
END = "<|endoftext|>"
FIM = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")
SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CL100K_WORDS = rf"{SHORT}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{REST}"  # Llama 3's, too
QWEN_WORDS = rf"{SHORT}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{REST}"
# A word ends where a small letter is followed by a capital one: camelCase is two.
SMALL = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
CAPITAL = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
PATHS = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K_WORDS = rf"{SMALL}{SHORT}?|{CAPITAL}{SHORT}?|\p{{N}}{{1,3}}|{PATHS}"
TEKKEN_WORDS = rf"{SMALL}|{CAPITAL}|\p{{N}}|{PATHS}"
HAN_AND_KANA = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
DEEPSEEK_WORDS = (
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
)
CLIP_WORDS = rf"{SHORT}|[\p{{L}}]+|[\p{{N}}]|[^\s\p{{L}}\p{{N}}]+"
BYTES = block("ByteLevel", add_prefix_space=False, use_regex=False)

CL100K = Recipe(
    algorithm="bpe",
    vocab_size=100_261,
    special_tokens={"bos": END, "eos": END},
    extra_special_tokens=(*FIM, "<|endofprompt|>"),
    pre_tokenizers=(block("Split", regex=CL100K_WORDS, behavior="isolated"), BYTES),
    trainer={"min_frequency": 2},
    post_processor=block("ByteLevel", trim_offsets=False),
    wrapper={"model_max_length": 8192, **INPUTS},
)

O200K = replace(
    CL100K,
    vocab_size=200_000,
    extra_special_tokens=("<|endofprompt|>",),
    pre_tokenizers=(block("Split", regex=O200K_WORDS, behavior="isolated"), BYTES),
    wrapper={"model_max_length": 128_000, **INPUTS},
)

QWEN2 = replace(
    CL100K,
    vocab_size=151_646,
    special_tokens={"pad": END, "eos": "<|im_end|>"},
    extra_special_tokens=("<|im_start|>",),
    normalizers=(block("NFC"),),
    pre_tokenizers=(block("Split", regex=QWEN_WORDS, behavior="isolated"), BYTES),
    wrapper={"model_max_length": 32_768, **INPUTS},
)

DEEPSEEK = replace(
    CL100K,
    vocab_size=128_815,
    special_tokens={
        "bos": "<｜begin▁of▁sentence｜>",
        "eos": "<｜end▁of▁sentence｜>",
        "pad": "<｜▁pad▁｜>",
    },
    extra_special_tokens=("<｜User｜>", "<｜Assistant｜>"),
    pre_tokenizers=(
        block("Split", regex=r"\p{N}{1,3}", behavior="isolated"),
        block("Split", regex=HAN_AND_KANA, behavior="isolated"),
        block("Split", regex=DEEPSEEK_WORDS, behavior="isolated"),
        BYTES,
    ),
    wrapper={"model_max_length": 131_072, **INPUTS},
)

MISTRAL_TEKKEN = replace(
    CL100K,
    vocab_size=131_072,
    special_tokens={"unk": "<unk>", "bos": "<s>", "eos": "</s>", "pad": "<pad>"},
    extra_special_tokens=("[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
    pre_tokenizers=(block("Split", regex=TEKKEN_WORDS, behavior="isolated"), BYTES),
    wrapper={"model_max_length": 131_072, **INPUTS},
)

# SentencePiece cut at spaces and between digits in training; the model has no pre-tokenizer that cuts.
GEMMA = Recipe(
    algorithm="bpe",
    vocab_size=262_145,
    special_tokens={"pad": "<pad>", "eos": "<eos>", "bos": "<bos>", "unk": "<unk>"},
    extra_special_tokens=("<start_of_turn>", "<end_of_turn>"),
    normalizers=(block("Replace", pattern=" ", content="▁"),),
    training_pre_tokenizers=(
        block("Split", regex="▁+[^▁]*|[^▁]+", behavior="isolated"),
        block("Digits", individual_digits=True),
    ),
    model={"fuse_unk": True, "byte_fallback": True},
    trainer={"min_frequency": 2},
    post_processor=block("TemplateProcessing", single="<bos> $A", pair="<bos> $A <bos> $B"),
    decoders=(block("Replace", pattern="▁", content=" "), block("ByteFallback"), block("Fuse")),
    wrapper={"model_max_length": 32_768, **INPUTS},
)

CLIP = Recipe(
    algorithm="bpe",
    vocab_size=49_408,
    special_tokens={"bos": "<|startoftext|>", "eos": END, "pad": END},
    normalizers=(block("NFC"), block("Replace", regex=r"\s+", content=" "), block("Lowercase")),
    pre_tokenizers=(block("Split", regex=CLIP_WORDS, behavior="removed", invert=True), BYTES),
    trainer={"min_frequency": 2, "end_of_word_suffix": "</w>"},
    post_processor=block(
        "TemplateProcessing",
        single=f"<|startoftext|> $A {END}",
        pair=f"<|startoftext|> $A {END} {END} $B {END}",
    ),
    wrapper={"model_max_length": 77, **INPUTS},
)

LLM_PRESETS: dict[str, Recipe] = {
    "cl100k": CL100K,
    "o200k": O200K,
    "qwen2": QWEN2,
    "gemma": GEMMA,
    "deepseek": DEEPSEEK,
    "mistral-tekken": MISTRAL_TEKKEN,
    "clip": CLIP,
}

ABOUT_LLMS: dict[str, str] = {
    "cl100k": "GPT-4's byte-level BPE: numbers cut into three digits, line ends by themselves.",
    "o200k": "GPT-4o's byte-level BPE: as cl100k, and camelCase is two words.",
    "qwen2": "Byte-level BPE in NFC, every digit alone; turns end with <|im_end|>.",
    "gemma": "BPE with ▁ for spaces and bytes for what is unknown; begins with <bos>.",
    "deepseek": "DeepSeek-V3's byte-level BPE: digits in threes, Chinese and kana apart from the rest.",
    "mistral-tekken": "Mistral's byte-level BPE: as o200k with every digit alone, and no contractions.",
    "clip": "Lower-case byte-level BPE with </w> at the end of words, for texts beside pictures.",
}
