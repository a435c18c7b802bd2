"""A model with another tokenizer: rows by texts or spelling, roles and ids that follow, answers that stay."""

import json

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import tokbench as tb
from tokbench.errors import FileError, UsageError

torch = pytest.importorskip("torch")

from transformers import (  # noqa: E402
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5ForConditionalGeneration,
)

TEXTS = ["the cat sat on the mat", "a wet hat on a cat", "the mats and hats were wet", "한국 cat café"] * 12
SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}


def saved(model, tokenizer, place):
    """A pair in a folder; a tokenizer may be tokbench's or the library's."""
    model.save_pretrained(place)
    folder = tb.load(tokenizer)
    folder.tokenizer.save(str(place / "tokenizer.json"))
    roles = {f"{role}_token": token for role, token in folder.roles.items()}
    (place / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **roles})
    )
    return place


def byte_level(*special, size=300, texts=TEXTS):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    learn = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=list(special),
        show_progress=False,
    )
    made.train_from_iterator(texts, learn)
    return made


def bert(place, size=60, kind=BertModel, **changes):
    torch.manual_seed(0)
    tok = tb.train(TEXTS, "wordpiece", vocab_size=size)
    config = BertConfig(
        vocab_size=tok.reached, pad_token_id=tb.load(tok).tokenizer.token_to_id("[PAD]"), **SMALL, **changes
    )
    return saved(kind(config), tok, place)


def llama(place, tokenizer, *, tied=False, spare=0, **changes):
    torch.manual_seed(0)
    size = tokenizer.get_vocab_size()
    config = LlamaConfig(
        vocab_size=size + spare, num_key_value_heads=1, tie_word_embeddings=tied,
        **{"bos_token_id": 0, "eos_token_id": 1, **SMALL, **changes},
    )  # fmt: skip
    return saved(LlamaForCausalLM(config), tokenizer, place)


def roberta(place, tokenizer):
    torch.manual_seed(0)
    config = RobertaConfig(vocab_size=tokenizer.get_vocab_size(), type_vocab_size=1, **SMALL)
    return saved(RobertaModel(config), tokenizer, place)


def t5(place, tokenizer):
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=tokenizer.get_vocab_size(), d_model=8, d_kv=8, d_ff=8, num_layers=1, num_heads=1,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    return saved(T5ForConditionalGeneration(config), tokenizer, place)


PAIRS = {
    "bert": lambda place: bert(place),
    "masked": lambda place: bert(place, kind=BertForMaskedLM),
    "llama": lambda place: llama(place, byte_level("<s>", "</s>"), spare=5),
    "tied": lambda place: llama(place, byte_level("<s>", "</s>"), tied=True),
    "roberta": lambda place: roberta(place, byte_level("<s>", "<pad>", "</s>", "<unk>", "<mask>")),
    "t5": lambda place: t5(place, byte_level("<pad>", "</s>", "<unk>")),
}


def tables(folder, name="embeddings"):
    """The matrices with a row a token, by name."""
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("start", ["aligned", "pieces"])
def test_a_tokenizer_in_its_own_place_changes_nothing(tmp_path, kind, start):
    pair = PAIRS[kind](tmp_path / "pair")
    same = tb.transplant(
        pair / "tokenizer.json", model=pair, corpus=iter(TEXTS), start=start, output=tmp_path / "same"
    )
    before, after = tables(pair), tables(tmp_path / "same")
    assert before.keys() == after.keys()
    size = tb.load(pair).tokenizer.get_vocab_size()
    for name, weight in before.items():
        rows = min(size, len(after[name])) if weight.shape != after[name].shape else len(weight)
        assert torch.equal(weight[:rows], after[name][:rows]), name
    assert same.near.cosine == pytest.approx(1, abs=1e-6)
    assert same.near.bytes_per_token[0] == same.near.bytes_per_token[1]
    assert same.growth.plan.started == ()
    if kind == "tied":  # the other has spare rows, which take a part of what is likely and go
        assert same.near.bits[0] == same.near.bits[1]


@pytest.mark.parametrize("tied", [True, False])
def test_new_rows_are_the_means_that_the_texts_say_in_every_table(tmp_path, tied):
    pair = llama(tmp_path / "pair", byte_level("<s>", "</s>", size=264), tied=tied)
    new = byte_level("<s>", "</s>", size=310)
    moved = tb.transplant(new, model=pair, corpus=iter(TEXTS), output=tmp_path / "moved")
    before, after = tables(pair), tables(tmp_path / "moved")
    from tokbench.adapt.starts.aligned_rows import aligned_rows

    old = tb.load(pair).tokenizer
    held = set(TEXTS[19::20])
    learned = [text for text in TEXTS if text not in held]
    found = aligned_rows([learned], new, old, size=new.get_vocab_size(), rows=old.get_vocab_size())
    token = new.token_to_id("Ġmat")
    ids, shares = found.of(token)
    assert len(ids) > 1
    names = [name for name in before if before[name].shape[0] == old.get_vocab_size()]
    assert len(names) == 1 if tied else 2
    for name in names:
        expected = sum(share * before[name][each] for each, share in zip(ids, shares, strict=True))
        assert torch.allclose(after[name][token], expected, atol=1e-6)
    assert {each.origin for each in moved.origins} <= {"aligned", "role", "copied", "pieces", "mean"}
    assert sum(each.rows for each in moved.origins) == moved.tokens == new.get_vocab_size()
    assert sum(each.share for each in moved.origins) == pytest.approx(1)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "moved")
    assert loaded.config.tie_word_embeddings is tied
    assert moved.near.bits[1] > 0


def test_special_tokens_take_the_rows_of_their_roles_and_ids_follow(tmp_path):
    pair = bert(tmp_path / "pair")
    new = byte_level("<s>", "</s>", "<unk>", "<pad>", "<mask>", "<x>")
    moved = tb.transplant(new, model=pair, corpus=iter(TEXTS), output=tmp_path / "moved")
    name = "embeddings.word_embeddings.weight"
    before, after = tables(pair)[name], tables(tmp_path / "moved")[name]
    old = tb.load(pair).tokenizer
    for token, other in {"<s>": "[CLS]", "</s>": "[SEP]", "<pad>": "[PAD]", "<unk>": "[UNK]"}.items():
        assert torch.equal(after[new.token_to_id(token)], before[old.token_to_id(other)])
    assert torch.allclose(after[new.token_to_id("<x>")], before.mean(0), atol=1e-6)
    assert moved.alone == ("<x>",)
    model = AutoModel.from_pretrained(tmp_path / "moved")
    assert (
        model.config.pad_token_id == new.token_to_id("<pad>") == model.embeddings.word_embeddings.padding_idx
    )
    assert tb.check(tmp_path / "moved").passed


def test_a_tokenizer_that_puts_nothing_around_texts_gets_what_the_model_has_seen(tmp_path):
    pair = bert(tmp_path / "pair")
    new = byte_level("<s>", "</s>", "<unk>", "<pad>")
    moved = tb.transplant(new, model=pair, corpus=iter(TEXTS), output=tmp_path / "moved")
    written = AutoTokenizer.from_pretrained(tmp_path / "moved")
    ids = written("the cat")["input_ids"]
    assert (ids[0], ids[-1]) == (new.token_to_id("<s>"), new.token_to_id("</s>"))
    assert "what stands around a text as before, [CLS] … [SEP]" in moved.notes[0]
    assert new.encode("the cat").ids == ids[1:-1]


def test_segments_that_the_model_lacks_are_not_given_to_it(tmp_path):
    old = byte_level("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    old.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    pair = roberta(tmp_path / "pair", old)
    new = byte_level("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]", size=290)
    new.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 0))
    moved = tb.transplant(new, model=pair, corpus=iter(TEXTS), output=tmp_path / "moved")
    written = AutoTokenizer.from_pretrained(tmp_path / "moved")
    assert "token_type_ids" not in written("a", "b")
    assert any("no second segment" in each for each in moved.notes)
    assert tb.check(tmp_path / "moved").passed


def test_padding_that_positions_count_from_stays_where_it_is(tmp_path):
    pair = roberta(tmp_path / "pair", byte_level("<s>", "<pad>", "</s>", "<unk>", "<mask>"))
    with pytest.raises(UsageError, match="counts positions from the padding's id"):
        tb.transplant(byte_level("<pad>", "<s>", "</s>"), model=pair, corpus=iter(TEXTS))


def test_without_a_corpus_rows_are_those_of_the_spelling(tmp_path):
    pair = bert(tmp_path / "pair", size=80)
    old = tb.load(pair).tokenizer
    new = byte_level("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", size=330)
    moved = tb.transplant(new, model=pair, output=tmp_path / "moved")
    name = "embeddings.word_embeddings.weight"
    before, after = tables(pair)[name], tables(tmp_path / "moved")[name]
    assert moved.start == "pieces"
    assert torch.equal(after[new.token_to_id("Ġcat")], before[old.token_to_id("cat")])
    pieces = [old.token_to_id("c"), old.token_to_id("##a")]
    assert new.token_to_id("Ġca") is None or torch.allclose(
        after[new.token_to_id("Ġca")], before[pieces].mean(0), atol=1e-6
    )
    assert moved.near.source == "texts that ship"


@pytest.mark.parametrize("start", ["copy", "focus", "mean", "normal", "zero"])
def test_other_starts_keep_roles_and_give_every_token_a_row(tmp_path, start):
    pair = bert(tmp_path / "pair")
    new = byte_level("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
    moved = tb.transplant(new, model=pair, corpus=iter(TEXTS), start=start, output=tmp_path / "moved")
    name = "embeddings.word_embeddings.weight"
    before, after = tables(pair)[name], tables(tmp_path / "moved")[name]
    assert len(after) == new.get_vocab_size() == sum(each.rows for each in moved.origins)
    assert torch.equal(after[new.token_to_id("[CLS]")], before[tb.load(pair).tokenizer.token_to_id("[CLS]")])
    assert moved.near.cosine is not None


def test_two_goes_write_the_same_bytes(tmp_path):
    pair = bert(tmp_path / "pair")
    new = byte_level("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
    for name in ("one", "two"):
        tb.transplant(new, model=pair, corpus=iter(TEXTS), output=tmp_path / name)
    for file in ("model.safetensors", "tokenizer.json", "config.json", "transplant.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_dry_run_measures_and_writes_nothing(tmp_path):
    pair = bert(tmp_path / "pair")
    new = byte_level("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
    moved = tb.transplant(new, model=pair, corpus=iter(TEXTS), output=tmp_path / "o", dry_run=True)
    assert not (tmp_path / "o").exists()
    assert moved.dry
    assert moved.near.cosine is not None


def test_a_vocabulary_larger_than_its_matrix_takes_no_row_that_is_not_there(tmp_path):
    old = byte_level("<s>", "</s>", size=300)
    pair = llama(tmp_path / "pair", old)
    wide = Tokenizer.from_str(old.to_str())
    wide.add_tokens([AddedToken("hats", normalized=False)])
    wide.save(str(tmp_path / "wide.json"))
    new = byte_level("<s>", "</s>", size=280)
    plain, other = (
        tb.transplant(new, model=pair, old_tokenizer=each, corpus=iter(TEXTS), output=tmp_path / name)
        for each, name in ((None, "plain"), (tmp_path / "wide.json", "other"))
    )
    assert other.tokens_before == plain.tokens_before + 1
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "other").config.vocab_size == new.get_vocab_size()


def test_what_cannot_be_is_said(tmp_path):
    pair = bert(tmp_path / "pair")
    new = byte_level("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
    with pytest.raises(UsageError, match="rows cannot start with piece"):
        tb.transplant(new, model=pair, start="piece")
    with pytest.raises(UsageError, match="looks at texts, and no corpus was named"):
        tb.transplant(new, model=pair, start="aligned")
    with pytest.raises(UsageError, match="has no token for it") as refused:
        tb.transplant(byte_level("[CLS]", "[SEP]"), model=pair, corpus=iter(TEXTS))
    assert "--role 'pad=[PAD]'" in refused.value.fix
    (pair / "tokenizer.json").unlink()
    with pytest.raises(FileError, match="no tokenizer lies beside"):
        tb.transplant(new, model=pair, corpus=iter(TEXTS))


def test_roles_that_change_places_are_told_apart(tmp_path):
    pair = t5(tmp_path / "pair", byte_level("<pad>", "</s>", "<unk>"))
    new = byte_level("</s>", "<pad>", "<unk>", size=290)
    moved = tb.transplant(new, model=pair, corpus=iter(TEXTS), output=tmp_path / "moved")
    config = AutoModel.from_pretrained(tmp_path / "moved").config
    assert (config.pad_token_id, config.eos_token_id, config.decoder_start_token_id) == (1, 0, 1)
    assert moved.growth.followed["config.decoder_start_token_id"] == (0, 1)


def test_a_role_that_no_new_token_has_is_given_up_and_said(tmp_path):
    pair = llama(tmp_path / "pair", byte_level("<s>", "</s>", "<|im_end|>", "<x>"), eos_token_id=[1, 2, 3])
    new = byte_level("<|im_end|>", "</s>", size=290)
    moved = tb.transplant(new, model=pair, corpus=iter(TEXTS), output=tmp_path / "moved")
    config = AutoModelForCausalLM.from_pretrained(tmp_path / "moved").config
    assert (config.bos_token_id, config.eos_token_id) == (None, [1, 0])
    assert moved.gone == ("bos",)


def test_an_id_that_is_no_role_is_not_guessed(tmp_path):
    pair = llama(tmp_path / "pair", byte_level("<s>", "</s>", "<image>"), image_token_id=2)
    with pytest.raises(UsageError, match=r"image_token_id of .* is 2 \(<image>\), which has no role"):
        tb.transplant(byte_level("<s>", "</s>"), model=pair, corpus=iter(TEXTS))


@pytest.mark.parametrize("kind", ["llama", "tied", "t5", "masked"])
def test_files_of_large_models_become_what_loading_makes_of_them(tmp_path, kind, monkeypatch):
    pair = PAIRS[kind](tmp_path / "pair")
    new = byte_level("</s>", "<s>", "<pad>", "<unk>", "<mask>", size=320)
    loaded = tb.transplant(new, model=pair, corpus=iter(TEXTS), output=tmp_path / "loaded")
    for place in ("tokbench.adapt.grow.TRIED", "tokbench.adapt.transplant.TRIED"):
        monkeypatch.setattr(place, 0)
    streamed = tb.transplant(new, model=pair, corpus=iter(TEXTS), output=tmp_path / "streamed")
    one, other = tables(tmp_path / "loaded"), tables(tmp_path / "streamed")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    configs = [json.loads((tmp_path / name / "config.json").read_text()) for name in ("loaded", "streamed")]
    for key in ("vocab_size", "pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"):
        assert configs[0].get(key) == configs[1].get(key), key
    assert loaded.near is not None
    assert streamed.near is None
