"""Compares `slm tokenize` with Hugging Face's `tokenizers`: thousands of random texts of valid Unicode, a megabyte of mixed
scripts and random bytes for tokenizers of every kind. A part of check_with_transformers.py (scripts/interop).

    python3 scripts/check_tokenizers.py [--slm PROGRAM] [TOKENIZER.json ...]     by itself, and for files of your own
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

import tokenizer_variants as variants

ROOT = pathlib.Path(__file__).resolve().parent.parent
VOCAB_SIZE, TEXTS, FEWER_TEXTS, MIXED_BYTES, BYTE_STRINGS = 1000, 10_000, 1000, 1_000_000, 10_000
MANY = ("gpt2", "llama3")  # the patterns that most tokenizers have


def tokenize(slm, file, data, *options):
    return subprocess.run([slm, "tokenize", file, *options], input=data, stdout=subprocess.PIPE, check=True).stdout


def slm_ids(slm, file, text, *options):
    return json.loads(tokenize(slm, file, text.encode(), "--json", *options))["ids"]


def first_difference(ours, theirs):
    """Where two lists of lists of ids differ, in words; nothing where they do not."""
    if len(ours) != len(theirs):
        return f"{len(ours)} texts came back of {len(theirs)}"
    for index, (a, b) in enumerate(zip(ours, theirs)):
        if a != b:
            return f"text {index}: slm {a}, tokenizers {b}"


def split_at(ids, end):
    texts = [[]]
    for id in ids:
        if id == end:
            texts.append([])
        else:
            texts[-1].append(id)
    return texts


def find_divider(tokenizer):
    """A special token's name; the texts on both sides of it stand alone. Nothing where there is none."""
    tokens = tokenizer.get_added_tokens_decoder().values()
    return next((token.content for token in tokens
                 if token.special and not token.lstrip and not token.rstrip and len(token.content) > 5), None)


def check_texts(slm, file, tokenizer, texts, name):
    """All texts go through one process, with `name` between them."""
    texts = [text.replace(name, "") for text in texts]
    ours = split_at(slm_ids(slm, file, name.join(texts)), tokenizer.token_to_id(name))
    return first_difference(ours, [tokenizer.encode(text, add_special_tokens=False).ids for text in texts])


def check_mixed(slm, file, tokenizer, names):
    source, parts, size = random.Random(7), [], 0
    while size < MIXED_BYTES:
        parts.append(variants.random_text(source, 200, names))
        size += len(parts[-1].encode())
    text = "".join(parts)
    return first_difference([slm_ids(slm, file, text)], [tokenizer.encode(text, add_special_tokens=False).ids])


def check_bytes(slm, file):
    source = random.Random(8)
    data = b"\n".join(source.randbytes(source.randint(0, 60)) for _ in range(BYTE_STRINGS))
    back = tokenize(slm, file, tokenize(slm, file, data), "--decode")
    return None if back == data else "the bytes that came back differ"


def check_file(line, slm, name, file, count):
    """`line(passed, what, detail)` takes the results."""
    tokenizer = Tokenizer.from_file(str(file))
    names = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    if divider := find_divider(tokenizer):
        found = check_texts(slm, file, tokenizer, variants.random_texts(name, count, names=names), divider)
        line(not found, f"{name}: ids of {count} random texts", found or "equal")
    found = check_mixed(slm, file, tokenizer, names)
    line(not found, f"{name}: ids of a megabyte of mixed scripts", found or "equal")
    if name in MANY:
        found = check_bytes(slm, file)
        line(not found, f"{name}: {BYTE_STRINGS} strings of random bytes", found or "come back")


def check_all(line, slm):
    rows = [json.loads(row) for row in open(ROOT / "tests/golden/tokenizers/strings.jsonl", encoding="utf-8")]
    corpus = "\n".join(row["text"] for row in rows if row["valid_utf8"])
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "tokenizer.json"
        for name, make in variants.VARIANTS.items():
            make(corpus, VOCAB_SIZE).save(str(file))
            check_file(line, slm, name, file, TEXTS if name in MANY else FEWER_TEXTS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="TOKENIZER.json")
    parser.add_argument("--slm", default=ROOT / "build/release/slm", help="the program (default: build/release/slm)")
    arguments = parser.parse_args()
    failed = []

    def line(passed, what, detail):
        failed.extend([] if passed else [what])
        print(f"{'ok    ' if passed else 'FAILED'} {what}: {detail}", flush=True)

    for file in arguments.files:
        check_file(line, arguments.slm, file, file, TEXTS)
    if not arguments.files:
        check_all(line, arguments.slm)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
