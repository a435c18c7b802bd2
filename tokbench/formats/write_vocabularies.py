"""WordPiece as BERT's vocab.txt, byte-level BPE as vocab.json and merges.txt; with a tokenizer_config.json.

Neither says how texts are cut: whoever reads them knows it by the class that the config names. So the
tokenizer's blocks must be those of a class, and everything else is refused.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tokbench.errors import clipped, plural
from tokbench.formats.byte_level_files import WORD_END, merges_oracle, read_vocab_and_merges
from tokbench.formats.exportable import Exportable, Written
from tokbench.formats.oracles import specials_as_text
from tokbench.formats.portable import Oracle, ReadOptions
from tokbench.recipes.llm_presets import CLIP_WORDS, QWEN_WORDS

VOCAB, TABLE, MERGES, CONFIG = "vocab.txt", "vocab.json", "merges.txt", "tokenizer_config.json"
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
KEPT = ("model_max_length", "padding_side", "truncation_side", "chat_template")
WORD_CHARACTERS = 100  # of a word that transformers' WordPiece looks up; longer ones are unknown


def write_vocab_txt(source: Exportable, into: Path) -> Written:
    """Write vocab.txt; UsageError naming the first rule that the tokenizer breaks."""
    rule = _broken_wordpiece(source) or _broken_lines(source.model.get("vocab", {}))
    if rule:
        raise source.refusal("vocab.txt", rule)
    vocabulary = sorted(source.model["vocab"], key=source.model["vocab"].__getitem__)
    (into / VOCAB).write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8", newline="\n")
    *before, bert = source.blocks("normalizer")
    config = {
        "do_lower_case": bert["lowercase"],
        "strip_accents": bert["strip_accents"],
        "tokenize_chinese_chars": bert["handle_chinese_chars"],
        "tokenizer_class": "BertTokenizer",
    }
    _write_config({**config, "unk_token": source.model["unk_token"]}, source, into)
    notes = (
        () if before else ("transformers' Python code composes a text first (NFC), which is not done here",)
    )
    return Written(VOCAB, source.special, notes)


def _broken_wordpiece(source: Exportable) -> str:
    model = source.model
    if model["type"] != "WordPiece":
        return f"its model is {model['type']}, and vocab.txt holds BERT's WordPiece"
    if model["continuing_subword_prefix"] != "##":
        return f"pieces inside words begin with {model['continuing_subword_prefix']!r}, not with ##"
    if model["max_input_chars_per_word"] != WORD_CHARACTERS:
        longest = model["max_input_chars_per_word"]
        return f"the longest word it knows has {longest} characters, not {WORD_CHARACTERS}"
    *before, last = source.blocks("normalizer") or [{"type": "none"}]
    if last["type"] != "BertNormalizer" or not last["clean_text"]:
        return f"its normalizer is {last['type']}, not BERT's with clean_text"
    if [each["type"] for each in before] not in ([], ["NFC"]):
        return f"its normalizer {before[0]['type']} changes texts, which BERT's tokenizer does not"
    cutters = [each["type"] for each in source.blocks("pre_tokenizer")]
    if cutters != ["BertPreTokenizer"]:
        return f"texts are cut by {' and '.join(cutters) or 'nothing'}, not by BertPreTokenizer"
    return ""


def _broken_lines(vocabulary: Mapping[str, int]) -> str:
    """A token is a line, and its id the line's number from 0."""
    taken = set(vocabulary.values())
    hole = next((number for number in range(len(vocabulary)) if number not in taken), None)
    if hole is not None:
        return f"a line's number is its token's id, and no token has id {hole:,}"
    for token in vocabulary:
        if "\n" in token or "\r" in token:
            return f"its token {clipped(token)} has a line break, and a line is a token"
        if not token.strip() or " " in token.strip():
            return f"its token {clipped(token)} is or has a space, which is in no word"
    return ""


@dataclass(frozen=True)
class Pipeline:
    """How a class cuts texts: its blocks as tokenizer.json writes them, without what only offsets need."""

    class_name: str
    normalizer: tuple[str, ...]
    pattern: str


# Byte-level classes by their normalizers and pattern, "" for GPT-2's own.
PIPELINES = (
    Pipeline("GPT2Tokenizer", (), ""),
    Pipeline("Qwen2Tokenizer", ("NFC",), QWEN_WORDS),
    Pipeline("CLIPTokenizer", ("NFC", "Replace", "Lowercase"), CLIP_WORDS),
)


def write_merges(source: Exportable, into: Path) -> Written:
    """Write vocab.json and merges.txt; UsageError naming the first rule that the tokenizer breaks."""
    rule = _broken_bpe(source) or _broken_merges(source)
    name = "" if rule else _class_of(source)
    if rule or not name:
        unknown = "it cuts texts as no GPT-2, RoBERTa, Qwen 2 or CLIP does, and the files do not say how"
        raise source.refusal("vocab.json with merges.txt", rule or unknown)
    table = dict(sorted(source.model["vocab"].items(), key=lambda each: each[1]))
    (into / TABLE).write_text(json.dumps(table, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in source.merges), ""]
    (into / MERGES).write_text("\n".join(lines), encoding="utf-8", newline="\n")
    space = any(each.get("add_prefix_space") for each in source.blocks("pre_tokenizer"))
    config = {"tokenizer_class": name, **({"add_prefix_space": True} if space else {})}
    unknown_token = source.model.get("unk_token")
    _write_config({**config, **({"unk_token": unknown_token} if unknown_token else {})}, source, into)
    return Written(TABLE, source.special, ())


def _broken_bpe(source: Exportable) -> str:
    model = source.model
    if model["type"] != "BPE":
        return f"its model is {model['type']}, and merges are BPE's"
    if model.get("dropout"):
        return f"dropout {model['dropout']} leaves merges out at random"
    *_, last = source.blocks("pre_tokenizer") or [{"type": "no pre_tokenizer"}]
    if last["type"] != "ByteLevel":
        return f"it is not byte-level: its last pre_tokenizer is {last['type']}, not ByteLevel"
    if model.get("continuing_subword_prefix") or model.get("end_of_word_suffix") not in (None, "", WORD_END):
        return "its pieces are marked inside or at the end of words otherwise than CLIP's with </w>"
    return ""


def _broken_merges(source: Exportable) -> str:
    spaced = next(
        (pair for pair in source.merges if any(not part or set(part) & set(" \n\r") for part in pair)), None
    )
    if spaced:
        both = f"{clipped(spaced[0])} and {clipped(spaced[1])}"
        return f"its merge of {both} has a space or a line break, which part pieces and merges in the file"
    if source.model.get("ignore_merges"):
        made = {left + right for left, right in source.merges} | source.special.keys()
        unmade = [each for each in source.model["vocab"] if len(each) > 1 and each not in made]
        if unmade:
            counted = f"{plural(len(unmade), 'token')} such as {clipped(unmade[0])}"
            return f"{counted} is made by no merge, and found by ignore_merges alone"
    return ""


def _class_of(source: Exportable) -> str:
    """The class that has these blocks, "" for none."""
    normalizer = tuple(each["type"] for each in source.blocks("normalizer"))
    *splits, letters = source.blocks("pre_tokenizer")
    patterns = [str(each.get("pattern", {}).get("Regex")) for each in splits]
    pattern = "" if letters.get("use_regex", True) and not splits else "".join(patterns)
    found = next(
        (each for each in PIPELINES if (each.normalizer, each.pattern) == (normalizer, pattern)), None
    )
    if found is None or len(splits) > 1:
        return ""
    framed = any(each["type"] == "RobertaProcessing" for each in source.blocks("post_processor"))
    return "RobertaTokenizer" if framed and found.class_name == "GPT2Tokenizer" else found.class_name


def _write_config(said: dict[str, Any], source: Exportable, into: Path) -> None:
    """tokenizer_config.json: the class with its options, roles, lengths, added tokens with their flags."""
    tokens = {str(number): {"content": each.content, **{flag: getattr(each, flag) for flag in FLAGS}}
              for number, each in source.added.items()}  # fmt: skip
    roles = {f"{role}_token": token for role, token in source.roles.items()}
    kept = {key: source.config[key] for key in KEPT if source.config.get(key) is not None}
    extra = {"additional_special_tokens": list(source.extra)} if source.extra else {}
    whole = {**kept, **said, **roles, **extra, "added_tokens_decoder": tokens}
    text = json.dumps(whole, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    (into / CONFIG).write_text(text, encoding="utf-8", newline="\n")


def written_vocab_txt(into: Path) -> Oracle:
    """What transformers' Python code makes of texts, from the files that were written."""
    from transformers.models.bert import tokenization_bert_legacy

    older: Any = tokenization_bert_legacy
    legacy = older.BertTokenizerLegacy.from_pretrained(str(into))

    added = (each for each in legacy.added_tokens_decoder.values() if not each.special)

    def encode(text: str) -> list[int]:
        return [legacy.vocab[piece] for piece in legacy._tokenize(text, split_special_tokens=True)]

    compose = partial(unicodedata.normalize, "NFC")
    never = [each.content for each in added]
    return Oracle("transformers' BERT in Python", encode, compose, never, legacy.convert_tokens_to_ids)


def written_merges(into: Path) -> Oracle:
    """What tiktoken makes of texts, from the files that were written; of CLIP's transformers' own class."""
    read = read_vocab_and_merges(into / TABLE, ReadOptions())
    if read.kind != "clip":
        return replace(merges_oracle(read), token_id=read.tokenizer.token_to_id)
    from transformers import CLIPTokenizer

    clip: Any = CLIPTokenizer.from_pretrained(str(into))
    library = specials_as_text(clip.backend_tokenizer)

    def encode(text: str) -> list[int]:
        ids: list[int] = library.encode(text, add_special_tokens=False).ids
        return ids

    return Oracle("transformers' CLIP", encode, token_id=clip.convert_tokens_to_ids)
