"""Command lines that fail, each with a hint that is pasted: by what is wrong with them."""

# A command line that fails: its hint is read off the message, pasted, and must work. Where a hint leaves
# names to the reader, what it must hold, and the lines that a reader makes of it.
SCENARIOS = {
    "a missing corpus": "train-bpe sub/engliish.txt -v 300 -o made",
    "ranks of nobody known": (
        "info own.tiktoken",
        "tokbench convert own.tiktoken --encoding cl100k_base -o my-tok",
        "tokbench convert own.tiktoken --encoding cl100k_base -o made",
    ),
    "a conversion of what needs none": (
        "convert pair -o made",
        "tokbench wrap pair -o made",
        "tokbench wrap pair -o made",
    ),
    "what tiktoken cannot hold": "export words --to tiktoken -o made",
    "what SentencePiece cannot hold": "export words --to sentencepiece -o made",
    "what vocab.txt cannot hold": "export tok --to vocab -o made",
    "what merges cannot hold": "export words --to merges -o made",
    "an unknown format to write": "export tok --to tiktokn -o made",
    "a missing corpus, unlike all": "train-bpe sub/zzzzzz.txt",
    "a glob without a match": "train-bpe sub/*.parquet",
    "a link to nothing": "train-bpe dangling.txt",
    "a missing column": (
        "train-bpe table.csv -v 300 -o made",
        "--column: body ('",
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
    "a description that is to be written": (
        "corpus corpus.txt --describe --output made.txt",
        "leave out --output",
        "tokbench corpus corpus.txt --describe",
    ),
    "a tokenizer to be looked at alone": (
        "corpus corpus.txt --tokenizer tok",
        "add --describe",
        "tokbench corpus corpus.txt --tokenizer tok --describe",
    ),
    "a column of lists": (
        "train-bpe lists.parquet --column sets -v 300 -o made",
        "--column",
        "tokbench train-bpe lists.parquet --column body -v 300 -o made",
    ),
    "an unknown split": "train-bpe hf:named::trian -v 300 -o made",
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
    "more given tokens than room": (
        "train-like grown corpus.txt -v 3 -o made",
        "--added special",
        "tokbench train-like grown corpus.txt -v 300 --added special -o made",
    ),
    "added tokens told wrongly": "train-like grown corpus.txt -v 300 --added kep -o made",
    "a preset and a tokenizer's recipe": "presets bert --of tok",
    "a training that is recorded nowhere": (
        "rebuild unrecorded --verify",
        "tokbench train-like unrecorded CORPUS",
        "tokbench train-like unrecorded corpus.txt -o made",
    ),
    "a corpus that is elsewhere": "rebuild away --verify",
    "a training from frequent words": (
        "rebuild rare",
        "--counts counts.parquet",
        "tokbench rebuild rare --counts counts.parquet",
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
    "a folder around a tokenizer": ("info sub", "there is one inside: sub/tok", "tokbench info sub/tok"),
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
    "no tokens to learn": (
        "extend tok corpus.txt --tokens 0 -o made",
        "--tokens 2000",
        "tokbench extend tok corpus.txt --tokens 9 -o made",
    ),
    "too many ids to learn from": (
        "extend tok corpus.txt --tokens 2000000 -o made",
        "--tokens 1000",
        "tokbench extend tok corpus.txt --tokens 9 -o made",
    ),
    "whole words to be continued": (
        "extend words corpus.txt -o made",
        "tokbench train-like words corpus.txt -o new-tok",
        "tokbench train-like words corpus.txt -v 300 -o made",
    ),
    "counted words of other blocks to learn from": (
        "extend pair --counts counts.parquet -o made",
        "tokbench count corpus.txt --like pair -o counts.parquet",
        "tokbench count corpus.txt --like pair -o made.parquet"
        " && tokbench extend pair --counts made.parquet --tokens 9 -o made",
    ),
    "nothing to gain": (
        "extend tok sub/english.txt --min-frequency 99999 -o made",
        "a larger corpus, or --min-frequency 1",
        "tokbench extend tok sub/english.txt --tokens 9 --min-frequency 1 -o made",
    ),
    "a training of what was pruned": "rebuild pruned",
    "a number of tokens and a least count": (
        "prune tok corpus.txt --to 290 --min-count 2 -o made",
        "leave --min-count out",
        "tokbench prune tok corpus.txt --to 290 -o made",
    ),
    "no count at all": "prune tok corpus.txt --min-count 0 -o made",
    "more tokens than there are": "prune tok corpus.txt --to 9999 -o made",
    "fewer tokens than there can be": (
        "prune tok corpus.txt --to 5 -o made",
        "--to 258",
        "tokbench prune tok corpus.txt --to 258 --force-longer -o made",
    ),
    "a token to keep that is none": (
        "prune pair corpus.txt --keep 漢字 -o made",
        "leave it out of --keep",
        "tokbench prune pair corpus.txt -o made",
    ),
    "an id of the model that is no token's": (
        "prune pair corpus.txt --model wide -o made",
        "tokbench config set wide sep_token_id=0 --in-place",
        "tokbench config set wide sep_token_id=3 -o made",
    ),
    "a corpus that gets longer": (
        "prune tok corpus.txt --to 260 -o made",
        "--force-longer",
        "tokbench prune tok corpus.txt --to 260 -o made --force-longer",
    ),
    "no ids": ("decode tok", "add ids: 1 2 3", "tokbench decode tok 1 2 3"),
    "ids and a file of them": (
        "decode tok 1 --file numbers.txt",
        "leave out the ids, or --file",
        "tokbench decode tok 1 && tokbench decode tok --file numbers.txt",
    ),
    "ids that are none": (
        "decode tok --file corpus.txt",
        "ids are numbers",
        "tokbench decode tok --file numbers.txt",
    ),
    "an object without ids": (
        "decode tok --file values.jsonl",
        'an object with "ids" or "input_ids", or numbers alone',
        "tokbench decode tok --file numbers.txt",
    ),
    "a file of ids that is not there": (
        "decode tok --file ids.npy",
        "name a file of ids: jsonl, npy, bin, arrow or txt",
        "tokbench decode tok --file numbers.txt",
    ),
    "a file of ids by another name": (
        "decode tok --file table.csv",
        "end it in one of .jsonl .txt .npy .bin .arrow",
        "tokbench decode tok --file numbers.txt",
    ),
    "an id of a row that no token has": "decode tok --file far.txt",
    "texts and more pairs": (
        "encode tok a b --pair c",
        "give each text its pair",
        "tokbench encode tok a b --pair c --pair d",
    ),
    "files and several pairs": (
        "encode tok --pair b --pair c --file corpus.txt",
        "leave out the others",
        "tokbench encode tok --pair corpus.txt --file corpus.txt",
    ),
    "a pair of another length": (
        "encode tok --file corpus.txt --pair numbers.txt",
        "as many second texts",
        "tokbench encode tok --file corpus.txt --pair corpus.txt",
    ),
    "labels and a text": (
        "encode tok text --labels tags.conll",
        "leave out a text",
        "tokbench encode tok --labels tags.conll",
    ),
    "labels that are not there": (
        "encode tok --labels nothing.conll",
        "look what is there: ls .",
        "tokbench encode tok --labels tags.conll",
    ),
    "a row that is not there": "encode tok --labels tags.conll --row 999",
    "an unknown return": "encode tok text --return idz",
    "a return of files": (
        "encode tok --file corpus.txt --return ids",
        "--format and --output",
        "tokbench encode tok --file corpus.txt --format jsonl --output made.jsonl",
    ),
    "a return and a page": (
        "encode tok text --return ids --html made.html",
        "leave out --json and --html",
        "tokbench encode tok text --return ids",
    ),
    "an array to nowhere": (
        "encode tok text --return npy",
        "--return npy -o ids.npy",
        "tokbench encode tok text --return npy -o made.npy",
    ),
    "an array of uneven rows": (
        "encode pair 'a long text' b --return npy -o made.npy",
        "--padding longest",
        "tokbench encode pair 'a long text' b --return npy -o made.npy --padding longest",
    ),
    "an unknown truncation": "encode tok text --max-length 1 --truncation longest",
    "an unknown padding": "encode pair text --padding longer",
    "a length below zero": (
        "encode tok text --max-length -1",
        "--max-length 128",
        "tokbench encode tok text --max-length 128",
    ),
    "a stride below zero": (
        "encode tok text --max-length 9 --stride -1",
        "--stride 8",
        "tokbench encode tok text --max-length 9 --stride 8",
    ),
    "windows without a length": "encode tok text --overflow",
    "rows that no memory holds": (
        "encode pair text --padding max_length --max-length 99999999",
        "--padding longest",
        "tokbench encode pair text --padding longest",
    ),
    "files that cannot give so much": (
        "encode pair --file corpus.txt --pair corpus.txt --max-length 9 --truncation only_second",
        "--truncation longest_first, or a greater --max-length",
        "tokbench encode pair --file corpus.txt --pair corpus.txt --max-length 9",
    ),
    "a multiple without padding": "encode pair text --pad-to-multiple-of 8",
    "padding without a pad token": (
        "encode tok/tokenizer.json text --padding longest",
        "--role 'pad=[PAD]'",
        "tokbench add-tokens tok --role 'pad=[PAD]' -o made && tokbench encode made text --padding longest",
    ),
    "padding to no length": "encode pair/tokenizer.json text --padding max_length",
    "windows of two texts": (
        "encode tok 'a long text' --pair 'a long text' --max-length 4 --overflow",
        "--truncation only_second",
        "tokbench encode tok 'a' --pair 'a long text' --max-length 4 --overflow --truncation only_second",
    ),
    "windows that share too much": (
        "encode tok 'a long text' --max-length 3 --stride 3",
        "a smaller --stride, or a greater --max-length",
        "tokbench encode tok 'a long text' --max-length 3 --stride 1",
    ),
    "a text that cannot give so much": (
        "encode tok 'a long text' --pair b --max-length 1 --truncation only_second",
        "--truncation longest_first, or a greater --max-length",
        "tokbench encode tok 'a long text' --pair b --max-length 1 --truncation longest_first",
    ),
    "no room for special tokens": (
        "encode pair text --max-length 1",
        "--max-length 3 or more, or --no-special-tokens",
        "tokbench encode pair text --max-length 3"
        " && tokbench encode pair text --max-length 1 --no-special-tokens",
    ),
    "compiled loops that cut": "encode tok --file corpus.txt --max-length 4 --engine compiled",
    "the longest row of a file": "encode pair --file corpus.txt --padding longest",
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
    "rows that are packed": (
        "add-tokens pair --model packed --token zebra -o made --force-ids",
        "take the model before it was quantised",
        "tokbench add-tokens pair --model pair --token zebra -o made --force-ids",
    ),
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
    "a text that is not UTF-8": (
        "encode tok - < latin1.txt",
        "iconv -f latin1 -t utf-8",
        "iconv -f latin1 -t utf-8 latin1.txt > made.utf8.txt && tokbench encode tok - < made.utf8.txt",
    ),
    "a link to itself": "train-bpe corpus.txt -v 300 -o loop/made",
    "a pipe for a corpus": (
        "train-bpe pipe -v 300 -o made",
        "cat pipe | tokbench … -",
        "(cat corpus.txt > pipe &); cat pipe | tokbench train-bpe - -v 300 -o made -q",
    ),
    "a column of numbers": (
        "train-bpe numbers.parquet --column stars -v 300 -o made",
        "another column with --column",
        "tokbench train-bpe numbers.parquet --column body -v 300 -o made",
    ),
    "a value that is no text": (
        "train-bpe values.jsonl --column stars -v 300 -o made",
        "another column with --column",
        "tokbench train-bpe values.jsonl --column body -v 300 -o made",
    ),
    "another separator": (
        "train-bpe semicolons.csv -v 300 -o made",
        "name that column with --column",
        "tokbench train-bpe semicolons.csv --column 'body;stars' -v 300 -o made",
    ),
    "a model of another tokenizer": (
        "compare tok --corpus corpus.txt --model few",
        "--model TOKENIZER=MODEL",
        "tokbench compare tok --corpus corpus.txt --model tok=gpt --sample 2",
    ),
    "a size that cannot be": (
        "sweep corpus.txt --sizes 100,400",
        "leave 100 out of --sizes",
        "tokbench sweep corpus.txt --sizes 400",
    ),
    "a text that no tokenizer takes": "encode words zebra",
    "a name with a space": "encode 'my words' zebra",
    "a folder with a space": "encode 'my words' --file corpus.txt -o ids.jsonl",
    "a corpus that no tokenizer takes": "encode words --file corpus.txt -o ids.jsonl",
    "an id beyond its type": "encode beyond --file corpus.txt -o ids.npy",
    "a link out of a folder": "add-tokens linked --token zebra -o made",
    "ids of another library": "add-tokens otherid --token zebra -o made",
    "ids with many holes": "add-tokens holes --token zebra -o made",
    "a chat of other roles": "trace chat --chat chat/talk.json",
    "a normalizer that grows": "encode grows a",
    "a token file with a slip": (
        "add-tokens pair --token-file slip.json -o made",
        "did you mean normalized?",
        "sed -i s/normalised/normalized/ slip.json"
        " && tokbench add-tokens pair --token-file slip.json -o made",
    ),
    "a role without a token": "add-tokens pair --role pad= -o made",
    "compiled loops for an algorithm without": "build words.toml corpus.txt -o made --engine compiled",
    "counts for an algorithm of texts": (
        "build words.toml --counts counts.parquet -o made",
        "name the corpus instead of --counts",
        "tokbench build words.toml corpus.txt -o made",
    ),
    "counts for a recipe of other blocks": (
        "build other.toml --counts counts.parquet -o made",
        "tokbench count CORPUS -o counts.parquet --like RECIPE.toml",
        "tokbench count corpus.txt -o made.parquet --like other.toml"
        " && tokbench build other.toml --counts made.parquet -o made",
    ),
    "counts without a word": (
        "train-bpe --counts empty.parquet -v 300 -o made",
        "a smaller --min-count",
        "tokbench count corpus.txt -o made.parquet --min-count 2"
        " && tokbench train-bpe --counts made.parquet -v 300 -o made",
    ),
    "a table that is none": "build table.toml corpus.txt -o made",
    "a block without a type": "build untyped.toml corpus.txt -o made",
    "a block that the library refuses": "build refused.toml corpus.txt -o made",
    "a recipe with an unknown role": (
        "build role.toml corpus.txt -o made",
        "did you mean unk?",
        "sed -i s/unkn/unk/ role.toml && tokbench build role.toml corpus.txt -o made",
    ),
    "options of a token that is none": (
        "build options.toml corpus.txt -o made",
        "did you mean [UNK]?",
        "sed -i s/UNC/UNK/ options.toml && tokbench build options.toml corpus.txt -o made",
    ),
    "a template of a token that is none": (
        "build template.toml corpus.txt -o made",
        "did you mean [CLS]?",
        "sed -i s/CLZ/CLS/ template.toml && tokbench build template.toml corpus.txt -o made",
    ),
    "a vocabulary below WordPiece's alphabet": "train-wordpiece corpus.txt -v 12 -o made",
    "an alphabet beyond its limit": (
        'train-wordpiece corpus.txt -v 300 -o made --set \'trainer.initial_alphabet=["a", "b"]\''
        " --set trainer.limit_alphabet=1"
    ),
    "a trace that nobody reads": (
        f"trace tok {'x' * 20_001}",
        "see all of it with tokbench encode",
        f"tokbench encode tok {'x' * 20_001}",
    ),
    "a trace that no tokenizer gives": "trace words zebra",
    "a config elsewhere, in place": (
        "config set nowhere hidden_dropout_prob=0.2 --in-place",
        "with -o FOLDER",
        "tokbench config set pair hidden_dropout_prob=0.2 -o made",
    ),
    "names for labels that are not": (
        'config set trained \'id2label=["a", "b", "c"]\' -o made',
        "name 2; another number needs a new head, trained on rows with these labels:"
        " tokbench finetune --task own --data FILE --model trained -o OUT",
        'tokbench config set trained \'id2label=["a", "b"]\' -o made',
    ),
    "a model of fewer ids": (
        "add-tokens tok --model few --token zebra -o made --force-ids",
        "tokbench resize few --tokenizer tok -o resized --force-ids, and then the same with --model resized",
        "tokbench resize few --tokenizer tok -o made --force-ids"
        " && tokbench add-tokens tok --model made --token zebra -o made2 --force-ids",
    ),
    "a model of fewer ids, and not its own": (
        "add-tokens tok --model few --token zebra -o made",
        "tokbench resize few --tokenizer tok -o resized --force-ids, and then the same with --model resized",
        "tokbench resize few --tokenizer tok -o made --force-ids"
        " && tokbench add-tokens tok --model made --token zebra -o made2 --force-ids",
    ),
    "a model that has its own tokenizer": (
        "add-tokens tok --model pair --token zebra -o made",
        "take the model's own, pair; where the ids mean the same: --force-ids",
        "tokbench add-tokens pair --model pair --token zebra -o made",
    ),
    "a tokenizer without tokens": "resize few --tokenizer empty -o made --force-ids",
    "ids of times": "add-tokens times --model times --token zebra -o made",
    "an id that loses its row": (
        "resize wide --tokenizer pair -o made --shrink",
        "tokbench config set wide sep_token_id=3 --in-place, or leave --shrink out",
        "tokbench resize wide --tokenizer pair -o made && tokbench config set wide sep_token_id=3 --in-place"
        " && tokbench resize wide --tokenizer pair -o made2 --shrink",
    ),
    "a folder that may not be listed": "train-bpe locked -v 300 -o made",
    "a file behind a locked folder": "train-bpe locked/a.txt -v 300 -o made",
    "a file that may not be read": "train-bpe sub/locked.txt -v 300 -o made",
    "strings with a column": "train-bpe strings.json --column text -v 300 -o made",
    "a class that cannot be tried": "add-tokens sounds --model sounds --token zebra -o made",
    "a class that reads no tokens": "add-tokens writes --model writes --token zebra -o made",
    "a class with rows behind": "add-tokens behind --model behind --token zebra -o made",
    "a class with a second table": "add-tokens second --model second --token zebra -o made",
    "a class that pools at the highest id": "add-tokens pooled --model pooled --token zebra -o made",
    "a class whose config moves another table": "add-tokens unstable --model unstable --token zebra -o made",
    "a model that cannot grow, to be resized": (
        "resize second --tokenizer outgrown -o made --force-ids",
        "leave the model as it is, with the tokenizer that it was saved with",
        "tokbench check second",
    ),
    "two vocabularies": (
        "add-tokens pair --model two --token zebra -o made",
        "--vocabulary encoder.vocab_size --vocabulary decoder.vocab_size",
        "tokbench add-tokens pair --model two --token zebra -o made"
        " --vocabulary encoder.vocab_size --vocabulary decoder.vocab_size",
    ),
    "two vocabularies of other sizes": "add-tokens pair --model unlike --token zebra -o made",
    "two vocabularies of other sizes, both named": (
        "add-tokens pair --model unlike --token zebra -o made"
        " --vocabulary encoder.vocab_size --vocabulary decoder.vocab_size",
        "leave --model out",
        "tokbench add-tokens pair --token zebra -o made",
    ),
    "new tokens that take all": (
        "add-tokens peaked --model peaked --token zebra --start zero -o made",
        "--start mean",
        "tokbench add-tokens peaked --model peaked --token zebra --start mean -o made",
    ),
    "heads that do not divide": "add-tokens heads --model heads --token zebra -o made",
    "heads that do not divide, to be planned": "add-tokens heads --model heads --token zebra --dry-run",
    "a body that lacks weights": "add-tokens body --model body --token zebra -o made",
    "weights of another shape": "add-tokens shapes --model shapes --token zebra --dry-run",
    "a head that is missing": "compare tok --corpus corpus.txt --model headless",
    "a config that names no class": "config set nameless hidden_dropout_prob=0.2 -o made",
    "a new key that the config's class refuses": "config set pair layer_types=abc --allow-new -o made",
    "a config that its class refuses": "config set pair hidden_act=gleu -o made",
    "an unknown token that is none": "add-tokens words --token zebra -o made",
    "a port that is taken": "playground tok --port 8017",
    "a picture of no curve": (
        "compare tok --parallel corpus.txt --parallel sub/english.txt --plot made.svg",
        "leave --plot out",
        "tokbench compare tok --parallel corpus.txt --parallel sub/english.txt",
    ),
    "compiled loops for a tokenizer": "encode otherid --file corpus.txt --engine compiled -o ids.jsonl",
    "a vocabulary that a model has not": (
        "add-tokens pair --model pair --vocabulary vocab_sise --token zebra -o made",
        "did you mean vocab_size?",
        "tokbench add-tokens pair --model pair --vocabulary vocab_size --token zebra -o made",
    ),
}
SCENARIOS |= {
    "a cleaned corpus for nowhere": (
        "corpus corpus.txt --clean nfc",
        "-o clean.jsonl, or only look with --dry-run or --describe",
        "tokbench corpus corpus.txt --clean nfc --dry-run",
    ),
    "a tokenizer without a look": "corpus corpus.txt --tokenizer tok",
    "an unknown cleaning step": "corpus corpus.txt --dry-run --clean strp",
    "near duplicates, misspelt": "corpus corpus.txt --dry-run --clean dedup,neer",
    "an unknown unit of dedup": "corpus corpus.txt --dry-run --clean dedup=lin",
    "a unit without dedup": "corpus corpus.txt --dry-run --unit line",
    "an order of two kinds": "corpus corpus.txt --dry-run --sort text --shuffle",
    "shares beyond one": (
        "corpus corpus.txt --dry-run --split train=.9,test=.2",
        "--split train=.9,test=.1",
        "tokbench corpus corpus.txt --dry-run --split train=.9,test=.1",
    ),
    "a split without shares": (
        "corpus corpus.txt --dry-run --split train,test",
        "--split train=.9,test=.1",
        "tokbench corpus corpus.txt --dry-run --split train=.9,test=.1",
    ),
    "a split that is named twice": (
        "corpus corpus.txt --dry-run --split train=.9,train=.1",
        "--split train=.9,test=.1",
        "tokbench corpus corpus.txt --dry-run --split train=.9,test=.1",
    ),
    "a sample beyond the corpus": "corpus corpus.txt --dry-run --sample 1GB",
    **{
        f"weights that do not fit: {weights}": (
            f"corpus corpus.txt sub/english.txt --dry-run --weights {weights}",
            "--weights corpus=1,english=1",
            "tokbench corpus corpus.txt sub/english.txt --dry-run --weights corpus=1,english=1",
        )
        for weights in ("corpus=1,englsh=1", "corpus=1,sub=1,english=1", "corpus=1,english=1,ko=1", "1,2,3")
    },
    "columns for lines": (
        "corpus table.csv -o made.txt --column body --keep stars",
        "write .jsonl or .parquet",
        "tokbench corpus table.csv -o made.jsonl --column body --keep stars",
    ),
    "a column that is not kept to sort by": (
        "corpus values.jsonl --dry-run --column body --sort stars",
        "--keep stars",
        "tokbench corpus values.jsonl --dry-run --column body --sort stars --keep stars",
    ),
    "counted words to clean": (
        "train-bpe --counts counts.parquet --clean nfc -v 300 -o made",
        "tokbench corpus CORPUS",
        "tokbench corpus corpus.txt -o made.jsonl.zst",
    ),
    "a size that is none": "count corpus.txt -o made.parquet --memory much",
}

# Files that are no sound counts; all are counted again.
for what in ("table.csv", "nowhere.parquet", "numbers.parquet", "cut", "negative", "silent", "changed"):
    SCENARIOS[f"counts that are none: {what}"] = (
        f"train-bpe --counts {what} -v 300 -o made",
        "tokbench count CORPUS -o counts.parquet",
        "tokbench count corpus.txt -o made.parquet"
        " && tokbench train-bpe --counts made.parquet -v 300 -o made",
    )
