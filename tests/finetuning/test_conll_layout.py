"""Word and tag are found in the layouts that are published, said, overridable, and refused where both fit."""

import pytest

from tokbench.errors import DataError, UsageError
from tokbench.finetuning.config import FinetuneConfig
from tokbench.finetuning.data.load import read_data
from tokbench.finetuning.data.tagging import read_sentences
from tokbench.finetuning.multi import finetune
from tokbench.finetuning.predict import predict

GERMEVAL = """#\thttp://de.wikipedia.org/wiki/Manfred_Korfmann [2009-10-17]
1\tAufgrund\tO\tO
2\tseiner\tO\tO
3\tBerliner\tB-LOCderiv\tO
4\t#\tO\tO

#\thttp://de.wikipedia.org/wiki/Dortmund [2009-11-03]
1\tBorussia\tB-ORG\tO
2\tDortmund\tI-ORG\tB-LOC
3\tsiegt\tO\tO

"""
CONLLU = """# sent_id = fr-1
# text = Je vais au marché
1\tJe\til\tPRON\tCLS\t_\t2\tnsubj\t_\t_
2\tvais\taller\tVERB\tV\t_\t0\troot\t_\t_
3-4\tau\t_\t_\t_\t_\t_\t_\t_\t_
3\tà\tà\tADP\tP\t_\t5\tcase\t_\t_
4\tle\tle\tDET\tD\t_\t5\tdet\t_\t_
5\tmarché\tmarché\tNOUN\tNC\t_\t2\tobl\t_\t_
5.1\tvide\t_\t_\t_\t_\t_\t_\t_\t_

1\t#\t#\tSYM\tX\t_\t0\troot\t_\t_
2\toui\toui\tINTJ\tI\t_\t0\troot\t_\t_

"""
CONLL2003 = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nPeter NNP B-NP B-PER\n\n"
MIT = "B-ACTOR\ttom\nI-ACTOR\thanks\nO\tfilms\n\nO\tshow\nO\tme\nB-GENRE\tdrama\n\n"
MULTICONER = "# id f423 domain=en\nlondon _ _ B-LOC\nis _ _ O\n\n# id f424 domain=en\n# _ _ O\nfine _ _ O\n\n"
NUMBERED = "1\tParis\tB-LOC\n2\tis\tO\n\n1\there\tO\n\n"
KLUE = "## 컬럼명 : CHAR\tNE_TAG\n## klue-ner-0\t<경찰:OG>은 또\n경\tB-OG\n찰\tI-OG\n은\tO\n \tO\n또\tO\n\n"
HEADED = "token\tner\nParis\tB-LOC\nis\tO\n\nhere\tO\n"


@pytest.fixture
def put(tmp_path):
    """A function: write this text as a file."""

    def write(text, name="a.conll"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def read(path, **changes):
    return read_data(FinetuneConfig(task="ner", data=str(path), dev=str(path), **changes))


@pytest.mark.parametrize(
    ("text", "words", "labels", "columns"),
    [
        (GERMEVAL, ["Aufgrund", "seiner", "Berliner", "#"], ["O", "O", "B-LOCderiv", "O"], ("2", "3")),
        (CONLLU, ["Je", "vais", "à", "le", "marché"], ["PRON", "VERB", "ADP", "DET", "NOUN"], ("2", "4")),
        (CONLL2003, ["EU", "rejects"], ["B-ORG", "O"], ("1", "4")),
        (MIT, ["tom", "hanks", "films"], ["B-ACTOR", "I-ACTOR", "O"], ("2", "1")),
        (MULTICONER, ["london", "is"], ["B-LOC", "O"], ("1", "4")),
        (NUMBERED, ["Paris", "is"], ["B-LOC", "O"], ("2", "3")),
        (KLUE, ["경", "찰", "은", " ", "또"], ["B-OG", "I-OG", "O", "O", "O"], ("1", "2")),
        (HEADED, ["Paris", "is"], ["B-LOC", "O"], ("1", "2")),
    ],
    ids=["germeval", "conllu", "conll2003", "tag first", "multiconer", "numbered", "klue", "headed"],
)
def test_published_layouts_are_read_as_they_are(text, words, labels, columns, put):
    path = put(text)
    read_here = read_sentences(path)
    assert read_here.found[0] == (words, labels)
    found = read(path)
    assert (found.read.columns["text"], found.read.columns["tags"]) == columns
    assert found.train.units[0] == words
    assert [found.task.labels[number] for number in found.train.labels[0]] == labels


def test_a_sentence_may_begin_with_a_hash_that_is_a_word(put):
    assert read_sentences(put(MULTICONER)).found[1] == (["#", "fine"], ["O", "O"])
    assert read_sentences(put(CONLLU)).found[1] == (["#", "oui"], ["SYM", "INTJ"])
    assert read_sentences(put("#\tO\nfoo\tB-X\n\n#fine\tO\n")).found[0] == (["#", "foo"], ["O", "B-X"])


def test_what_was_found_is_said_with_the_options_that_change_it(put):
    found = read(put(GERMEVAL))
    assert any("outer entities in column 3 (--label-column 4" in each for each in found.read.inferred)
    inner = read(put(GERMEVAL), label_column="4")
    assert inner.task.labels == ("O", "B-LOC", "I-LOC")
    own = read(put(CONLLU), label_column="5")
    assert "CLS" in own.task.labels
    assert own.train.units[0][0] == "Je"
    assert any("tags in column 1" in each for each in read(put(MIT)).read.inferred)


def test_the_scheme_of_the_tags_is_said_before_training_with_its_options(put):
    said = "labels are read as IOB leniently, as seqeval's default does; outside is O"
    assert f"{said} (--set tag_scheme=, --set outside= change it)" in read(put(KLUE)).read.inferred
    assert read(put(KLUE), tag_scheme="IOB2").read.inferred == ()


def test_named_columns_are_taken(put):
    found = read(put(CONLL2003), text_column="1", label_column="2")
    assert found.task.labels == ("NNP", "VBZ")
    with pytest.raises(UsageError, match="has 4 columns, and no column 7"):
        read(put(CONLL2003), label_column="7")
    with pytest.raises(UsageError, match="--text-column word: columns of a CoNLL file have numbers"):
        read(put(CONLL2003), text_column="word")


def test_a_file_of_which_nobody_knows_the_tags_is_asked_for_with_options_that_work(put):
    lines = [f"KIND{number % 5}\tword{number}" for number in range(40)]
    path = put("\n\n".join(lines))
    with pytest.raises(UsageError, match="the tags may be in column 1 or in column 2") as caught:
        read(path)
    assert caught.value.fix == "--label-column 1 --text-column 2, or --label-column 2"
    assert read(path, label_column="1", text_column="2").task.labels == tuple(f"KIND{n}" for n in range(5))


def test_tags_between_other_columns_are_asked_for(put):
    path = put("Paris\tB-LOC\tNNP\nis\tO\tVBZ\n\nhere\tO\tRB\n")
    with pytest.raises(UsageError, match="the tags may be in column 2 or in column 3") as caught:
        read(path)
    assert caught.value.fix == "--label-column 2, or --label-column 3"
    assert read(path, label_column="2").task.labels == ("O", "B-LOC", "I-LOC")


def test_a_column_of_words_is_never_taken_for_labels(put):
    lines = [f"B-PER\tname{number}\nO\tword{number}" for number in range(120)]
    assert read(put("\n\n".join(lines))).task.labels == ("O", "B-PER", "I-PER")
    words = "\n".join(f"word{number} word{number + 1}" for number in range(60))
    with pytest.raises(DataError, match=r"column 2 of a\.conll holds 60 labels for 60 words"):
        read(put(words))


def test_a_dev_file_is_read_as_the_train_file_is(tmp_path, put):
    put(NUMBERED, "train.conll")
    put("1\t1\tO\n\n", "dev.conll")
    found = read_data(FinetuneConfig(task="ner", data=str(tmp_path)))
    assert found.evaluation["dev"].units == [["1"]]


def test_numbered_words_are_trained_on_and_predicted(plan, tmp_path, put):
    put("1\tgood\tB-X\n2\tcab\tO\n\n1\tbad\tO\n2\t.\tO\n\n" * 6, "train.conll")
    put("1\tcab\tO\n2\tgood\tB-X\n\n" * 3, "dev.conll")
    run = finetune(plan(task="ner", data=str(tmp_path)))
    asked = put("1\tgood\n2\tbad\n\n1\tcab\n\n", "asked.conll")
    assert predict(run, data=asked).units == (("good", "bad"), ("cab",))
