"""The table of what transformers does with the folders that violate a rule can be made."""

import pytest

from .cases import CASES
from .table import row

SOME = {("TB101", "bert"), ("TB204", "wordlevel"), ("TB301", "roberta")}


@pytest.mark.parametrize(
    "case", [case for case in CASES if (case.code, case.kind) in SOME], ids=lambda case: case.code
)
def test_a_row_has_both_sides(case, tmp_path):
    cells = row(case, tmp_path).split(" | ")
    assert cells[0] == f"| {case.code} {case.kind}"
    assert cells[1].startswith(("silent", "model: ", "Exception"))
    assert cells[2].startswith(case.severity)
