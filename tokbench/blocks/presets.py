"""Recipes by name: the blocks and special tokens of well-known tokenizers, to be trained on other texts.

Special tokens have the ids from 0 in the order given, wherever the original has them.
"""

from __future__ import annotations

from dataclasses import replace

from tokbench.blocks.defaults import BPE, PAIRS, TEXTS, WORDPIECE
from tokbench.blocks.recipe import Recipe, block
from tokbench.errors import RecipeProblem, did_you_mean

# As published with Llama 3: what GPT-2 cuts, but numbers into threes and line ends by themselves.
LLAMA3_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# SentencePiece's nmt_nfkc map, as near as blocks without its table come.
NMT_NFKC = (block("Nmt"), block("NFKC"), block("Replace", regex=" {2,}", content=" "))
SENTENCE_WORDS = (block("WhitespaceSplit"), block("Metaspace"))

GPT2 = replace(BPE, vocab_size=50_257, special_tokens={"bos": "<|endoftext|>", "eos": "<|endoftext|>"})

BERT = replace(WORDPIECE, vocab_size=30_522, normalizers=(block("BertNormalizer"),))

BERT_CASED = replace(BERT, vocab_size=28_996, normalizers=(block("BertNormalizer", lowercase=False),))

ROBERTA = replace(
    BPE,
    vocab_size=50_265,
    special_tokens={
        "bos": "<s>",
        "pad": "<pad>",
        "eos": "</s>",
        "unk": "<unk>",
        "cls": "<s>",
        "sep": "</s>",
        "mask": "<mask>",
    },
    token_options={"<mask>": {"lstrip": True}},
    post_processor=block("RobertaProcessing", sep="</s>", cls="<s>", add_prefix_space=False),
    wrapper={**TEXTS, "model_max_length": 512},
)

ALBERT = Recipe(
    algorithm="unigram",
    vocab_size=30_000,
    special_tokens={
        "pad": "<pad>",
        "unk": "<unk>",
        "bos": "[CLS]",
        "eos": "[SEP]",
        "cls": "[CLS]",
        "sep": "[SEP]",
        "mask": "[MASK]",
    },
    token_options={"[MASK]": {"lstrip": True}},
    normalizers=(
        block("Replace", pattern="``", content='"'),
        block("Replace", pattern="''", content='"'),
        block("NFKD"),
        block("StripAccents"),
        block("Lowercase"),
        *NMT_NFKC,
    ),
    pre_tokenizers=SENTENCE_WORDS,
    post_processor=WORDPIECE.post_processor,
    wrapper=PAIRS,
)

T5 = Recipe(
    algorithm="unigram",
    vocab_size=32_100,
    special_tokens={"pad": "<pad>", "eos": "</s>", "unk": "<unk>"},
    extra_special_tokens=tuple(f"<extra_id_{number}>" for number in range(100)),
    normalizers=NMT_NFKC,
    pre_tokenizers=SENTENCE_WORDS,
    post_processor=block("TemplateProcessing", single="$A </s>", pair="$A </s> $B </s>"),
    wrapper={**TEXTS, "model_max_length": 512},
)

LLAMA3 = Recipe(
    algorithm="bpe",
    vocab_size=128_256,
    special_tokens={
        "bos": "<|begin_of_text|>",
        "eos": "<|end_of_text|>",
        "pad": "<|finetune_right_pad_id|>",
    },
    extra_special_tokens=(
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eom_id|>",
        "<|eot_id|>",
        "<|python_tag|>",
    ),
    pre_tokenizers=(
        block("Split", regex=LLAMA3_WORDS, behavior="isolated"),
        block("ByteLevel", add_prefix_space=False, use_regex=False),
    ),
    model={"ignore_merges": True},
    post_processor=block(
        "Sequence",
        blocks=[
            {"type": "ByteLevel", "trim_offsets": False},
            {
                "type": "TemplateProcessing",
                "single": "<|begin_of_text|> $A",
                "pair": "<|begin_of_text|> $A <|begin_of_text|> $B",
            },
        ],
    ),
    wrapper={**TEXTS, "model_max_length": 8192},
)

# WordPiece as klue/bert-base has it, in NFC and with case and accents, so that Hangul syllables stay whole.
KOREAN = replace(
    WORDPIECE,
    vocab_size=32_000,
    normalizers=(block("NFC"), block("BertNormalizer", strip_accents=False, lowercase=False)),
)

PRESETS: dict[str, Recipe] = {
    "gpt2": GPT2,
    "bert": BERT,
    "bert-cased": BERT_CASED,
    "roberta": ROBERTA,
    "albert": ALBERT,
    "t5": T5,
    "llama3": LLAMA3,
    "korean": KOREAN,
}

ABOUT: dict[str, str] = {
    "gpt2": "Byte-level BPE: nothing is unknown; one special token, no template.",
    "bert": "Uncased WordPiece with [CLS] and [SEP]; strips accents, and so takes Hangul apart.",
    "bert-cased": "Cased WordPiece with [CLS] and [SEP].",
    "roberta": "Byte-level BPE with <s> A </s> </s> B </s>; padding has id 1.",
    "albert": "Uncased Unigram with [CLS] and [SEP], spaces written as ▁.",
    "t5": "Cased Unigram with </s> at the end and 100 tokens for missing spans.",
    "llama3": "Byte-level BPE with numbers cut into three digits; begins with <|begin_of_text|>.",
    "korean": "Cased WordPiece in NFC: Hangul syllables stay whole.",
}


def preset(name: str) -> Recipe:
    """The recipe of this name; RecipeProblem with a hint for a name that is none."""
    if name not in PRESETS:
        raise RecipeProblem(f"there is no preset {name}", fix=did_you_mean(name, PRESETS))
    return PRESETS[name]
