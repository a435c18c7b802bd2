"""Recipes by name: the blocks and special tokens of well-known tokenizers, to be trained on other texts.

Special tokens have the ids from 0 in the order given, wherever the original has them.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, Union

from tokbench.errors import RecipeError, did_you_mean
from tokbench.recipes.llm_presets import ABOUT_LLMS, CL100K_WORDS, LLM_PRESETS
from tokbench.recipes.recipe import Block, Recipe, block, change, from_data, read_recipe, to_data

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
        block("Split", regex=CL100K_WORDS, behavior="isolated"),
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
    **LLM_PRESETS,
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
    **ABOUT_LLMS,
}


def preset(name: str) -> Recipe:
    """The recipe of this name; RecipeError with a hint for a name that is none."""
    if name not in PRESETS:
        raise RecipeError(f"there is no preset {name}", fix=did_you_mean(name, PRESETS))
    return PRESETS[name]


COMMANDS = {"character": "train-char"}  # the others are called as their algorithm is


def start_recipe(
    algorithm: str,
    name: str | None = None,
    settings: Mapping[str, str] | None = None,
    *,
    special: Sequence[str] = (),
    cased: bool = False,
) -> Recipe:
    """The recipe of an algorithm, or the preset of this name, with these choices.

    Raises RecipeError when the preset is of another algorithm.

    >>> start_recipe("bpe", settings={"vocab_size": "8000"}, special=["<x>"]).extra_special_tokens
    ('<x>',)
    """
    recipe = preset(name) if name else DEFAULTS[algorithm]
    if recipe.algorithm != algorithm:
        command = COMMANDS.get(recipe.algorithm, f"train-{recipe.algorithm}")
        raise RecipeError(
            f"the preset {name} is {recipe.algorithm}, not {algorithm}",
            fix=f"tokbench {command} --preset {name}",
        )
    recipe = replace(recipe, extra_special_tokens=(*recipe.extra_special_tokens, *special))
    return change(keep_case(recipe) if cased else recipe, settings or {})


NamedRecipe = Union[str, "PathLike[str]", Recipe, "HasRecipe"]


class HasRecipe(Protocol):
    """A result that a recipe made, as train gives one."""

    @property
    def recipe(self) -> Recipe:
        """The choices behind it."""


def choose_recipe(
    source: NamedRecipe = "bpe",
    *,
    vocab_size: int | None = None,
    special: Sequence[str] = (),
    cased: bool = False,
    **choices: Any,  # noqa: ANN401  any value that TOML has
) -> Recipe:
    """The recipe of an algorithm, of a preset, in a TOML file or beside a tokenizer, with these choices.

    `special` are more special tokens. `choices` are fields of a Recipe, as in TOML; tables are merged into
    those of the recipe. RecipeError for a name or a choice that no recipe has.

    >>> chosen = choose_recipe("bert", vocab_size=8000, trainer={"min_frequency": 3}, special=["[E1]"])
    >>> chosen.vocab_size, dict(chosen.trainer), chosen.tokens[-1]
    (8000, {'min_frequency': 3}, '[E1]')
    """
    found = _found(source)
    data = to_data(keep_case(found) if cased else found)
    if vocab_size is not None:
        choices["vocab_size"] = vocab_size
    for key, value in choices.items():
        both = isinstance(value, Mapping) and isinstance(data.get(key), Mapping)
        data[key] = {**data[key], **value} if both else value
    data["extra_special_tokens"] = [*data.get("extra_special_tokens", ()), *special]
    return from_data(data, name="the recipe's choices")


def _found(source: NamedRecipe) -> Recipe:
    if isinstance(source, Recipe):
        return source
    if isinstance(source, str | PathLike):
        beside = Path(source) / "tokbench.toml"
        return read_recipe(beside) if beside.is_file() else resolve_recipe(str(source))
    if isinstance(inner := getattr(source, "recipe", None), Recipe):
        return inner
    raise RecipeError(f"{source!r:.60} is no recipe", fix="give a name, a TOML file or a tokenizer's folder")


def resolve_recipe(name: str, settings: Mapping[str, str] | None = None, *, cased: bool = False) -> Recipe:
    """The recipe of an algorithm, of a preset, or in a TOML file, with these choices.

    >>> resolve_recipe("roberta").algorithm
    'bpe'
    """
    known = [*DEFAULTS, *PRESETS]
    if name in known:
        recipe = DEFAULTS[name] if name in DEFAULTS else preset(name)
    elif Path(name).suffix == ".toml":
        recipe = read_recipe(name)
    else:
        raise RecipeError(f"there is no recipe {name}", fix=f"{did_you_mean(name, known)}; or a TOML file")
    return change(keep_case(recipe) if cased else recipe, settings or {})


def command_for(recipe: Recipe) -> str:
    """Words of a command that name a recipe with the same normalizers and pre_tokenizers.

    >>> command_for(start_recipe("bpe", "gpt2")), command_for(start_recipe("wordpiece", cased=True))
    ('--like bpe', '--like wordpiece --cased')
    """
    for name in (recipe.algorithm, *DEFAULTS, *PRESETS):
        for cased in (False, True):
            if _words(resolve_recipe(name, cased=cased)) == _words(recipe):
                return f"--like {name}{' --cased' * cased}"
    return "--like RECIPE.toml"


def _words(recipe: Recipe) -> tuple[tuple[Block, ...], ...]:
    """What makes the words that a training counts."""
    return recipe.normalizers, recipe.pre_tokenizers, recipe.training_pre_tokenizers


def train_command(name: str, *, cased: bool = False) -> str:
    """The command that trains the recipe of this name, as `resolve_recipe` knows it.

    A name that is none is a tokenizer's.

    >>> train_command("gpt2"), train_command("wordpiece", cased=True)
    ('tokbench train-bpe --preset gpt2', 'tokbench train-wordpiece --cased')
    >>> train_command("my-tok"), train_command("my.toml")
    ('tokbench train-like my-tok', 'tokbench build my.toml')
    """
    if name not in DEFAULTS and name not in PRESETS:
        return f"tokbench {'build' if name.endswith('.toml') else 'train-like'} {shlex.quote(name)}"
    algorithm = resolve_recipe(name).algorithm
    command = COMMANDS.get(algorithm, f"train-{algorithm}")
    return f"tokbench {command}{'' if name in DEFAULTS else f' --preset {name}'}{' --cased' * cased}"


def keep_case(recipe: Recipe) -> Recipe:
    """The recipe without the folding of case and the stripping of accents.

    >>> [each.type for each in keep_case(DEFAULTS["wordlevel"]).normalizers]
    ['NFC']
    """
    return replace(recipe, normalizers=tuple(map(_cased, _without_folding(recipe.normalizers))))


def _without_folding(normalizers: Sequence[Block]) -> list[Block]:
    return [each for each in normalizers if each.type not in ("Lowercase", "StripAccents")]


def _cased(block: Block) -> Block:
    if block.type != "BertNormalizer":
        return block
    return replace(block, options={**block.options, "lowercase": False, "strip_accents": False})
