"""Every kind of result that a command shows, saved as JSON, makes the page that the result itself makes."""

import ast
import json
import shutil
from pathlib import Path

import pytest

import tokbench
from tokbench.corpus.samples import shipped
from tokbench.reporting.elements import plain
from tokbench.reporting.html import Section, page
from tokbench.reporting.json_results import KINDS, PAGELESS, read_result, view_of
from tokbench.results import as_json

SIZE = 300
TEXT = "Tokenizers break in silence. 고장 👍🏽"
HEAVY = {"demo"}  # a minute; the others take a second or two each


def commands_kinds():
    """The kinds that commands put, read from their source."""
    found = set()
    for path in (Path(tokbench.__file__).parent / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "put" and len(node.args) == 3:
                found.add(ast.literal_eval(node.args[2]))
    return found


def test_every_kind_that_a_command_shows_has_a_page_or_a_reason_for_none():
    assert commands_kinds() == set(KINDS) | set(PAGELESS)
    assert not set(KINDS) & set(PAGELESS)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with two small corpora, a tokenizer for each of two algorithms, and two models."""
    import torch
    import transformers

    from tokbench.pretrained.train import train
    from tokbench.recipes.presets import resolve_recipe

    folder = tmp_path_factory.mktemp("kinds")
    for name in ("english", "korean"):
        lines = Path(shipped(f"{name}.txt")).read_text(encoding="utf-8").splitlines()[:40]
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name in ("bpe", "wordpiece"):
        recipe = resolve_recipe(name, {"vocab_size": str(SIZE)})
        train([str(folder / "english.txt")], recipe, output=folder / name)
    torch.manual_seed(0)
    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    bert = transformers.BertConfig(vocab_size=SIZE, max_position_embeddings=512, **small)
    transformers.BertForMaskedLM(bert).save_pretrained(folder / "bert")
    transformers.BertForSequenceClassification(bert).save_pretrained(folder / "classifier")
    return folder


def result_of(kind, place, into):
    """A small real result of this kind, made as the command makes it."""
    return MAKERS[kind](place, into)


def checked(place, into):
    from tokbench.checks.run import check

    return check(str(place / "wordpiece"), str(place / "bert"), data=str(place / "korean.txt"))


def compared(place, into):
    from tokbench.analysis.compare import compare

    tokenizers = [str(place / name) for name in ("bpe", "wordpiece")]
    corpora = [str(place / f"{name}.txt") for name in ("english", "korean")]
    return compare(tokenizers, corpora, parallel=corpora, max_length=20)


def shown_config(place, into):
    from tokbench.model.model_config import config

    return config(str(place / "bert"))


def changed_config(place, into):
    from tokbench.model.model_config import set_config

    return set_config(str(place / "bert"), output=into / "set", **{"hidden_dropout_prob": "0.2"})


def converted(place, into):
    from tokbench.pretrained.convert import convert

    path = into / "vocab.txt"
    path.write_text("[UNK]\n[CLS]\n[SEP]\n[PAD]\na\n##b\n", encoding="utf-8")
    return convert(path, into / "converted")


def exported(place, into):
    from tokbench.pretrained.export import export

    path = into / "vocab.txt"
    path.write_text("[UNK]\n[CLS]\n[SEP]\n[PAD]\na\n##b\n", encoding="utf-8")
    return export(path, into / "exported", to="vocab")


def counted(place, into):
    from tokbench.recipes.build import assemble
    from tokbench.recipes.presets import resolve_recipe
    from tokbench.training.counting.count_corpus import count_corpus

    return count_corpus([str(place / "english.txt")], assemble(resolve_recipe("bpe", {})), into / "c.parquet")


def whole_job(place, into):
    from tokbench.finetuning.demo import demo

    return demo(into / "demo")


def encoded(place, into):
    from tokbench.encoding.encode import encode
    from tokbench.pretrained.folder import load

    return encode(load(place / "bpe"), TEXT)


def encoded_batch(place, into):
    from tokbench.encoding.encode import encode

    return encode(place / "bpe", TEXT, max_length=6, overflow=True)


def aligned(place, into):
    from tokbench.finetuning.aligned import align_labels

    (into / "a.conll").write_text("Ann\tB-PER\nran\tO\n", encoding="utf-8")
    return align_labels(place / "wordpiece", into / "a.conll")


def decoded_corpus(place, into):
    from tokbench.encoding.decode_corpus import decode_corpus

    return decode_corpus(place / "bpe", [[5, 6], [7]], output=into / "texts.jsonl")


def encoded_corpus(place, into):
    from tokbench.corpus.reading import open_corpus
    from tokbench.encoding.encode_corpus import encode_corpus
    from tokbench.pretrained.folder import load

    return encode_corpus(
        load(place / "bpe"), open_corpus([str(place / "english.txt")]), output=into / "ids.jsonl"
    )


def environment_here(place, into):
    from tokbench.finetuning.environment import environment

    return environment()


def explained(place, into):
    from tokbench.checks.run import explain

    return explain("TB101")


def warmed(place, into):
    from tokbench.adapt.grow import add_tokens
    from tokbench.finetuning.warming.warm import warm

    grown = into / "grown"
    add_tokens(place / "wordpiece", tokens=["silence"], model=place / "bert", output=grown)
    return warm(grown, ["a silence", "the silence of it"], steps=2, teacher=_paired(place, into))


def _paired(place, into):
    """The model with its tokenizer beside it."""
    for name in ("bert", "wordpiece"):
        shutil.copytree(place / name, into / "pair", dirs_exist_ok=True)
    return into / "pair"


def extended(place, into):
    from tokbench.adapt.extend import extend

    return extend(place / "bpe", [str(place / "english.txt")], tokens=20, min_frequency=1)


def corpus_described(place, into):
    from tokbench.analysis.corpus_description import describe_corpus

    return describe_corpus(place / "korean.txt", tokenizer=str(place / "wordpiece"))


def transplanted(place, into):
    from tokbench.adapt.transplant import transplant

    return transplant(place / "bpe", model=_paired(place, into), corpus=[str(place / "english.txt")])


def pruned(place, into):
    from tokbench.adapt.prune import prune

    return prune(place / "bpe", [str(place / "english.txt")], min_count=2)


def grown(place, into):
    from tokbench.adapt.grow import add_tokens

    return add_tokens(
        str(place / "wordpiece"),
        output=into / "grown",
        special=["[E1]"],
        tokens=["COVID"],
        model=str(place / "bert"),
    )


def described(place, into):
    from tokbench.pretrained.folder import load
    from tokbench.pretrained.info import info

    return info(load(place / "wordpiece"))


def mended(place, into):
    from tokbench.checks.fix import fix

    return fix(str(place / "wordpiece"), output=into / "mended")


def a_plan(place, **more):
    from tokbench.finetuning.config import FinetuneConfig

    words = {"model": str(place / "classifier"), "data": "sample", "epochs": 1, "device": "cpu"}
    return FinetuneConfig(**{**words, "max_train_rows": 16, **more})


def trained_run(place, into):
    from tokbench.finetuning.multi import finetune

    plan = a_plan(place, tokenizer=str(place / "bpe"), model="bert-tiny", output=str(into / "run"))
    return finetune(plan, baseline=str(place / "wordpiece"))


def predicted(place, into):
    from tokbench.finetuning.predict import predict

    table = into / "rows.csv"
    table.write_text("sentence\nfine\ndull\n", encoding="utf-8")
    from tokbench.finetuning.multi import finetune

    finetune(a_plan(place, tokenizer=str(place / "wordpiece"), output=str(into / "run")))
    return predict(into / "run", data=table, text_column="sentence", output=into / "answers")


def proved(place, into):
    from tokbench.finetuning.prove import prove

    return prove(
        str(place / "wordpiece"), str(place / "bpe"), a_plan(place, model="bert-tiny"), task="sst2", seeds=2
    )


def same_or_not(place, into):
    from tokbench.checks.same import same

    return same(str(place / "bpe"), str(place / "wordpiece"), str(place / "korean.txt"))


def traced(place, into, name="bpe"):
    from tokbench.pretrained.folder import load
    from tokbench.tracing.trace import follow

    return follow(load(place / name).tokenizer, TEXT, name=name, span=(0, 10))


def pair_traced(place, into):
    from tokbench.pretrained.folder import load
    from tokbench.tracing.trace import follow_pair

    return follow_pair(load(place / "wordpiece").tokenizer, TEXT, "A second text.")


def both_traced(place, into):
    from tokbench.tracing.side_by_side import side_by_side

    return side_by_side(traced(place, into), traced(place, into, "wordpiece"))


def swept(place, into):
    from tokbench.analysis.sweep import read_sizes, sweep
    from tokbench.recipes.presets import resolve_recipe

    return sweep([str(place / "english.txt")], resolve_recipe("bpe", {}), read_sizes("280,320,400,500"))


def prepared(place, into):
    from tokbench.corpus.prepared import prepare_corpus

    split = {"a": 0.5, "b": 0.5}
    return prepare_corpus(place / "english.txt", into / "c.jsonl", clean="nfc,dedup", split=split)


def trained(place, into):
    from tokbench.pretrained.train import train
    from tokbench.recipes.presets import resolve_recipe

    return train(
        [str(place / "korean.txt")], resolve_recipe("bpe", {"vocab_size": "300"}), output=into / "tok"
    )


def rebuilt(place, into):
    from tokbench.checks.rebuild import rebuild
    from tokbench.pretrained.train import train

    texts = ["the cats sat", "the cat sat"] * 9
    train(texts, "wordpiece", vocab_size=60, output=into / "tok")
    return rebuild(into / "tok", [*texts, "a dog"])


MAKERS = {
    "prepared": prepared,
    "aligned": aligned,
    "decoded-corpus": decoded_corpus,
    "encoded-batch": encoded_batch,
    "checkup": checked,
    "comparison": compared,
    "config": shown_config,
    "config-change": changed_config,
    "conversion": converted,
    "counted": counted,
    "demo": whole_job,
    "encoded": encoded,
    "encoded-corpus": encoded_corpus,
    "environment": environment_here,
    "explanation": explained,
    "export": exported,
    "extension": extended,
    "warmup": warmed,
    "growth": grown,
    "info": described,
    "fix-report": mended,
    "pair_trace": pair_traced,
    "predictions": predicted,
    "proof": proved,
    "run": trained_run,
    "corpus_description": corpus_described,
    "pruning": pruned,
    "transplant": transplanted,
    "rebuild": rebuilt,
    "sameness": same_or_not,
    "side_by_side": both_traced,
    "sweep": swept,
    "trace": traced,
    "trained": trained,
}


def pages_of(result, kind):
    """What a window makes of a result, as words and as a page."""
    parts = list(view_of(kind)(result))
    assert parts
    return [plain(part) for part in parts], page("t", [Section(kind, parts)])


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in HEAVY else []) for kind in sorted(KINDS)]
)
def test_a_saved_result_makes_the_page_of_the_result_itself(kind, place, tmp_path):
    result = result_of(kind, place, tmp_path)
    file = tmp_path / "saved.json"
    file.write_text(as_json(result, kind), encoding="utf-8")
    read_kind, again = read_result(file)
    assert read_kind == kind
    assert json.loads(as_json(again, kind)) == json.loads(file.read_text(encoding="utf-8"))
    assert pages_of(again, kind) == pages_of(result, kind)
