"""What a file of texts shows of a tokenizer: read once, in bounded memory, counted by script."""

from __future__ import annotations

import dataclasses
import random
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tokenizers import Encoding

from tokbench.check.alphabets import script_of, script_of_word
from tokbench.check.causes import causes
from tokbench.check.labelled import labels_of
from tokbench.check.lengths import NO_LIMIT
from tokbench.check.model_files import whole
from tokbench.check.passage import normalized
from tokbench.check.subject import Subject
from tokbench.check.surveyed import ScriptCount, Survey
from tokbench.corpus.reading import open_corpus
from tokbench.pretrained.edge import translated
from tokbench.progress import Progress, silent

MOST_UNKNOWN = 50_000  # distinct unknown pieces that are kept to find their causes
MOST_KOREAN = 500  # texts with Hangul that are put through the normalizer
MOST_INVISIBLE = 500  # distinct words without a letter, a digit or a sign


def survey(subject: Subject, data: str, *, sample: int | None = None, progress: Progress = silent) -> Survey:
    """Put the texts of a file, or `sample` of them drawn by chance (always the same), through a tokenizer."""
    batches: Iterable[list[str]] = open_corpus([data], progress=progress)
    if sample is not None:
        batches = _parts(drawn((text for batch in batches for text in batch), sample))
    counts = _Counts(subject)
    with translated(subject.name):
        for batch in batches:
            counts.take(batch)
        found = counts.survey(data)
    labels = labels_of(data)
    return dataclasses.replace(
        found, label_column=labels.column, labels=labels.counts, label_names=labels.names
    )


def drawn(texts: Iterable[str], number: int) -> list[str]:
    """So many of the texts, each with the same chance, in the order they come (Vitter 1985, algorithm R).

    >>> drawn("abc", 5), len(drawn(map(str, range(1000)), 5))
    (['a', 'b', 'c'], 5)
    """
    chance, kept = random.Random(0), list[tuple[int, str]]()
    for at, text in enumerate(texts):
        if at < number:
            kept.append((at, text))
        elif (place := chance.randrange(at + 1)) < number:
            kept[place] = (at, text)
    return [text for _, text in sorted(kept)]


def _parts(texts: Sequence[str], size: int = 1_000) -> Iterator[list[str]]:
    for at in range(0, len(texts), size):
        yield list(texts[at : at + size])


@dataclass
class _Counts:
    """The sums so far."""

    subject: Subject
    texts: int = 0
    characters: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
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
        unknown = self.subject.vocabulary.get(self.subject.unknown or "", -1)
        encodings = self.subject.tokenizer.encode_batch(batch, add_special_tokens=False)
        around = self.subject.tokenizer.num_special_tokens_to_add(False)
        limit = (whole(self.subject.config.get("model_max_length")) or NO_LIMIT) - around
        for text, encoding in zip(batch, encodings, strict=True):
            self._text(text)
            self._tokens(text, encoding, unknown)
            self.longest = max(self.longest, len(encoding.ids) + around)
            self.too_long += len(encoding.ids) > limit
        self._forms(batch, [len(encoding.ids) for encoding in encodings])

    def _text(self, text: str) -> None:
        self.characters.update(text)
        words = text.split()
        self.words.update(map(script_of_word, words))
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
        encodings = self.subject.tokenizer.encode_batch_fast(composed, add_special_tokens=False)
        own, nfc = sum(sizes[at] for at in apart), sum(len(encoding.ids) for encoding in encodings)
        self.decomposed = [sum(pair) for pair in zip(self.decomposed, (len(apart), own, nfc), strict=True)]
        for text in batch:
            if self.korean[0] >= MOST_KOREAN:
                return
            if not text.isascii() and any("가" <= letter <= "힣" for letter in text):
                after = normalized(self.subject, text)
                self.korean[0] += 1
                self.korean[1] += any("\u1100" <= letter <= "\u11ff" for letter in after)

    def survey(self, name: str) -> Survey:
        """The sums as they stand."""
        characters = Counter[str]()
        for character, count in self.characters.items():
            characters[script_of(character)] += count
        return Survey(
            name=name,
            texts=self.texts,
            characters=self.characters.total(),
            words=self.words.total(),
            tokens=self.tokens.total(),
            unknown=self.unknown.total(),
            scripts=tuple(self._scripts(characters)),
            causes=causes(self.subject, self.pieces),
            decomposed=self.decomposed[0],
            decomposed_tokens=self.decomposed[1],
            composed_tokens=self.decomposed[2],
            korean=self.korean[0],
            taken_apart=self.korean[1],
            used=len(self.ids),
            size=len(self.subject.vocabulary),
            too_long=self.too_long,
            longest=self.longest,
            invisible=tuple(sorted(word for word in self.invisible if not self._ids(word))),
        )

    def _scripts(self, characters: Counter[str]) -> Iterator[ScriptCount]:
        for script, count in characters.most_common():
            yield ScriptCount(script, count, self.words[script], self.tokens[script], self.unknown[script])

    def _ids(self, word: str) -> list[int]:
        return self.subject.tokenizer.encode([word], is_pretokenized=True, add_special_tokens=False).ids


def _is_invisible(word: str) -> bool:
    return all(unicodedata.category(each)[0] in "CM" for each in word)
