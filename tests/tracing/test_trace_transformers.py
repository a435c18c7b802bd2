"""Tokenizers as transformers' own classes make them are traced like ours."""

import json

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from tokenizers.trainers import BpeTrainer, UnigramTrainer, WordPieceTrainer

from tokbench.tracing.replay import replay
from tokbench.tracing.trace import follow

SPECIAL = [
    "<pad>",
    "</s>",
    "<unk>",
    "<s>",
    "<mask>",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[PAD]",
    "[MASK]",
    "<|startoftext|>",
    "<|endoftext|>",
]
MORE = [
    "Café ½각 <s>[MASK] <mask> x",
    "",
    "  two  spaces ",
    "\x00a\u0301ﬃ ＡＢ",
    "don't <pad>DON'T",
    "\n\n \t꙲",
]


def learned(model, trainer, cutter, texts):
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = cutter
    tokenizer.train_from_iterator(texts, trainer)
    return json.loads(tokenizer.to_str())["model"]


def bpe(texts, cutter, **options):
    options = {"vocab_size": 700, "show_progress": False, "special_tokens": SPECIAL, **options}
    made = learned(models.BPE(), BpeTrainer(**options), cutter, texts)
    return {"vocab": made["vocab"], "merges": [tuple(each) for each in made["merges"]]}


def byte_level(texts):
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return bpe(texts, pre_tokenizers.ByteLevel(add_prefix_space=False), initial_alphabet=alphabet)


def with_suffix(texts):
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    cutter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return bpe(texts, cutter, initial_alphabet=alphabet, end_of_word_suffix="</w>")


def falling_back(texts):
    parts = bpe(texts, pre_tokenizers.Metaspace())
    for byte in range(256):
        parts["vocab"].setdefault(f"<0x{byte:02X}>", len(parts["vocab"]))
    return parts


def wordpiece(texts):
    trainer = WordPieceTrainer(vocab_size=600, show_progress=False, special_tokens=SPECIAL)
    model = models.WordPiece(unk_token="[UNK]")
    return {"vocab": learned(model, trainer, pre_tokenizers.BertPreTokenizer(), texts)["vocab"]}


def unigram(texts):
    trainer = UnigramTrainer(
        vocab_size=500, show_progress=False, unk_token="<unk>", special_tokens=[*SPECIAL, "<sep>", "<cls>"]
    )
    made = learned(models.Unigram(), trainer, pre_tokenizers.Metaspace(), texts)
    return {"vocab": [tuple(each) for each in made["vocab"]]}


CLASSES = {
    "BertTokenizer": wordpiece,
    "GPT2Tokenizer": byte_level,
    "RobertaTokenizer": byte_level,
    "Qwen2Tokenizer": byte_level,
    "CLIPTokenizer": with_suffix,
    "LlamaTokenizer": falling_back,
    "GemmaTokenizer": falling_back,
    "T5Tokenizer": unigram,
    "XLNetTokenizer": unigram,
    "XLMRobertaTokenizer": unigram,
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_tokenizer_of_transformers_is_traced(texts, name):
    transformers = pytest.importorskip("transformers")
    made = getattr(transformers, name)(**CLASSES[name](texts))
    tokenizer = Tokenizer.from_str(made.backend_tokenizer.to_str())
    for text in (*texts[:21:2], *MORE):
        trace, encoding = follow(tokenizer, text), tokenizer.encode(text)
        assert list(replay(trace)) == encoding.ids
        assert [(token.start, token.end) for token in trace.tokens] == encoding.offsets
        assert trace.notes == ()
        assert trace.steps[-1].text == tokenizer.decode(encoding.ids)
