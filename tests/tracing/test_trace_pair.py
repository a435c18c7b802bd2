"""A trace of two texts is the tokenizer's own way with a pair: replayed it gives its ids and type ids."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tokbench.errors import UsageError
from tokbench.recipes.presets import DEFAULTS, PRESETS
from tokbench.tracing.post_model import replay_pair
from tokbench.tracing.replay import TraceReplayError
from tokbench.tracing.trace import LONGEST, follow_pair

NAMES = [*(f"default {name}" for name in DEFAULTS), *PRESETS]
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.lists(
        st.sampled_from(["the", " quiet", "[MASK]", "<s>", "</s>", " ", "한국", "👍🏽", "\u0301", "x"]),
        max_size=6,
    ).map("".join),
)


def assert_is_the_tokenizers_own(tokenizer, text, second):
    trace = follow_pair(tokenizer, text, second)
    encoding = tokenizer.encode(text, second)
    assert list(replay_pair(trace)) == encoding.ids == list(trace.ids)
    assert [(token.start, token.end) for token in trace.tokens] == encoding.offsets
    assert [token.type_id for token in trace.tokens] == encoding.type_ids
    assert not trace.notes
    return trace


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS, second=TEXTS)
def test_a_replayed_pair_gives_the_tokenizers_own_ids(built, name, text, second):
    _, tokenizer = built(name)
    assert_is_the_tokenizers_own(tokenizer, text, second)


def lettered():
    """A tokenizer of words a, b, c and of the marks of templates."""
    tokenizer = Tokenizer(
        models.WordLevel({"?": 0, "a": 1, "b": 2, "c": 3, "[X]": 4, "[P]": 5}, unk_token="?")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


@pytest.mark.parametrize("template", ["[X] $A $B", "$B:1 [X] $A:0", "$A [X] $B $A", None])
@pytest.mark.parametrize("direction", ["left", "right"])
@pytest.mark.parametrize("strategy", ["longest_first", "only_first", "only_second"])
def test_truncation_padding_and_any_template_are_followed(template, direction, strategy):
    tokenizer = lettered()
    if template:
        tokenizer.post_processor = processors.TemplateProcessing("$A", template, special_tokens=[("[X]", 4)])
    for text, second in (("a b c", "c b a"), ("a b c", "b"), ("b", "a c c a")):
        tokenizer.no_truncation()
        tokenizer.no_padding()
        assert_is_the_tokenizers_own(tokenizer, text, second)
        tokenizer.enable_padding(pad_id=5, pad_token="[P]", length=12, direction=direction)
        assert_is_the_tokenizers_own(tokenizer, text, second)
        if (strategy, len(text)) in (("only_first", 5), ("only_second", 1)) or strategy == "longest_first":
            tokenizer.enable_truncation(5, strategy=strategy, direction=direction)
            assert_is_the_tokenizers_own(tokenizer, text, second)


def test_a_pair_that_does_not_follow_is_broken():
    trace = follow_pair(lettered(), "a b", "c")
    assert [token.origin for token in trace.tokens] == [0, 1, 2]
    last = trace.steps[-1]
    wrong = replace(last, tokens=(*last.tokens[:2], replace(last.tokens[2], origin=0)))
    with pytest.raises(TraceReplayError):
        replay_pair(replace(trace, steps=(*trace.steps[:-1], wrong)))


def test_a_long_second_text_is_refused():
    with pytest.raises(UsageError, match="a trace shows up to"):
        follow_pair(lettered(), "a", "b" * (LONGEST + 1))
