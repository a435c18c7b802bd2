"""Random tokenizers and texts: all blocks, models and post-processors, added tokens with every flag."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors, trainers

from tokbench.native.scanner import SPLITTERS
from tokbench.recipes.decoders import decoder
from tokbench.recipes.normalizers import normalizer
from tokbench.recipes.pre_tokenizers import BEHAVIORS, SCHEMES, pre_tokenizer
from tokbench.recipes.recipe import Recipe, read_block, read_blocks
from tokbench.recipes.validate import BYTES, make_ordinary

Options = Mapping[str, Any]
PATTERNS = tuple(SPLITTERS)
# A character map of SentencePiece that maps nothing: an empty trie.
EMPTY_MAP = base64.b64encode((1024).to_bytes(4, "little") + bytes(1024)).decode()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One tokenizer, what it was trained on, and texts to encode; all of it plain data.

    special: tokens that are trained with; added: tokens that come after training. Both are AddedToken's
    arguments. seed: where the case came from. whole_texts: trained on words, and made to encode texts without
    cutting them, as Llama 2 and Gemma do.
    """

    seed: int = 0
    algorithm: str = "bpe"
    vocab_size: int = 300
    normalizers: tuple[Options, ...] = ()
    pre_tokenizers: tuple[Options, ...] = ()
    model: Options
    trainer: Options
    post_processor: Options | None = None
    decoders: tuple[Options, ...] = ()
    special: tuple[Options, ...] = ()
    added: tuple[Options, ...] = ()
    corpus: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    whole_texts: bool = False

    @property
    def unknown(self) -> str:
        """The first special token."""
        return str(self.special[0]["content"]) if self.special else ""


WHITE = list(" \t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u1680\u180e\u2003\u2028\u2029\u3000\ufeff\u200b")
CONTROL = list("\x00\x01\x1f\x7f\xad\u200c\u200d\u200e\u2060\ufffd\ufffc\U000e0001")
LATIN = list("abcdefghistuvwxyzABCEIKSTXZéÉÅåßıİǅſﬁÑñ")
MARKS = list("\u0301\u0300\u0323\u0316\u0345\u0334\u0327\u20dd\u093e\u05b0\u3099\U0001d165")
ASIAN = list("가각힣ㅋㄱ\u1100\u1161\u11a8中文〇日本あアｱｶﾞ한국어ไทย")
SIGNS = list(".,!?'’\"-_/#$%&()[]<>|@▁Ġ½²Ⅷ٣४0129￥…—·\\")
ODD = list("\u212b\ufb01\u1e9bΣςσǆ🦊👩🏽🇰👍\ue000\u0378\U0010ffff\U0002f800ªʰⅣ")
WORDS = [
    *(
        "the",
        "The",
        "cat",
        "don't",
        "I'LL",
        "tokenizer",
        "한국어",
        "한국",
        "e\u0301t",
        "café",
        "CAFÉ",
        "naïve",
    ),
    *(
        "12345",
        "3.14",
        "x_1",
        "hello",
        "Ünïcödé",
        "<0x0A>",
        "<0x41>",
        "[MASK]",
        "<s>",
        "##s",
        "ﬁn",
        "１２",
        "中 中",
    ),
]
ALPHABETS = (WHITE, CONTROL, LATIN, MARKS, ASIAN, SIGNS, ODD)


def random_text(rand: random.Random, tokens: Sequence[str] = (), most: int = 9) -> str:
    """A text of words, odd characters, white space and tokens, mostly short; now and then one long word."""
    kind = rand.random()
    if kind < 0.04:
        return ""
    if kind < 0.10:
        return "".join(rand.choices(WHITE, k=rand.randint(1, 3)))
    if kind < 0.12:
        long = (rand.choice(LATIN) * rand.randint(50, 700), "가" * rand.randint(99, 300), "ab" * 9000)
        return rand.choice(long)
    parts = []
    for _ in range(rand.randint(1, most)):
        parts.append(_piece(rand, tokens))
        if rand.random() < 0.4:
            parts.append(" ")
    return "".join(parts)


def _piece(rand: random.Random, tokens: Sequence[str]) -> str:
    which = rand.random()
    if which < 0.45:
        return rand.choice(WORDS)
    if which < 0.62:
        return rand.choice([" ", " ", " ", "  ", "\n", "\t"])
    if which < 0.75 and tokens:
        return _near(rand, rand.choice(tokens))
    if which < 0.98:
        return "".join(rand.choices(rand.choice(ALPHABETS), k=rand.randint(1, 4)))
    return _any_character(rand)


def _near(rand: random.Random, token: str) -> str:
    """The token, or something that is nearly it."""
    ways: list[Callable[[], str]] = [
        lambda: token,
        lambda: token,
        lambda: f" {token} ",
        lambda: token.upper(),
        lambda: token.lower(),
        lambda: token[:-1],
        lambda: f"a{token}b",
        lambda: token + token,
        lambda: token.replace("e", "é"),
    ]
    return rand.choice(ways)()


def _any_character(rand: random.Random) -> str:
    code = rand.randrange(0x110000)
    return chr(code) if not 0xD800 <= code < 0xE000 else "?"


def random_texts(rand: random.Random, tokens: Sequence[str], most: int = 8) -> tuple[str, ...]:
    """Some texts."""
    return tuple(random_text(rand, tokens) for _ in range(rand.randint(1, most)))


COMMON_BERT: tuple[Options, ...] = ({}, {"lowercase": False}, {"strip_accents": False})


def _any_bert(rand: random.Random) -> Options:
    return {
        "clean_text": rand.random() < 0.7,
        "handle_chinese_chars": rand.random() < 0.7,
        "lowercase": rand.random() < 0.5,
        **rand.choice([{}, {"strip_accents": True}, {"strip_accents": False}]),
    }


NORMALIZERS: Mapping[str, Callable[[random.Random], Options]] = {
    "BertNormalizer": lambda rand: rand.choice([*COMMON_BERT, *COMMON_BERT, _any_bert(rand)]),
    "ByteLevel": lambda rand: {},
    "Lowercase": lambda rand: {},
    "NFC": lambda rand: {},
    "NFD": lambda rand: {},
    "NFKC": lambda rand: {},
    "NFKD": lambda rand: {},
    "Nmt": lambda rand: {},
    "Precompiled": lambda rand: {"precompiled_charsmap": EMPTY_MAP},
    "Prepend": lambda rand: {"prepend": rand.choice(["▁", " ", "x"])},
    "Replace": lambda rand: rand.choice(
        [
            {"pattern": " ", "content": "▁"},
            {"regex": " {2,}", "content": " "},
            {"pattern": "a", "content": ""},
            {"regex": r"\d", "content": "0"},
        ]
    ),
    "Strip": lambda rand: {"left": rand.random() < 0.5, "right": rand.random() < 0.5},
    "StripAccents": lambda rand: {},
}
SERVED_NORMALIZERS = ("NFC", "Lowercase", "BertNormalizer")


def random_normalizers(rand: random.Random) -> tuple[Options, ...]:
    """None, one or several, mostly of the kinds that have a compiled form."""
    number = rand.choice([0, 0, 0, 0, 1, 1, 1, 1, 2, 3])
    served = rand.random() < 0.8
    names = SERVED_NORMALIZERS if served else tuple(NORMALIZERS)
    found = [rand.choice(names) for _ in range(number)]
    return tuple({"type": name, **NORMALIZERS[name](rand)} for name in found)


def _split(rand: random.Random) -> Options:
    known = {"regex": rand.choice(PATTERNS)} if rand.random() < 0.6 else rand.choice(
        [{"pattern": " "}, {"regex": r"\p{L}+"}, {"regex": r"\s+"}, {"regex": r"\d"}]
    )  # fmt: skip
    return {**known, "behavior": rand.choice(BEHAVIORS), "invert": rand.random() < 0.3}


PRE_TOKENIZERS: Mapping[str, Callable[[random.Random], Options]] = {
    "BertPreTokenizer": lambda rand: {},
    "ByteLevel": lambda rand: {
        "add_prefix_space": rand.random() < 0.5,
        "trim_offsets": rand.random() < 0.5,
        "use_regex": rand.random() < 0.7,
    },
    "CharDelimiterSplit": lambda rand: {"delimiter": rand.choice(" -▁a")},
    "Digits": lambda rand: {"individual_digits": rand.random() < 0.5},
    "FixedLength": lambda rand: {"length": rand.randint(1, 4)},
    "Metaspace": lambda rand: {
        "replacement": rand.choice("▁▁▁▁_"),
        "prepend_scheme": rand.choice(SCHEMES),
        "split": rand.random() < 0.8,
    },
    "Punctuation": lambda rand: {"behavior": rand.choice(BEHAVIORS)},
    "Split": _split,
    "UnicodeScripts": lambda rand: {},
    "Whitespace": lambda rand: {},
    "WhitespaceSplit": lambda rand: {},
}


def _bytewise_split(rand: random.Random) -> tuple[Options, ...]:
    how = rand.choice([("isolated", False), ("removed", True), ("isolated", True)])
    split = {"type": "Split", "regex": rand.choice(PATTERNS), "behavior": how[0], "invert": how[1]}
    return split, {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}


SERVED: tuple[Callable[[random.Random], tuple[Options, ...]], ...] = (
    lambda rand: ({"type": "ByteLevel", "add_prefix_space": rand.random() < 0.5},),
    lambda rand: ({"type": "BertPreTokenizer"},),
    lambda rand: ({"type": "Whitespace"},),
    lambda rand: ({"type": "WhitespaceSplit"},),
    lambda rand: ({"type": "Metaspace", "prepend_scheme": rand.choice(SCHEMES)},),
    lambda rand: (
        {"type": "WhitespaceSplit"},
        {"type": "Metaspace", "prepend_scheme": rand.choice(SCHEMES)},
    ),
    _bytewise_split,
)


def random_pre_tokenizers(rand: random.Random) -> tuple[Options, ...]:
    """What the compiled loops serve, that with a change, or anything."""
    kind = rand.random()
    if kind < 0.75:
        return rand.choice(SERVED)(rand)
    names = [rand.choice(tuple(PRE_TOKENIZERS)) for _ in range(rand.choice([0, 1, 1, 2, 3]))]
    found: list[Options] = [{"type": name, **PRE_TOKENIZERS[name](rand)} for name in names]
    if kind < 0.85:
        served = list(rand.choice(SERVED)(rand))
        served[rand.randrange(len(served)) : 0] = found[:1]
        return tuple(served)
    return ({"type": "Sequence", "blocks": found},) if kind < 0.9 and found else tuple(found)


FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
CONTENTS = (
    *("[MASK]", "<s>", "</s>", "<|end|>", "CAFÉ", "café", "cafe", "the", "The", "ab", "##s", "▁a", "<0x41>"),
    *("한국", "가", "e\u0301", "é", "x", "🦊", "Ġthe", "don't", "1", "ﬁ", "ß", "zq", "ZQ"),
    *(" ab", "ab ", "\n", "  ", "\x1f", " ", "a b", "\x00a"),
)


def random_token(rand: random.Random, content: str, *, special: bool | None = None) -> Options:
    """AddedToken's arguments, with some flags."""
    flags: dict[str, Any] = {name: rand.random() < 0.3 for name in FLAGS}
    if special is not None:
        flags["special"] = special
    return {"content": content, **flags}


MODELS: Mapping[str, Callable[[random.Random], tuple[Options, Options]]] = {
    "bpe": lambda rand: (
        {
            "fuse_unk": rand.random() < 0.3,
            "byte_fallback": rand.random() < 0.2,
            "ignore_merges": rand.random() < 0.3,
        },
        _some(
            rand,
            {
                "min_frequency": rand.randint(0, 3),
                "limit_alphabet": rand.randint(5, 40),
                "max_token_length": rand.randint(1, 6),
                "continuing_subword_prefix": rand.choice(["##", "a"]),
                "end_of_word_suffix": rand.choice(["</w>", "s"]),
            },
        ),
    ),
    "wordpiece": lambda rand: (
        _some(rand, {"max_input_chars_per_word": rand.choice([1, 5, 12, 1000])}),
        _some(
            rand,
            {
                "min_frequency": rand.randint(0, 3),
                "continuing_subword_prefix": rand.choice(["##", "", "@"]),
            },
        ),
    ),
    "wordlevel": lambda rand: ({}, _some(rand, {"min_frequency": rand.randint(0, 3)})),
    "unigram": lambda rand: ({"byte_fallback": rand.random() < 0.3}, {}),
}  # fmt: skip


def _some(rand: random.Random, options: Options) -> Options:
    """A few of these."""
    return {name: value for name, value in options.items() if rand.random() < 0.25}


POST_PROCESSORS: tuple[Callable[[Sequence[str]], Options], ...] = (
    lambda names: {"type": "BertProcessing", "sep": names[0], "cls": names[-1]},
    lambda names: {"type": "RobertaProcessing", "sep": names[0], "cls": names[-1], "trim_offsets": False},
    lambda names: {"type": "ByteLevel", "trim_offsets": True},
    lambda names: {"type": "TemplateProcessing", "single": f"{names[0]} $A {names[-1]}", "pair": "$A $B:1"},
    lambda names: {"type": "TemplateProcessing", "single": f"$A {names[0]} {names[-1]}", "pair": "$A $B"},
    lambda names: {
        "type": "Sequence",
        "blocks": [
            {"type": "ByteLevel"},
            {"type": "TemplateProcessing", "single": f"{names[0]} $A", "pair": "$A $B"},
        ],
    },
)
DECODERS: tuple[tuple[Options, ...], ...] = (
    (),
    ({"type": "BPEDecoder"},),
    ({"type": "ByteFallback"}, {"type": "Fuse"}),
    ({"type": "ByteLevel"},),
    ({"type": "CTC"},),
    ({"type": "Metaspace"},),
    ({"type": "Replace", "pattern": "▁", "content": " "}, {"type": "Strip", "left": 1}),
    ({"type": "WordPiece"},),
)


def random_case(seed: int) -> Case:
    """The case of this seed, the same on every machine."""
    rand = random.Random(seed)
    algorithm = rand.choices(list(MODELS), [6, 3, 2, 1])[0]
    contents = rand.sample(CONTENTS, k=rand.choice([1, 2, 2, 3, 6]))
    first = 1 + rand.randrange(len(contents))
    special = [random_token(rand, each, special=True) for each in contents[:first]]
    special[0] = {"content": "[UNK]", "special": True, "normalized": False}
    added = [random_token(rand, each) for each in contents[first:]]
    tokens = [each["content"] for each in (*special, *added)]
    model, trainer = MODELS[algorithm](rand)
    case = Case(
        seed=seed,
        algorithm=algorithm,
        vocab_size=rand.choice([40, 120, 300, 420, 900]),
        normalizers=random_normalizers(rand),
        pre_tokenizers=random_pre_tokenizers(rand),
        model=model,
        trainer=trainer,
        post_processor=rand.choice(POST_PROCESSORS)(["[UNK]"]) if rand.random() < 0.5 else None,
        decoders=rand.choice(DECODERS),
        special=tuple(special),
        added=tuple(added),
        corpus=tuple(random_text(rand, tokens) for _ in range(rand.randint(2, 12))) * rand.choice([1, 1, 3]),
        texts=random_texts(rand, tokens),
    )
    return _of_whole_texts(rand, case) if algorithm == "bpe" and rand.random() < 0.15 else case


def _of_whole_texts(rand: random.Random, case: Case) -> Case:
    """The case with blanks that are ▁, and nothing that cuts texts."""
    blanks: Options = {"type": "Replace", "pattern": " ", "content": "▁"}
    mark: Options = {"type": "Prepend", "prepend": "▁"}
    steps = rand.choice([(blanks,), (mark, blanks), (blanks, mark), (mark, blanks, {"type": "NFC"})])
    model = {**case.model, "ignore_merges": rand.random() < 0.1, "byte_fallback": rand.random() < 0.6}
    raw = tuple({**each, "normalized": rand.random() < 0.1} for each in case.added)
    return replace(
        case, normalizers=steps, pre_tokenizers=(), whole_texts=True, model=model, trainer={}, added=raw
    )


TRAINERS = {
    "bpe": trainers.BpeTrainer,
    "wordpiece": trainers.WordPieceTrainer,
    "wordlevel": trainers.WordLevelTrainer,
    "unigram": trainers.UnigramTrainer,
}


def _model(case: Case) -> models.Model:
    if case.algorithm == "bpe":
        unknown = None if is_bytewise(case) else case.unknown
        return models.BPE(
            unk_token=unknown, **{name: each for name, each in case.model.items() if name != "byte_fallback"}
        )
    if case.algorithm == "unigram":
        return models.Unigram()
    kind = models.WordPiece if case.algorithm == "wordpiece" else models.WordLevel
    return kind(unk_token=case.unknown, **case.model)


def is_bytewise(case: Case) -> bool:
    """Whether some block writes bytes."""
    return "ByteLevel" in repr((case.normalizers, case.pre_tokenizers))


def blank(case: Case) -> Tokenizer:
    """The tokenizer before it has learned anything: its blocks, made by the recipe's own tables."""
    made = Tokenizer(_model(case))
    made.normalizer = normalizer(read_blocks(list(case.normalizers), "normalizers"))
    made.pre_tokenizer = pre_tokenizer(read_blocks(list(case.pre_tokenizers), "pre_tokenizers"))
    made.decoder = decoder(read_blocks(list(case.decoders), "decoders"))
    return made


def raw_trainer(case: Case) -> Any:
    """The library's trainer with the options of this case."""
    options: dict[str, Any] = dict(case.trainer)
    fallback = case.model.get("byte_fallback", False)
    if is_bytewise(case) and case.algorithm != "wordlevel":
        options["initial_alphabet"] = pre_tokenizers.ByteLevel.alphabet()
    if case.algorithm == "unigram":
        options["unk_token"] = case.unknown
    special = [AddedToken(**each) for each in case.special]
    return TRAINERS[case.algorithm](
        vocab_size=case.vocab_size,
        show_progress=False,
        special_tokens=[*special, *(BYTES if fallback else ())],
        **options,
    )


def trained(case: Case) -> Tokenizer:
    """The tokenizer of this case, made by the library alone but for byte pieces, made ordinary."""
    made = blank(case)
    if case.whole_texts:
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    made.train_from_iterator(case.corpus, raw_trainer(case))
    if case.whole_texts:
        made.pre_tokenizer = None
    if case.model.get("byte_fallback"):
        made = make_ordinary(made)
    made.add_tokens([AddedToken(**each) for each in case.added])
    if case.post_processor:
        made.post_processor = _post_processor(case.post_processor, made)
    return made


def _post_processor(options: Options, made: Tokenizer) -> processors.PostProcessor:
    from tokbench.recipes.post_processors import post_processor

    return post_processor(read_block(dict(options), "post_processor"), made.get_vocab())


def recipe_of(case: Case) -> Recipe:
    """The case as a recipe, as far as a recipe can say it: special tokens have no flag but their own."""
    flags = {
        each["content"]: {name: each[name] for name in FLAGS[:-1] if name in each} for each in case.special
    }
    return Recipe(
        algorithm=case.algorithm,
        vocab_size=case.vocab_size,
        special_tokens={"unk": case.unknown},
        extra_special_tokens=tuple(str(each["content"]) for each in case.special[1:]),
        token_options=flags,
        normalizers=read_blocks(list(case.normalizers), "normalizers"),
        pre_tokenizers=read_blocks(list(case.pre_tokenizers), "pre_tokenizers"),
        decoders=read_blocks(list(case.decoders), "decoders"),
        model=case.model,
        trainer=case.trainer,
    )
