#!/usr/bin/env python3
"""Writes tests/golden/tokenizers/chat.jsonl: conversations, and what transformers' `apply_chat_template` makes of them
with slm's template and tokenizers of variants.jsonl. Needs the versions of interop-requirements.txt.

    python3 scripts/make_chat_goldens.py

Each line has the tokenizer's `name`, its `tokenizer` with the template's special tokens, as `tokenizers` adds them (on the
first line of each), the `messages`, their `ids`, the `scored` ones among them (transformers' assistant mask, as 0 and 1),
and the `prompt`: the ids without the last message, but with the beginning of the answer.
"""
import json
import pathlib
import random
import re

import tokenizer_variants as variants
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests/golden/tokenizers"
NAMES = ["gpt2", "prefix space", "llama3", "qwen2", "smollm2"]
CONVERSATIONS, MOST_TURNS = 12, 3


def template():
    """The Jinja text, from the C++ source."""
    source = (ROOT / "src/data/chat/chat_template.h").read_text(encoding="utf-8")
    literals = re.search(r'kChatTemplate =\n((?: *"[^\n]*"\n?)+);', source)[1]
    return "".join(re.findall(r'"(.*)"', literals)).replace("\\\\", "\\")


def conversation(texts):
    messages = [{"role": "system", "content": next(texts)}] if random.random() < 0.3 else []
    for _ in range(random.randint(1, MOST_TURNS)):
        messages += [{"role": "user", "content": next(texts)}, {"role": "assistant", "content": next(texts)}]
    return messages


def case(tokenizer, messages):
    def encode(**options):
        return tokenizer.apply_chat_template(**options, tokenize=True, return_dict=True)

    whole = encode(conversation=messages, return_assistant_tokens_mask=True)
    prompt = encode(conversation=messages[:-1], add_generation_prompt=True)
    return {"messages": messages, "ids": whole["input_ids"], "scored": whole["assistant_masks"], "prompt": prompt["input_ids"]}


def main():
    rows = {row["name"]: row for row in map(json.loads, open(FOLDER / "variants.jsonl", encoding="utf-8"))}
    with open(FOLDER / "chat.jsonl", "w", encoding="utf-8") as out:
        for seed, name in enumerate(NAMES):
            random.seed(seed)
            tokenizer = Tokenizer.from_str(json.dumps(rows[name]["tokenizer"]))
            tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
            wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=template())
            texts = (text for text in variants.random_texts(100 + seed, 1000) if text and "<|im_" not in text)
            for index in range(CONVERSATIONS):
                row = {"name": name, **({"tokenizer": json.loads(tokenizer.to_str())} if index == 0 else {})}
                row |= case(wrapped, conversation(texts))
                out.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
