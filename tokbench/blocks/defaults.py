"""A good recipe for each algorithm, to start from.

None names its decoders: those that undo its blocks follow when a block is changed.
"""

from __future__ import annotations

from dataclasses import replace

from tokbench.blocks.recipe import Recipe, block

# pad first: models such as BERT take id 0 for padding unless told otherwise.
BERT_TOKENS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
BERT_TEMPLATE = block("TemplateProcessing", single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1")
FREQUENT = {"min_frequency": 2}  # what occurs once teaches a model nothing
PAIRS = {
    "model_max_length": 512,
    "padding_side": "right",
    "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
}
TEXTS = {
    "model_max_length": 1024,
    "padding_side": "right",
    "model_input_names": ["input_ids", "attention_mask"],
}

BPE = Recipe(
    algorithm="bpe",
    special_tokens={"bos": "<|endoftext|>", "eos": "<|endoftext|>", "pad": "<|pad|>"},
    pre_tokenizers=(block("ByteLevel", add_prefix_space=False),),
    trainer=FREQUENT,
    post_processor=block("ByteLevel", trim_offsets=False),
    wrapper=TEXTS,
)

# Accents stay: stripping them takes Hangul apart into its letters (18 characters become 23).
WORDPIECE = Recipe(
    algorithm="wordpiece",
    special_tokens=BERT_TOKENS,
    normalizers=(block("NFC"), block("BertNormalizer", strip_accents=False)),
    pre_tokenizers=(block("BertPreTokenizer"),),
    trainer=FREQUENT,
    post_processor=BERT_TEMPLATE,
    wrapper=PAIRS,
)

UNIGRAM = Recipe(
    algorithm="unigram",
    special_tokens={
        "pad": "<pad>",
        "unk": "<unk>",
        "bos": "<s>",
        "eos": "</s>",
        "cls": "<s>",
        "sep": "</s>",
        "mask": "<mask>",
    },
    token_options={"<mask>": {"lstrip": True}},
    normalizers=(block("Nmt"), block("NFKC"), block("Replace", regex=" {2,}", content=" ")),
    pre_tokenizers=(block("Metaspace"),),
    post_processor=block("TemplateProcessing", single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1"),
    wrapper=PAIRS,
)

WORDLEVEL = Recipe(
    algorithm="wordlevel",
    special_tokens=BERT_TOKENS,
    normalizers=(block("NFC"), block("Lowercase")),
    pre_tokenizers=(block("Whitespace"),),
    post_processor=BERT_TEMPLATE,
    wrapper=PAIRS,
)

CHARACTER = replace(
    WORDLEVEL,
    algorithm="character",
    normalizers=(block("NFC"),),
    pre_tokenizers=(),
)

DEFAULTS: dict[str, Recipe] = {
    "bpe": BPE,
    "wordpiece": WORDPIECE,
    "unigram": UNIGRAM,
    "wordlevel": WORDLEVEL,
    "character": CHARACTER,
}
