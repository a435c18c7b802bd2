"""Command lines of `transplant` that fail, each with a hint that is pasted."""

OLD = "--old-tokenizer TOKENIZER: the one that it was trained with"

SCENARIOS = {
    "an unknown start of another tokenizer's rows": "transplant pair --model pair --start piece -o made",
    "a start from texts that are not named": (
        "transplant pair --model pair --start aligned -o made",
        "--corpus corpus.txt, or --start pieces",
        "tokbench transplant pair --model pair --start pieces -o made"
        " && tokbench transplant pair --model pair --start aligned --corpus corpus.txt -o made --force",
    ),
    "a model whose tokenizer lies elsewhere": (
        "transplant pair --model pair-body -o made",
        OLD,
        "tokbench transplant pair --model pair-body --old-tokenizer pair -o made",
    ),
    "a tokenizer without padding": (
        "transplant tok/tokenizer.json --model pair -o made",
        "tokbench add-tokens tok/tokenizer.json --special '[PAD]' --role 'pad=[PAD]' -o padded",
        "tokbench add-tokens tok/tokenizer.json --special '[PAD]' --role 'pad=[PAD]' -o made"
        " && tokbench transplant made --model pair -o 'made it'",
    ),
}
