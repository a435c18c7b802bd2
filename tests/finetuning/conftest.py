"""A tokenizer that spells, a model of one layer, and the official layouts of the nine tasks, by hand."""

import os
import string
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads, as finetune() does

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.tasks import TASKS
from tokbench.io.quiet import quiet

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = string.ascii_lowercase + string.digits
VOCABULARY = [*SPECIALS, *LETTERS, *(f"##{each}" for each in LETTERS), *string.punctuation, "good", "bad"]

HEADERS = {
    "cola": [],
    "sst2": ["sentence", "label"],
    "mrpc": ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"],
    "qqp": ["id", "qid1", "qid2", "question1", "question2", "is_duplicate"],
    "stsb": [
        "index",
        "genre",
        "filename",
        "year",
        "old_index",
        "source1",
        "source2",
        "sentence1",
        "sentence2",
        "score",
    ],
    "mnli": [
        "index",
        "promptID",
        "pairID",
        "genre",
        "sentence1_binary_parse",
        "sentence2_binary_parse",
        "sentence1_parse",
        "sentence2_parse",
        "sentence1",
        "sentence2",
        "label1",
        "gold_label",
    ],
    "qnli": ["index", "question", "sentence", "label"],
    "rte": ["index", "sentence1", "sentence2", "label"],
    "wnli": ["index", "sentence1", "sentence2", "label"],
}
ROWS = {
    "cola": [["gj04", "1", "", "The sun rose."], ["gj04", "0", "*", "Rose the sun has it."]],
    "sst2": [['a " good film', "1"], ["a bad and dull film ", "0"]],
    "mrpc": [
        ["1", "7", "8", 'He said " no .', '" No , " he said .'],
        ["0", "9", "3", "It rained .", "It snowed ."],
    ],
    "qqp": [["4", "1", "2", "What is a cat?", "What's a cat?", "1"], ["5", "3", "9", "Why?", "When?", "0"]],
    "stsb": [
        ["0", "news", "MSR", "2012test", "0001", "none", "none", "A man runs.", "A man is running.", "4.800"],
        ["1", "news", "MSR", "2012test", "0002", "none", "none", "A dog eats.", "Rain fell.", "0.25"],
    ],
    "mnli": [
        [
            "0",
            "1",
            "1n",
            "fiction",
            "( )",
            "( )",
            "(R)",
            "(R)",
            "It is late.",
            "It is not early.",
            "x",
            "entailment",
        ],
        [
            "1",
            "2",
            "2c",
            "travel",
            "( )",
            "( )",
            "(R)",
            "(R)",
            "It is late.",
            "It is early.",
            "x",
            "contradiction",
        ],
        ["2", "3", "3n", "travel", "( )", "( )", "(R)", "(R)", "It is late.", "It is dark.", "x", "neutral"],
    ],
    "qnli": [["0", "Who?", "He did.", "entailment"], ["1", "Who?", "It rained.", "not_entailment"]],
    "rte": [["0", "He ran.", "He moved.", "entailment"], ["1", "He ran.", "He slept.", "not_entailment"]],
    "wnli": [["0", "It fell as it was wet.", "It was wet.", "1"], ["1", "He saw it.", "It saw it.", "0"]],
}


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory) -> Path:
    """WordPiece over letters: it reads everything that the rows hold."""
    backend = Tokenizer(
        models.WordPiece({each: number for number, each in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    wrapper = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        **{f"{token[1:-1].lower()}_token": token for token in SPECIALS},
        model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    folder = tmp_path_factory.mktemp("tokenizer")
    wrapper.save_pretrained(folder)
    return folder


@pytest.fixture
def tokenizer(tokenizer_folder):
    return AutoTokenizer.from_pretrained(tokenizer_folder)


@pytest.fixture(scope="session")
def make_model(tmp_path_factory):
    """A function: save a BERT of one layer, 16 wide, with these changes to its config."""

    def make(**changes) -> Path:
        config = {
            "vocab_size": len(VOCABULARY),
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "max_position_embeddings": 64,
            "pad_token_id": 0,
        }
        folder = tmp_path_factory.mktemp("model")
        with quiet():
            BertForSequenceClassification(BertConfig(**{**config, **changes})).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def model_folder(make_model) -> Path:
    return make_model()


def write_file(path: Path, task: str, rows: list[list[str]]) -> None:
    """One file as the official archive has it: BOM before mrpc's header, no line end after the last row."""
    lines = [HEADERS[task], *rows] if HEADERS[task] else rows
    text = "\n".join("\t".join(fields) for fields in lines)
    path.write_text(text, encoding="utf-8-sig" if task == "mrpc" else "utf-8", newline="\n")


@pytest.fixture
def official(tmp_path):
    """A function: write train and dev files of a task; `rows` times over the rows above."""

    def write(task: str, *, rows: list[list[str]] | None = None, times: int = 6) -> Path:
        folder = tmp_path / f"glue-{task}"
        folder.mkdir()
        found = ROWS[task] if rows is None else rows
        write_file(folder / "train.tsv", task, found * times)
        for split in TASKS[task].evaluation:
            write_file(folder / split.file, task, found * 3)
        return folder

    return write


@pytest.fixture
def plan(tmp_path, tokenizer_folder, model_folder):
    """A function: a plan on the tiny tokenizer and model, with these changes."""

    def make(**changes) -> FinetuneConfig:
        choices = {
            "tokenizer": str(tokenizer_folder),
            "model": str(model_folder),
            "output": str(tmp_path / "run"),
            "epochs": 1,
            "batch_size": 4,
            "learning_rate": 1e-3,
            "device": "cpu",
            "precision": "fp32",
        }
        return FinetuneConfig(**{**choices, **changes})

    return make
