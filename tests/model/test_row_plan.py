import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench.errors import UsageError
from tokbench.model.row_plan import Unmoved, plan_added

ROWS = st.integers(0, 300)
MULTIPLE = st.none() | st.integers(1, 128)


@given(ROWS, ROWS, st.integers(0, 40), MULTIPLE)
def test_every_row_is_kept_or_started_and_never_both(rows, tokens_before, count, multiple):
    new = range(tokens_before, tokens_before + count)
    plan = plan_added(rows, tokens_before, new, multiple)
    assert sorted([*plan.kept, *plan.started]) == list(range(plan.size))
    assert all(0 <= old < rows for old in plan.kept.values())
    assert plan.kept == {row: row for row in plan.kept}
    assert set(new) <= set(plan.started)


@given(ROWS, ROWS, st.integers(0, 40), MULTIPLE)
def test_all_ids_have_a_row_and_nothing_shrinks(rows, tokens_before, count, multiple):
    plan = plan_added(rows, tokens_before, range(tokens_before, tokens_before + count), multiple)
    assert plan.size >= max(rows, tokens_before + count)
    assert plan.tokens == tokens_before + count
    assert plan.spare_left == plan.size - plan.tokens
    assert plan.resize_needed == (plan.size > rows)
    if plan.resize_needed:
        assert plan.size % (multiple or 1) == 0
        assert plan.size - plan.tokens < (multiple or 1)


@given(st.integers(0, 60), st.sets(st.integers(0, 80)))
def test_new_ids_may_lie_anywhere(rows, new):
    plan = plan_added(rows, 0, new)
    assert sorted([*plan.kept, *plan.started]) == list(range(plan.size))
    assert plan.spare_used == tuple(sorted(row for row in new if row < rows))


@given(ROWS, st.integers(0, 40), ROWS, MULTIPLE)
def test_what_shrinks_drops_spare_rows_only_and_never_grows(tokens_before, count, spare, multiple):
    rows = tokens_before + spare
    plan = plan_added(rows, tokens_before, range(tokens_before, tokens_before + count), multiple, shrink=True)
    assert sorted([*plan.kept, *plan.started]) == list(range(plan.size))
    assert plan.size >= plan.tokens
    assert plan.dropped == max(rows - plan.size, 0)
    assert plan.size <= max(rows, -(-plan.tokens // (multiple or 1)) * (multiple or 1))
    if multiple is None:
        assert plan.size == plan.tokens


@given(ROWS, st.integers(1, 300), MULTIPLE, st.booleans())
def test_a_fitted_plan_has_a_row_for_every_id(rows, tokens, multiple, shrink):
    plan = plan_added(rows, min(rows, tokens), range(rows, tokens), multiple, shrink=shrink)
    assert plan.size >= tokens
    assert set(range(rows, tokens)) <= set(plan.started)
    assert plan.resize_needed == (plan.size != rows)
    assert shrink or plan.size >= rows


def test_spare_rows_are_used_first():
    plan = plan_added(128, 100, range(100, 120), 64)
    assert (plan.size, plan.resize_needed, plan.spare_left) == (128, False, 8)
    assert plan.spare_used == plan.started == tuple(range(100, 120))


def test_a_matrix_that_must_grow_is_rounded_up_and_its_new_spare_rows_are_started():
    plan = plan_added(100, 100, [100, 101], 64)
    assert plan.size == 128
    assert plan.started == tuple(range(100, 128))


def test_a_matrix_that_has_room_is_not_rounded():
    assert plan_added(100, 90, [90], 64).size == 100


def test_a_plan_of_150_000_rows_is_read_in_a_line():
    plan = plan_added(150_000, 149_990, [149_990, 149_991])
    assert repr(plan.kept) == "rows 0-149989, 149992-149999"
    assert len(repr(plan)) < 250
    assert len(plan.kept) == 149_998


def test_a_row_that_is_not_kept_has_no_origin():
    with pytest.raises(KeyError):
        Unmoved((range(3),))[3]
    assert repr(Unmoved(())) == "no rows"


@pytest.mark.parametrize(("new", "multiple"), [([-1], None), ([5], 0), ([5], -8)])
def test_what_is_no_row_or_no_multiple_is_refused(new, multiple):
    with pytest.raises(UsageError):
        plan_added(10, 5, new, multiple)


def test_planning_needs_no_torch():
    code = "import sys, tokbench.model.row_plan, tokbench.adapt.grow; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
