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


def test_outer_entities_are_taken_where_no_word_has_an_inner_one(put):
    lines = [line.rsplit("\t", 1)[0] + "\tO" if line[:1].isdigit() else line for line in GERMEVAL.split("\n")]
    found = read(put("\n".join(lines)))
    assert found.read.columns == {"text": "2", "tags": "3"}
    assert found.classes["B-ORG"] == 1


def test_two_columns_that_may_hold_the_tags_of_numbered_words_are_told_and_not_guessed(put):
    path = put("1\tParis\tB-LOC\tx\ta\n2\tis\tO\ty\tb\n\n1\there\tO\ty\tb\n")
    with pytest.raises(UsageError, match="column 3 or in column 5") as caught:
        read(path)
    assert caught.value.fix == "--label-column 3, or --label-column 5"
    assert read(path, label_column="3", text_column="2").classes["B-LOC"] == 1


def test_a_first_line_says_which_column_holds_the_words(put):
    found = read(put("Sentence #\tWord\tPOS\tTag\ns1\tParis\tNNP\tB-LOC\ns1\tis\tVB\tO\n\ns2\there\tRB\tO\n"))
    assert found.read.columns == {"text": "2", "tags": "4"}
    assert found.train.units == [["Paris", "is"], ["here"]]
    assert "the first line names the columns of words and tags" in found.read.inferred


def test_a_dev_file_without_the_first_line_of_train_keeps_its_first_word(put):
    train, dev = put(HEADED), put("Rome\tB-LOC\nis\tO\n", "dev.conll")
    found = read_data(FinetuneConfig(task="ner", data=str(train), dev=str(dev)))
    assert found.evaluation["dev"].units == [["Rome", "is"]]


def test_one_column_is_not_taken_for_the_words_and_their_tags(put):
    with pytest.raises(UsageError, match="column 1 cannot hold both") as caught:
        read(put(CONLL2003), text_column="1", label_column="1")
    assert caught.value.fix == "--text-column 1 --label-column 4"


@pytest.mark.parametrize("column", ["9", "0", "tag"])
def test_a_column_that_is_not_there_is_answered_by_one_that_holds_tags(put, column):
    path = put("Paris\tB-LOC\nis\tO\n\nhere\tO\n")
    with pytest.raises(UsageError) as caught:
        read(path, label_column=column)
    assert caught.value.fix == "--label-column 2"
    assert read(path, label_column="2").classes["B-LOC"] == 1


def test_a_nul_character_is_refused_by_its_line(put):
    with pytest.raises(DataError, match="line 2 holds a NUL character"):
        read(put("Paris\tB-LOC\ni\0s\tO\n\nhere\tO\n"))


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (("b-loc", "i-loc", "o"), "tags in small letters"),
        (("BLOC", "ILOC", "O"), "tags without a mark between"),
        (("1", "2", "0"), "numbers of tags"),
    ],
)
def test_types_that_may_be_tags_written_otherwise_are_not_guessed(put, tags, words):
    begins, goes_on, outside = tags
    path = put(f"New\t{begins}\nYork\t{goes_on}\nis\t{outside}\n\nhere\t{outside}\n")
    with pytest.raises(DataError, match=words):
        read(path)
    assert read(path, tag_scheme="IO").read.tag_scheme == "IO"


def test_types_whose_names_begin_with_marks_stay_types(put):
    found = read(put("lion\tBEAST\nant\tINSECT\nsea\tSEA\nis\tO\n\nhere\tO\n"))
    assert found.read.tag_scheme == "IO"


def test_types_that_case_alone_tells_apart_are_asked_about(put):
    path = put("Kim\tB-per\nPark\tI-PER\nis\tO\n\nhere\tO\n")
    with pytest.raises(DataError, match="PER and per differ by case alone") as caught:
        read(path)
    assert "--set tag_scheme=IOB2" in caught.value.fix
    assert read(path, tag_scheme="IOB2").classes["B-per"] == 1


def test_an_outside_label_that_is_not_there_is_answered_by_the_one_that_is(put):
    path = put("Kim\tB-PER\nis\tO\n\nhere\tO\n")
    with pytest.raises(UsageError) as caught:
        read(path, outside="Q")
    assert caught.value.fix == "--set outside=O"


def test_a_scheme_that_reads_no_entity_in_the_train_file_is_refused(put):
    path = put("Kim\tB-PER\nPark\tI-PER\nis\tO\n\nhere\tO\n")
    with pytest.raises(DataError, match=r"read as BILOU, the labels of a\.conll name no entity"):
        read(path, tag_scheme="BILOU")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("good\tB-X\nbad\tmuch\tO\n", "line 2 has 3 fields and those before it 2"),
        ("good\tNN\tB-X\n\nbad\tO\n", "line 3 has 2 fields and those before it 3"),
        ("good\tB-X\nbad\tO\t\n", "line 2 has 3 fields and those before it 2"),
    ],
)
def test_lines_of_uneven_fields_are_refused_between_tabs_too(text, words, tmp_path):
    path = tmp_path / "train.conll"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_sentences(path)
    assert str(caught.value) == f"{path} {words}"
