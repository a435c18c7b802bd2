import pytest
from hypothesis import given
from hypothesis import strategies as some

from tokbench.finetuning.metrics import counts, entities, micro_average, strict_entities

MARKS = ("B", "I", "E", "S")
TAGS = ("O", *(f"{mark}-{kind}" for mark in MARKS for kind in ("PER", "LOC")))

# Found by seqeval 1.2.2 (get_entities with the end made exclusive; Entities with scheme=IOB2).
HAND = [
    (["B-PER", "I-PER", "O", "B-LOC"], [("PER", 0, 2), ("LOC", 3, 4)], [("PER", 0, 2), ("LOC", 3, 4)]),
    (["I-PER", "I-PER"], [("PER", 0, 2)], []),
    (["B-PER", "I-LOC"], [("PER", 0, 1), ("LOC", 1, 2)], [("PER", 0, 1)]),
    (["B-PER", "B-PER"], [("PER", 0, 1), ("PER", 1, 2)], [("PER", 0, 1), ("PER", 1, 2)]),
    (["O", "O"], [], []),
    (["B-PER", "", "I-PER"], [("PER", 0, 1), ("PER", 2, 3)], [("PER", 0, 1)]),  # two sentences
    (["S-LOC", "B-PER", "E-PER", "I-PER"], [("LOC", 0, 1), ("PER", 1, 3), ("PER", 3, 4)], [("PER", 1, 2)]),
    ([], [], []),
]


@pytest.mark.parametrize(("tags", "lenient", "strict"), HAND)
def test_entities_begin_and_end_as_seqeval_has_them(tags, lenient, strict):
    assert entities(tags) == lenient
    assert strict_entities(tags) == strict


@given(some.lists(some.sampled_from(TAGS), max_size=12))
def test_entities_do_not_overlap_and_hold_no_outside(tags):
    found = entities(tags)
    inside = [place for _, start, end in found for place in range(start, end)]
    assert len(inside) == len(set(inside))
    assert sorted(inside) == [place for place, tag in enumerate(tags) if tag != "O"]


@given(some.lists(some.sampled_from(TAGS), max_size=12))
def test_what_is_right_to_the_letter_scores_one(tags):
    found = micro_average(counts(entities(tags), entities(tags)).values())
    assert found.f1 == (1.0 if entities(tags) else 0.0)


def test_f1_of_a_hand_made_case():
    truth = entities(["B-PER", "I-PER", "O", "B-LOC", "O"])
    told = entities(["B-PER", "I-PER", "O", "B-PER", "B-LOC"])
    micro = micro_average(counts(truth, told).values())
    assert (micro.precision, micro.recall, micro.f1) == (1 / 3, 1 / 2, 2 / 5)
    assert {kind: each.f1 for kind, each in counts(truth, told).items()} == {"LOC": 0.0, "PER": 2 / 3}


@given(some.lists(some.tuples(some.sampled_from(TAGS), some.sampled_from(TAGS)), min_size=1, max_size=12))
def test_the_package_agrees_where_it_is_installed(pairs):
    metrics = pytest.importorskip("seqeval.metrics")
    truth, told = ([each[side] for each in pairs] for side in (0, 1))
    micro = micro_average(counts(entities(truth), entities(told)).values())
    assert metrics.f1_score([truth], [told], zero_division=0) == pytest.approx(micro.f1)
