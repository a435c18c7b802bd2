"""What plain transformers does with each folder that violates a rule, beside what check says: Markdown.

Run it from the tests' folder: python -m check.table > table.md. It loads every folder of cases.py with
AutoTokenizer, encodes a pair, and, where the case is about config.json, loads a small model with it.
"""

import io
import json
import sys
import tempfile
import warnings
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

from tokenizers import Tokenizer

from tokbench.checks.run import RULES, check

from .cases import CASES
from .folders import MODELS, clean_pair

TEXT, PAIR = "The quick fox, a café", "one [MASK] two"
TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
SMALL = {
    "bert": TINY,
    "roberta": TINY,
    "gpt2": {"n_embd": 16, "n_layer": 1, "n_head": 2},
    "t5": {"d_model": 16, "d_ff": 16, "d_kv": 8, "num_layers": 1, "num_heads": 2},
}


def tokenizer_says(folder):
    """What AutoTokenizer makes of a text and a pair: silent, other ids than tokenizer.json, or its error."""
    from transformers import AutoTokenizer

    with quiet() as heard:
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            ids = tokenizer(TEXT, PAIR)["input_ids"]
            plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
            plain.no_truncation()
            plain.no_padding()
            same = ids == plain.encode(TEXT, PAIR).ids
        except BaseException as error:  # a panic of the library is no Exception
            return f"{type(error).__name__}: {shortened(str(error))}"
    if not same:
        return "silent; other ids than tokenizer.json gives"
    more = len(tokenizer) - plain.get_vocab_size()
    return "silent; knows more tokens, which have no row" if more > 0 else shown(heard)


@contextmanager
def quiet():
    """What is written on stderr or warned of meanwhile."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    heard = io.StringIO()
    handlers = [each for each in logging.get_logger("transformers").handlers if hasattr(each, "setStream")]
    streams = [handler.stream for handler in handlers]
    for handler in handlers:
        handler.setStream(heard)
    try:
        with warnings.catch_warnings(), redirect_stderr(heard):
            yield heard
    finally:
        for handler, stream in zip(handlers, streams, strict=True):
            handler.setStream(stream)


def shown(heard):
    words = heard.getvalue().replace("[transformers]", "").strip()
    return f"warns: {shortened(words)}" if words else "silent"


def model_says(case, files, folder):
    """What the model does: a small one of the same kind, saved, with what the case changes in config.json.

    "" where there is no model, or where the case is about its tensors, which a small model does not have.
    """
    if files.runs:
        return running_says(folder)
    whole = clean_pair(case.kind).model if case.kind in MODELS else None
    if files.model is None or whole is None or files.model["model_type"] != whole["model_type"]:
        return ""
    changed = {key: value for key, value in files.model.items() if whole.get(key) != value}
    gone = [key for key in whole if key not in files.model]
    rows = next(iter((files.tensors or {"": (files.rows(),)}).values()))[0]
    if not (changed or gone or files.after or rows != files.rows()) or "num_hidden_layers" in changed:
        return ""
    with quiet() as heard:
        try:
            return _loaded(case.kind, rows, changed, gone, files.after, folder) or shown(heard)
        except Exception as error:
            return f"{type(error).__name__}: {shortened(str(error))}"


def running_says(folder):
    """What a real model does with a text, a pair, the longest text, and two texts in a batch."""
    import torch
    import transformers

    config = json.loads((folder / "config.json").read_text())
    with quiet() as heard, torch.no_grad():
        try:
            model = getattr(transformers, config["architectures"][0]).from_pretrained(folder)
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            longest = tokenizer(TEXT * 99, truncation=True)["input_ids"]
            for texts in ((TEXT,), (TEXT, PAIR)):
                model(**tokenizer(*texts, return_tensors="pt"))
            model(torch.tensor([longest]))
            alone = model(**tokenizer(PAIR, return_tensors="pt")).logits[0]
            batch = model(**tokenizer([PAIR, TEXT * 2], padding=True, return_tensors="pt")).logits[0]
        except Exception as error:
            return f"{type(error).__name__}: {shortened(str(error))}"
    if not alone.isfinite().all():
        return "silent; every number is NaN"
    if not torch.allclose(batch[: len(alone)], alone, atol=1e-4):
        return "silent; other numbers in a batch"
    return shown(heard)


def _loaded(kind, rows, changed, gone, after, folder):
    import torch
    from transformers import CONFIG_MAPPING, AutoModel, AutoTokenizer

    torch.manual_seed(0)
    config = {**SMALL[kind], **MODELS[kind], "vocab_size": rows}
    AutoModel.from_config(CONFIG_MAPPING[kind](**config)).eval().save_pretrained(folder)
    ids = AutoTokenizer.from_pretrained(folder)(TEXT, PAIR, return_tensors="pt")
    extra = {"decoder_input_ids": ids["input_ids"]} if kind == "t5" else {}
    whole = AutoModel.from_pretrained(folder)
    path = folder / "config.json"
    saved = {key: value for key, value in json.loads(path.read_text()).items() if key not in gone}
    path.write_text(json.dumps(saved | changed))
    if after:
        after(folder)
    model = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        numbers = model(**ids, **extra).last_hidden_state
        before = whole(**ids, **extra).last_hidden_state
    if not numbers.isfinite().all():
        return "silent; every number is NaN"
    return "" if torch.equal(numbers, before) else "silent; other numbers"


def shortened(words, most=70):
    words = " ".join(words.split()).replace("|", "\\|")
    return words if len(words) <= most else words[: most - 1] + "…"


def row(case, room):
    """One line of the table."""
    files = case.files
    folder = files.write(Path(room) / "folder")
    quick = RULES[case.code].needs not in ("transformers", "values", "skeleton", "loaded", "forward")
    checkup = check(folder, quick=quick, data=files.texts(Path(room)))
    found = next(each for each in checkup.findings if each.code == case.code)
    evidence = shortened(found.evidence.replace(str(folder), "folder"), 90)
    says = tokenizer_says(folder)
    with_model = model_says(case, files, folder)
    both = says if not with_model or says not in ("silent", with_model) else f"model: {with_model}"
    return f"| {case.code} {case.kind} | {both} | {found.severity}: {found.message}; {evidence} |"


def main():
    """Print the table, and how many of the folders transformers takes without a word."""
    rows = []
    for case in CASES:
        with tempfile.TemporaryDirectory() as room:
            rows.append(row(case, room))
    silent = sum("silent" in each.split(" | ")[1] for each in rows)
    head = "| folder | transformers today, loading and a first pair of texts | tokbench check |"
    words = f"Of {len(rows)} folders transformers takes {silent} without a word; check names all of them."
    sys.stdout.write("\n".join([words, "", head, "|---|---|---|", *rows]) + "\n")


if __name__ == "__main__":
    sys.exit(main())
