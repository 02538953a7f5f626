"""Conversations through slm and through transformers' `apply_chat_template`, with a checkpoint's own files on both sides:
token ids, which of them are scored, and greedy answers. Part of scripts/interop."""
import json
import pathlib
import random
import subprocess
import tempfile

import numpy
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONVERSATIONS, ANSWERS, ANSWER_TOKENS = 60, 8, 24
WORDS = "the cat  sat\non \t mat, caf\u00e9 10 \u20ac it's [x] \n\n! What?".split(" ")
TOKENIZERS = {"characters": [], "byte-level BPE": [f"data.tokenizer={ROOT}/tests/golden/tokenizers/bpe_512_special/tokenizer.json"]}


def conversation(draw):
    def content():
        return " ".join(draw.choices(WORDS, k=draw.randint(1, 8))) or " "

    messages = [{"role": "system", "content": content()}] if draw.random() < 0.3 else []
    for _ in range(draw.randint(1, 3)):
        messages += [{"role": "user", "content": content()}, {"role": "assistant", "content": content()}]
    return messages


def expected_tokens(tokenizer, conversations):
    """All ids one behind the other, the end of the text after each where there is one, and which of them are scored."""
    ids, scored = [], []
    for messages in conversations:
        row = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
        ids += row["input_ids"]
        scored += row["assistant_masks"]
        if "<|endoftext|>" in tokenizer.get_vocab():
            ids.append(tokenizer.convert_tokens_to_ids("<|endoftext|>"))
            scored.append(0)
    return ids, scored


def written_tokens(folder):
    ids = numpy.fromfile(folder / "train-00000.bin", dtype="<u2", offset=1024).tolist()
    scored = [1] * len(ids)
    for begin, end in numpy.fromfile(folder / "train-00000.unscored", dtype="<u4").reshape(-1, 2).tolist():
        scored[begin:end] = [0] * (end - begin)
    return ids, scored


def greedy_answer(model, tokenizer, message):
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": message}], add_generation_prompt=True,
                                           return_dict=True, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        out = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False,
                             max_new_tokens=ANSWER_TOKENS, pad_token_id=0)[0].tolist()
    return out[prompt.shape[1]:]


def check_answers(equal, slm, name, folder, model, tokenizer, conversations):
    questions = [messages[-2]["content"] for messages in conversations if "\n" not in messages[-2]["content"]][:ANSWERS]
    questions = [question for question in questions if question.strip()]
    said = subprocess.run([slm, "chat", folder, "--temperature", "0", "--max-tokens", str(ANSWER_TOKENS), "--json"],
                          input="".join(question + "\n/reset\n" for question in questions), capture_output=True, text=True,
                          check=True).stdout
    ours = [json.loads(line)["ids"] for line in said.splitlines()]
    equal(f"{name}: greedy answers to {len(questions)} messages", ours,
          [greedy_answer(model, tokenizer, question) for question in questions])


def check_all(equal, slm):
    """`equal(what, ours, theirs)` reports a comparison."""
    draw = random.Random(31)
    conversations = [conversation(draw) for _ in range(CONVERSATIONS)]
    for kind, overrides in TOKENIZERS.items():
        name = f"conversations, {kind}"
        with tempfile.TemporaryDirectory() as scratch:
            file = pathlib.Path(scratch) / "chat.jsonl"
            file.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in conversations))
            run = pathlib.Path(scratch) / "run"
            subprocess.run([slm, "train", ROOT / "configs/chat_quickstart.yaml", f"output_dir={run}", f"data.train={file}",
                            "data.validation_fraction=0", "model.n_layers=2", "max_steps=40", "warmup_steps=5",
                            "micro_batch_size=4", "eval_steps=0", "save_steps=40", *overrides], check=True,
                           capture_output=True)
            folder = run / "checkpoints/latest"
            tokenizer = AutoTokenizer.from_pretrained(folder)
            theirs, ours = expected_tokens(tokenizer, conversations), written_tokens(run / "data/tokens")
            equal(f"{name}: {len(theirs[0])} ids of {CONVERSATIONS}", ours[0], theirs[0])
            equal(f"{name}: which of them are scored", ours[1], theirs[1])
            model = AutoModelForCausalLM.from_pretrained(folder).eval()
            check_answers(equal, slm, name, folder, model, tokenizer, conversations)
