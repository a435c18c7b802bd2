import pytest

import tokbench as tb
from tokbench.corpus.cleaning.choices import cleaning_from, parse_cleaning, sample_size
from tokbench.errors import UsageError


def test_words_may_be_repeated_and_come_in_any_order_and_case():
    assert parse_cleaning(["dedup,HTML", "nfc"]) == parse_cleaning("html,NFC,dedup=text")


def test_a_pattern_keeps_its_commas():
    assert parse_cleaning("html,match=^[a-z]{1,3}$").match == "^[a-z]{1,3}$"


@pytest.mark.parametrize(
    ("words", "said", "fix"),
    [
        ("htlm", "no step 'htlm'", "did you mean html"),
        ("dedup=lines", "'lines' is not a unit of dedup", "did you mean line"),
        ("html=yes", "takes no value", "html alone"),
        ("min-chars", "needs a value", "min-chars=10"),
        ("min-chars=ten", "is no number", "min-chars=10"),
        ("nfc,nfd", "says unicode twice: nfc and nfd", "leave out one"),
        ("match=(", "no regular expression", r"\("),
        ("min-chars=9,max-chars=3", "at least 9 and at most 3", "smaller"),
        ("sort=text,shuffle", "not both", "leave out"),
    ],
)
def test_words_that_mean_nothing_are_refused_with_what_would(words, said, fix):
    with pytest.raises(UsageError) as caught:
        parse_cleaning(words)
    assert said in caught.value.message
    assert fix in caught.value.fix


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weights": "en=70%,ko=20%"}, "they sum to 90 %"),
        ({"weights": "en=70%,ko=1"}, "some are per cent"),
        ({"weights": "en=0,ko=1"}, "not above zero"),
        ({"weights": "en=3,en=1"}, "names en twice"),
        ({"weights": "en=x"}, "holds no number"),
        ({"split": "train=.9,test=.2"}, "sum to 1.1, not to 1"),
        ({"split": "train,test"}, "not of the form name=share"),
        ({"split": "a=.5,a=.5"}, "names a twice"),
        ({"sample": "much"}, "no size of a sample"),
        ({"sample": "120%"}, "no size of a sample"),
        ({"sample": "0"}, "no size of a sample"),
        ({"unit": "line"}, "which is not asked for"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, said):
    with pytest.raises(UsageError) as caught:
        parse_cleaning(**options)
    assert said in caught.value.message
    assert caught.value.fix


def test_a_unit_is_that_of_dedup():
    assert parse_cleaning("dedup", unit="paragraph").dedup == "paragraph"


def test_the_record_makes_the_same_choices_again():
    chosen = parse_cleaning(
        "html,nfkc,lower,strip,dedup=line,shuffle,seed=3,min-chars=2,max-chars=9,not-match=a,b",
        weights="en=3,ko=1",
        sample="10%",
        split="a=.5,b=.5",
        keep=["label"],
        rename={"label": "y"},
        column="body",
    )
    assert cleaning_from(chosen.record) == chosen
    assert tb.Cleaning().record == {}


def test_a_sample_is_rows_a_share_or_bytes():
    assert [sample_size(each).unit for each in ("100", "0.5", "50%", "1GB", "100B")] == [
        "rows",
        "share",
        "share",
        "bytes",
        "bytes",
    ]
