"""What is in a corpus, in one pass over it: sizes, words, scripts, lengths, duplicates, odd characters.

Two things could outgrow memory, the different texts and the different words. Their hashes are kept, all of
them up to a number that is stated; beyond it those with a small hash stay, and the result says that it
estimates (adaptive sampling: Flajolet, On adaptive sampling, Computing 43, 1990; standard error 1.2 / √kept).
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import regex
from numpy.typing import NDArray

from tokbench.analysis.backends import unknown_id_of
from tokbench.analysis.corpus_metrics import Lengths, lengths, share
from tokbench.analysis.corpus_stats import words
from tokbench.analysis.scripts import LANGUAGES, NAMES, ScriptNumbers
from tokbench.corpus.reading import Corpus, CorpusSource, as_corpus
from tokbench.pretrained.folder import TokenizerSource, load
from tokbench.progress import Progress, silent
from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.native.scanner import Scanner
    from tokbench.native.word_counter import TextBatch

MOST_TEXTS = 1 << 21  # different texts that are counted exactly
MOST_WORDS = 1 << 20  # different words that are counted exactly
REMEMBERED = 1 << 18  # runs without white space whose words are remembered
LONGEST = 1 << 16  # characters of a text up to which lengths are told apart
SHOWN = 20  # of odd characters, and of those that a tokenizer loses
ODD = (
    "Cc",
    "Cf",
    "Co",
    "Cs",
    "Cn",
)  # control, format, private use, surrogate, unassigned
LINE_FEED = 10
# What ends a word for sure. The narrow no-break space joins numbers (WB=ExtendNumLet), so it does not.
NARROW = "\u202f"
GAPS = regex.compile(r"[^\S\u202f]+")
# One word between signs: letters that UAX #29 never parts (WB5 of ALetter), and ASCII signs but for "_".
SIMPLE = re.compile(r"[!-&(-/:-@\[-^`{-~]*([A-Za-z가-힣]+)[!-/:-@\[-^`{-~]*")
HELD = 1 << 25  # characters whose runs are counted at once
LONGEST_RUNS = 1 << 24  # characters of a batch that the compiled loops are given


@dataclass(frozen=True)
class CharacterCount:
    """A character by its code point (`U+00AD`) and Unicode's name, and how often it occurs."""

    code_point: str
    name: str
    count: int


@dataclass(frozen=True)
class ScriptShare:
    """A script: its letters, their share of all letters, the texts most of whose letters are its own."""

    name: str
    letters: int
    share: float
    texts: int
    languages: str


@dataclass(frozen=True, kw_only=True)
class TokenizerLoss:
    """What a tokenizer loses of the characters of a corpus, each asked for alone; white space aside.

    `unknown` are occurrences of characters that become its unknown token, `dropped` of those that its
    normalizer or its model leaves nothing of; the lists have the most frequent ones.
    """

    tokenizer: str
    unknown: int
    unknown_share: float
    dropped: int
    dropped_share: float
    most_unknown: tuple[CharacterCount, ...]
    most_dropped: tuple[CharacterCount, ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class CorpusDescription(Result, kind="corpus_description"):
    """A corpus in numbers; blank texts are left out, all others are whole.

    words, as compare counts them (UAX #29), and the different ones; `distinct_words_exact` and
    `distinct_texts_exact` are False for estimates. repeated_bytes: UTF-8 bytes in texts that came before.
    lengths: characters a text; those beyond 65,536 count as that, but for the longest. nfc and nfd: shares of
    the texts that are in that form. odd: control, format, private and unassigned characters, commonest first.
    """

    sources: tuple[str, ...]
    notes: tuple[str, ...]
    texts: int
    blank: int
    utf8_bytes: int
    characters: int
    distinct_characters: int
    sha256: str
    words: int
    distinct_words: int
    distinct_words_exact: bool
    distinct_texts: int
    distinct_texts_exact: bool
    repeated_bytes: int
    lengths: Lengths
    scripts: tuple[ScriptShare, ...]
    texts_without_letters: int
    nfc: float
    nfd: float
    odd: tuple[CharacterCount, ...]
    loss: TokenizerLoss | None


def describe_corpus(
    corpus: CorpusSource,
    *,
    tokenizer: TokenizerSource | None = None,
    column: str | None = None,
    progress: Progress = silent,
) -> CorpusDescription:
    """Look at a corpus in one pass; with a `tokenizer` also at what that would lose of it.

    >>> about = describe_corpus(iter(["It can't be", "It can't be", "안녕"]))
    >>> about.texts, about.words, about.distinct_words, about.distinct_texts, about.repeated_bytes
    (3, 7, 4, 2, 11)
    >>> [(script.name, script.letters, script.texts) for script in about.scripts]
    [('Latin', 16, 2), ('Hangul', 2, 1)]
    """
    found = as_corpus(corpus, column=column, progress=progress)
    seen = _Seen(_run_scanner(found.size))
    for batch in found.whole_texts():
        seen.take(batch)
    loss = _loss(tokenizer, seen.characters) if tokenizer is not None else None
    return seen.described(found, loss)


class _Seen:
    """What has passed."""

    def __init__(self, scanner: Scanner | None) -> None:
        self.characters = np.zeros(0x110000, np.int64)
        self._lengths = np.zeros(LONGEST + 1, np.int64)
        self._longest = self._normal = self._decomposed = 0
        self._numbers, self._texts_in = ScriptNumbers(), np.zeros(len(NAMES), np.int64)
        self._different, self._words = DistinctHashes(MOST_TEXTS), _Words(scanner)

    def take(self, batch: TextBatch) -> None:
        """Look at some texts: UTF-8 with a line feed after each, or a list."""
        if isinstance(batch, bytes):
            text, encoded = batch.decode(), batch[:-1].split(b"\n")
            ends = np.flatnonzero(_code_points(text) == LINE_FEED)
        else:
            text, encoded = "".join(f"{each}\n" for each in batch), [each.encode() for each in batch]
            ends = np.cumsum([len(each) + 1 for each in batch]) - 1
        points = _code_points(text)
        counted = np.bincount(points)
        self.characters[: len(counted)] += counted
        self.characters[LINE_FEED] -= len(ends)
        self._measure(np.diff(ends, prepend=-1) - 1)
        self._place(points, ends)
        self._different.add(map(_hash, encoded), np.fromiter(map(len, encoded), np.int64, len(encoded)))
        self._forms(text, batch)
        self._words.add(batch, text)

    def _measure(self, sizes: NDArray[np.int64]) -> None:
        self._lengths += np.bincount(np.minimum(sizes, LONGEST), minlength=LONGEST + 1)
        self._longest = max(self._longest, int(sizes.max()))

    def _place(self, points: NDArray[np.uint32], ends: NDArray[np.int64]) -> None:
        """Count each text where most of its letters are; of as many in two scripts the first in NAMES."""
        numbers = self._numbers.of(points)
        begins = np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1))
        present = np.flatnonzero(np.bincount(numbers, minlength=len(NAMES)))
        present = present[present > 0]
        if not len(present):
            self._texts_in[0] += len(ends)
            return
        letters = np.stack([np.add.reduceat(numbers == each, begins, dtype=np.int32) for each in present])
        main = np.where(letters.max(axis=0) > 0, present[letters.argmax(axis=0)], 0)
        self._texts_in += np.bincount(main, minlength=len(NAMES))

    def _forms(self, text: str, batch: TextBatch) -> None:
        """Count the texts in each normal form; a text is asked for alone where the whole is not."""
        texts = text[:-1].split("\n") if isinstance(batch, bytes) else batch
        for form in ("NFC", "NFD"):
            whole = unicodedata.is_normalized(form, text)
            count = len(texts) if whole else sum(unicodedata.is_normalized(form, each) for each in texts)
            if form == "NFC":
                self._normal += count
            else:
                self._decomposed += count

    def described(self, corpus: Corpus, loss: TokenizerLoss | None) -> CorpusDescription:
        """All of it as a result."""
        facts, distinct, of_words = corpus.facts, self._different, self._words
        first_bytes = min(distinct.sizes, facts.utf8_bytes)
        return CorpusDescription(
            sources=facts.sources,
            notes=facts.notes,
            texts=facts.texts,
            blank=facts.blank,
            utf8_bytes=facts.utf8_bytes,
            characters=int(self.characters.sum()),
            distinct_characters=int(np.count_nonzero(self.characters)),
            sha256=facts.sha256,
            words=of_words.count,
            distinct_words=of_words.different.count,
            distinct_words_exact=of_words.different.is_exact,
            distinct_texts=min(distinct.count, facts.texts),
            distinct_texts_exact=distinct.is_exact,
            repeated_bytes=facts.utf8_bytes - first_bytes,
            lengths=self._length_facts(),
            scripts=self._scripts(),
            texts_without_letters=int(self._texts_in[0]),
            nfc=share(self._normal, facts.texts),
            nfd=share(self._decomposed, facts.texts),
            odd=_commonest(self.characters, _odd(self.characters)),
            loss=loss,
        )

    def _length_facts(self) -> Lengths:
        found = lengths(self._lengths)
        bars = tuple(
            (low, max(low, self._longest if at == len(found.bars) - 1 else high), count)
            for at, (low, high, count) in enumerate(found.bars)
        )
        return replace(found, longest=self._longest, bars=bars)

    def _scripts(self) -> tuple[ScriptShare, ...]:
        """The scripts that occur, those with most letters first."""
        points = np.flatnonzero(self.characters)
        letters = np.bincount(self._numbers.of(points), self.characters[points], len(NAMES)).astype(np.int64)
        letters[0] = 0
        order = sorted(np.flatnonzero(letters).tolist(), key=lambda each: (-letters[each], each))
        total = int(letters.sum())
        return tuple(
            ScriptShare(
                name=NAMES[each],
                letters=int(letters[each]),
                share=share(int(letters[each]), total),
                texts=int(self._texts_in[each]),
                languages=LANGUAGES.get(NAMES[each], ""),
            )
            for each in order
        )


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=8).digest()


class DistinctHashes:
    """How many different things have come, by their hashes of 64 bits; exact up to `most` of them.

    Beyond that only hashes below a bound stay, which is halved whenever there are too many.
    """

    def __init__(self, most: int) -> None:
        self._most, self._halvings = most, 0
        self._kept = np.zeros(0, np.uint64)
        self._sizes = np.zeros(0, np.int64)  # of each thing kept, when it was told
        self._new: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []
        self._waiting = 0

    def add(self, digests: Iterable[bytes], sizes: NDArray[np.int64]) -> None:
        """Take the hashes of things, and the size of each."""
        hashes = np.frombuffer(b"".join(digests), np.uint64)
        if self._halvings:
            low = hashes >> np.uint64(64 - self._halvings) == 0
            hashes, sizes = hashes[low], sizes[low]
        self._new.append((hashes, sizes))
        self._waiting += len(hashes)
        if self._waiting >= self._most // 2:
            self._merge()

    def _merge(self) -> None:
        kept = np.concatenate((self._kept, *(hashes for hashes, _ in self._new)))
        sizes = np.concatenate((self._sizes, *(each for _, each in self._new)))
        self._kept, first = np.unique(kept, return_index=True)
        self._sizes = sizes[first]
        while len(self._kept) > self._most:
            self._halvings += 1
            low = self._kept >> np.uint64(64 - self._halvings) == 0
            self._kept, self._sizes = self._kept[low], self._sizes[low]
        self._new, self._waiting = [], 0

    @property
    def is_exact(self) -> bool:
        """Whether all hashes are kept (two things of one hash of 64 bits aside)."""
        self._merge()
        return self._halvings == 0

    @property
    def count(self) -> int:
        """How many different things there were, estimated where it is not exact."""
        self._merge()
        return len(self._kept) << self._halvings

    @property
    def sizes(self) -> int:
        """The sizes of all different things together, estimated where it is not exact."""
        self._merge()
        return int(self._sizes.sum()) << self._halvings


class _Words:
    """The words of what has passed. Runs without white space are counted first, as many MB at a time.

    Words do not go over white space, so those of a run are looked for once, however often it comes.
    """

    def __init__(self, scanner: Scanner | None) -> None:
        self._count, self._different = 0, DistinctHashes(MOST_WORDS)
        self._scanner = scanner
        self._known: dict[str, int] = {}  # run → how many words it has
        self._held: list[TextBatch] = []
        self._size = 0

    @property
    def count(self) -> int:
        """How many words there are."""
        self._take_held()
        return self._count

    @property
    def different(self) -> DistinctHashes:
        """The hashes of the different ones."""
        self._take_held()
        return self._different

    def add(self, batch: TextBatch, text: str) -> None:
        """Count the words of a batch, whose texts are also given as one text."""
        if self._scanner is None or len(text) > LONGEST_RUNS or NARROW in text:
            self._take(Counter(GAPS.split(text) if NARROW in text else text.split()))
            return
        self._held.append(batch)
        self._size += len(text)
        if self._size >= HELD:
            self._take_held()

    def _take_held(self) -> None:
        if self._scanner is not None and self._held:
            from tokbench.native.word_counter import count_words_compiled

            found = count_words_compiled(self._held, self._scanner, threads=1, in_order=False)
            arena, spans = found.arena.tobytes(), found.places.tolist()
            runs = [arena[start:end].decode() for start, end in spans]
            self._take(dict(zip(runs, found.counts.tolist(), strict=True)))
        self._held, self._size = [], 0

    def _take(self, runs: Mapping[str, int]) -> None:
        known = self._known
        new = [run for run in runs if run not in known]
        if len(known) + len(new) > REMEMBERED:
            known.clear()
            new = list(runs)
        found: set[str] = set()
        for run in new:
            simple = SIMPLE.fullmatch(run)
            if simple:
                known[run] = 1
                found.add(simple[1])
            else:
                parts = words(run)
                known[run] = len(parts)
                found.update(parts)
        self._count += sum(map(operator.mul, map(known.__getitem__, runs), runs.values()))
        if found:
            hashes = [_hash(word.encode()) for word in found]
            self._different.add(hashes, np.zeros(len(found), np.int64))


def _run_scanner(size: int | None) -> Scanner | None:
    """What cuts texts at white space in compiled loops, where that is worth it."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    from tokbench.native.scanner import scanner_for
    from tokbench.training.engine import COUNTING, choose_engine

    cutter = Tokenizer(WordLevel())
    cutter.pre_tokenizer = WhitespaceSplit()
    found = scanner_for(cutter)
    if isinstance(found, str) or choose_engine(COUNTING, size=size).engine != "compiled":
        return None
    return found


def _odd(characters: NDArray[np.int64]) -> list[int]:
    """The code points that occur and are no text: tab, line feed and carriage return are."""
    plain = (9, LINE_FEED, 13)
    points = np.flatnonzero(characters).tolist()
    return [each for each in points if each not in plain and unicodedata.category(chr(each)) in ODD]


def _commonest(characters: NDArray[np.int64], points: Sequence[int]) -> tuple[CharacterCount, ...]:
    """The most frequent of these, named."""
    chosen = sorted(points, key=lambda each: (-characters[each], each))[:SHOWN]
    return tuple(CharacterCount(f"U+{each:04X}", _name(each), int(characters[each])) for each in chosen)


# Control characters have no names in Unicode's data; these are aliases of the common ones (NameAliases.txt).
CONTROLS = {
    0x07: "BELL",
    0x08: "BACKSPACE",
    0x0B: "LINE TABULATION",
    0x0C: "FORM FEED",
    0x1B: "ESCAPE",
    0x7F: "DELETE",
    0x85: "NEXT LINE",
}


def _name(point: int) -> str:
    return unicodedata.name(chr(point), CONTROLS.get(point, "no name"))


def _loss(source: TokenizerSource, characters: NDArray[np.int64]) -> TokenizerLoss:
    """What a tokenizer makes of each character that occurs, alone."""
    folder = load(source)
    tokenizer = folder.untruncated
    unknown_id = unknown_id_of(tokenizer, tokenizer.get_vocab())
    points = [each for each in np.flatnonzero(characters).tolist() if not chr(each).isspace()]
    encoded = tokenizer.encode_batch([chr(each) for each in points], add_special_tokens=False)
    unknown = [at for at, found in zip(points, encoded, strict=True) if unknown_id in found.ids]
    dropped = [at for at, found in zip(points, encoded, strict=True) if not found.ids]
    whole = int(characters.sum())
    lost, gone = int(characters[unknown].sum()), int(characters[dropped].sum())
    return TokenizerLoss(
        tokenizer=folder.name,
        unknown=lost,
        unknown_share=share(lost, whole),
        dropped=gone,
        dropped_share=share(gone, whole),
        most_unknown=_commonest(characters, unknown),
        most_dropped=_commonest(characters, dropped),
    )
