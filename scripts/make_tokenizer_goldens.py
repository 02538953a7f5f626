#!/usr/bin/env python3
"""Writes tests/golden/tokenizers/variants.jsonl: small tokenizers of every kind that slm reads, texts, and the ids that
Hugging Face's `tokenizers` gives. Needs the versions of interop-requirements.txt.

    python3 scripts/make_tokenizer_goldens.py
"""
import json
import pathlib

import tokenizer_variants as variants

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/tokenizers"
VOCAB_SIZE, TEXTS, SPLIT_TEXTS = 320, 40, 12


def case(tokenizer, text):
    """The ids; where they differ, also those with the template, and those of special tokens' names as plain text."""
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    more = {"with_template": tokenizer.encode(text).ids, "plain": variants.ids_without_special(tokenizer, text)}
    return {"text": text, "ids": ids, **{key: value for key, value in more.items() if value != ids}}


def main():
    rows = [json.loads(line) for line in open(FOLDER / "strings.jsonl", encoding="utf-8")]
    corpus = "\n".join(row["text"] for row in rows if row["valid_utf8"])
    with open(FOLDER / "variants.jsonl", "w", encoding="utf-8") as out:
        for seed, (name, make) in enumerate(variants.VARIANTS.items()):
            tokenizer = make(corpus, VOCAB_SIZE)
            names = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
            texts = variants.random_texts(seed, SPLIT_TEXTS if name.startswith("split") else TEXTS, names=names)
            row = {"name": name, "tokenizer": json.loads(tokenizer.to_str()), "cases": [case(tokenizer, t) for t in texts]}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
