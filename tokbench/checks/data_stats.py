"""Statistics of --data: its texts put through a tokenizer once, in bounded memory, counted by script."""

from __future__ import annotations

import dataclasses
import json
import os
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tokenizers import Encoding

from tokbench.checks.context import CheckContext, normalized
from tokbench.checks.model_files import NO_LIMIT, whole_or_none
from tokbench.errors import DataError
from tokbench.io.library_errors import wrap_library_errors
from tokbench.progress import Progress, silent

if TYPE_CHECKING:
    from tokbench.corpus.reading import CorpusSource
    from tokbench.corpus.source import Source


@dataclass(frozen=True)
class Cause:
    """One reason for unknown tokens, how many it has made, and the commonest of them."""

    reason: str
    tokens: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class ScriptCount:
    """The characters, words and tokens of one script; `unknown` of its tokens are unknown.

    A word is what stands between white space, and counts for the script of its first letter; a token counts
    for the script of its last character. `fertility` is the tokens in these words, `word_tokens`, over the
    words; None without a word.
    """

    script: str
    characters: int
    words: int
    tokens: int
    unknown: int
    word_tokens: int = 0
    fertility: float | None = None


def script_count(script: str, counts: Sequence[int]) -> ScriptCount:
    """The row of a script with its fertility; `counts` in the order of the fields.

    >>> script_count("digits", (20, 4, 30, 0, 10)).fertility
    2.5
    """
    characters, words, tokens, unknown, inside = counts
    fertility = inside / words if words else None
    return ScriptCount(script, characters, words, tokens, unknown, inside, fertility)


@dataclass(frozen=True, kw_only=True)
class DataStats:
    """What the texts of a file showed. Tokens are counted without special ones around a text.

    `decomposed` texts are not NFC: as they are they take `decomposed_tokens`, in NFC `composed_tokens`. Of
    `korean` texts looked at, `taken_apart` lose whole syllables to the normalizer. `used` of `size` tokens
    occurred; `too_long` texts are beyond model_max_length; `invisible` are words that have no token. `labels`
    are those in `label_column` of a table and how often, commonest first; `label_names` their names by id.
    """

    name: str
    texts: int
    characters: int
    words: int
    tokens: int
    unknown: int
    scripts: tuple[ScriptCount, ...]
    causes: tuple[Cause, ...]
    decomposed: int
    decomposed_tokens: int
    composed_tokens: int
    korean: int
    taken_apart: int
    used: int
    size: int
    too_long: int
    longest: int
    invisible: tuple[str, ...]
    label_column: str = ""
    labels: tuple[tuple[str, int], ...] = ()
    label_names: tuple[str, ...] = ()


JAPANESE = {"Hiragana", "Katakana", "Katakana-Hiragana", "Halfwidth"}
OTHERS = {"N": "digits", "P": "punctuation", "S": "symbols and emoji", "Z": "white space", "C": "control"}


@lru_cache(maxsize=100_000)
def script_of(character: str) -> str:
    """The script of a letter, or what else the character is.

    >>> [script_of(each) for each in "aж한漢の7🙂"]
    ['Latin', 'Cyrillic', 'Hangul', 'Chinese', 'Kana', 'digits', 'symbols and emoji']
    """
    category = unicodedata.category(character)
    if character in "\u200d\ufe0f\ufe0e":  # what joins and styles emoji
        return OTHERS["S"]
    if character.isspace():
        return OTHERS["Z"]
    if category[0] in OTHERS:
        return OTHERS[category[0]]
    first = unicodedata.name(character, "OTHER").split()[0].capitalize()
    if first == "Cjk":
        return "Chinese"
    return "Kana" if first in JAPANESE else "marks" if first == "Combining" else first


def script_of_word(word: str) -> str:
    """The script of a word's first letter, or of its first character when it has none.

    >>> script_of_word("«да»"), script_of_word("2024")
    ('Cyrillic', 'digits')
    """
    return script_of(next((each for each in word if each.isalpha()), word[0]))


MOST_EXAMPLES = 5


def causes(context: CheckContext, unknown: Mapping[str, int]) -> tuple[Cause, ...]:
    """The reasons why these pieces of text are unknown, the most frequent first."""
    grouped: dict[str, Counter[str]] = {}
    for text, count in unknown.items():
        reason, shown = why_unknown(context, text)
        grouped.setdefault(reason, Counter())[shown] += count
    found = [
        Cause(reason, texts.total(), tuple(text for text, _ in texts.most_common(MOST_EXAMPLES)))
        for reason, texts in grouped.items()
    ]
    return tuple(sorted(found, key=lambda cause: (-cause.tokens, cause.reason)))


def why_unknown(context: CheckContext, text: str) -> tuple[str, str]:
    """The reason, and what to show of it: the character, or the word."""
    word = normalized(context, text).strip()
    longest = context.raw.get("model", {}).get("max_input_chars_per_word")
    if context.kind == "WordPiece" and longest and len(word) > longest:
        return f"longer than {longest} characters", word
    if context.has("pre_tokenizer", "ByteLevel") and context.kind in ("WordPiece", "WordLevel"):
        return f"the blocks do not fit: ByteLevel before {context.kind}", word
    if context.kind == "WordLevel" and len(word) > 1:
        return "a word that is not in the vocabulary", word
    missing = list(_missing(context, word))
    if not missing:
        return "known letters that no pieces put together", word
    if missing[0].startswith("##"):
        return "a letter is known only at the start of a word, not inside one", missing[0]
    if context.kind == "WordPiece" and len(missing) < len(word):
        what = script_of(missing[0])
        return f"one unknown character ({what}) makes the whole word unknown", missing[0]
    return f"{script_of(missing[0])}: characters that are not in the vocabulary", missing[0]


def _missing(context: CheckContext, word: str) -> Iterator[str]:
    """The characters that have no piece at all; failing these, the ##c that have none."""
    prefix = context.raw.get("model", {}).get("continuing_subword_prefix") or ""
    inside = [each for at, each in enumerate(word) if at and f"{prefix}{each}" not in context.vocabulary]
    absent = [each for each in word if each not in context.vocabulary
              and (not prefix or f"{prefix}{each}" not in context.vocabulary)]  # fmt: skip
    yield from absent or (f"{prefix}{each}" for each in inside)


COLUMNS = ("label", "labels", "gold_label", "ner_tags", "tags", "class", "category", "target")
MOST = 1_000  # different labels; a column with more holds something else


@dataclass(frozen=True)
class Labels:
    """Labels as written and how often, commonest first; `names` by class id, where the file has them."""

    column: str = ""
    counts: tuple[tuple[str, int], ...] = ()
    names: tuple[str, ...] = ()


def labels_in_files(data: str) -> Labels:
    """The labels in the files of `data`; none when it is plain text or has no column called like one."""
    from tokbench.corpus.records import TABLES, records
    from tokbench.corpus.sources import find_sources

    counts, column, names = Counter[str](), "", tuple[str, ...]()
    for source in find_sources([data]):
        if source.format not in TABLES or source.is_stdin:
            return Labels()
        try:
            for _, row in records(source):
                column = column or next((each for each in COLUMNS if each in row), "")
                if not column or len(counts) > MOST:
                    return Labels()
                value = row.get(column)
                counts.update(map(_word, value if isinstance(value, list) else [value]))
        except DataError:  # items that are no objects have no columns
            return Labels()
        names = names or (_own_names(source, column) if source.format == "parquet" else ())
    counts.pop("", None)
    return Labels(column, tuple(counts.most_common()), names)


def _word(value: object) -> str:
    """A label as one word; "" for none, and true and false as JSON has them."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value).strip()


def _own_names(source: Source, column: str) -> tuple[str, ...]:
    """The names that a parquet file of the datasets library gives its class ids."""
    from tokbench.corpus.parquet import parquet_metadata

    try:
        feature: Any = json.loads(parquet_metadata(source)["huggingface"])["info"]["features"][column]
    except (KeyError, TypeError, ValueError):
        return ()
    inner = feature.get("feature", feature) if isinstance(feature, dict) else {}
    named = inner.get("names") if isinstance(inner, dict) else None
    return tuple(map(str, named)) if isinstance(named, list) else ()


MOST_UNKNOWN = 50_000  # distinct unknown pieces that are kept to find their causes
MOST_KOREAN = 500  # texts with Hangul that are put through the normalizer
MOST_INVISIBLE = 500  # distinct words without a letter, a digit or a sign


def collect_data_stats(
    context: CheckContext, data: CorpusSource, *, sample: int | None = None, progress: Progress = silent
) -> DataStats:
    """Put texts, or `sample` of them drawn by chance (always the same), through a tokenizer."""
    from tokbench.corpus.reading import as_corpus

    batches: Iterable[list[str]] = as_corpus(data, progress=progress)
    name = os.fspath(data) if isinstance(data, str | os.PathLike) else ""
    if sample is not None:
        from tokbench.corpus.sampling import Sample

        drawn = Sample(0, texts=sample)
        for batch in batches:
            drawn.add(batch)
        batches = _parts(drawn.texts())
    counts = _Counts(context)
    for batch in batches:  # read outside: their bar is on stderr
        with wrap_library_errors(context.name):
            counts.take(batch)
    with wrap_library_errors(context.name):
        found = counts.stats(name or "texts")
    labels = labels_in_files(name) if name else Labels()
    return dataclasses.replace(
        found, label_column=labels.column, labels=labels.counts, label_names=labels.names
    )


def _parts(texts: Sequence[str], size: int = 1_000) -> Iterator[list[str]]:
    for at in range(0, len(texts), size):
        yield list(texts[at : at + size])


@dataclass
class _Counts:
    """The sums so far."""

    context: CheckContext
    texts: int = 0
    characters: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)  # tokens by the script of the word they end in
    pieces: Counter[str] = field(default_factory=Counter)  # the texts of unknown tokens
    decomposed: list[int] = field(default_factory=lambda: [0, 0, 0])
    korean: list[int] = field(default_factory=lambda: [0, 0])
    ids: set[int] = field(default_factory=set)
    too_long: int = 0
    longest: int = 0
    invisible: set[str] = field(default_factory=set)

    def take(self, batch: list[str]) -> None:
        """Count a batch of texts."""
        self.texts += len(batch)
        unknown = self.context.vocabulary.get(self.context.unknown or "", -1)
        encodings = self.context.tokenizer.encode_batch(batch, add_special_tokens=False)
        around = self.context.tokenizer.num_special_tokens_to_add(False)
        limit = (whole_or_none(self.context.config.get("model_max_length")) or NO_LIMIT) - around
        for text, encoding in zip(batch, encodings, strict=True):
            self._text(text, encoding.offsets)
            self._tokens(text, encoding, unknown)
            self.longest = max(self.longest, len(encoding.ids) + around)
            self.too_long += len(encoding.ids) > limit
        self._forms(batch, [len(encoding.ids) for encoding in encodings])

    def _text(self, text: str, offsets: Sequence[tuple[int, int]]) -> None:
        self.characters.update(text)
        words = text.split()
        scripts = list(map(script_of_word, words))
        self.words.update(scripts)
        starts, ends = _spans(text, words)
        for _, end in offsets:
            at = bisect_left(ends, end)
            if at < len(ends) and starts[at] < end:
                self.inside[scripts[at]] += 1
        if len(self.invisible) < MOST_INVISIBLE and not text.isascii():
            self.invisible.update(word for word in words if not word.isprintable() and _is_invisible(word))

    def _tokens(self, text: str, encoding: Encoding, unknown: int) -> None:
        ids, offsets = encoding.ids, encoding.offsets
        self.ids.update(ids)
        self.tokens.update(script_of(text[end - 1]) for _, end in offsets if end)
        if unknown in ids:
            for number, (start, end) in zip(ids, offsets, strict=True):
                if number == unknown and end:
                    piece = text[start:end]
                    self.unknown[script_of(text[end - 1])] += 1
                    if len(self.pieces) < MOST_UNKNOWN or piece in self.pieces:
                        self.pieces[piece] += 1

    def _forms(self, batch: list[str], sizes: list[int]) -> None:
        apart = [at for at, text in enumerate(batch) if not unicodedata.is_normalized("NFC", text)]
        composed = [unicodedata.normalize("NFC", batch[at]) for at in apart]
        encodings = self.context.tokenizer.encode_batch_fast(composed, add_special_tokens=False)
        own, nfc = sum(sizes[at] for at in apart), sum(len(encoding.ids) for encoding in encodings)
        self.decomposed = [sum(pair) for pair in zip(self.decomposed, (len(apart), own, nfc), strict=True)]
        for text in batch:
            if self.korean[0] >= MOST_KOREAN:
                return
            if not text.isascii() and any("가" <= letter <= "힣" for letter in text):
                after = normalized(self.context, text)
                self.korean[0] += 1
                self.korean[1] += any("\u1100" <= letter <= "\u11ff" for letter in after)

    def stats(self, name: str) -> DataStats:
        """The sums as they stand."""
        characters = Counter[str]()
        for character, count in self.characters.items():
            characters[script_of(character)] += count
        return DataStats(
            name=name,
            texts=self.texts,
            characters=self.characters.total(),
            words=self.words.total(),
            tokens=self.tokens.total(),
            unknown=self.unknown.total(),
            scripts=tuple(self._scripts(characters)),
            causes=causes(self.context, self.pieces),
            decomposed=self.decomposed[0],
            decomposed_tokens=self.decomposed[1],
            composed_tokens=self.decomposed[2],
            korean=self.korean[0],
            taken_apart=self.korean[1],
            used=len(self.ids),
            size=len(self.context.vocabulary),
            too_long=self.too_long,
            longest=self.longest,
            invisible=tuple(sorted(word for word in self.invisible if not self._ids(word))),
        )

    def _scripts(self, characters: Counter[str]) -> Iterator[ScriptCount]:
        for script, count in characters.most_common():
            counts = (self.words, self.tokens, self.unknown, self.inside)
            yield script_count(script, (count, *(each[script] for each in counts)))

    def _ids(self, word: str) -> list[int]:
        return self.context.tokenizer.encode([word], is_pretokenized=True, add_special_tokens=False).ids


def _spans(text: str, words: Sequence[str]) -> tuple[list[int], list[int]]:
    """Where the words of a text start and end."""
    starts, ends, at = [], [], 0
    for word in words:
        start = text.index(word, at)
        at = start + len(word)
        starts.append(start)
        ends.append(at)
    return starts, ends


def _is_invisible(word: str) -> bool:
    return all(unicodedata.category(each)[0] in "CM" for each in word)
