"""A tokenizer trained again from what its folder records: the same bytes, or the first cause why not."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tokbench import __version__
from tokbench.corpus.cleaned import cleaned
from tokbench.corpus.cleaning.choices import cleaning_from
from tokbench.corpus.reading import Corpus, CorpusSource, as_corpus
from tokbench.errors import FileError, UsageError
from tokbench.io.atomic import ensure_writable
from tokbench.io.json_files import WHOLE_COPY, read_object
from tokbench.pretrained.folder import CONFIG, LARGEST, TOKENIZER
from tokbench.pretrained.lineage import lineage_of
from tokbench.pretrained.train import RECIPE, RECORD, Trained, train, training_of
from tokbench.progress import Progress, silent
from tokbench.recipes.recipe import from_data, read_recipe, to_data, to_toml
from tokbench.results import Result

if TYPE_CHECKING:
    from tokbench.recipes.recipe import Recipe

STDIN = "stdin"
WRITTEN = (TOKENIZER, CONFIG, RECIPE, RECORD)
BESIDE = ("versions", "corpus", "counts")  # of the record: they are compared by themselves
NEAR = (
    1e-2  # Unigram scores that a training again may give; the library adds floats up in a hash table's order
)
MISSING = "nothing"
MOST = 60  # characters of a value in a sentence


@dataclass(frozen=True)
class FirstCause:
    """The first reason why a training again gives other files.

    kind: corpus, versions, recipe or file. there: what the folder has or records; here: what there is now.
    place: the file, and the path inside its JSON.
    """

    kind: str
    there: str
    here: str
    place: str = ""

    @property
    def sentence(self) -> str:
        """The cause in words."""
        words = {
            "corpus": f"the corpus is another one: {self.there} was trained on, this is {self.here}",
            "versions": f"it was trained with {self.there}, and this is {self.here}",
            "recipe": f"{RECIPE} was changed after the training: it had {self.there}, and has {self.here}",
            "file": f"{self.place} is {self.there}, and trained again {self.here}",
        }[self.kind]
        return words if self.kind == "file" or not self.place else f"{words}; {self.place} differs"


@dataclass(frozen=True, kw_only=True, repr=False)
class Rebuild(Result, kind="rebuild"):
    """What came of training again what the folder records.

    cause: why its files are others, None where they are the same byte for byte. compared: the files that were
    held against each other, none where the corpus told already. near: the largest difference of two scores
    where a Unigram has the same pieces and nearly the same scores, else 0. later: tokens that were added
    after the training, which is all that a grown folder's record knows of them. `output` is where it was
    saved, "" for nowhere.
    """

    folder: str
    output: str
    cause: FirstCause | None
    compared: tuple[str, ...]
    near: float
    later: tuple[str, ...]
    corpus_sha256: str
    versions: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the same came out."""
        return self.cause is None


@dataclass(frozen=True)
class _Training:
    """What a folder records of how it was trained; later: the tokens that were added since."""

    record: Mapping[str, Any]
    recipe: Recipe
    later: tuple[str, ...] = ()

    @property
    def changed(self) -> FirstCause | None:
        """The cause where the recipe beside the record is not the one that was trained."""
        told, now = self.record.get("recipe_sha256"), _sha256(to_toml(self.recipe))
        if isinstance(told, str) and told != now:
            return FirstCause("recipe", f"sha256 {told[:12]}…", f"sha256 {now[:12]}…")
        asked = self.record.get("vocab_size", {}).get("asked")
        if asked != self.recipe.vocab_size:
            return FirstCause("recipe", f"vocab_size {asked}", f"vocab_size {self.recipe.vocab_size}")
        return None

    def other_corpus(self, sha256: str, counts: str = "") -> FirstCause | None:
        """The cause where these texts, or the counts of this fingerprint, are not those of the training."""
        told, counted = self.record["corpus"].get("sha256"), self.record.get("counts") or {}
        if sha256 and told and sha256 != told:
            return FirstCause("corpus", f"sha256 {told[:12]}…", f"sha256 {sha256[:12]}…")
        if counts and counted and counts != counted["fingerprint"]:
            return FirstCause("corpus", f"counts of fingerprint {counted['fingerprint']}", counts)
        return None

    @property
    def versions(self) -> dict[str, tuple[str, str]]:
        """Package → its version at the training and now, of those that differ."""
        told = self.record.get("versions") or {}
        now = {"tokbench": __version__, "tokenizers": version("tokenizers")}
        return {name: (str(told.get(name)), each) for name, each in now.items() if told.get(name) != each}


def rebuild(
    folder: str | Path,
    corpus: CorpusSource = (),
    *,
    counts: str | Path | None = None,
    column: str | None = None,
    output: str | Path | None = None,
    engine: str = "auto",
    threads: int | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Rebuild:
    """Train again what the folder records, save it to `output` if given, and compare it byte for byte.

    Without a corpus or `counts` the recorded names are looked for here and beside the folder. A corpus that
    is another one is the answer, unless `output` wants it trained. Of a folder that was grown by tokens what
    was trained is compared: the vocabulary and the blocks. Unigram may give scores that differ by some 0.001;
    then `near` is not 0. Raises FileError where the folder records no training or a corpus is missing.

    >>> from tempfile import TemporaryDirectory
    >>> from tokbench.pretrained.train import train
    >>> texts = ["the cat sat on the mat", "the cats sat"] * 9
    >>> with TemporaryDirectory() as place:
    ...     trained = train(texts, "wordpiece", vocab_size=40, output=Path(place) / "tok")
    ...     same, other = rebuild(trained.path, texts), rebuild(trained.path, texts[1:])
    >>> same.passed, other.cause.kind
    (True, 'corpus')
    """
    place = Path(folder)
    training = _training_in(place)
    if output is not None:
        ensure_writable(Path(output), force=force)
    column = column or training.record["corpus"].get("column")
    if counts is None:
        corpus = as_corpus(_found(place, corpus, training), column=column, progress=progress)
        corpus = cleaned(corpus, cleaning_from(training.record["corpus"].get("cleaning") or {}))
        if output is None and _can_be_read_twice(corpus):
            sha256 = _sha256_of_texts(corpus)
            if (other := training.other_corpus(sha256)) is not None:
                return _result(place, training, other, sha256=sha256)
    with TemporaryDirectory(prefix="tokbench-") as temporary:
        trained = train(
            corpus,
            training.recipe,
            output=output or Path(temporary) / "again",
            counts=counts,
            engine=engine,
            threads=threads,
            force=force,
            progress=progress,
        )
        return _compared(place, training, trained, saved=output is not None)


def _training_in(folder: Path) -> _Training:
    """What the folder records; of a grown one, how the tokenizer that was grown had been trained."""
    again = f"tokbench train-like {shlex.quote(str(folder))} CORPUS"
    if not (folder / RECORD).is_file():
        raise FileError(
            f"{folder} records no training: it has no {RECORD}", fix=f"train one like it: {again}"
        )
    made = lineage_of(folder)
    if made is not None and made.moved is not None:
        raise FileError(
            f"{folder} is {made.sentence}, so its ids are no training's",
            fix=f"tokbench rebuild {shlex.quote(made.base)}",
        )
    record = read_object(folder / RECORD)
    found = training_of(folder)
    if found is None:
        raise FileError(
            f"{folder} was grown from a tokenizer of which no training is recorded"
            if "added" in record
            else f"{folder} has no {RECIPE}, which its {RECORD} was written with",
            fix=f"train one like it: {again}" if "added" in record else WHOLE_COPY,
        )
    recipe = from_data(found["recipe"], name=f"{folder / RECIPE}")
    return _Training(found, recipe, tuple(_later(record)))


def _later(record: Mapping[str, Any]) -> Iterator[str]:
    """The tokens that were added after the training, those of the last time at the end."""
    for each in (*record.get("earlier", ()), record.get("added") or {}):
        yield from each.get("special", ())
        yield from each.get("regular", ())


def _found(folder: Path, corpus: CorpusSource, training: _Training) -> CorpusSource:
    """The corpus that was given, or the files of the recorded names, here or beside the folder."""
    counted = training.record.get("counts") or {}
    if counted.get("min_count", 1) > 1:
        raise UsageError(
            f"{folder} was trained from counted words without those rarer than {counted['min_count']}",
            fix="--counts counts.parquet",
        )
    if not (isinstance(corpus, Sequence) and not len(corpus)):
        return corpus
    paths = []
    for name in training.record["corpus"]["sources"]:
        there = [place / name for place in (Path(), folder.parent, folder) if (place / name).is_file()]
        if not there:
            raise FileError(
                f"the corpus {name} that {folder} was trained on is neither here nor beside it",
                fix="--corpus CORPUS",
            )
        paths.append(there[0])
    return paths


def _can_be_read_twice(corpus: Corpus) -> bool:
    return bool(corpus.sources) and all(source.name != STDIN for source in corpus.sources)


def _sha256_of_texts(corpus: Corpus) -> str:
    for _ in corpus.blocks():
        pass
    return corpus.facts.sha256


def _compared(folder: Path, training: _Training, trained: Trained, *, saved: bool) -> Rebuild:
    """The first cause why the files differ, in the order in which causes explain each other."""
    assert trained.path is not None
    files = _Files(folder, trained.path, grown=bool(training.later))
    near, difference = files.near(), None
    if not near:
        difference = files.difference()
    counts = trained.counts.fingerprint if trained.counts else ""
    cause = training.other_corpus(trained.corpus.sha256, counts)
    if cause is None and difference is not None:
        cause = _explained(training, difference)
    output = str(trained.path) if saved else ""
    return _result(
        folder,
        training,
        cause,
        sha256=trained.corpus.sha256,
        compared=files.names,
        near=near,
        output=output,
    )


def _explained(training: _Training, difference: FirstCause) -> FirstCause:
    """The cause behind a difference of files: other versions, another recipe, or nothing but itself."""
    if training.versions:
        there, here = (
            ", ".join(f"{name} {both[at]}" for name, both in training.versions.items()) for at in (0, 1)
        )
        return FirstCause("versions", there, here, difference.place)
    if training.changed is not None:
        return replace(training.changed, place=difference.place)
    return difference


def _result(
    folder: Path,
    training: _Training,
    cause: FirstCause | None,
    *,
    sha256: str,
    compared: tuple[str, ...] = (),
    near: float = 0.0,
    output: str = "",
) -> Rebuild:
    return Rebuild(
        folder=str(folder),
        output=output,
        cause=cause,
        compared=compared,
        near=near,
        later=training.later,
        corpus_sha256=sha256,
        versions=training.versions,
    )


class _Files:
    """The files of two folders side by side; of a grown one only what was trained."""

    def __init__(self, there: Path, here: Path, *, grown: bool) -> None:
        self._folders, self._grown = (there, here), grown
        self.names = (TOKENIZER,) if grown else WRITTEN

    def difference(self) -> FirstCause | None:
        """The first place at which they differ; None where they do not."""
        for name in self.names:
            one, two = (
                (folder / name).read_bytes() if (folder / name).is_file() else b"" for folder in self._folders
            )
            if one == two:
                continue
            there, here = (self._content(folder, name) for folder in self._folders)
            found = next(_differences(there, here), None)
            if found is not None:
                path, old, new = found
                return FirstCause("file", _short(old), _short(new), f"{name}: {path}")
            if name != RECORD and not self._grown:
                return FirstCause("file", f"written in {len(one):,} bytes", f"in {len(two):,}", name)
        return None

    def near(self) -> float:
        """The largest difference of two scores of a Unigram that is else the same; 0 where it is not so."""
        one, two = (self._content(folder, TOKENIZER) for folder in self._folders)
        pieces = [each.get("model", {}).get("vocab") for each in (one, two)]
        if not all(isinstance(each, list) for each in pieces) or pieces[0] == pieces[1]:
            return 0.0
        first, second = (dict(map(tuple, each)) for each in pieces)
        if list(first) != list(second):
            return 0.0
        most = max(abs(first[piece] - second[piece]) for piece in first)
        rest = [{**each, "model": {**each["model"], "vocab": None}} for each in (one, two)]
        return most if most <= NEAR and rest[0] == rest[1] else 0.0

    def _content(self, folder: Path, name: str) -> dict[str, Any]:
        if not (folder / name).is_file():
            return {}
        if name == RECIPE:
            return to_data(read_recipe(folder / name))
        content = dict(read_object(folder / name, limit=LARGEST))
        if name == RECORD:
            content = {key: value for key, value in content.items() if key not in BESIDE}
            content.pop("tokenizer_json_sha256", None)  # tokenizer.json itself is compared
        return self._trained(content) if self._grown else content

    def _trained(self, content: dict[str, Any]) -> dict[str, Any]:
        """What of a tokenizer.json was trained: added tokens and templates may have been changed since."""
        return {key: value for key, value in content.items() if key not in ("added_tokens", "post_processor")}


def _differences(one: object, two: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Every path at which two JSON values differ, in the order of the first; with what stands there.

    >>> list(_differences({"a": [1, 2], "b": 0}, {"a": [1, 3]}))
    [('a.1', 2, 3), ('b', 0, 'nothing')]
    """
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        pairs = [
            (str(key), one.get(key, MISSING), two.get(key, MISSING)) for key in dict.fromkeys((*one, *two))
        ]
    elif isinstance(one, list) and isinstance(two, list):
        longest = max(len(one), len(two))
        pairs = [
            (str(at), one[at] if at < len(one) else MISSING, two[at] if at < len(two) else MISSING)
            for at in range(longest)
        ]
    else:
        if one != two or type(one) is not type(two):
            yield path, one, two
        return
    for key, old, new in pairs:
        if old != new:
            yield from _differences(old, new, f"{path}.{key}" if path else key)


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST else f"{text[: MOST - 1]}…"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
