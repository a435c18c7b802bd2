import pytest

from tokbench.adapt.grow import add_tokens, planned, resize
from tokbench.errors import FileError, UsageError
from tokbench.model.loading import load_model, meta_model, model_size
from tokbench.pretrained.added_tokens import with_tokens


def bytes_of(model):
    return sum(weight.numel() * weight.element_size() for weight in model.parameters())


def test_the_outline_measures_what_the_loaded_model_measures(family, build, save_model):
    path = save_model(build(family[0]))
    loaded = load_model(path).model
    assert meta_model(path) == model_size(loaded)
    assert meta_model(path).weight_bytes == bytes_of(loaded)
    assert meta_model(path).head == family[1]


def test_half_precision_weighs_half(build, save_model):
    whole, half = build(), build().half()
    assert 2 * meta_model(save_model(half)).weight_bytes == model_size(whole).weight_bytes


def test_a_dry_run_plans_what_the_act_does_and_writes_nothing(
    family, build, save_model, tokenizer_folder, tmp_path
):
    path = save_model(build(family[0]))
    wanted = {"special": ["[E1]"], "tokens": ["hospital"], "model": path, "pad_to_multiple_of": 64}
    dry = add_tokens(tokenizer_folder.path, dry_run=True, **wanted)
    assert dry.dry
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]
    done = add_tokens(tokenizer_folder.path, output=tmp_path / "grown", **wanted)
    assert (dry.plan, dry.memory) == (done.plan, done.memory)
    grown = load_model(done.path).model
    assert done.memory.after == bytes_of(grown)
    assert meta_model(done.path).weight_bytes == done.memory.after


def test_a_plan_for_a_cut_file_is_refused(build, save_model, tokenizer_folder):
    path = save_model(build())
    (path / "model.safetensors").write_bytes((path / "model.safetensors").read_bytes()[:9000])
    with pytest.raises(FileError, match="cannot be planned for"):
        planned(tokenizer_folder, path, with_tokens(tokenizer_folder, regular=["new"]))


def test_a_special_id_without_a_row_is_refused_before_it_breaks_the_model(
    build, save_model, tokenizer_folder, tmp_path
):
    path = save_model(build(vocab_size=300, pad_token_id=299))
    for out in (None, tmp_path / "out"):
        with pytest.raises(UsageError, match=r"pad_token_id of .* is 299, and with"):
            resize(path, tokenizer_folder.path, output=out, shrink=True, force_ids=True)


@pytest.mark.parametrize("shrink", [True, False])
def test_spare_rows_go_only_when_that_is_said(build, save_model, tokenizer_folder, tmp_path, shrink):
    path = save_model(build(vocab_size=300))
    growth = resize(path, tokenizer_folder.path, output=tmp_path / "out", shrink=shrink)
    tokens = tokenizer_folder.tokenizer.get_vocab_size()
    assert growth.plan.size == (tokens if shrink else 300)
    assert load_model(growth.path).model.config.vocab_size == growth.plan.size
    assert growth.proof.holds
    assert growth.plan.dropped == (300 - tokens if shrink else 0)
