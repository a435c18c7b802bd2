"""Entities are seqeval's in every scheme it knows; labels' scheme is found, said, or refused."""

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from seqeval.metrics import f1_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, IOE1, IOE2, Entities

from tokbench.errors import DataError, UsageError
from tokbench.finetuning.metrics import counts, micro_average
from tokbench.finetuning.tag_scheme import STRICT, TagScheme, entities, find_scheme, strict_entities

THEIRS = {"IOB1": IOB1, "IOB2": IOB2, "IOE1": IOE1, "IOE2": IOE2, "IOBES": IOBES, "BILOU": BILOU}
MARKS = {"IOB1": "IB", "IOB2": "IB", "IOE1": "IE", "IOE2": "IE", "IOBES": "IBES", "BILOU": "BILU"}
MANY = settings(max_examples=60)  # of 24 laws; 10,000 of each were drawn by hand


def sequences(name, delimiter="-", *, suffix=False, size=12):
    """Sequences of the labels that a scheme has, as often against its rules as along them."""
    pairs = [(kind, mark) for kind in ("PER", "LOC", "B") for mark in MARKS[name]]
    tags = [f"{k}{delimiter}{m}" if suffix else f"{m}{delimiter}{k}" for k, m in pairs]
    return some.lists(some.sampled_from(["O", "O", *tags]), max_size=size)


@pytest.mark.parametrize("suffix", [False, True])
@pytest.mark.parametrize("delimiter", ["-", "_"])
@pytest.mark.parametrize("name", STRICT)
def test_strict_entities_are_those_of_seqeval(name, delimiter, suffix):
    @MANY
    @given(sequences(name, delimiter, suffix=suffix))
    def agree(tags):
        found = Entities([tags], THEIRS[name], suffix, delimiter).entities[0]
        scheme = TagScheme(name, "O", delimiter, suffix)
        assert entities(tags, scheme) == [(each.tag, each.start, each.end) for each in found]

    agree()


@pytest.mark.parametrize("suffix", [False, True])
@pytest.mark.parametrize("name", [name for name in STRICT if name != "BILOU"])
def test_lenient_entities_are_those_of_seqevals_default(name, suffix):
    @MANY
    @given(sequences(name, suffix=suffix))
    def agree(tags):
        theirs = [(kind, start, end + 1) for kind, start, end in get_entities(tags, suffix)]
        assert entities(tags, TagScheme(suffix=suffix)) == theirs

    agree()


@pytest.mark.parametrize("name", STRICT)
def test_f1_is_that_of_seqeval_strict_and_not(name):
    @MANY
    @given(
        some.lists(some.tuples(*[some.sampled_from(["O", *(f"{m}-X" for m in MARKS[name])])] * 2), min_size=1)
    )
    def agree(pairs):
        truth, answers = ([each[side] for each in pairs] for side in (0, 1))
        schemes = {TagScheme(name): {"mode": "strict", "scheme": THEIRS[name]}}
        if name != "BILOU":  # whose marks seqeval's default takes for types
            schemes[TagScheme()] = {}
        for scheme, asked in schemes.items():
            ours = micro_average(counts(entities(truth, scheme), entities(answers, scheme)).values()).f1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert f1_score([truth], [answers], zero_division=0, **asked) == pytest.approx(ours)

    agree()


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        ("O B-PER I-PER", TagScheme("IOB")),
        ("O I-PER", TagScheme("IOB")),
        ("O B I", TagScheme("IOB")),
        ("B_PER I_PER O", TagScheme("IOB", "O", "_")),
        ("PER-B PER-I O", TagScheme("IOB", "O", "-", suffix=True)),
        ("B-PER I-PER 0", TagScheme("IOB", "0")),
        ("B-PER E-PER I-PER S-PER O", TagScheme("IOBES")),
        ("I-PER E-PER O", TagScheme("IOE")),
        ("U-LOC B-LOC I-LOC L-LOC O", TagScheme("BILOU")),
        ("U-LOC O", TagScheme("BILOU")),
        ("B-LOC M-LOC E-LOC S-LOC O", TagScheme("BMES")),
        ("PER LOC O", TagScheme("IO")),
        ("PERSON PLACE OTHER", TagScheme("IO", "OTHER")),
        ("NOUN VERB ADJ", None),
    ],
)
def test_the_scheme_is_found_from_the_labels(labels, scheme):
    assert find_scheme(labels.split()) == scheme


def test_neighbouring_unit_entities_are_two():
    scheme = find_scheme(["U-LOC", "O"])
    assert entities(["U-LOC", "U-LOC"], scheme) == [("LOC", 0, 1), ("LOC", 1, 2)]
    assert entities(["PER", "PER", "O", "LOC"], TagScheme("IO")) == [("PER", 0, 2), ("LOC", 3, 4)]
    assert entities(["S-X", "B-X", "M-X", "E-X"], TagScheme("BMES")) == [("X", 0, 1), ("X", 1, 4)]


@pytest.mark.parametrize(
    ("labels", "asked", "error", "words"),
    [
        ("O B-PER MISC", {}, DataError, "do not follow one tag scheme"),
        ("O B-PER I-PER", {"scheme": "BILOU", "outside": "X"}, UsageError, "no label is 'X'"),
        ("O U-PER", {"scheme": "IOB2"}, UsageError, "not all marks of IOB2"),
        ("O B-I I-B", {}, DataError, "before or behind"),
    ],
)
def test_labels_of_no_scheme_or_two_are_refused(labels, asked, error, words):
    with pytest.raises(error, match=words) as raised:
        find_scheme(labels.split(), **asked)
    assert raised.value.fix


def test_what_is_asked_settles_the_reading():
    labels = ["O", "B-PER", "MISC"]
    assert find_scheme(labels, scheme="IO") == TagScheme("IO")
    assert find_scheme(labels, scheme="none") is None
    assert find_scheme(["B-PER", "I-PER", "X"], outside="X") == TagScheme("IOB", "X")
    assert find_scheme(["O", "B-PER"], scheme="IOB1") == TagScheme("IOB1")


@given(sequences("IOBES"))
def test_entities_do_not_overlap_and_hold_no_outside(tags):
    found = entities(tags)
    inside = [place for _, start, end in found for place in range(start, end)]
    assert len(inside) == len(set(inside))
    assert sorted(inside) == [place for place, tag in enumerate(tags) if tag != "O"]


def test_a_sequence_may_hold_several_sentences():
    tags = ["B-PER", "", "I-PER"]
    assert entities(tags) == [("PER", 0, 1), ("PER", 2, 3)]
    assert strict_entities(tags) == [("PER", 0, 1)]


def test_f1_of_a_hand_made_case():
    truth = entities(["B-PER", "I-PER", "O", "B-LOC", "O"])
    predicted = entities(["B-PER", "I-PER", "O", "B-PER", "B-LOC"])
    micro = micro_average(counts(truth, predicted).values())
    assert (micro.precision, micro.recall, micro.f1) == (1 / 3, 1 / 2, 2 / 5)
    assert {kind: each.f1 for kind, each in counts(truth, predicted).items()} == {"LOC": 0.0, "PER": 2 / 3}
