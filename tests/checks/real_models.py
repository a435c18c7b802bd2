"""Small random models that transformers itself saves, and what is done to their folders afterwards."""

import json

SIZES = {
    "Bert": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16},
    "GPT2": {"n_embd": 16, "n_layer": 2, "n_head": 2},
    "T5": {"d_model": 16, "d_ff": 16, "d_kv": 8, "num_layers": 1, "num_heads": 2},
}
SIZES |= dict.fromkeys(("Roberta", "Llama"), SIZES["Bert"])


def saved(architecture, *then, **choices):
    """Damage for a case: a model of this class in the folder, and then what is done to the folder."""

    def damage(files):
        said = {
            key: value for key, value in files.model.items() if key not in ("architectures", "model_type")
        }

        def write(folder):
            save(architecture, folder, said | choices)
            for change in then:
                change(folder)

        files.tensors, files.after, files.runs = None, write, True

    return damage


def save(architecture, folder, choices):
    import torch
    import transformers

    kind = getattr(transformers, architecture)
    torch.manual_seed(0)
    sizes = next(SIZES[each] for each in SIZES if architecture.startswith(each))
    kind(kind.config_class(**(sizes | choices))).save_pretrained(folder)


def config(**values):
    """Change config.json."""

    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def tensors(change):
    """Change the weights: `change` gets them by name, and gives what is to be saved."""

    def rewrite(folder):
        from safetensors.numpy import load_file, save_file

        path = folder / "model.safetensors"
        save_file(change(load_file(path)), path, {"format": "pt"})

    return rewrite


def without(*names):
    return tensors(lambda old: {name: value for name, value in old.items() if name not in names})


def prefixed(word):
    return tensors(lambda old: {word + name: value for name, value in old.items()})


def copied(name, to):
    """The tensor under another name too, with other numbers there."""
    return tensors(lambda old: old | {to: old[name] + 1})


def huge(name):
    return tensors(lambda old: old | {name: old[name] * 3e38})


def adapter(tensors, *, base_rows=None, base_without=None, **values):
    """Damage for a case: an adapter beside the tokenizer, its base in a folder of its own if it has rows.

    `base_without` gives the base a tokenizer that lacks this token.
    """
    from .folders import write_header

    def damage(files):
        whole, files.model, files.tensors = files.model, None, None

        def write(folder):
            said = {"peft_type": "LORA", "base_model_name_or_path": "somebody/base"} | values
            if base_rows is not None:
                base = folder.parent / "base"
                base.mkdir()
                (base / "config.json").write_text(json.dumps(whole | {"vocab_size": base_rows}))
                write_header(base / "model.safetensors", {"transformer.wte.weight": (base_rows, 8)})
                said["base_model_name_or_path"] = str(base)
            if base_without is not None:
                older = json.loads(json.dumps(files.raw))
                del older["model"]["vocab"][base_without]
                older["model"]["merges"] = []
                (folder.parent / "base" / "tokenizer.json").write_text(json.dumps(older))
            (folder / "adapter_config.json").write_text(json.dumps(said))
            if tensors:
                write_header(folder / "adapter_model.safetensors", tensors)

        files.after = write

    return damage
