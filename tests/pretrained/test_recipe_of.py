"""The recipe of a library's tokenizer makes the same tokenizer again; where none does, a sentence says so."""

import dataclasses
import json

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import tokbench as tb
from tokbench.pretrained.recipe_of import set_recipe
from tokbench.recipes.llm_presets import LLM_PRESETS
from tokbench.recipes.presets import DEFAULTS, PRESETS

TEXTS = ["the cat sat on the mat, 42 times!", "the cats sat", "a cat is not a mat", "한국어 cats"] * 9
SIZES = {
    **dict.fromkeys(LLM_PRESETS, 300),
    "clip": 540,
    "t5": 200,
    "bpe": 300,
    "gpt2": 300,
    "roberta": 300,
    "llama3": 300,
    "albert": 60,
    "unigram": 60,
}


@pytest.mark.parametrize("name", [*DEFAULTS, *PRESETS])
def test_the_recipe_of_a_tokenizer_makes_it_again(name, tmp_path):
    size = SIZES.get(name, 80)
    first = tb.train(TEXTS, name, vocab_size=size, output=tmp_path / "first")
    (tmp_path / "first" / "tokbench.toml").unlink()
    unseen = {"trainer": dict(first.recipe.trainer)}
    if first.recipe.training_pre_tokenizers:  # what 300 pieces cannot tell
        unseen["training_pre_tokenizers"] = first.recipe.training_pre_tokenizers
    found = tb.recipe(tmp_path / "first", vocab_size=size, **unseen)
    second = tb.train(TEXTS, found, output=tmp_path / "second")
    assert second.sha256 == first.sha256
    config = "tokenizer_config.json"
    assert json.loads((tmp_path / "second" / config).read_text()) == json.loads(
        (tmp_path / "first" / config).read_text()
    )
    for place in ("algorithm", "special_tokens", "extra_special_tokens", "token_options", "model"):
        assert getattr(found, place) == getattr(first.recipe, place), place
    assert tb.Recipe() != found


def test_every_holder_of_a_tokenizer_gives_its_recipe(tmp_path):
    transformers = pytest.importorskip("transformers")
    trained = tb.train(TEXTS, "bert", vocab_size=80, output=tmp_path / "tok")
    assert tb.recipe(trained) == tb.recipe(tmp_path / "tok") == tb.recipe(tb.load(tmp_path / "tok"))
    bare = dataclasses.replace(trained.recipe, trainer={}, wrapper={}, vocab_size=trained.reached)
    of_the_library = tb.recipe(trained.tokenizer)
    assert of_the_library.special_tokens == bare.special_tokens
    assert tb.recipe(tmp_path / "tok" / "tokenizer.json") == of_the_library
    wrapped = tb.recipe(transformers.AutoTokenizer.from_pretrained(tmp_path / "tok"))
    assert wrapped.wrapper["model_max_length"] == 512
    assert dataclasses.replace(wrapped, wrapper={}) == of_the_library


def test_every_option_of_a_block_is_said():
    vocab, choices = {"a": 0, "b": 1, "</w>": 2}, {"fuse_unk": True, "ignore_merges": True}
    library = Tokenizer(models.BPE(vocab, [], unk_token="<unk>", end_of_word_suffix="</w>", **choices))
    library.normalizer = normalizers.Sequence([
        normalizers.Strip(left=False), normalizers.Replace("a", "b"), normalizers.Prepend("x"),
    ])  # fmt: skip
    library.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split("-", "merged_with_previous", invert=True),
        pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.Digits(individual_digits=True),
    ])  # fmt: skip
    library.decoder = decoders.Sequence([decoders.Strip("_", 1, 2), decoders.BPEDecoder("</w>")])
    library.add_special_tokens([AddedToken("<unk>"), AddedToken("<s>", lstrip=True, rstrip=True)])
    library.post_processor = processors.TemplateProcessing(
        single="<s>:2 $A", pair="$A <s> $B:1", special_tokens=[("<s>", 4)]
    )
    found = tb.recipe(library)
    assert [(each.type, dict(each.options)) for each in (*found.normalizers, *found.pre_tokenizers)] == [
        ("Strip", {"left": False}),
        ("Replace", {"content": "b", "pattern": "a"}),
        ("Prepend", {"prepend": "x"}),
        ("Split", {"behavior": "merged_with_previous", "invert": True, "pattern": "-"}),
        ("Punctuation", {"behavior": "contiguous"}),
        ("Digits", {"individual_digits": True}),
    ]
    assert found.model == {"fuse_unk": True, "ignore_merges": True}
    assert found.trainer == {"end_of_word_suffix": "</w>"}
    assert found.token_options == {"<s>": {"lstrip": True, "rstrip": True}}
    assert dict(found.post_processor.options) == {"single": ["<s>:2", "$A"], "pair": ["$A", "<s>", "$B:1"]}
    assert [dict(each.options) for each in found.decoders] == [
        {"content": "_", "left": 1, "right": 2}, {}
    ]  # fmt: skip


def words(**changes):
    library = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "[CLS]": 2}, "[UNK]"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    library.add_special_tokens(["[UNK]", "[CLS]"])
    for place, block in changes.items():
        setattr(library, place, block)
    return library


@pytest.mark.parametrize(
    ("tokenizer", "why"),
    [
        (words(pre_tokenizer=None), "its decoder None would become"),
        (
            words(
                post_processor=processors.TemplateProcessing(
                    single="[CLS] $A", pair="$A $B", special_tokens=[("[CLS]", 1)]
                )
            ),
            "its post_processor .* would become",
        ),
        (Tokenizer(models.Unigram([("a", -1.0)])), "needs a special token with the role unk"),
        (5, "5 is no recipe"),
    ],
)
def test_a_tokenizer_that_no_recipe_makes_says_why(tokenizer, why):
    with pytest.raises(tb.TokbenchError, match=why) as caught:
        tb.recipe(tokenizer)
    assert caught.value.fix


def test_what_train_like_completes_is_no_reason_to_refuse_a_count_or_a_sweep(tmp_path):
    words(pre_tokenizer=None).save(str(tmp_path / "tokenizer.json"))
    for source in (words(pre_tokenizer=None), tmp_path / "tokenizer.json"):
        assert set_recipe(source, {}).algorithm == "wordlevel"
    assert set_recipe(Tokenizer(models.Unigram([("a", -1.0)])), {}).special_tokens == {"unk": "<unk>"}
