"""The rows of a config, labelled or to be answered: the hub's, an official folder's, own files, a sample."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

from tokbench.errors import DataError, FileError, UsageError, clipped, plural
from tokbench.finetuning.data.own_tables import files_in
from tokbench.finetuning.data.rows import Rows, listed_places
from tokbench.finetuning.data.tagging import CHARACTER, CONLL, Tagged, read_sentences, read_tagged
from tokbench.finetuning.read_record import ReadRecord, SplitRecord, counted, rescaling
from tokbench.finetuning.tag_scheme import AUTO
from tokbench.finetuning.tasks import CLASSES, LABELS, NER, OWN, SCORES, TAGS, TASKS, Hidden, Task
from tokbench.progress import Progress, silent

if TYPE_CHECKING:
    from tokbench.finetuning.config import FinetuneConfig

SAMPLE, HUB = "sample", "hub"
SAMPLES = {"sst2": "sst2-sample"}  # task → name among the shipped corpora
FEW = 20  # a class with fewer train rows is worth a word


@dataclass(frozen=True)
class Dataset:
    """The rows to train on, those to evaluate on by split, what is asked, what a reader should know.

    `classes` is how many train rows each class has; for words with tags, how many words. `read` tells how
    all of this was found.
    """

    train: Rows | Tagged
    evaluation: Mapping[str, Rows | Tagged]
    notes: tuple[str, ...]
    task: Task
    read: ReadRecord
    classes: Mapping[str, int] = field(default_factory=dict)


def read_data(config: FinetuneConfig, *, progress: Progress = silent) -> Dataset:
    """The rows a config names, the train rows cut to a seeded sample when it says so."""
    progress("read", 0)
    found = _read(config)
    task, rows = found.task, dict(found.rows)
    train = rows.pop("train")
    official = config.task in TASKS and not config.own_columns
    notes = _sample_note(train, rows) if config.data == SAMPLE else _gaps(train, rows)
    notes = (*found.notes, *notes)
    if official and config.data != SAMPLE:
        notes = (*_counts(task, train, rows), *notes)
    notes += (*overlap_notes(train, rows), *_unseen(train, rows, task))
    most = config.max_train_rows
    if most is not None and most < len(train):
        order = random.Random(config.seed).sample(range(len(train)), most)
        notes += (f"{most:,} of {plural(len(train), 'train row')} were drawn by the seed",)
        train = train.pick(order)
    classes = balance(train, task)
    record = _record(found, {"train": train, **rows})
    return Dataset(train, rows, (*notes, *_balance_notes(classes)), task, record, classes)


@dataclass(frozen=True)
class _Found:
    """The task and the rows by split, before any is drawn, and how they were found."""

    task: Task
    rows: Mapping[str, Rows | Tagged]
    files: Mapping[str, str]
    columns: Mapping[str, str]
    inferred: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _record(found: _Found, rows: Mapping[str, Rows | Tagged]) -> ReadRecord:
    task = found.task
    splits = {
        name: SplitRecord(
            source=found.files.get(name, ""),
            rows=len(each),
            classes=balance(each, task),
            scores=_spread(each) if task.regression and isinstance(each, Rows) else (),
            left_out=counted(each.left_out.values()),
        )
        for name, each in rows.items()
    }
    return ReadRecord(
        kind=_kind(task),
        columns=found.columns,
        splits=splits,
        positive=task.positive,
        unit=task.unit,
        tag_scheme=task.scheme.name if task.scheme else "",
        outside=task.scheme.outside if task.scheme else "",
        inferred=(*found.inferred, *_far_scores(rows["train"], task)),
    )


def _far_scores(train: Rows | Tagged, task: Task) -> tuple[str, ...]:
    """How to write scores that spread far more, or less, than a model can learn."""
    scores = [each for each in train.labels if isinstance(each, float | int)] if task.regression else []
    how = rescaling(pstdev(scores)) if scores else ""
    return (how,) if how else ()


def _kind(task: Task) -> str:
    if task.tagging:
        return TAGS
    return SCORES if task.regression else LABELS if task.multi_label else CLASSES


def _spread(rows: Rows) -> tuple[float, float, float]:
    """The lowest score, the highest and the mean."""
    scores = [each for each in rows.labels if not isinstance(each, tuple)]
    return min(scores), max(scores), fmean(scores)


def _read(config: FinetuneConfig) -> _Found:
    known = TASKS.get(config.task)
    if config.task == NER:
        return _read_tags(config)
    if config.task == OWN or config.own_columns:
        from tokbench.finetuning.data.own_tables import read_own

        own = read_own(_folder(config), config, known, seed=config.seed)
        return _Found(own.task, {**own.rows}, own.files, own.columns.named, own.why, own.notes)
    assert known is not None
    roles = dict(zip(("text", "pair"), known.tsv_texts, strict=False))
    splits = {"train": "train.tsv", **{split.name: split.file for split in known.evaluation}}
    return _Found(known, {**_official(config, known)}, splits, {**roles, "label": known.tsv_label})


def _read_tags(config: FinetuneConfig) -> _Found:
    folder = _folder(config)
    read = read_tagged(
        folder,
        dev=config.dev,
        all_pieces=config.label_all_pieces,
        tag_scheme=config.tag_scheme,
        outside=config.outside or "",
        word=column_number(config.text_column, "--text-column"),
        tag=column_number(config.label_column, "--label-column"),
    )
    task, rows, columns = read.task, read.rows, read.layout.columns
    why = (*((read.layout.why,) if read.layout.why else ()), *_tags_inferred(config, task))
    files = {name: path.name for name, path in files_in(folder, CONLL, dev=config.dev).items()}
    if "dev" in rows:
        return _Found(task, {**rows}, files, columns, why)
    order = random.Random(config.seed).sample(range(len(rows["train"])), len(rows["train"]))
    if len(order) < 2:
        raise DataError(
            f"{config.data} has one sentence: none is left to evaluate on",
            fix="give more sentences, or --dev FILE",
        )
    held = min(max(1, round(len(order) * config.dev_share)), len(order) - 1)
    cut = {"train": rows["train"].pick(order[held:]), "dev": rows["train"].pick(order[:held])}
    files["dev"] = f"{config.dev_share:.0%} of {files['train']}, drawn by the seed"
    return _Found(task, cut, files, columns, why)


def _tags_inferred(config: FinetuneConfig, task: Task) -> tuple[str, ...]:
    """How the labels of words are read, where nobody said it, with the options that change it."""
    if config.tag_scheme != AUTO:
        return ()
    words = task.scheme.words if task.scheme else "labels name no entities: single labels are counted"
    return (f"{words} (--set tag_scheme=, --set outside= change it)",)


def column_number(named: str | None, option: str) -> int | None:
    """The number of a column of a CoNLL file, which an option names; UsageError for any other word.

    >>> column_number("2", "--text-column"), column_number(None, "--text-column")
    (2, None)
    """
    if named is None:
        return None
    if not (named.isascii() and named.isdecimal()):
        raise UsageError(
            f"{option} {named}: columns of a CoNLL file have numbers",
            fix=f"{option} {1 if option == '--text-column' else 2}",
        )
    return int(named)


def _official(config: FinetuneConfig, task: Task) -> dict[str, Rows]:
    if config.data in (None, HUB):
        from tokbench.finetuning.data.glue import read_hub

        return read_hub(task)
    from tokbench.finetuning.data.glue import read_official

    return read_official(_sample_folder(task) if config.data == SAMPLE else _folder(config), task)


def _folder(config: FinetuneConfig) -> Path:
    if config.data in (None, HUB, SAMPLE):
        raise UsageError(f"--task {config.task} reads files of your own", fix="--data FILE or FOLDER")
    return Path(str(config.data)).expanduser()


def _sample_folder(task: Task) -> Path:
    if task.name not in SAMPLES:
        raise UsageError(
            f"no sample ships for {task.name}, only for {', '.join(SAMPLES)}",
            fix=f"--data FOLDER with the official {task.folder} files",
        )
    from tokbench.corpus.samples import shipped

    return shipped(SAMPLES[task.name])


def _sample_note(train: Rows | Tagged, rows: Mapping[str, Rows | Tagged]) -> tuple[str, ...]:
    dev = sum(map(len, rows.values()))
    return (f"the sample that ships: {len(train)} train and {dev} dev rows, too few for a claim",)


def _counts(task: Task, train: Rows | Tagged, rows: Mapping[str, Rows | Tagged]) -> tuple[str, ...]:
    official = {"train": task.train_rows, **{split.name: split.rows for split in task.evaluation}}
    return tuple(
        f"{name} has {plural(len(split), 'row')}, the official {task.name} has {official[name]:,}"
        for name, split in {"train": train, **rows}.items()
        if len(split) != official[name]
    )


def _gaps(train: Rows | Tagged, rows: Mapping[str, Rows | Tagged]) -> tuple[str, ...]:
    return tuple(
        f"{plural(len(split.left_out), 'incomplete row was', 'incomplete rows were')} "
        f"left out: {listed_places([*split.left_out])}"
        for split in (train, *rows.values())
        if split.left_out
    )


Key = tuple[str, str]  # the one or two texts of a row


def overlap_notes(train: Rows | Tagged, evaluation: Mapping[str, Rows | Tagged]) -> tuple[str, ...]:
    """What to know of dev rows that stand in train, word for word or nearly, and of rows that disagree."""
    return (*_leaks(train, evaluation), *_disagreements(train, evaluation))


def _leaks(train: Rows | Tagged, evaluation: Mapping[str, Rows | Tagged]) -> Iterator[str]:
    """Dev rows that were trained on measure memory."""
    exact = {*_whole(train)}
    nearly = {*map(_folded, exact)}
    for name, rows in evaluation.items():
        texts = _whole(rows)
        same = sum(text in exact for text in texts)
        alike = sum(text not in exact and _folded(text) in nearly for text in texts)
        if same:
            yield f"{same:,} of {len(rows):,} {name} rows stand word for word in train"
        if alike:
            yield f"{alike:,} of {len(rows):,} {name} rows differ from a train row by case or spaces alone"


def _disagreements(train: Rows | Tagged, evaluation: Mapping[str, Rows | Tagged]) -> Iterator[str]:
    """The same text under two labels: no model can have both right."""
    known = _labels(train)
    several = sum(len(labels) > 1 for labels in known.values())
    if several:
        yield f"{plural(several, 'text stands', 'texts stand')} in train with different labels"
    for name, rows in evaluation.items():
        others = sum(text in known and not labels <= known[text] for text, labels in _labels(rows).items())
        if others:
            yield f"{plural(others, 'text has', 'texts have')} another label in {name} than in train"


def _labels(rows: Rows | Tagged) -> dict[Key, set[Any]]:
    """The labels that each text has, however it is spaced and written large."""
    found: dict[Key, set[Any]] = {}
    for text, label in zip(_whole(rows), rows.labels, strict=True):
        found.setdefault(_folded(text), set()).add(tuple(label) if isinstance(label, list) else label)
    return found


def _whole(rows: Rows | Tagged) -> list[Key]:
    pairs = rows.pairs if isinstance(rows, Rows) and rows.pairs is not None else [""] * len(rows)
    return list(zip(rows.texts, pairs, strict=True))


def _folded(key: Key) -> Key:
    one, other = (" ".join(unicodedata.normalize("NFC", text).casefold().split()) for text in key)
    return one, other


def _unseen(train: Rows | Tagged, rows: Mapping[str, Rows | Tagged], task: Task) -> tuple[str, ...]:
    """Labels of words that are asked for and cannot be learned; those of whole rows are refused before."""
    if not isinstance(train, Tagged):
        return ()
    known = {number for labels in train.labels for number in labels}
    found = {
        name: sorted({number for labels in each.labels for number in labels if number not in known})
        for name, each in rows.items()
        if isinstance(each, Tagged)
    }
    return tuple(
        f"{name} has labels that train has not: {', '.join(task.labels[number] for number in numbers)}"
        for name, numbers in found.items()
        if numbers
    )


def balance(rows: Rows | Tagged, task: Task) -> dict[str, int]:
    """How many rows (words, where they are tagged) each class has, by class id; nothing for a score."""
    if task.regression:
        return {}
    if isinstance(rows, Tagged):
        found = Counter(number for labels in rows.labels for number in labels)
    else:
        sets = (label if isinstance(label, tuple) else (int(label),) for label in rows.labels)
        found = Counter(number for labels in sets for number in labels)
    return {label: found[number] for number, label in enumerate(task.labels)}


def _balance_notes(classes: Mapping[str, int]) -> tuple[str, ...]:
    there = [label for label, count in classes.items() if count]
    if classes and len(there) == 1:
        return (f"all train rows are {there[0]}: there is nothing to learn",)
    few = [f"{label} {count}" for label, count in classes.items() if count < FEW]
    total = sum(classes.values())
    if few and total > FEW * len(classes) * 2:
        return (f"classes with fewer than {FEW} train rows: {', '.join(few)}",)
    return ()


INDEX = ("index", "id", "idx")  # the columns that number rows in the official files


@dataclass(frozen=True)
class Questions:
    """Rows, the index of each in its file, and the name of the file for their answers."""

    rows: Rows | Tagged
    indices: list[str]
    submission: str
    notes: tuple[str, ...] = ()
    id_column: str = INDEX[0]  # what the file of answers calls the indices


def official_questions(folder: Path, task: Task) -> list[Questions]:
    """The test rows of a task from its official folder, or from the archive's root around it."""
    inside = folder / task.folder
    where = inside if inside.is_dir() else folder
    for test in task.tests:
        if not (where / test.file).is_file():
            names = ", ".join(each.file for each in task.tests)
            raise FileError(f"no {test.file} in {where}", fix=f"the test rows of {task.name} are in {names}")
    return [_official_rows(where / test.file, test, task) for test in task.tests]


def _official_rows(path: Path, test: Hidden, task: Task) -> Questions:
    from tokbench.finetuning.data.glue import lines_of

    lines = lines_of(path)
    header = next(lines, (0, []))[1]
    missing = [column for column in task.tsv_texts if column not in header]
    if missing:
        raise DataError(
            f"{path} has no column {missing[0]!r}", fix=f"its columns: {', '.join(header) or 'none'}"
        )
    where = [header.index(column) for column in task.tsv_texts]
    index = next((header.index(name) for name in INDEX if name in header), None)
    indices: list[str] = []
    rows: list[list[str]] = []
    for number, fields in lines:
        if len(fields) != len(header):
            raise DataError(
                f"{path} line {number} has {plural(len(fields), 'field')} and the header {len(header)}",
                fix="mend that line",
            )
        rows.append([fields[at] for at in where])
        indices.append(str(len(indices)) if index is None else fields[index])
    return _asked(rows, indices, test, task, name=str(path))


def hub_questions(found: Mapping[str, Any], task: Task) -> list[Questions]:
    """The test rows of a loaded dataset (split → columns by name)."""
    asked = []
    for test in task.tests:
        if test.hub not in found:
            raise DataError(f"{task.name} has no split {test.hub!r} on the hub", fix="--data FOLDER")
        split = found[test.hub]
        rows = [list(row) for row in zip(*(split[column] for column in task.texts), strict=True)]
        asked.append(_asked(rows, [*map(str, range(len(rows)))], test, task, name=test.hub))
    return asked


def _asked(
    rows: Sequence[list[str]], indices: list[str], test: Hidden, task: Task, *, name: str
) -> Questions:
    """An empty text is answered as well: every row of the official file must be."""
    if not rows:
        raise DataError(f"{name} has no rows", fix="give the official file")
    pairs = [row[1] for row in rows] if len(task.texts) == 2 else None
    notes: tuple[str, ...] = ()
    if len(rows) != test.rows:
        notes = (
            f"{name} has {plural(len(rows), 'row')}, the official one {test.rows:,}: a submission needs all",
        )
    notes += _repeated(indices, name)
    return Questions(Rows([row[0] for row in rows], pairs, [0] * len(rows)), indices, test.submission, notes)


def _repeated(indices: Sequence[str], name: str) -> tuple[str, ...]:
    """What to know where rows have one id: answers are told apart by it."""
    times = Counter(indices)
    if len(times) == len(indices):
        return ()
    several = [each for each, count in times.items() if count > 1]
    several_rows = f"{'is' if len(several) == 1 else 'are'} of several rows"
    first = f"{clipped(several[0])} ({times[several[0]]:,} rows)"
    return (f"{plural(len(several), 'id')} in {PurePath(name).name} {several_rows}, first: {first}",)


def own_questions(
    path: Path,
    task: Task,
    *,
    text: str | None = None,
    pair: str | None = None,
    id: str | None = None,
) -> Questions:
    """The rows of someone's own table; a column of labels, hidden ones too, is not looked at.

    Columns that are not named are found by their names. DataError names the rows without a text.
    """
    from tokbench.corpus.records import list_around, records
    from tokbench.finetuning.data.columns import choose_columns
    from tokbench.finetuning.data.own_tables import columns_of, source_at, values_of
    from tokbench.finetuning.data.scalars import scalar_text

    source = source_at(path)
    columns = choose_columns(columns_of(source), source, text=text, pair=pair, id=id, labelled=False)
    wanted = (*columns.texts, *((columns.id,) if columns.id else ()))
    rows, indices, blank = list[list[str]](), list[str](), list[str]()
    for place, row in records(source, wanted):
        found = zip(wanted, values_of(source, row, wanted), strict=True)
        values = [scalar_text(value, f"{source.name} {place}", name) or "" for name, value in found]
        texts = values[: len(columns.texts)]
        indices.append(values[-1] if columns.id else str(len(indices)))
        rows.append(texts)
        blank += [f"{source.name} {place}"] if not all(map(str.strip, texts)) else []
    must_have_texts(blank)
    test = Hidden(path.name, "", len(rows), f"{path.name.split('.')[0]}-predicted.tsv")
    asked = _asked(rows, indices, test, replace(task, texts=columns.texts), name=source.name)
    around = list_around(source)
    notes = (f"{source.name}: rows from its list {clipped(around)}",) if around else ()
    return replace(asked, id_column=columns.id or INDEX[0], notes=(*notes, *asked.notes))


def must_have_texts(blank: Sequence[str]) -> None:
    """Nothing, or an error that names the places of blank texts: an answer to nothing is none."""
    if blank:
        what = "the row has no text" if len(blank) == 1 else f"{len(blank):,} rows have no text"
        places = listed_places(blank)
        words = f"{places}: {what}" if len(blank) == 1 else f"{what}: {places}"
        raise DataError(words, fix="fill them in, or take them out")


def tagged_questions(path: Path, *, characters: bool, word: int | None = None) -> Questions:
    """The sentences of a CoNLL file; its labels, which may be missing, are not looked at.

    `word` is the column of the words, from 1, where it is not to be found.

    With `characters` the model was trained on them, and single ones are read as such without a space too.
    """
    read = read_sentences(path, hidden=True, word=word)
    units = [sentence for sentence, _ in read.found]
    single = characters and all(len(unit) == 1 for sentence in units for unit in sentence)
    rows = Tagged(units, [[0] * len(sentence) for sentence in units], read.characters or single)
    return Questions(rows, [], f"{path.name.split('.')[0]}-predicted.conll")


TEXTS = "texts"  # what rows are called that came in no file


def text_questions(texts: Iterable[Any], task: Task) -> Questions:
    """Texts that were given themselves: each a text, or a pair where a row has two; a tagger's are sentences.

    >>> from tokbench.finetuning.tasks import TASKS
    >>> text_questions(["a film", "a book"], TASKS["sst2"]).rows.texts
    ['a film', 'a book']
    >>> text_questions([("It is late.", "It is dark.")], TASKS["rte"]).rows.pairs
    ['It is dark.']
    """
    items = [texts] if isinstance(texts, str) else list(getattr(texts, "to_pylist", lambda: texts)())
    if not items:
        raise DataError("there are no texts to answer", fix="give one or more")
    if task.tagging:
        units = [_units(item, characters=task.unit == CHARACTER) for item in items]
        must_have_texts([f"text {at}" for at, each in enumerate(units, 1) if not any(map(str.strip, each))])
        tagged = Tagged(units, [[0] * len(each) for each in units], task.unit == CHARACTER)
        return Questions(tagged, [], f"{TEXTS}-predicted.conll")
    width = len(task.texts) or (1 if isinstance(items[0], str) else 2)
    rows = [_texts_of(item, width, task) for item in items]
    must_have_texts([f"text {at}" for at, row in enumerate(rows, 1) if not all(map(str.strip, row))])
    hidden = Hidden(TEXTS, "", len(rows), f"{TEXTS}-predicted.tsv")
    wide = replace(task, texts=task.texts or (TEXTS,) * width)
    return _asked(rows, [*map(str, range(len(rows)))], hidden, wide, name=TEXTS)


def _texts_of(item: object, width: int, task: Task) -> list[str]:
    """The one or two texts of a row."""
    row = [item] if isinstance(item, str) else list(item) if isinstance(item, list | tuple) else []
    texts = [each for each in row if isinstance(each, str)]
    if len(texts) != width or len(row) != width:
        wanted = "a text" if width == 1 else "a pair of texts"
        raise DataError(f"{item!r:.60} is not {wanted}, which {task.name} reads", fix=f"give {wanted} a row")
    return texts


def _units(item: object, *, characters: bool) -> list[str]:
    """The words of a sentence, or its characters where those are tagged."""
    if isinstance(item, str):
        return list(item) if characters else item.split()
    units = list(item) if isinstance(item, list | tuple) else []
    if not units or not all(isinstance(each, str) for each in units):
        raise DataError(f"{item!r:.60} is not a sentence", fix="give a text, or a list of words")
    return units
