"""Small tokenizers built by hand, one of each kind, and the folder of one."""

import pytest
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

from tokbench.pretrained.folder import load, save_folder
from tokbench.pretrained.wrap import wrapper_config

WORDS = ["see", "here", "the", "fox", "covid", "it", "12", "한국"]
LETTERS = [*"abcdefghijklmnopqrstuvwxyz0123456789()+-'.,!가나다"]
ROLES = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}


def special(tokens):
    return [AddedToken(token, special=True, normalized=False) for token in tokens]


def make_wordpiece() -> Tokenizer:
    """Lowercasing, BERT-like, with segment ids; nothing trained."""
    vocabulary = [*ROLES.values(), *LETTERS, *(f"##{letter}" for letter in LETTERS), *WORDS]
    tokenizer = Tokenizer(
        models.WordPiece({token: at for at, token in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(special(ROLES.values()))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def make_bytes() -> Tokenizer:
    """GPT-2-like: every byte, case kept, no unknown token, no segments."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["see the fox here, see the 한국어 fox"] * 3, trainer)
    return tokenizer


def make_unigram() -> Tokenizer:
    """SentencePiece-like: spaces are written ▁ by the pre-tokenizer."""
    scores = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("▁", -2.0)]
    scores += [(letter, -5.0) for letter in LETTERS] + [("▁the", -1.0), ("▁see", -1.5)]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(special(["<unk>", "<s>", "</s>"]))
    return tokenizer


KINDS = {
    "wordpiece": (make_wordpiece, ROLES),
    "bytes": (make_bytes, {"eos": "<|endoftext|>", "pad": "<|endoftext|>"}),
    "unigram": (make_unigram, {"unk": "<unk>", "bos": "<s>", "eos": "</s>"}),
}


@pytest.fixture(params=KINDS)
def kind(request):
    """A tokenizer of each kind, and its roles."""
    make, roles = KINDS[request.param]
    return make(), roles


@pytest.fixture
def kinds():
    """Name → a tokenizer of that kind and its roles."""
    return {name: (make(), roles) for name, (make, roles) in KINDS.items()}


@pytest.fixture
def make_folder(tmp_path):
    """A function: a loaded folder of this tokenizer and config."""

    def make(tokenizer, config=None, name="tok"):
        (tmp_path / name).mkdir()
        save_folder(tokenizer, config or {}, tmp_path / name)
        return load(tmp_path / name)

    return make


@pytest.fixture
def folder(make_folder):
    """The WordPiece one, as a training leaves it."""
    tokenizer = make_wordpiece()
    return make_folder(tokenizer, wrapper_config(tokenizer, ROLES, model_max_length=64))
