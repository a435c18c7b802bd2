"""Command lines of `warm` that fail, each with a hint that is pasted."""

WARM = "--corpus zebras.txt --steps 2"
ROWS = "--rows all, or ids as in --rows 7,170"
TEACHER = "--teacher FOLDER: the model before its vocabulary changed, with its tokenizer"
DISTIL = "--objective distil"


def _with(words, hint, more, folder="warmable"):
    """A command line that fails, its hint, and the line that a reader makes of it."""
    return (f"warm {words} -o made", hint, f"tokbench warm {folder} {WARM} {more} -o made")


SCENARIOS = {
    "an unknown objective": f"warm warmable {WARM} --objective distill -o made",
    "no steps": "warm warmable --corpus zebras.txt --steps 0 -o made",
    "rows that are no ids": _with(f"warmable {WARM} --rows old", ROWS, "--rows 170"),
    "rows that no token has": _with(f"warmable {WARM} --rows 9999", ROWS, "--rows all"),
    "no record of new rows": _with(
        f"recordless {WARM} --teacher pair", ROWS, "--teacher pair --rows 170", "recordless"
    ),
    "a record without new rows": _with(f"unchanged {WARM}", ROWS, "--rows 170", "unchanged"),
    "no record of a teacher": _with(f"orphan {WARM}", TEACHER, "--teacher pair", "orphan"),
    "a teacher that is gone": _with(f"moved {WARM}", TEACHER, "--teacher pair", "moved"),
    "another teacher": _with(f"warmable {WARM} --teacher stranger", TEACHER, "--teacher pair"),
    "a teacher of fewer rows": _with(f"warmable {WARM} --teacher short", TEACHER, "--teacher pair"),
    "mlm without a head": (
        f"warm headed {WARM} --rows 170 --objective mlm -o made",
        DISTIL,
        f"tokbench warm headed {WARM} --rows 170 --objective distil --teacher pair-body -o made",
    ),
    "mlm of what predicts what comes next": (
        f"warm written {WARM} --rows all --objective mlm -o made",
        DISTIL,
        f"tokbench warm written {WARM} --rows all --objective distil --teacher written -o made",
    ),
}
