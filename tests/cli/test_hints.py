"""Every hint that names something to do is pasted: it must run, and the error it came with must be gone."""

import os
import pty
import re
import shlex
import subprocess
import sys
import threading
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers.processors import TemplateProcessing

import tokbench as tb
from tests.cli.conftest import Said
from tests.cli.hint_circumstances import AROUND_THE_HINT, CIRCUMSTANCES
from tests.cli.hint_inputs import write_inputs, write_models
from tests.cli.hint_scenarios import SCENARIOS as PLAIN
from tests.cli.hint_scenarios_finetune import PROVE
from tests.cli.hint_scenarios_finetune import SCENARIOS as FINETUNE
from tests.cli.hint_scenarios_transplant import SCENARIOS as TRANSPLANT
from tests.cli.hint_scenarios_warm import SCENARIOS as WARM
from tests.cli.hints import PACKAGE, next_steps, pasted, sites
from tokbench import errors
from tokbench.__main__ import main
from tokbench.corpus.samples import shipped
from tokbench.recipes.validate import check_recipe

SCENARIOS = PLAIN | FINETUNE | TRANSPLANT | WARM
# `make hints` pastes every hint; the default run leaves out those for which models are made or trained, but
# for the two that need the model of `pair` alone.
DEAR = re.compile(
    r"--model |\b(finetune|predict|prove|transplant|warm|resize|sweep|playground|config set (?!pair))"
)
WITH_A_MODEL = {"an unknown task", "an unknown start"}
EXECUTED: set[tuple[str, int]] = set()
RAN: set[str] = set()

# What hints cannot be shown by a command line here, and why; by the beginning of the file's name, or the
# hint's own words.
REASONS = {
    "adapt/grow": "of what was written: read back, it was another than it was",
    "analysis/backends.py": "needs packages that are not installed with the tests, or a cache of theirs",
    "checks/fix.py": "of a name on the hub",
    "corpus/archives.py": "needs openpyxl, with which pandas reads what Excel wrote",
    "corpus/cleaned.py": "a paragraph of 128 million characters",
    "corpus/samples.py": "needs an installation that is not whole",
    "finetuning/data/glue.py": "of a hub that answers, and not with the task",
    "finetuning/engines/distributed.py": "the other one of two processes ended; test_distributed.py ends it",
    "finetuning/engines/step.py": "the memory of the machine is at its end; afterwards torch cannot go on",
    "model/stream.py": "of a file that is cut while it is read",
    "reporting/json_results.py": "speaks of another command, the one that wrote the file",
    "training/counting/dask_cluster.py": "needs a cluster",
    "training/counting/external.py": "the disk is full, of more words than 16 MB of memory hold",
}


def marked(name):
    """The name of a scenario, slow where it is dear."""
    said = " ".join([SCENARIOS[name]] if isinstance(SCENARIOS[name], str) else SCENARIOS[name])
    slow = DEAR.search(said) and name not in WITH_A_MODEL
    marks = [pytest.mark.slow] if slow else []
    if name == "a stop while the output is written":  # in the middle of a library's writing
        marks.append(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
    return pytest.param(name, marks=marks)


@pytest.fixture(scope="module")
def models(place):
    """Models and runs beside the inputs, made for the slow scenarios alone."""
    clean(place)
    write_models()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hints")
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        write_inputs(folder)
        yield folder


@pytest.fixture
def made(place, monkeypatch):
    """The places in the source where errors are being made."""
    monkeypatch.chdir(place)
    made = []
    begin = errors.TokbenchError.__init__

    def noted(self, message, *, fix=""):
        frame = sys._getframe(1)
        while frame is not None:  # the error, and the calls that gave it its hint
            made.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        begin(self, message, fix=fix)

    monkeypatch.setattr(errors.TokbenchError, "__init__", noted)
    return made


@pytest.fixture
def said(made, capfd):
    """Run words; what was said, and the places in the source where the error was being made."""

    def run(words):
        made.clear()
        capfd.readouterr()
        words, _, stdin = " ".join(words).partition(" < ") if "<" in words else (words, "", "")
        with Path(stdin or os.devnull).open() as file, pytest.MonkeyPatch.context() as here:
            here.setattr(sys, "stdin", file)
            code = main(words.split() if stdin else words)
        told = capfd.readouterr()
        return Said(code, told.out, told.err), list(made)

    return run


def clean(place):
    for made in (
        *place.glob("made*"),
        *place.glob("ids*"),
        *place.glob("*.utf8.txt"),
        *place.glob("*.backup*"),
    ):
        subprocess.run(["rm", "-rf", str(made)], check=True)


@pytest.mark.parametrize("name", [*map(marked, SCENARIOS)])
def test_a_hint_can_be_pasted_and_helps(name, said, place, request):
    if request.node.get_closest_marker("slow"):
        request.getfixturevalue("models")
    command, fragment, then = (
        (SCENARIOS[name], "", "") if isinstance(SCENARIOS[name], str) else SCENARIOS[name]
    )
    words = shlex.split(command)
    clean(place)
    with CIRCUMSTANCES.get(name, nullcontext)(place):
        first, made = said(words)
    assert first.code in (1, 2, 130), first
    error, _, hint = first.err.partition("\nHint:")
    assert fragment in hint
    lines = then.split(" && ") if then else pasted(words, hint.strip())[:1]
    assert lines, f"nothing can be pasted of: {hint}"
    for line in lines:
        with AROUND_THE_HINT.get(name, nullcontext)(place):
            again = run(line, said, place, taken=not then)
        if again is not None:
            assert again.code in (0, 1, 130 if name in AROUND_THE_HINT else 0), f"{line}: {again.err}"
            assert error.strip() not in again.err, line
    RAN.add(name)
    credit(made)


def credit(made):
    """Of the places where an error was being made, those that gave it its hint."""
    inside = [(Path(file), at) for file, at in made if Path(file).is_relative_to(PACKAGE)]
    EXECUTED.update({(file.relative_to(PACKAGE).as_posix(), at) for file, at in inside} & sites().keys())


# Hints that no scenario provokes yet: file, and how the hint begins in the source. No new one may join them.
NOT_YET = frozenset(
    {
        ("finetuning/data/conll_layout.py", "f'--label-column {other}"),
        ("finetuning/data/label_kinds.py", "'give rows with other labels, or name the column"),
        ("finetuning/data/label_kinds.py", "'name the column with the labels by"),
        ("finetuning/data/tagging.py", "'name the column of the labels, counted from 1"),
        ("recipes/validate.py", "did_you_mean(role, ROLES)"),
    }
)
STRANGE = TemplateProcessing("[X] $A", special_tokens=[("[X]", 9999)])
WORDS = tb.Recipe(algorithm="wordlevel", special_tokens={"unk": "[UNK]"})


def changed_tok(block, value):
    """The tokenizer in tok with another block, or option of its model."""
    tokenizer = tb.load("tok").tokenizer
    setattr(tokenizer.model if block == "dropout" else tokenizer, block, value)
    return tokenizer


# What only Python asks wrongly: the call, what its hint must hold, and what is done then.
OF_PYTHON = {
    "one seed": (lambda: tb.prove("pair", "twin", seeds=1), "--seeds 5", f"tokbench {PROVE}"),
    "a file that does not ship": (
        lambda: shipped("LICENCE.md"),
        "did you mean LICENSE.md?",
        lambda: shipped("LICENSE.md"),
    ),
    "an unknown role, in Python": (
        lambda: tb.train(["a"], replace(WORDS, special_tokens={"unkn": "[UNK]"})),
        "did you mean unk?",
        lambda: tb.train(["a"], WORDS),
    ),
    "an unknown role in a recipe that is checked": (
        lambda: check_recipe(replace(WORDS, special_tokens={"unkn": "[UNK]"})),
        "did you mean unk?",
        lambda: check_recipe(WORDS),
    ),
    "a template of what is no token": (
        lambda: tb.prune(changed_tok("post_processor", STRANGE), ["zebra"] * 9),
        "tokbench check tokenizer",
        lambda: tb.prune("tok", ["zebra"] * 9),
    ),
    "dropout to be continued": (
        lambda: tb.extend(changed_tok("dropout", 0.1), ["zebra"] * 9),
        "set it to null in tokenizer.json",
        lambda: tb.extend(changed_tok("dropout", None), ["zebra"] * 9),
    ),
    "lines to be continued": (
        lambda: tb.extend(changed_tok("pre_tokenizer", None), ["zebra"] * 9),
        "tokbench train-like tokenizer corpus.txt -o new-tok",
        "tokbench train-like tok corpus.txt -v 300 -o made",
    ),
    "blocks that no recipe makes": (
        lambda: tb.recipe("unmade"),
        "start from a preset that is near: tokbench presets",
        "tokbench presets",
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "one seed" else ()) for name in OF_PYTHON]
)
def test_a_hint_in_python_helps(name, said, made, place, request):
    if request.node.get_closest_marker("slow"):
        request.getfixturevalue("models")
    call, fragment, then = OF_PYTHON[name]
    clean(place)
    with pytest.raises(errors.TokbenchError) as caught:
        call()
    assert fragment in caught.value.fix
    RAN.add(name)
    credit(made)
    if not isinstance(then, str):
        then()
        return
    for line in then.split(" && "):
        again = run(line, said, place)
        assert again.code in (0, 1), f"{line}: {again.err}"


def run(line, said, place, *, taken=True):
    """One line: a command of ours here, anything else in a shell, after which the first file is taken."""
    if line.startswith("tokbench "):
        return said(shlex.split(line)[1:])[0]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        line,
        shell=True,
        cwd=place,
        env={"PATH": path, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 or "iconv" in line, f"{line}: {done.stderr}"
    if taken and (into := re.search(r"> (\S+)$|'(\S+\.parquet)'\)", line)):
        return said(["train-bpe", into[1] or into[2], "-v", "300", "-o", "made", "-q"])[0]
    return None


# Command lines that go well, whose next step a terminal shows; the names need quotes.
WELL = (
    "train-bpe corpus.txt -v 300 -o 'made it'",
    "count corpus.txt -o 'made it.parquet'",
    "corpus corpus.txt -o 'made it.txt' --clean nfc",
    "corpus corpus.txt --dry-run --clean nfc",
    "sweep corpus.txt --sizes 280,300 --keep 300 -o 'made it'",
    "add-tokens pair --token zebra -o 'made it'",
    "add-tokens pair --token zebra --dry-run",
    "extend tok corpus.txt --tokens 9 -o 'made it'",
    "extend tok corpus.txt --tokens 9 --dry-run",
    "resize pair --tokenizer grown -o 'made it'",
    "resize pair --tokenizer grown --dry-run",
    "config set pair hidden_dropout_prob=0.2 -o 'made it'",
    "check 'my pair'",
    "check 'my pair' --fix --dry-run",
)
SHOWN: dict[str, str] = {}
# Next steps that no command line here shows, and why.
NOT_SHOWN = {"finetune.py": "the demo trains for a minute; tests/finetuning runs it"}


@pytest.mark.parametrize("command", WELL)
def test_a_next_step_can_be_pasted(command, said, place, monkeypatch):
    clean(place)
    words = shlex.split(command)
    with terminal(monkeypatch) as seen:
        code = main(words)
    assert code in (0, 1)
    SHOWN[command] = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(seen).decode())
    steps = [line for line in SHOWN[command].splitlines() if re.match("  [a-z0-9 ]+: ", line)]
    assert steps, SHOWN[command]
    for step in steps:
        for line in pasted(words, step)[:1]:
            again = run(line, said, place)
            assert again.code in (0, 1), f"{line}: {again.err}"


@contextmanager
def terminal(monkeypatch):
    """Let stderr be a terminal; all that it gets to see."""
    leader, follower = pty.openpty()
    seen = []

    def read():
        with suppress(OSError):  # the terminal is closed
            while part := os.read(leader, 65_536):
                seen.append(part)

    reading = threading.Thread(target=read)
    reading.start()
    try:
        with os.fdopen(follower, "w") as stderr, monkeypatch.context() as here:
            here.setattr(sys, "stderr", stderr)
            yield seen
    finally:
        reading.join()
        os.close(leader)


def test_every_next_step_is_pasted_by_a_test():
    if len(SHOWN) < len(WELL):
        pytest.skip("not all command lines ran here")
    everything = "".join(SHOWN.values())
    left = {key for key, pattern in next_steps().items() if not re.search(pattern, everything)}
    assert sorted(key for key in left if key[0] not in NOT_SHOWN) == []


@pytest.mark.slow
def test_every_hint_that_names_something_to_do_is_pasted_by_a_test():
    if SCENARIOS.keys() | OF_PYTHON.keys() > RAN:
        pytest.skip("not all scenarios ran here")
    left = {
        (*key, words)
        for key, words in sites().items()
        if key not in EXECUTED and not any(key[0].startswith(each) for each in REASONS)
    }
    assert not left, "\n".join(f"{file}:{at} {words}" for file, at, words in sorted(left))
