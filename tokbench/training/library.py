"""The library's own trainers, each run in a worker process, and made to answer the same every time.

There Ctrl-C, a Rust panic or a lack of memory ends that process and not ours, and nothing the library
prints reaches our terminal.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count, takewhile
from pathlib import Path
from typing import IO, Any

from tokenizers import Tokenizer
from tokenizers.trainers import Trainer

from tokbench.corpus.decoding import half_character
from tokbench.errors import DataError, RecipeError, ResourceError
from tokbench.progress import Progress, silent

LENGTH = struct.Struct(">Q")
STAGES = {"Tokenize words": "count", "Count pairs": "pairs", "Compute merges": "merges"}
# The library's own refusals: bare Exception and PanicException from Rust, the others from its Python edge.
REFUSALS = ("Exception", "PanicException", "TypeError", "ValueError", "OverflowError")
NO_MEMORY = (-signal.SIGKILL, -signal.SIGABRT)  # killed by the system; or Rust could not allocate
KEPT_WORDS = 4096


def ask_worker(
    request: Mapping[str, str],
    batches: Iterable[list[str]],
    progress: Progress,
    threads: int | None = None,
) -> bytes:
    """The worker's answer to this request about these texts; it takes all cores, or so many threads.

    An exception of `batches`, Ctrl-C included, passes through unchanged, and the worker is killed.
    """
    with _started(threads) as process, selectors.DefaultSelector() as selector:
        talk = _Talk(process, selector, progress)
        if talk.say(_frame(request)) and all(talk.say(_frame(batch)) for batch in batches):
            talk.say(LENGTH.pack(0))
        talk.listen()
        code = process.wait()
    return _opened(bytes(talk.answer), code, talk.words)


@contextmanager
def _started(threads: int | None) -> Iterator[subprocess.Popen[bytes]]:
    """A running worker, killed on the way out; in its own session, out of reach of a terminal's Ctrl-C."""
    worker = Path(__file__).with_name("library_worker.py")
    limit = {} if threads is None else {"RAYON_NUM_THREADS": str(threads)}
    process = subprocess.Popen(
        [sys.executable, "-P", str(worker)],  # -P: no folder of ours or the user's shadows a library
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | {"TOKENIZERS_PARALLELISM": "true", "RUST_BACKTRACE": "0"} | limit,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in _pipes(process):
            pipe.close()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    """Its stdin, stdout and stderr."""
    assert process.stdin
    assert process.stdout
    assert process.stderr
    return process.stdin, process.stdout, process.stderr


def _frame(content: object) -> bytes:
    """Length and JSON, as library_worker.frames reads them."""
    try:
        body = json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise half_character(error) from error
    return LENGTH.pack(len(body)) + body


class _Talk:
    """Writes to and reads from the worker in turn, never waiting on one pipe while another is full."""

    def __init__(
        self, process: subprocess.Popen[bytes], selector: selectors.BaseSelector, progress: Progress
    ) -> None:
        self._stdin, stdout, stderr = _pipes(process)
        self._selector = selector
        self._progress = progress
        self._line = b""  # what has come of a line of stderr that has not ended yet
        self.answer = bytearray()
        self.words = ""  # the last of what the worker said on stderr beyond its progress
        os.set_blocking(self._stdin.fileno(), False)
        self._selector.register(stdout, selectors.EVENT_READ, self.answer.extend)
        self._selector.register(stderr, selectors.EVENT_READ, self._hear)

    def say(self, frame: bytes) -> bool:
        """Whether the worker took the whole frame; if not, it has ended and left an answer."""
        rest = memoryview(frame)
        while rest:
            try:
                taken = self._stdin.write(rest)
            except BrokenPipeError:
                return False
            if taken is None:  # the pipe is full
                self._turn(writing=True)
            else:
                rest = rest[taken:]
        return True

    def listen(self) -> None:
        """Hear the worker out, until it has closed both its pipes."""
        while self._selector.get_map():
            self._turn(writing=False)

    def _turn(self, *, writing: bool) -> None:
        """Wait until something can be read, or written if asked; read what there is."""
        if writing:
            self._selector.register(self._stdin, selectors.EVENT_WRITE)
        ready = self._selector.select()
        if writing:
            self._selector.unregister(self._stdin)
        for key, _ in ready:
            if key.data is None:
                continue
            content = os.read(key.fd, 1 << 20)
            key.data(content)
            if not content:
                self._selector.unregister(key.fileobj)

    def _hear(self, content: bytes) -> None:
        """Part progress from other words; of each stage only the newest line matters."""
        *lines, self._line = (self._line + content).split(b"\n")
        newest = {}
        for line in lines if content else [self._line]:
            if line.startswith(b'{"stage"'):
                event = json.loads(line)
                newest[event["stage"]] = event
            else:
                self.words = (self.words + line.decode(errors="replace") + "\n")[-KEPT_WORDS:]
        for stage, event in newest.items():
            self._progress(STAGES.get(stage, stage), event["current"], event["total"])


def _opened(answer: bytes, code: int, words: str) -> bytes:
    """The result in the answer, or an error that says why there is none."""
    if code == 0 and answer.startswith(b"+"):
        return answer[1:]
    kind, told = json.loads(answer[1:]) if code > 0 and answer.startswith(b"-") else ("", "")
    if kind == "MemoryError" or code in NO_MEMORY:
        raise ResourceError(
            "the memory was full before training ended",
            fix="train on a smaller corpus or for a smaller vocabulary, or split texts into shorter words",
        )
    if kind in REFUSALS:
        raise RecipeError(
            f"the tokenizers library cannot train this: {told}",
            fix="change the options of its trainer or its blocks",
        )
    ended = f"{kind}: {told}" if kind else f"exit code {code}"
    raise RuntimeError(f"the training process ended unexpectedly ({ended}): {words.strip()}")


def train_in_worker(
    tokenizer: Tokenizer,
    trainer: Trainer,
    batches: Iterable[list[str]],
    *,
    threads: int | None = None,
    progress: Progress = silent,
) -> Tokenizer:
    """A new tokenizer: this one, its model trained on these texts; the one given is left as it was."""
    answer = ask_worker(_request(tokenizer, trainer, "tokenizer"), batches, progress, threads)
    if tokenizer.model.__class__.__name__ == "Unigram" and not _has_scores(answer):
        raise DataError(
            "there are no words to learn from: the normalizers and pre_tokenizers leave nothing of the texts",
            fix="give other texts, or take the block away that removes them",
        )
    return Tokenizer.from_str(answer.decode())


def _has_scores(answer: bytes) -> bool:
    """Whether every piece has a score: of no words the library writes null, and cannot read it again."""
    return all(score is not None for _, score in json.loads(answer)["model"]["vocab"])


def count_in_worker(
    tokenizer: Tokenizer,
    trainer: Trainer,
    batches: Iterable[list[str]],
    *,
    threads: int | None = None,
    progress: Progress = silent,
) -> dict[str, int]:
    """The words this trainer saw in these texts and how often, in no order."""
    state = json.loads(ask_worker(_request(tokenizer, trainer, "state"), batches, progress, threads))
    counts: dict[str, int] = _options(state)["words"]
    return counts


def _request(tokenizer: Tokenizer, trainer: Trainer, answer: str) -> dict[str, str]:
    """What library_worker.work needs to do the same as here."""
    return {
        "tokenizer": _as_json(tokenizer),
        "trainer": type(trainer).__name__,
        "state": _state(trainer),
        "answer": answer,
    }


def _as_json(tokenizer: Tokenizer) -> str:
    """The tokenizer as JSON; blocks written in Python have none."""
    try:
        return tokenizer.to_str()
    except Exception as error:  # the library raises nothing narrower
        raise RecipeError(
            f"this tokenizer cannot be written as JSON: {error}",
            fix="use the library's own blocks instead of custom ones",
        ) from error


def _state(trainer: Trainer) -> str:
    """The trainer's options as JSON, set to tell its progress as JSON lines where it can and to draw none."""
    state = json.loads(trainer.__getstate__())
    options = _options(state)
    options["show_progress"] = False
    if "progress_format" in options:
        options["progress_format"] = "JsonLines"
    return json.dumps(state)


def _options(state: dict[str, Any]) -> dict[str, Any]:
    """The options within a trainer's state; WordPiece keeps them in the BPE trainer it stands on."""
    options: dict[str, Any] = next(iter(state.values()))
    inner: dict[str, Any] = options.get("bpe_trainer", options)
    return inner


# The library's Unigram training finds the same pieces every time, but not the same scores.
# It adds up words in the order of a hash table, and so two things differ from run to run. Characters that
# must be in the vocabulary without having earned it get the lowest score plus 0, 1, 2 … steps in that order;
# and sums of floats differ in their last digits. Both put the pieces in another order, and that is their ids.
STEP = 1e-4  # between two such characters; min_score_penalty_delta in unigram/trainer.rs
NEAR = 1e-8  # a score this near to a step is on it; the noise measured was at most 4e-11
# In 12 runs on each of 5 corpora the noise of a vocabulary added up to 3.1e-10 at most: with four digits
# three corpora in a million have a score that one run rounds up and the next one down. With six it would be
# three in ten thousand, and texts came out no nearer to the library's pieces (Korean: 26 lines of 10,376
# differ with six digits, 30 with four, 11 between two runs of the library itself; English and code: none).
DIGITS = 4


def canonical(pieces: Sequence[tuple[str, float]], *, special_count: int = 0) -> list[tuple[str, float]]:
    """The pieces of a trained Unigram with scores and an order that are the same after every training.

    The first `special_count` pieces are special tokens (unk among them) and stay as they are.

    >>> canonical([("<unk>", 0.0), ("b", -9.0), ("a", -9.0001), ("ab", -3.00000000004)], special_count=1)
    [('<unk>', 0.0), ('ab', -3.0), ('b', -9.0), ('a', -9.0001)]
    >>> canonical([("<unk>", 0.0), ("a", -9.0), ("b", -9.0001), ("ab", -2.99999999999)], special_count=1)
    [('<unk>', 0.0), ('ab', -3.0), ('b', -9.0), ('a', -9.0001)]
    """
    special, learned = list(pieces[:special_count]), dict(pieces[special_count:])
    lowest = min(learned.values(), default=0.0)
    steps = _whole_steps({piece: score - lowest for piece, score in learned.items() if len(piece) == 1})
    scores = {piece: round(score, DIGITS) for piece, score in learned.items()}
    for character, step in zip(sorted(steps), sorted(steps.values()), strict=True):
        scores[character] = round(round(lowest, DIGITS) + step * STEP, DIGITS)
    return special + sorted(scores.items(), key=lambda scored: (-scored[1], scored[0]))


def _whole_steps(above: Mapping[str, float]) -> dict[str, int]:
    """The characters whose score stands a whole number of steps above the lowest, up to the first gap.

    Beyond it such a number is chance: a score earned by 3 occurrences is 1.5 above one earned by 1.

    >>> _whole_steps({"a": 0.0002, "b": 0.0, "c": 0.0001, "d": 0.00005, "e": 1.5})
    {'a': 2, 'b': 0, 'c': 1}
    """
    steps = {character: round(score / STEP) for character, score in above.items()}
    exact = {each: step for each, step in steps.items() if abs(above[each] - step * STEP) < NEAR}
    taken = set(exact.values())
    climbed = set(takewhile(taken.__contains__, count()))
    return {character: step for character, step in exact.items() if step in climbed}
