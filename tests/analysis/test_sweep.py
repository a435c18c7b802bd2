"""The oracle of a cut tokenizer is the one trained at that size."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tokbench.analysis.sweep import knee, read_sizes, sizes_to_save, sweep, train_sizes
from tokbench.corpus.reading import open_corpus
from tokbench.errors import FileError, RecipeError, UsageError
from tokbench.pretrained.train import train
from tokbench.recipes.build import build
from tokbench.recipes.presets import resolve_recipe

from .conftest import ENGLISH, KOREAN

RECIPES = ["bpe", "wordpiece", "gpt2", "bert", "llama3", "roberta", "unigram", "wordlevel"]
SMALL = {"wordpiece": (100, 150), "bert": (100, 150), "unigram": (90, 120), "wordlevel": (20, 40)}


@pytest.mark.parametrize("name", RECIPES)
def test_every_size_is_what_training_it_alone_gives(name, corpora):
    recipe, sizes = resolve_recipe(name), SMALL.get(name, (300, 320, 400))
    family = train_sizes(recipe, open_corpus([corpora["en"]]), sizes)
    alone = {size: build(replace(recipe, vocab_size=size), [ENGLISH]) for size in sizes}
    assert {size: each.to_str() for size, each in family.tokenizers.items()} == {
        size: each.to_str() for size, each in alone.items()
    }
    assert family.trainings == (len(sizes) if name in ("unigram", "wordlevel") else 1)
    assert bool(family.why) == (family.trainings > 1)


texts = st.lists(
    st.text(alphabet="abé ㅋ한", min_size=1, max_size=25).filter(str.strip), min_size=3, max_size=12
)
options = st.fixed_dictionaries(
    {},
    optional={
        "trainer.min_frequency": st.sampled_from(["0", "3"]),
        "trainer.limit_alphabet": st.sampled_from(["2", "4"]),
        "trainer.max_token_length": st.sampled_from(["3", "5"]),
        "trainer.initial_alphabet": st.just('["x"]'),
        "trainer.continuing_subword_prefix": st.sampled_from(["##", "@"]),
    },
)
CHARACTERS = {"pre_tokenizers": '["Whitespace"]', "post_processor": "", "special_tokens.unk": "[UNK]"}


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts, options, st.sampled_from(["bpe", "wordpiece"]), st.integers(9, 60))
def test_a_cut_equals_a_training_for_any_texts_and_options(tmp_path, lines, choices, algorithm, size):
    more = CHARACTERS if algorithm == "bpe" else {}
    recipe = resolve_recipe(algorithm, {"vocab_size": "70", **more, **choices})
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(lines), encoding="utf-8", newline="\n")
    try:
        family = train_sizes(recipe, open_corpus([path]), (size, 70))
    except UsageError:
        return
    try:
        alone = build(replace(recipe, vocab_size=size), [lines])
    except RecipeError:
        assert family.too_small == (size,)
        return
    assert family.tokenizers[size].to_str() == alone.to_str()


def test_a_token_made_by_two_merges_is_trained_size_by_size(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("aaa aaab aaaa aaaaab\n" * 9, encoding="utf-8")
    recipe = resolve_recipe("bpe", {**CHARACTERS, "trainer.max_token_length": "3"})
    sizes = range(6, 16)
    family = train_sizes(recipe, open_corpus([path]), list(sizes))
    for size, each in family.tokenizers.items():
        alone = build(replace(recipe, vocab_size=size), [path.read_text(encoding="utf-8").splitlines()])
        assert each.to_str() == alone.to_str()


def test_sizes_that_are_too_small_or_out_of_reach_are_told(corpora):
    swept = sweep([str(corpora["en"])], resolve_recipe("wordpiece"), (10, 100, 150, 10_000, 20_000))
    assert swept.too_small == (10,)
    assert swept.beyond == (20_000,)
    assert [point.asked for point in swept.points] == [100, 150, 10_000]
    assert swept.points[-1].reached < 10_000


def test_the_curve_is_measured_on_the_corpus_or_on_what_is_held_out(corpora):
    recipe, sizes = resolve_recipe("bpe"), (300, 400)
    own = sweep([str(corpora["en"])], recipe, sizes, hidden=10)
    other = sweep([str(corpora["en"])], recipe, sizes, held_out=[str(corpora["ko"])])
    for point in own.points:
        alone = build(replace(recipe, vocab_size=point.asked), [ENGLISH])
        assert point.tokens == sum(len(alone.encode(text).ids) for text in ENGLISH)
        assert point.embedding_parameters == 10 * alone.get_vocab_size()
    assert own.points[1].fewer_tokens == 1 - own.points[1].tokens / own.points[0].tokens
    alone = build(replace(recipe, vocab_size=300), [ENGLISH])
    assert other.points[0].tokens == sum(len(alone.encode(text).ids) for text in KOREAN)


def test_unknown_tokens_show_in_the_curve(corpora):
    swept = sweep([str(corpora["en"])], resolve_recipe("wordpiece"), (150,), held_out=[str(corpora["ko"])])
    assert swept.points[0].unknown_rate > 0.5
    assert swept.recommendation is None


def test_a_kept_size_is_the_folder_that_training_it_makes(corpora, tmp_path):
    recipe = resolve_recipe("bpe")
    keeping = {"keep": [300], "output": tmp_path / "sizes"}
    swept = sweep([str(corpora["en"])], recipe, (300, 400), **keeping)
    assert swept.kept == (tmp_path / "sizes" / "300",)
    train([str(corpora["en"])], replace(recipe, vocab_size=300), output=tmp_path / "alone")
    for file in (tmp_path / "alone").iterdir():
        assert (tmp_path / "sizes" / "300" / file.name).read_bytes() == file.read_bytes(), file.name
    with pytest.raises(FileError, match="exists already"):
        sweep([str(corpora["en"])], recipe, (300,), **keeping)
    forced = {"keep": ["all"], "output": tmp_path / "sizes", "force": True}
    assert len(sweep([str(corpora["en"])], recipe, (300, 400), **forced).kept) == 2
    Tokenizer.from_file(str(tmp_path / "sizes" / "400" / "tokenizer.json"))


def test_a_size_that_cannot_be_kept_is_refused_and_nothing_is_written(corpora, tmp_path):
    with pytest.raises(UsageError, match="none of the sizes"):
        sweep(["missing.txt"], resolve_recipe("bpe"), (300,), keep=["500"], output=tmp_path / "sizes")
    keeping = {"keep": ["10"], "output": tmp_path / "sizes"}
    with pytest.raises(RecipeError, match="too small"):
        sweep([str(corpora["en"])], resolve_recipe("wordpiece"), (10, 150), **keeping)
    assert not (tmp_path / "sizes").exists()


def test_keeping_needs_sizes_and_a_folder(tmp_path):
    assert sizes_to_save((), None) is None
    with pytest.raises(UsageError, match="need a folder"):
        sizes_to_save(["all"], None)
    with pytest.raises(UsageError, match="none is"):
        sizes_to_save((), tmp_path)


def test_stdin_cannot_be_swept():
    with pytest.raises(FileError, match="only once"):
        sweep(["-"], resolve_recipe("bpe"), (300,))


@pytest.mark.parametrize(
    ("words", "sizes"),
    [
        ("2000:64000:x2", (2000, 4000, 8000, 16000, 32000, 64000)),
        ("1000:2000:+500", (1000, 1500, 2000)),
        ("1000:3000:x1.5", (1000, 1500, 2250)),
        ("4000,1000,4000", (1000, 4000)),
        ("8_000", (8000,)),
    ],
)
def test_sizes_are_read_as_people_write_them(words, sizes):
    assert read_sizes(words) == sizes


@pytest.mark.parametrize(
    "words", ["", "0", "ten", "1:2", "5:9:x1", "5:9:+0", "9:5:x2", "1:9999:+1", "-5", "1,,2", "٣"]
)
def test_words_that_say_no_sizes_are_refused(words):
    with pytest.raises(UsageError):
        read_sizes(words)


def test_the_knee_of_a_bent_line_is_its_bend():
    prices = [1.0, 2, 3, 4, 5, 6, 7, 8]
    assert knee(prices, [min(price, 3.0) + 0.01 * price for price in prices]) == 2
    assert knee(prices, [price**2 for price in prices]) is None
    assert knee(prices, [1.0] * 8) is None
    assert knee([1.0, 2.0], [1.0, 2.0]) is None
