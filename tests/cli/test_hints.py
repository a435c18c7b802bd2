"""Every hint that names something to do is pasted: it must run, and the error it came with must be gone."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import BertConfig, BertForMaskedLM

from tests.cli.conftest import ENGLISH, Said
from tests.cli.hints import PACKAGE, pasted, shape, sites
from tokbench import errors
from tokbench.__main__ import main
from tokbench.io.quiet import quiet

EXECUTED: set[str] = set()
RAN: set[str] = set()

# A command line that fails: its hint is read off the message, pasted, and must work. Where a hint leaves
# names to the reader, what it must hold, and the lines that a reader makes of it.
SCENARIOS = {
    "a missing corpus": "train-bpe sub/engliish.txt -v 300 -o made",
    "a missing corpus, unlike all": "train-bpe sub/zzzzzz.txt",
    "a glob without a match": "train-bpe sub/*.parquet",
    "a link to nothing": "train-bpe dangling.txt",
    "a missing column": (
        "train-bpe table.csv -v 300 -o made",
        "--column: body, stars",
        "tokbench train-bpe table.csv -v 300 -o made --column body",
    ),
    "a wrong column": "train-bpe table.csv --column bodi -v 300 -o made",
    "a column of plain text": "train-bpe corpus.txt --column text -v 300 -o made",
    "UTF-16": "train-bpe utf16.txt -v 300 -o made",
    "Latin-1": "train-bpe latin1.txt -v 300 -o made",
    "Korean of CP949": "train-bpe cp949.txt -v 300 -o made",
    "NUL bytes": "train-bpe nul.txt -v 300 -o made",
    "damaged UTF-8": "train-bpe damaged.txt -v 300 -o made",
    "cut UTF-8": "train-bpe cut.txt -v 300 -o made",
    "an Arrow file": "train-bpe table.arrow -v 300 -o made",
    "a vocabulary that is too small": "train-bpe corpus.txt -v 100 -o made",
    "a vocabulary below the alphabet": "train-unigram corpus.txt -v 12 -o made",
    "an unknown preset": "train-wordpiece corpus.txt --preset brt -v 300 -o made",
    "another algorithm's preset": (
        "train-bpe corpus.txt --preset bert -v 300 -o made",
        "tokbench train-wordpiece --preset bert",
        "tokbench train-wordpiece --preset bert corpus.txt -v 300 -o made",
    ),
    "an unknown setting": "train-bpe corpus.txt --set vocab_sise=300 -o made",
    "a setting without a value": (
        "train-bpe corpus.txt --set vocab_size -o made",
        "--set trainer.min_frequency=2",
        "tokbench train-bpe corpus.txt -v 300 --set trainer.min_frequency=2 -o made",
    ),
    "an unknown engine": "train-bpe corpus.txt --engine compild -v 300 -o made",
    "an unknown role": "wrap tok/tokenizer.json -o made --role eso=<|endoftext|>",
    "an output that is there": "train-bpe corpus.txt -v 300 -o tok",
    "a corpus and counts": "train-bpe corpus.txt --counts counts.parquet -v 300 -o made",
    "neither corpus nor counts": (
        "train-bpe -v 300 -o made",
        "--counts",
        "tokbench train-bpe -v 300 -o made --counts counts.parquet",
    ),
    "counts with a column": "train-bpe --counts counts.parquet --column text -v 300 -o made",
    "counts of other blocks": (
        "train-wordpiece --counts counts.parquet -v 300 -o made",
        "tokbench count CORPUS -o counts.parquet --like wordpiece",
        "tokbench count corpus.txt -o made.parquet --like wordpiece"
        " && tokbench train-wordpiece --counts made.parquet -v 300 -o made",
    ),
    "counts that are none": (
        "train-bpe --counts table.csv -v 300 -o made",
        "tokbench count CORPUS -o counts.parquet",
        "tokbench count corpus.txt -o made.parquet"
        " && tokbench train-bpe --counts made.parquet -v 300 -o made",
    ),
    "counts that are missing": (
        "train-bpe --counts nowhere.parquet -v 300 -o made",
        "tokbench count CORPUS -o counts.parquet",
        "tokbench count corpus.txt -o made.parquet"
        " && tokbench train-bpe --counts made.parquet -v 300 -o made",
    ),
    "an unknown block to list": "blocks Lowecase",
    "an unknown preset to print": "presets brt",
    "a recipe with an unknown block": (
        "build block.toml corpus.txt -o made",
        "did you mean Lowercase?",
        "sed -i 's/Lowecase/Lowercase/' block.toml && tokbench build block.toml corpus.txt -o made",
    ),
    "a recipe with an unknown option": (
        "build option.toml corpus.txt -o made",
        "known: add_prefix_space",
        "sed -i 's/pefix = 1/add_prefix_space = true/' option.toml"
        " && tokbench build option.toml corpus.txt -o made",
    ),
    "a recipe with an unknown key": (
        "build key.toml corpus.txt -o made",
        "did you mean vocab_size?",
        "sed -i 's/vocab_sise/vocab_size/' key.toml && tokbench build key.toml corpus.txt -o made",
    ),
    "a recipe with an unknown algorithm": (
        "build algorithm.toml corpus.txt -o made",
        "did you mean bpe?",
        "sed -i 's/bpee/bpe/' algorithm.toml && tokbench build algorithm.toml corpus.txt -o made",
    ),
    "a recipe with a broken value": (
        "build value.toml corpus.txt -o made",
        "vocab_size = 8000",
        "sed -i 's/\"many\"/8000/' value.toml && tokbench build value.toml corpus.txt -o made",
    ),
    "a recipe that is no TOML": "build corpus.txt corpus.txt -o made",
    "a missing tokenizer": "info nowhere.json",
    "a slip in a tokenizer": "info sub/tokk",
    "an older tokenizer": "info older",
    "an id that no token has": "decode tok 99999",
    "a text and the file option": (
        "encode tok a text -o ids.jsonl",
        "name files with --file",
        "tokbench encode tok --file corpus.txt -o ids.jsonl",
    ),
    "no text": (
        "encode tok",
        'add "a text", or files with --file',
        'tokbench encode tok "a text" && tokbench encode tok --file corpus.txt',
    ),
    "two texts": (
        "encode tok a text",
        "put a text in quotes, or files after --file",
        'tokbench encode tok "a text" && tokbench encode tok --file corpus.txt',
    ),
    "a pair and a file": (
        "encode tok --pair b --file corpus.txt",
        "leave out --pair",
        "tokbench encode tok --file corpus.txt",
    ),
    "an unknown format of ids": "encode tok --file corpus.txt -o ids.npz --format npz",
    "no format of ids": (
        "encode tok --file corpus.txt -o ids",
        "end it in one of .jsonl",
        "tokbench encode tok --file corpus.txt -o ids.jsonl"
        " && tokbench encode tok --file corpus.txt -o ids --format npy",
    ),
    "nothing to trace": ("trace tok", 'add "a text", or --chat FILE', 'tokbench trace tok "a text"'),
    "unused tokens that are none": "add-tokens pair --token zebra --use-unused -o made",
    "a span that is not in the text": "trace tok hello --why xyz",
    "a span beyond the text": "trace tok hello --why 0:99",
    "a size of memory that is none": "count corpus.txt -o made.parquet --memory much",
    "a scheduler without dask": (
        "count corpus.txt -o made.parquet --scheduler tcp://127.0.0.1:1",
        "add --engine dask",
        "tokbench count corpus.txt -o made.parquet",
    ),
    "an unknown recipe to count for": "count corpus.txt -o made.parquet --like brt",
    "a rule that is none": "check tok --explain TB1",
    "nothing to check": "check",
    "fixing without a place": "check pair --fix",
    "a place without fixing": "check tok --dry-run",
    "fixing with SARIF": (
        "check tok --fix --dry-run --sarif",
        "run check twice: with --fix, then with --sarif",
        "tokbench check tok --fix --dry-run && tokbench check tok --sarif",
    ),
    "growing nothing": "add-tokens tok -o made",
    "growing nowhere": "add-tokens tok --token zebra",
    "an unknown start": "add-tokens pair --model pair --token zebra --start piece -o made",
    "a description of nothing": (
        "add-tokens pair --model pair --token zebra --description zebr=horse -o made",
        "only what --special or --token adds",
        "tokbench add-tokens pair --model pair --token zebra --description 'zebra=the clock' -o made",
    ),
    "a role that is none": (
        "add-tokens pair --role pda=[PAD] -o made",
        "did you mean pad?",
        "tokbench add-tokens pair --role 'pad=[PAD]' --token zebra -o made",
    ),
    "an unknown config key": "config set pair hidden_dropout_pro=0.2 -o made",
    "an unknown key to show": "config show pair hidden_dropout_pro",
    "a config without a place": "config set pair hidden_dropout_prob=0.2",
    "a config without a setting": (
        "config set pair -o made",
        "hidden_dropout_prob=0.2",
        "tokbench config set pair hidden_dropout_prob=0.2 -o made",
    ),
    "a config's vocabulary": (
        "config set pair vocab_size=999 -o made",
        "tokbench resize pair --tokenizer TOKENIZER -o OUT",
        "tokbench add-tokens pair --token zebra -o made && tokbench resize pair --tokenizer made -o made2",
    ),
    "a config's shape": "config set pair hidden_size=64 -o made",
    "a config value of another type": (
        "config set pair hidden_dropout_prob=abc -o made",
        "hidden_dropout_prob=0.1",
        "tokbench config set pair hidden_dropout_prob=0.1 -o made",
    ),
    "an action that is none": "config shwo pair",
    "kept sizes without a place": "sweep corpus.txt --sizes 300,400 --keep 300",
    "a kept size that is none": "sweep corpus.txt --sizes 300,400 --keep 500 -o made",
    "a folder for sizes not kept": "sweep corpus.txt --sizes 300,400 -o made",
    "a picture of nothing": (
        "sweep corpus.txt --sizes 300,400 --plot made.gif",
        ".svg or .png",
        "tokbench sweep corpus.txt --sizes 300,400 --plot made.svg",
    ),
    "comparing without a corpus": "compare tok",
    "a corpus as a tokenizer": (
        "compare tok corpus.txt --corpus corpus.txt",
        "--corpus corpus.txt",
        "tokbench compare tok --corpus corpus.txt",
    ),
    "one side of a parallel corpus": (
        "compare tok --parallel corpus.txt",
        "--parallel base.txt --parallel other.txt",
        "tokbench compare tok --parallel corpus.txt --parallel sub/english.txt",
    ),
    "a wrong option": "info tok --jsno",
    "a wrong option, unlike all": "info tok --zzzz",
    "a wrong command": "ifno tok",
    "a wrong value": "train-bpe corpus.txt -v abc",
    "a missing argument": "info",
}
# What hints cannot be shown by a command line here, and why; by the beginning of the file's name, or the
# hint's own words.
REASONS = {
    "finetuning/": "needs a training run; fine-tuning is another issue's",
    "training/counting/dask_cluster.py": "needs a cluster",
    "analysis/backends.py": "needs packages that are not installed with the tests, or a cache of theirs",
    "reporting/json_results.py": "speaks of another command, the one that wrote the file",
    "adapt/": "grown models that break are made in tests/adapt",
    "model/": "models that break are made in tests/model",
    "checks/fix.py": "of a name on the hub",
}


# Hints that no scenario provokes yet: file, and hint as the source writes it. No new one may join them.
NOT_YET = frozenset(
    {
        ("__main__.py", "'ls -l shows where a link goes'"),
        ("analysis/measure.py", "'--model TOKENIZER=MODEL says which model reads which tokenizer'"),
        ("analysis/sweep.py", "f'leave {size} out of --sizes'"),
        ("cli/finetune.py", "'give --pair once for each text'"),
        ("cli/output.py", "'convert it: iconv -f latin1 -t utf-8'"),
        ("corpus/parquet.py", "'name another column with --column'"),
        ("corpus/samples.py", "'pip install --force-reinstall tokbench'"),
        ("corpus/samples.py", "did_you_mean(name, names)"),
        ("corpus/sources.py", "f'ls -ld {folder}'"),
        ("corpus/sources.py", "f'send it through stdin: cat {shlex.quote(str(path))} | tokbench … -'"),
        ("corpus/tables.py", "'put texts in quotes, or name another column with --column'"),
        (
            "corpus/tables.py",
            "'use commas in .csv files and tabs in .tsv files, or name that column with --column'",
        ),
        ("io/library_errors.py", "f'tokbench check {shlex.quote(name)}'"),
        ("io/links.py", "f'where that is meant, put the file itself there: rm {here} && cp {there} {here}'"),
        ("pretrained/added_tokens.py", "'tokbench check'"),
        ("pretrained/added_tokens.py", "did_you_mean(key, KEYS)"),
        ("pretrained/added_tokens.py", "f'tokbench check {folder.name}'"),
        ("pretrained/added_tokens.py", "f'tokbench check {name}'"),
        ("pretrained/chat_template.py", "f'tokbench info {folder.name} says which roles it takes'"),
        ("pretrained/encode_corpus.py", "f'tokbench check {folder.name}'"),
        ("pretrained/folder.py", "f'tokbench check {shlex.quote(str(name))}'"),
        ("pretrained/recipe_of.py", "'start from a preset that is near: tokbench presets'"),
        ("pretrained/recipe_of.py", "'train from a recipe that is near, then add them: tokbench add-tokens'"),
        ("pretrained/special_tokens.py", "f\"--role '{role}=[NEW]'\""),
        ("recipes/build.py", "'--engine library'"),
        ("recipes/build.py", "'count with a smaller --min-count'"),
        ("recipes/build.py", "'name the corpus instead of --counts'"),
        ("recipes/build.py", "f'tokbench count CORPUS -o counts.parquet {command_for(recipe)}'"),
        ("recipes/options.py", "'see how one is written: tokbench presets bert'"),
        ("recipes/post_processors.py", "did_you_mean(token, ids) if ids else 'add it to special_tokens'"),
        ("recipes/recipe.py", "'list them: tokbench blocks'"),
        ("recipes/recipe.py", "did_you_mean(role, ROLES)"),
        ("recipes/registry.py", "'see its options: tokbench blocks'"),
        ("recipes/validate.py", "did_you_mean(role, ROLES)"),
        ("recipes/validate.py", "did_you_mean(token, given)"),
        ("recipes/validate.py", "f'--set trainer.limit_alphabet={len(set(given))} or more'"),
        ("recipes/validate.py", "f'--vocab-size {reached} or more' + _limit_hint(recipe)"),
        ("reporting/playground.py", "'--port 0 takes a free one'"),
        ("reporting/svg.py", "'leave --plot out'"),
        ("tracing/bpe_merges.py", "'run tokbench check'"),
        ("tracing/trace.py", "'trace a sentence of it, or see all of it with tokbench encode'"),
        ("tracing/unigram_paths.py", "'run tokbench check'"),
        ("tracing/wordpiece_matches.py", "'run tokbench check'"),
        (
            "training/counting/external.py",
            "'make room, give a larger --memory, or drop rare words with --min-count'",
        ),
    }
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hints")
    text = "\n".join(ENGLISH) + "\n"
    korean = "빛나는 조개껍데기를 한 소년이 바닷가에서 찾았다\n" * 60
    for name in ("corpus.txt", "sub/english.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "dangling.txt").symlink_to("gone.txt")
    (folder / "utf16.txt").write_bytes(text.encode("utf-16"))
    (folder / "latin1.txt").write_bytes(("un café fermé, " + text).encode("latin-1"))
    (folder / "cp949.txt").write_bytes(korean.encode("cp949"))
    (folder / "nul.txt").write_bytes(text.encode().replace(b"clocks", b"clo\0cks"))
    (folder / "damaged.txt").write_bytes(korean.encode()[:600] + b"\xff\n" + korean.encode())
    (folder / "cut.txt").write_bytes(korean.encode() + "한".encode()[:2])
    (folder / "table.csv").write_text("body,stars\n" + "".join(f'"{line}",5\n' for line in ENGLISH))
    (folder / "table.json").write_text('[{"body": "one"}]')
    (folder / "block.toml").write_text('algorithm = "bpe"\nvocab_size = 300\nnormalizers = ["Lowecase"]\n')
    (folder / "option.toml").write_text(
        'algorithm = "bpe"\nvocab_size = 300\npre_tokenizers = [{type = "ByteLevel", pefix = 1}]\n'
    )
    (folder / "key.toml").write_text('algorithm = "bpe"\nvocab_sise = 300\n')
    (folder / "algorithm.toml").write_text('algorithm = "bpee"\nvocab_size = 300\n')
    (folder / "value.toml").write_text('algorithm = "bpe"\nvocab_size = "many"\n')
    (folder / "older").mkdir()
    (folder / "older" / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"])
    )
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        for made in (
            "train-bpe corpus.txt -v 300 -o tok -q",
            "train-wordpiece corpus.txt -v 300 -o pair -q",
            "train-bpe corpus.txt -v 300 -o sub/tok -q",
            "count corpus.txt -o counts.parquet -q",
        ):
            assert main(made.split()) == 0
        small = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "num_hidden_layers": 1}
        with quiet():
            BertForMaskedLM(BertConfig(vocab_size=300, **small)).save_pretrained("pair")
        pa = pytest.importorskip("pyarrow")
        table = pa.table({"text": ENGLISH})
        with pa.OSFile("table.arrow", "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
        yield folder


@pytest.fixture
def said(place, monkeypatch, capfd):
    """Run words; what was said, and the place in the source where the error was made."""
    monkeypatch.chdir(place)
    made = []
    begin = errors.TokbenchError.__init__

    def noted(self, message, *, fix=""):
        frame = sys._getframe(1)
        while frame.f_code.co_name == "__init__":
            frame = frame.f_back
        made.append((frame.f_code.co_filename, frame.f_lineno))
        begin(self, message, fix=fix)

    monkeypatch.setattr(errors.TokbenchError, "__init__", noted)

    def run(words):
        made.clear()
        capfd.readouterr()
        code = main(words)
        told = capfd.readouterr()
        return Said(code, told.out, told.err), list(made)

    return run


def clean(place):
    for made in (
        *place.glob("made*"),
        *place.glob("ids*"),
        *place.glob("*.utf8.txt"),
        *place.glob("*.backup*"),
    ):
        subprocess.run(["rm", "-rf", str(made)], check=True)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_hint_can_be_pasted_and_helps(name, said, place):
    command, fragment, then = (
        (SCENARIOS[name], "", "") if isinstance(SCENARIOS[name], str) else SCENARIOS[name]
    )
    words = shlex.split(command)
    clean(place)
    first, made = said(words)
    assert first.code in (1, 2), first
    error, _, hint = first.err.partition("\nHint:")
    assert fragment in hint
    lines = then.split(" && ") if then else pasted(words, hint.strip())[:1]
    assert lines, f"nothing can be pasted of: {hint}"
    for line in lines:
        again = run(line, said, place)
        if again is not None:
            assert again.code in (0, 1), f"{line}: {again.err}"
            assert error.strip() not in again.err, line
    known = sites()
    RAN.add(name)
    for file, at in made:
        key = (Path(file).relative_to(PACKAGE).as_posix(), at) if Path(file).is_relative_to(PACKAGE) else None
        if key in known:
            EXECUTED.add(shape(key, known[key]))


def run(line, said, place):
    """One line: a command of ours here, anything else in a shell, after which the first file is taken."""
    if line.startswith("tokbench "):
        return said(shlex.split(line)[1:])[0]
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(line, shell=True, cwd=place, env={"PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0 or "iconv" in line, f"{line}: {done.stderr}"
    if into := re.search(r"> (\S+)$|'(\S+\.parquet)'\)", line):
        return said(["train-bpe", into[1] or into[2], "-v", "300", "-o", "made", "-q"])[0]
    return None


def test_every_hint_that_names_something_to_do_is_pasted_by_a_test():
    if len(RAN) < len(SCENARIOS):
        pytest.skip("not all scenarios ran here")
    left = {
        (*key, words)
        for key, words in sites().items()
        if shape(key, words) not in EXECUTED
        and (key[0], words) not in NOT_YET
        and not any(key[0].startswith(each) for each in REASONS)
    }
    assert sorted(left) == []
