"""What the fine-tuning benchmark says of its figures; that it trains at all is seen by running it."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
H200 = {
    "gpu": "NVIDIA H200",
    "gpu_memory_gb": 150.1,
    "cuda": "13.0",
    "best": "bf16",
    "peak": {"bf16": 7.7e14, "fp32": 5e13},
    "versions": {"torch": "2.11.0"},
}


@pytest.fixture
def measured(monkeypatch):
    """The benchmark's modules, and a function that makes a training's figures."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "children"))
    pytest.importorskip("torch")
    yield lambda way, **said: done(way, **said)
    for name in [name for name in sys.modules if name.startswith("finetune_")]:
        del sys.modules[name]


def done(way, *, batch=32, epochs=1, wall=5.0, flops=0.0, ends=()):
    from finetune_jobs import Done, Job

    graphs = {"captured": 9, "replayed": 2_000, "seconds": 1.5, "plain": 20}
    figures = {"rows": 67_349 * epochs, "tokens": 900_000, "padding": 0.3, "memory_mb": 4_000.0}
    said = {**figures, "wall": wall, "cpu": wall, "flops": flops, "epochs": list(ends), "graphs": graphs}
    job = Job(way, "BERT", batch=batch, epochs=epochs)
    return Done(job, {**said, "steps": 2_105, "accuracy": 0.9, "notes": []})


def test_goals_are_reached_at_their_bounds_and_not_below(measured):
    from finetune_tables import H200_BF16, goals

    large = measured("loop", batch=256, epochs=3, wall=3.0, flops=0.4 * 3 * H200_BF16, ends=(2, 0.5, 0.5))
    reached = goals([measured("loop", wall=5.9), measured("trainer", wall=48.0), large], H200)
    assert [each.endswith("· reached") for each in reached] == [True, True, True]
    assert "×8.1" in reached[0]
    assert "40.0% over all epochs, 80.0% in the last one" in reached[1]
    slow = measured("loop", batch=256, epochs=3, wall=3.1, flops=0.4 * 3 * H200_BF16, ends=(1, 1, 1))
    missed = goals([measured("loop", wall=6.0), measured("trainer", wall=47.0), slow], H200)
    assert [each.endswith("NOT reached") for each in missed] == [True, True, True]


def test_a_way_that_failed_leaves_the_others_their_rows_and_goals(measured):
    from finetune_tables import goals, speed_table

    only = [measured("trainer", wall=40.0), measured("loop", epochs=3, wall=12.0, ends=(5, 3.5, 3.5))]
    assert goals(only, H200) == []
    table = speed_table("BERT", only, {"loop": "loop", "trainer": "Trainer"}, H200)
    assert [row[0] for row in table.rows] == ["Trainer", "loop"]
    assert any("2,000 of 2,105 steps replayed" in note for note in table.notes)
    assert any("790 TFLOP/s (H200_BF16" in note for note in table.notes)


def test_the_arithmetic_that_is_counted_is_what_torch_counts(measured):
    import torch
    from finetune_parts import needed_flops
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=50,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=256,
        attn_implementation="eager",
    )
    model = BertForSequenceClassification(config)
    ids = torch.randint(1, 50, (3, 40))
    with FlopCounterMode(display=False) as counted:
        model(input_ids=ids, labels=torch.zeros(3, dtype=torch.long)).loss.backward()
    assert needed_flops(config, [40] * 3) == pytest.approx(counted.get_total_flops(), rel=0.03)


def test_what_a_model_is_given_is_counted_at_its_door(measured):
    import torch
    from finetune_counts import counted

    class Model(torch.nn.Module):
        def forward(self, input_ids):
            return input_ids

    model = Model()
    with counted(model) as counts:
        for width in (8, 8, 16):
            model(input_ids=torch.zeros(4, width))
    model(input_ids=torch.zeros(4, 99))
    assert (counts.plain, counts.tokens, counts.widths) == (3, 128, {8: 2, 16: 1})
    assert "3 passes launched one operation at a time; 128 tokens computed" in counts.sentence()


def test_random_rows_are_as_long_as_those_of_sst2(measured):
    from finetune_parts import shorts

    rows, labels = shorts(20_000, seed=1)
    lengths = np.array([len(row) for row in rows])
    assert lengths.mean() == pytest.approx(13.3, abs=0.2)  # SST-2's train rows in BERT's pieces
    assert np.percentile(lengths, 95) == pytest.approx(33, abs=2)
    assert lengths.max() == 66
    assert np.mean(labels) == pytest.approx(0.5, abs=0.02)
