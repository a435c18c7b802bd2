"""Command lines of fine-tuning that fail, each with a hint that is pasted; see hint_scenarios.py."""

# Fine-tuning that goes through one batch of a few rows of the sample, and keeps nothing.
DRY = "--model pair --device cpu --max-train-rows 8 --fast-dev-run 1"
SST2 = f"--data sample {DRY}"
# Fine-tuning of 4 steps that keeps its model.
TRAIN = "--data sample --model pair --device cpu --max-train-rows 8 --batch-size 2 --epochs 1"
SAVING = f"{TRAIN} --set save_every=1".replace("batch-size 2", "batch-size 1")
KEPT = f"--task own --text-column text --label-column stars {DRY.partition(' --fast')[0]} --epochs 1"
OWN = f"--task own --text-column text --label-column stars {DRY}"
PROVE = "prove pair twin --data sample --device cpu --max-train-rows 8 --epochs 1 --seeds 2"
RTE = f"finetune --task rte --data glue {DRY}"

SCENARIOS = {
    "texts and second texts": (
        "predict trained a b --pair c",
        "give --pair once for each text",
        "tokbench predict trained 'a c' 'b d'",
    ),
    "an unknown task": (
        f"finetune --task sts2 {SST2}",
        "did you mean stsb or sst2?",
        f"tokbench finetune --task sst2 {SST2}",
    ),
    "an unknown choice": f"finetune --trainer lop {SST2}",
    "an unknown choice of training": f"finetune --set epohcs=3 {SST2}",
    "an unknown metric": f"finetune --set metric=acuracy {SST2}",
    "a config with an unknown choice": (
        f"finetune --config choices.toml {SST2}",
        "did you mean epochs?",
        f"sed -i s/epohcs/epochs/ choices.toml && tokbench finetune --config choices.toml {SST2}",
    ),
    "nothing to resume": f"finetune {SST2} --resume",
    "a bare tokenizer for training": (
        f"finetune --tokenizer pair/tokenizer.json {SST2}",
        "tokbench wrap pair/tokenizer.json -o my-tok",
        f"tokbench wrap pair/tokenizer.json -o made && tokbench finetune --tokenizer made {SST2}",
    ),
    "a file for a task of folders": (
        f"finetune --task sst2 --data rows.csv {DRY}",
        "--text-column, --label-column",
        f"tokbench finetune --task own --data rows.csv --text-column text --label-column stars {DRY}",
    ),
    "rows of one's own that are not named": (
        f"finetune --task own --text-column text --label-column stars {DRY}",
        "--data FILE or FOLDER",
        f"tokbench finetune --task own --data rows.csv --text-column text --label-column stars {DRY}",
    ),
    "rows of one's own that are missing": (
        f"finetune --task own --data nowhere --text-column text --label-column stars {DRY}",
        "--data FILE.csv",
        f"tokbench finetune --task own --data rows.csv --text-column text --label-column stars {DRY}",
    ),
    "a table of columns in JSON": (
        f"finetune --data columns.json {OWN}",
        "zip(*d.values())], open('columns-rows.json', 'w'))",
        "python -c \"import json; d = json.load(open('columns.json', encoding='utf-8')); "
        "json.dump([dict(zip(d, r)) for r in zip(*d.values())], open('columns-rows.json', 'w'))\""
        f" && tokbench finetune --data columns-rows.json {OWN}",
    ),
    "several tables in JSON": (
        f"finetune --data lists.json {OWN}",
        "json.dump(d['train'], open('lists-rows.json', 'w'))",
        "python -c \"import json; d = json.load(open('lists.json', encoding='utf-8')); "
        "json.dump(d['train'], open('lists-rows.json', 'w'))\""
        f" && tokbench finetune --data lists-rows.json {OWN}",
    ),
    "a folder without rows": (
        f"finetune --task own --data sub --text-column text --label-column stars {DRY}",
        "--data FILE.csv --dev FILE.csv",
        f"tokbench finetune --task own --data rows.csv --dev rows.csv --text-column text"
        f" --label-column stars {DRY}",
    ),
    "as many labels as rows": (
        f"finetune --task own --data rows.csv --text-column text --label-column number {DRY}",
        "by --label-column",
        f"tokbench finetune --task own --data rows.csv --text-column text --label-column stars {DRY}",
    ),
    "labels that are all one": (
        f"finetune --task own --data rows.csv --text-column text --label-column same {DRY}",
        "by --label-column",
        f"tokbench finetune --task own --data rows.csv --text-column text --label-column stars {DRY}",
    ),
    "one row": (
        f"finetune --task own --data row.csv --text-column text --label-column stars {DRY}",
        "by --label-column",
        f"tokbench finetune --task own --data rows.csv --text-column text --label-column stars {DRY}",
    ),
    "labels that are hidden": (
        f"finetune --task own --data rows.csv --text-column text --label-column hidden {DRY}",
        "--set task_kind=classes makes a class of it",
        "tokbench finetune --task own --data rows.csv --text-column text --label-column hidden"
        f" --set task_kind=classes {DRY}",
    ),
    "a run that is none": (
        "predict made a",
        "make one: tokbench finetune --task sst2 --model MODEL -o made",
        f"tokbench finetune --task sst2 {TRAIN} -o made && tokbench predict made a",
    ),
    "one sentence": (
        f"finetune --task ner --data sentence.conll {DRY}",
        "--dev FILE",
        f"tokbench finetune --task ner --data sentence.conll --dev sentence.conll {DRY}",
    ),
    "one score": (
        f"finetune --task own --data score.csv --text-column text --label-column score {DRY}",
        "--dev FILE",
        f"tokbench finetune --task own --data score.csv --text-column text --label-column score"
        f" --dev score.csv {DRY}",
    ),
    "two texts to choose from": (
        f"finetune --task own --data readings.csv {DRY}",
        "--text-column premise --pair-column hypothesis",
        "tokbench finetune --task own --data readings.csv --text-column premise --pair-column hypothesis"
        f" {DRY}",
    ),
    "as many words as rows": (
        f"finetune --task own --data words.csv --text-column text --label-column name {DRY}",
        "by --label-column",
        f"tokbench finetune --task own --data words.csv --text-column text --label-column three {DRY}",
    ),
    "a positive one of three": (
        f"finetune --task own --data words.csv --text-column text --label-column three"
        f" --set positive=a {DRY}",
        "leave out --set positive",
        f"tokbench finetune --task own --data words.csv --text-column text --label-column three {DRY}",
    ),
    "a positive one that is no label": f"finetune --data rows.csv --set positive=2 {OWN}",
    "dev rows of one label": (
        f"finetune --data rows.csv --dev alike.csv -o made {KEPT}",
        "--dev FILE",
        f"tokbench finetune --data rows.csv --dev rows.csv -o made {KEPT}",
    ),
    "sentences in Latin-1": (
        f"finetune --task ner --data latin1.conll {DRY}",
        "iconv -f ISO-8859-1 -t UTF-8 < latin1.conll > latin1.utf8.conll",
        "iconv -f ISO-8859-1 -t UTF-8 < latin1.conll > made.conll"
        f" && tokbench finetune --task ner --data made.conll {DRY}",
    ),
    "labels without marks": f"finetune --task ner --data plain.conll --set tag_scheme=IOBES {DRY}",
    "a config that transformers cannot read": (
        f"finetune {KEPT.replace('pair', 'odd')} --data rows.csv --compare-pooling -o made",
        "tokbench check odd",
        "tokbench check odd",
    ),
    "a baseline that is the run's own": f"finetune {SST2} --baseline ./pair",
    "a memory that is full": (
        "finetune --task sst2 --data sample --model bert-base --tokenizer pair --device cpu"
        " --max-train-rows 8 --fast-dev-run 1",
        "or a smaller model",
        "tokbench finetune --task sst2 --data sample --model bert-tiny --tokenizer pair --device cpu"
        " --max-train-rows 8 --fast-dev-run 1",
    ),
    "checkpoints of an earlier version": (
        f"finetune {SAVING} -o made --resume",
        "start over with --force",
        f"tokbench finetune {SAVING} -o made --force",
    ),
    "a disk that is full at the end": (
        f"finetune {SAVING} -o made",
        "--resume goes on from what is kept",
        f"tokbench finetune {SAVING} -o made --resume",
    ),
    "a disk that is full, and a stop": (
        f"finetune {SAVING} -o made",
        "make room; the same command with --resume goes on from there",
        f"tokbench finetune {SAVING} -o made --resume",
    ),
    "a stop while the output is written": (
        f"finetune {SAVING} -o made",
        "the same command with --resume writes it",
        f"tokbench finetune {SAVING} -o made --resume",
    ),
    "a column that a file has not": f"finetune --task ner --data tags.conll --label-column 9 {DRY}",
    "words and tags in one column": (
        f"finetune --task ner --data tags.conll --text-column 1 --label-column 1 {DRY}",
        "--text-column 1 --label-column 2",
        f"tokbench finetune --task ner --data tags.conll --text-column 1 --label-column 2 {DRY}",
    ),
    "two columns that may be the tags": f"finetune --task ner --data either.conll {DRY}",
    "a column of a CoNLL file by its name": f"finetune --task ner --data tags.conll --label-column tag {DRY}",
    "as many tags as words": (
        f"finetune --task ner --data wide.conll --text-column 1 --label-column 2 {DRY}",
        "counted from 1: --label-column 1 --text-column 2",
        f"tokbench finetune --task ner --data tags.conll --label-column 2 --text-column 1 {DRY}",
    ),
    "a scheme that reads no entity": (
        f"finetune --task ner --data tags.conll --set tag_scheme=IOBES {DRY}",
        "--set tag_scheme=auto",
        f"tokbench finetune --task ner --data tags.conll --set tag_scheme=auto {DRY}",
    ),
    "marks in small letters": f"finetune --task ner --data small.conll {DRY}",
    "types that only case tells apart": f"finetune --task ner --data case.conll {DRY}",
    "scores that are all one": (
        f"finetune --task own --data flat.csv --text-column text --label-column score {DRY}",
        "by --label-column",
        f"tokbench finetune --task own --data flat.csv --text-column text --label-column other {DRY}",
    ),
    "a text for a label": (
        f"finetune --task own --data wordy.csv --text-column text --label-column label {DRY}",
        "by --label-column",
        f"tokbench finetune --task own --data wordy.csv --text-column text --label-column other {DRY}",
    ),
    "rows with the same labels all": (
        f"finetune --task own --data same.jsonl --multi-label --text-column text --label-column sets {DRY}",
        "by --label-column",
        f"tokbench finetune --task own --data same.jsonl --multi-label --text-column text --label-column"
        f" others {DRY}",
    ),
    "too many labels of rows": (
        f"finetune --task own --data many.jsonl --multi-label --text-column text --label-column sets {DRY}",
        "by --label-column",
        f"tokbench finetune --task own --data many.jsonl --multi-label --text-column text --label-column"
        f" others {DRY}",
    ),
    "two classes of one name": (
        f"finetune --data twice.parquet {OWN}",
        "name another column by --label-column",
        f"tokbench finetune --data twice.parquet {OWN.replace('stars', 'other')}",
    ),
    "a pair for a model of one text": (
        "predict owned zebra --pair other",
        "leave out --pair",
        "tokbench predict owned zebra",
    ),
    "an outside that no word has": f"finetune --task ner --data tags.conll --set outside=X {DRY}",
    "a scheme that no label has": f"finetune --task ner --data tags.conll --set tag_scheme=IOB22 {DRY}",
    "a fresh model without a tokenizer": (
        f"finetune {SST2} --model bert-tiny",
        "--tokenizer FOLDER",
        f"tokbench finetune {SST2} --model bert-tiny --tokenizer pair",
    ),
    "an unknown task to predict": (
        "predict trained a --task sts2",
        "did you mean stsb or sst2?",
        "tokbench predict trained a --task sst2",
    ),
    "a sample of another task": (
        f"finetune --task rte {SST2}",
        "--data FOLDER with the official RTE files",
        f"tokbench {RTE}",
    ),
    "a task that is not in the cache": (
        f"finetune --task rte {DRY}",
        "--data FOLDER with the official RTE files",
        f"tokbench {RTE}",
    ),
    "a task without its split": (
        f"finetune --task wnli --data hub {DRY}",
        "--data FOLDER with the official WNLI files",
        f"tokbench finetune --task wnli --data glue {DRY}",
    ),
    "test rows without their split": (
        "predict trained --task wnli --data hub -o made",
        "--data FOLDER",
        "tokbench predict trained --task sst2 --data glue -o made",
    ),
    "official rows in Latin-1": (
        f"finetune --task sst2 --data latin {DRY}",
        "iconv -f ISO-8859-1 -t UTF-8 < latin/SST-2/train.tsv > latin/SST-2/train.utf8.tsv",
        "iconv -f ISO-8859-1 -t UTF-8 < latin/SST-2/train.tsv > latin/SST-2/train.utf8.tsv"
        " && mv latin/SST-2/train.utf8.tsv latin/SST-2/train.tsv"
        f" && tokbench finetune --task sst2 --data latin {DRY}",
    ),
    "a folder without rows to predict": (
        "predict trained --task own --text-column text --data sub -o made",
        "--data FILE.csv",
        "tokbench predict trained --task own --text-column text --data rows.csv -o made",
    ),
    "no rows to predict named": (
        "predict trained --task own --text-column text -o made",
        "--data FILE",
        "tokbench predict trained --task own --text-column text --data rows.csv -o made",
    ),
    "incomplete rows": (
        f"finetune --data gaps.csv {OWN}",
        "leave them out with --skip-incomplete",
        f"tokbench finetune --data gaps.csv --skip-incomplete {OWN}",
    ),
    "official files without rows": (
        f"finetune --task sst2 --data blank {DRY}",
        "give the official SST-2 files, or --data sample",
        f"tokbench finetune --task sst2 {SST2}",
    ),
    "official labels that are hidden": f"finetune --task sst2 --data hidden {DRY}",
    "a folder for a file of sentences": f"finetune --task ner --data tags.conll --dev sub {DRY}",
    "rows without a token": (
        f"finetune --data unseen.csv {OWN.replace('pair', 'bare')}",
        "tokbench check bare",
        f"tokbench check bare && tokbench finetune --data rows.csv {OWN.replace('pair', 'bare')}",
    ),
    "ids beyond the model's rows": (
        "predict outgrown 'a zebra130' --task sst2",
        "tokbench resize outgrown --tokenizer outgrown -o grown",
        "tokbench resize outgrown --tokenizer outgrown -o made"
        " && tokbench predict made 'a zebra130' --task sst2",
    ),
    "a tokenizer that transformers cannot load": "predict unread a",
    "a run with weights of another shape": "predict reshaped a",
    "a GPU that is not there": f"finetune {SST2} --device cuda",
    "graphs without a GPU": (
        f"finetune {SST2} --set graphs=on",
        "leave --set graphs=on out",
        f"tokbench finetune {SST2}",
    ),
    "a learning rate without bounds": (
        f"finetune {TRAIN} --learning-rate 1e30 -o made",
        "a lower --learning-rate",
        f"tokbench finetune {TRAIN} --learning-rate 1e-4 -o made",
    ),
    "a RoBERTa without padding": (
        f"finetune --tokenizer unpadded --model roberta {SST2.replace('--model pair ', '')}",
        "tokbench add-tokens unpadded --role 'pad=<pad>' -o padded, or --model bert-base",
        "tokbench add-tokens unpadded --role 'pad=<pad>' -o made"
        f" && tokbench finetune --tokenizer made --model bert-tiny {SST2.replace('--model pair ', '')}",
    ),
    "a run that is stopped": (
        f"finetune {SAVING} -o made",
        "the same command with --resume",
        f"tokbench finetune {SAVING} -o made --resume",
    ),
    "a run that was stopped": (
        f"finetune {SAVING} -o made",
        "--resume goes on with it",
        f"tokbench finetune {SAVING} -o made --resume",
    ),
    "another run that was stopped": (
        f"finetune {SAVING} --seed 7 -o made --resume",
        "give the command as it was",
        f"tokbench finetune {SAVING} -o made --resume",
    ),
    "checkpoints that are damaged": (
        f"finetune {SAVING} -o made --resume",
        "start over with --force in the place of --resume",
        f"tokbench finetune {SAVING} -o made --force",
    ),
    "no finished runs": f"{PROVE} --resume -o made",
    "a comparison that is there": (
        f"finetune {TRAIN} --baseline twin -o made",
        "--resume takes finished runs over",
        f"tokbench finetune {TRAIN} --baseline twin -o made --resume",
    ),
    "a finished run of other choices": (
        f"finetune {TRAIN} --seed 7 --baseline twin -o made --resume",
        "train it again with --force",
        f"tokbench finetune {TRAIN} --seed 7 --baseline twin -o made --resume --force",
    ),
    "a finished run that is damaged": (
        f"finetune {TRAIN} --baseline twin -o made --resume",
        "--force trains it again",
        f"tokbench finetune {TRAIN} --baseline twin -o made --resume --force",
    ),
    "a baseline without a model": (
        f"finetune {SST2} --baseline tok",
        "give a folder with tokenizer and model",
        f"tokbench finetune {SST2} --baseline twin",
    ),
    "all tasks without a file": (
        f"finetune --task all --data sub {DRY}",
        "--data FOLDER with CoLA, SST-2, …",
        f"tokbench finetune --task all --data glue {DRY}",
    ),
    "a comparison on all tasks": (
        f"finetune --task all --data glue --baseline twin {DRY}",
        "--task sst2, say",
        f"tokbench finetune --task sst2 --data glue --baseline twin {DRY}",
    ),
    "a sample without test rows": f"finetune --predict {SST2}",
    "test rows of the sample": (
        "predict trained --data sample -o made",
        "--data FOLDER with the official SST-2 files",
        "tokbench predict trained --data glue -o made",
    ),
    "words for a model of rows": (
        "predict trained a --task ner",
        "tokbench finetune --task ner --model trained --data FILE -o trained-ner",
        f"tokbench finetune --task ner --data tags.conll {DRY.replace('pair', 'trained')}",
    ),
    "a model of other labels": (
        "predict trained a --pair b --task rte",
        "tokbench finetune --task rte --model trained -o trained-rte",
        f"tokbench {RTE}".replace("pair", "trained"),
    ),
    "a model of another kind": (
        "predict pair a --task sst2",
        "tokbench finetune --task sst2 --model pair -o pair-sst2",
        f"tokbench finetune {TRAIN} -o made && tokbench predict made a --task sst2",
    ),
    "a proof to go on with, nowhere": (
        f"{PROVE} --resume",
        "-o FOLDER keeps the runs there",
        f"tokbench {PROVE} -o made",
    ),
    "a proof with one model": (
        f"{PROVE.replace('twin', 'grown')} --model gpt",
        "--model bert-tiny for both",
        f"tokbench {PROVE.replace('twin', 'grown')} --model bert-tiny",
    ),
    "a proof that is stopped": (
        f"{PROVE} --set save_every=1 --set batch_size=1",
        "-o FOLDER keeps the runs",
        f"tokbench {PROVE} --set save_every=1 --set batch_size=1 -o made",
    ),
    "two processes for one": f"finetune {SST2} --trainer hf",
    "tags of another scheme": f"finetune --task ner --data mixed.conll {DRY}",
    "a task without train rows": (
        f"finetune --task ax {DRY}",
        "tokbench finetune --task mnli -o run && tokbench predict run --task ax",
        f"tokbench finetune --task mnli --data glue {DRY.partition('--fast')[0]} --epochs 1 -o made"
        " && tokbench predict made --task ax --data glue -o made/answers",
    ),
    "a proof on all tasks": (
        "prove pair pair --task all --data sample --seeds 2",
        "--task cola --task sst2",
        "tokbench prove pair pair --task sst2 --data sample --seeds 2 --max-train-rows 8 --epochs 1",
    ),
    "class weights that are none": (
        f"finetune --set class_weights=balance {SST2}",
        """--set 'class_weights={"negative":1,"positive":1}'""",
        f"""tokbench finetune --set 'class_weights={{"negative":1,"positive":1}}' {SST2}""",
    ),
    "class weights of another label": (
        f"finetune --set class_weights=good=1,bad=2 {SST2}",
        """--set 'class_weights={"negative":1,"positive":1}'""",
        f"""tokbench finetune --set 'class_weights={{"negative":1,"positive":1}}' {SST2}""",
    ),
    "a class weight of zero": (
        f"finetune --set class_weights=negative=0,positive=2 {SST2}",
        """--set 'class_weights={"negative":1,"positive":1}'""",
        f"""tokbench finetune --set 'class_weights={{"negative":1,"positive":1}}' {SST2}""",
    ),
    "class weights of scores": (
        f"finetune --set class_weights=balanced --task own --data scores.csv --text-column text"
        f" --label-column score {DRY}",
        "leave class_weights out",
        f"tokbench finetune --task own --data scores.csv --text-column text --label-column score {DRY}",
    ),
    "lists of labels": (
        f"finetune --task own --data sets.jsonl --text-column text --label-column sets {DRY}",
        "--multi-label",
        f"tokbench finetune --task own --data sets.jsonl --text-column text --label-column sets {DRY}"
        " --multi-label",
    ),
    "several labels of a task of GLUE": (
        f"finetune --multi-label --data sets.jsonl --text-column text --label-column sets {DRY}",
        "--task own",
        f"tokbench finetune --multi-label --data sets.jsonl --text-column text --label-column sets {DRY}"
        " --task own",
    ),
    "several labels in a cell": (
        f"finetune --multi-label --task own --data parted.tsv --text-column text --label-column sets {DRY}",
        "--set label_separator=';'",
        "tokbench finetune --multi-label --task own --data parted.tsv --text-column text --label-column sets"
        f" {DRY} --set label_separator=';'",
    ),
    "a separator of one label": (
        f"finetune --set label_separator=; --task own --data parted.tsv --text-column text"
        f" --label-column sets {DRY}",
        "--multi-label",
        f"tokbench finetune --set label_separator=';' --task own --data parted.tsv --text-column text"
        f" --label-column sets {DRY} --multi-label",
    ),
    "two losses": (
        f"finetune --trainer hf --set label_smoothing_factor=0.1 --set class_weights=balanced {SST2}",
        "leave one of them out",
        f"tokbench finetune --trainer hf --set class_weights=balanced {SST2}",
    ),
}
