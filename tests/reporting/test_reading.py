"""What --json wrote is read back as the same result, or refused in words."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.errors import DataError, FileError
from tokbench.reporting.json_results import (
    KINDS,
    as_result,
    read_result,
    type_of,
    view_of,
)
from tokbench.results import as_data, as_json


@dataclass(frozen=True)
class Inner:
    name: str
    share: float | None = None


@dataclass(frozen=True)
class Outer:
    place: Path
    counts: Mapping[int, int]
    rows: Sequence[Inner]
    pairs: tuple[tuple[int, str], ...]
    mood: Literal["good", "bad"]
    either: int | str | None
    secret: object = field(default=None, metadata={"json": False})


inners = st.builds(Inner, st.text(), st.none() | st.floats(allow_nan=False, allow_infinity=False))
outers = st.builds(
    Outer,
    st.just(Path("a/b")),
    st.dictionaries(st.integers(), st.integers(), max_size=3),
    st.lists(inners, max_size=3).map(tuple),
    st.lists(st.tuples(st.integers(), st.text()), max_size=3).map(tuple),
    st.sampled_from(["good", "bad"]),
    st.none() | st.integers() | st.text(),
)


@given(outers)
def test_a_result_comes_back_equal(result):
    assert as_result(Outer, json.loads(json.dumps(as_data(result)))) == result


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_names_a_type_and_a_window(kind):
    found = type_of(kind)
    assert all(is_dataclass(each) for each in get_args(found) or [found])
    assert callable(view_of(kind))


def test_a_saved_check_makes_the_same_window(tmp_path):
    from tokbench.checks.run import check
    from tokbench.recipes.build import build
    from tokbench.recipes.presets import start_recipe
    from tokbench.reporting.views.check import checkup

    build(start_recipe("bpe", None, {"vocab_size": "300"}), [["some text"]]).save(
        str(tmp_path / "tokenizer.json")
    )
    result = check(tmp_path)
    (tmp_path / "c.json").write_text(as_json(result, "checkup"))
    kind, again = read_result(tmp_path / "c.json")
    assert kind == "checkup"
    assert list(view_of(kind)(again)) == list(checkup(result))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "has no schema"),
        ('{"schema": "other/checkup/1"}', "has the schema 'other/checkup/1'"),
        ('{"schema": "tokbench/checkup/2"}', "has the schema"),
        ('{"schema": "tokbench/nothing/1"}', "has no page"),
        ('{"schema": "tokbench/presets/1"}', "has no page: it lists what tokbench has"),
        ('{"schema": "tokbench/checkup/1"}', "does not hold what a result of kind 'checkup' holds"),
        ('{"schema": "tokbench/info/1", "name": 3}', "does not hold"),
    ],
)
def test_a_file_that_is_no_result_is_refused_in_words(content, words, tmp_path):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(DataError, match=words):
        read_result(tmp_path / "x.json")


def test_a_file_that_is_not_there_is_refused_in_words(tmp_path):
    with pytest.raises(FileError, match="cannot be read"):
        read_result(tmp_path / "x.json")


def test_a_report_of_fixes_saved_under_its_old_kind_is_read(tmp_path):
    from tokbench.checks.findings import Checkup
    from tokbench.checks.fix import Change, FixReport

    found = Checkup("t", "", (), (), {})
    report = FixReport(
        tokenizer="t",
        model="",
        output="",
        backup="",
        changes=(Change("TB608", "x"),),
        before=found,
        after=found,
    )
    old = as_json(report, "fix-report").replace("tokbench/fix-report/1", "tokbench/mending/1")
    (tmp_path / "old.json").write_text(old)
    assert read_result(tmp_path / "old.json") == ("fix-report", report)
