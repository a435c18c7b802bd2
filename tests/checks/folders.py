"""Tokenizers of each kind, clean and small, as files that a test may damage before they are written."""

import copy
import functools
import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from tokbench.pretrained.wrap import wrapper_config

TEXTS = [
    "The quick brown fox jumps over the lazy dog, twice.",
    "In 2024 it cost about 1234.50 (7%).",
    "def f(x): return",
]
BERT = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
ROBERTA = {
    "bos": "<s>",
    "pad": "<pad>",
    "eos": "</s>",
    "unk": "<unk>",
    "cls": "<s>",
    "sep": "</s>",
    "mask": "<mask>",
}
T5 = {"pad": "<pad>", "eos": "</s>", "unk": "<unk>"}
GPT2 = {"bos": "<|endoftext|>", "eos": "<|endoftext|>", "pad": "<|pad|>"}
WORDS = {"pad": "[PAD]", "unk": "[UNK]"}


# Numbers between 1 and 2, none like its neighbours: two of the four bytes are random.
CHANCE = random.Random(0)
NUMBERS = b"".join(CHANCE.randbytes(2) + b"\x8f\x3f" for _ in range(1 << 18))


@dataclass
class Files:
    """The files of a folder before they are written: change any of them."""

    raw: dict
    config: dict | None
    sides: dict = field(default_factory=dict)  # file name → text or JSON value
    model: dict | None = None  # config.json
    tensors: dict | None = None  # name → shape; written as a safetensors file
    after: Callable[[Path], None] | None = None  # what is done to the folder once it is written
    data: str | None = None  # texts to check it with; written beside the folder
    data_name: str = "texts.txt"
    runs: bool = False  # whether config.json and weights are those of a real model

    def rows(self):
        return max([*vocabulary(self.raw).values(), *(each["id"] for each in self.raw["added_tokens"])]) + 1

    def write(self, path: Path) -> Path:
        path.mkdir(parents=True, exist_ok=True)
        files = {
            "tokenizer.json": self.raw,
            "tokenizer_config.json": self.config,
            "config.json": self.model,
            **self.sides,
        }
        for name, content in files.items():
            if content is not None:
                text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
                (path / name).write_text(text, encoding="utf-8", newline="")
        if self.tensors is not None:
            write_header(path / "model.safetensors", self.tensors)
        if self.after is not None:
            self.after(path)
        return path

    def texts(self, path: Path) -> str | None:
        if self.data is None:
            return None
        (path / self.data_name).write_text(self.data, encoding="utf-8")
        return str(path / self.data_name)


def write_header(path: Path, shapes: dict) -> Path:
    """A safetensors file of float32 numbers; beyond the first megabyte a hole of zeros that takes no room."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4
        for each in shape:
            size *= each
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.write(NUMBERS[: min(at, len(NUMBERS))])
        file.truncate(8 + len(text) + at)
    return path


def vocabulary(raw):
    found = raw["model"]["vocab"]
    return found if isinstance(found, dict) else {piece: at for at, (piece, _) in enumerate(found)}


def special(tokens):
    return [AddedToken(token, special=True, normalized=False) for token in tokens]


def template(tokenizer, first, last, *, segments):
    second = 1 if segments else 0
    tokens = [(token, tokenizer.token_to_id(token)) for token in (first, last)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=f"{first} $A {last} $B:{second} {last}:{second}",
        special_tokens=tokens,
    )


def bert():
    """WordPiece, lowercasing, with segments; some letters are unknown, as after a small corpus."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,()%:+-#[]'"
    words = [*BERT.values(), *letters, *(f"##{each}" for each in letters), "the", "fox", "##ck"]
    tokenizer = Tokenizer(models.WordPiece({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(special(BERT.values()))
    template(tokenizer, "[CLS]", "[SEP]", segments=True)
    return tokenizer, BERT


def byte_level(roles):
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=special(dict.fromkeys(roles.values())),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer, roles


def roberta():
    tokenizer, roles = byte_level(ROBERTA)
    template(tokenizer, "<s>", "</s>", segments=False)
    return tokenizer, roles


def t5():
    """Unigram with ▁, an end token, and pieces for bytes."""
    pieces = [
        *T5.values(),
        *(f"<0x{byte:02X}>" for byte in range(256)),
        "▁",
        *"ehortlazydTquickbwnfxjmpsv",
        "▁the",
        "▁fox",
    ]
    tokenizer = Tokenizer(
        models.Unigram([(piece, -float(at)) for at, piece in enumerate(pieces)], unk_id=2, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()])
    tokenizer.add_special_tokens(special(T5.values()))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return tokenizer, T5


def wordlevel():
    words = [*WORDS.values(), *" ".join(TEXTS).replace(".", " . ").replace(",", " , ").split()]
    tokenizer = Tokenizer(
        models.WordLevel({word: at for at, word in enumerate(dict.fromkeys(words))}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(special(WORDS.values()))
    return tokenizer, WORDS


def characters():
    letters = dict.fromkeys([*WORDS.values(), *"".join(TEXTS)])
    tokenizer = Tokenizer(models.WordLevel({each: at for at, each in enumerate(letters)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(special(WORDS.values()))
    return tokenizer, WORDS


KINDS = {
    "bert": bert,
    "roberta": roberta,
    "gpt2": lambda: byte_level(GPT2),
    "t5": t5,
    "wordlevel": wordlevel,
    "characters": characters,
}
MODELS = {
    "bert": {"model_type": "bert", "type_vocab_size": 2, "max_position_embeddings": 128, "pad_token_id": 0},
    "roberta": {
        "model_type": "roberta",
        "type_vocab_size": 1,
        "max_position_embeddings": 130,
        "pad_token_id": 1,
    },
    "gpt2": {
        "model_type": "gpt2",
        "n_positions": 128,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 1,
    },
    "t5": {"model_type": "t5", "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0},
}
EMBEDDINGS = {
    "bert": ("bert.embeddings.word_embeddings.weight", "cls.predictions.bias"),
    "roberta": ("roberta.embeddings.word_embeddings.weight", "lm_head.bias"),
    "gpt2": ("transformer.wte.weight",),
    "t5": ("shared.weight",),
}


@functools.cache
def _built(kind):
    tokenizer, roles = KINDS[kind]()
    return tokenizer.to_str(), json.dumps(wrapper_config(tokenizer, roles, model_max_length=128))


def clean(kind) -> Files:
    """The files of a clean tokenizer of this kind."""
    raw, config = map(json.loads, _built(kind))
    return Files(raw, config)


def clean_pair(kind) -> Files:
    """The same in one folder with a model that fits it."""
    files = clean(kind)
    rows = files.rows()
    files.model = copy.deepcopy(MODELS[kind]) | {"vocab_size": rows, "architectures": ["AModel"]}
    files.tensors = {name: (rows, 8) if name.endswith("weight") else (rows,) for name in EMBEDDINGS[kind]}
    return files
