import pytest
import torch

from tokbench.errors import UsageError
from tokbench.model.initializers import INITIALIZERS, initializer
from tokbench.model.resize import HeldRows

OLD = torch.tensor([[1.0, 0.0], [3.0, 2.0], [5.0, 10.0]])


def started(name, old, pieces):
    return torch.from_numpy(initializer(name)(HeldRows(old))(pieces, [None] * len(pieces)))


def test_a_row_of_pieces_is_their_mean_and_a_row_of_none_the_mean_of_all():
    rows = started("pieces", OLD, [(0, 1), (2,), (), (0, 0, 1)])
    expected = [[2.0, 1.0], [5.0, 10.0], [3.0, 4.0], [5 / 3, 2 / 3]]
    assert torch.allclose(rows, torch.tensor(expected))


def test_mean_and_zero_ask_for_no_pieces():
    assert started("mean", OLD, [(), (0,)]).tolist() == [[3.0, 4.0], [3.0, 4.0]]
    assert started("zero", OLD, [()]).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_means_are_made_in_full_precision(name, dtype):
    rows = started(name, torch.ones(3000, 4, dtype=dtype), [(0, 1), ()])
    assert rows.shape == (2, 4)
    assert rows.dtype == torch.float32
    assert rows[0, 0] == (name != "zero")


def test_no_new_rows_are_no_rows():
    assert started("pieces", OLD, []).shape == (0, 2)


def test_an_unknown_way_names_the_near_one():
    with pytest.raises(UsageError) as caught:
        initializer("piece")
    assert caught.value.fix == "did you mean pieces?"
