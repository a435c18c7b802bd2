"""Rows as parameters of their own: the model reads and writes by them as if they were its own, and alone."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from tokbench.errors import NegativeResultError, UsageError
from tokbench.model.trainable_rows import TrainableRows, prove_rows_alone, write_rows

ROWS = [7, 9, 40]
IDS = torch.tensor([[2, 7, 20, 9, 40, 3], [2, 40, 40, 3, 0, 0]])
MASK = (IDS != 0).long()
GEMMA = {
    "vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "head_dim": 8,
    "num_key_value_heads": 1, "intermediate_size": 32, "max_position_embeddings": 64, "pad_token_id": 0,
}  # fmt: skip


def moved(rows):
    """Other numbers for every trained row."""
    with torch.no_grad():
        for each in rows.parameters():
            each.add_(torch.randn(each.shape, generator=torch.Generator().manual_seed(1)))
    return rows


def answers(model):
    with torch.inference_mode():
        found = model(input_ids=IDS, attention_mask=MASK)
    return [each for each in found.to_tuple() if isinstance(each, torch.Tensor)]


def test_a_model_with_its_rows_in_place_answers_as_one_that_has_them(build, family):
    kind, tied = family
    model = build(kind)
    rows = moved(TrainableRows(model, ROWS, head=tied != "none"))
    before = answers(model)
    with rows.in_place():
        inside = answers(model)
    assert all(map(torch.equal, before, answers(model)))
    written = answers(rows.written())
    assert not torch.equal(inside[0], before[0])
    for one, other in zip(inside, written, strict=True):
        torch.testing.assert_close(one, other)


def test_a_scaled_look_up_scales_these_rows_too():
    import transformers

    torch.manual_seed(0)
    model = transformers.Gemma3ForCausalLM(transformers.Gemma3TextConfig(**GEMMA)).eval()
    rows = moved(TrainableRows(model, ROWS, head=True))
    with rows.in_place():
        inside = answers(model)
    torch.testing.assert_close(inside[0], answers(rows.written())[0])


def test_only_the_rows_are_parameters_and_only_they_get_a_gradient(build, family):
    kind, tied = family
    model = build(kind)
    rows = TrainableRows(model, ROWS, head=tied != "none")
    parts = {name: tuple(each.shape) for name, each in rows.named_parameters()}
    width = model.get_input_embeddings().weight.shape[1]
    assert parts.pop("inputs") == (len(ROWS), width)
    assert set(parts) <= {"outputs", "biases"}
    assert ("outputs" in parts) == (tied == "own")
    assert all(shape[0] == len(ROWS) for shape in parts.values())
    assert set(rows.state_dict()) == set(dict(rows.named_parameters()))
    with rows.in_place():
        rows.hidden_states(input_ids=IDS, attention_mask=MASK).sum().backward()
    assert rows.inputs.grad is not None
    assert all(each.grad is None for each in model.parameters())


def test_a_look_up_that_does_more_than_scale_is_refused(build):
    model = build("BertModel")
    model.embeddings.word_embeddings.register_forward_hook(lambda _, given, found: found + 1)
    with pytest.raises(UsageError, match="changes rows when it looks them up"):
        TrainableRows(model, ROWS)


def test_a_file_gets_these_rows_and_no_other_byte(build, save_model, family):
    import shutil

    kind, tied = family
    folder = save_model(build(kind))
    rows = moved(TrainableRows(build(kind), ROWS, head=tied != "none"))
    new = folder.with_name("new")
    shutil.copytree(folder, new)
    tables = list(rows.tables())
    write_rows(new, tables, ROWS)
    old, written = (load_file(each / "model.safetensors") for each in (folder, new))
    changed = [name for name in old if not torch.equal(old[name], written[name])]
    assert prove_rows_alone(folder, new, ROWS) == len(old) - len(changed)
    assert len(changed) == len(tables)
    expected = rows.written().state_dict()
    for name in old:
        assert torch.equal(written[name], expected[name])


def test_a_table_of_another_name_in_the_file_is_known_by_its_numbers(build, save_model):
    folder = save_model(build("BertModel"))
    from transformers import BertForMaskedLM

    rows = moved(TrainableRows(BertForMaskedLM.from_pretrained(folder), ROWS))
    write_rows(folder, list(rows.tables()), ROWS)
    found = load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]
    assert torch.equal(found[ROWS], rows.inputs.detach())


def test_a_table_that_is_nowhere_and_a_row_that_should_not_change_are_told(build, save_model):
    import shutil

    folder = save_model(build("BertModel"))
    new = folder.with_name("new")
    shutil.copytree(folder, new)
    weights = load_file(new / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][11] += 1
    save_file(weights, new / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(NegativeResultError, match="changed beyond the rows trained"):
        prove_rows_alone(folder, new, ROWS)
    rows = TrainableRows(build("BertModel"), ROWS)
    weights["other"] = weights.pop("embeddings.word_embeddings.weight")
    save_file(weights, new / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(NegativeResultError, match="has no tensor embeddings"):
        write_rows(new, list(rows.tables()), ROWS)
