#!/usr/bin/env python3
"""Compares slm with transformers, in both directions and with no argument beyond the folder on either side.

    scripts/interop [CHECKPOINT ...]     runs this with the versions of interop-requirements.txt

Models saved by transformers: slm's logits are compared. Checkpoints made by slm (some small ones trained here for a few
steps, and those named): AutoModelForCausalLM and AutoTokenizer (but see load_tokenizer) load the folder; token ids and
greedy text are compared exactly, logits within TOLERANCE for logits of up to TYPICAL_SIZE (tests/golden/README.md derives
it), in proportion above.
So are several prompts side by side, with a repetition penalty too; the loss over overlapping windows with the loop of
transformers' guide "Perplexity of fixed-length models"; and the log-probabilities of multiple choices. Token ids alone are
compared by check_tokenizers.py, on many more texts, quantized folders by check_quantized.py, and adapters with peft by
check_lora.py. Last, TensorBoard's
reader shows the numbers of a run that slm made (check_with_tensorboard.py).
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TOKENIZERS_PARALLELISM="false", TQDM_DISABLE="1")

import numpy
import safetensors.torch
import torch
import transformers
from transformers import (AutoModelForCausalLM, AutoTokenizer, GPT2Config, LlamaConfig, PreTrainedTokenizerFast, Qwen2Config,
                          Qwen3Config)

import check_conversations
import check_lora
import check_quantized
import check_tokenizers
import tokenizer_variants
from check_with_tensorboard import check_tensorboard

transformers.logging.disable_progress_bar()

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOLERANCE, TYPICAL_SIZE = 3e-5, 4.0
GREEDY_TOKENS = 64
REPETITION_PENALTY = 1.3
WINDOW, STRIDE = 48, 20  # of the guide's loop: tokens in a window, and from one window's beginning to the next one's
LOSS_TOLERANCE = 1e-5  # of a mean over hundreds of tokens; a single one's is TOLERANCE
PROMPTS = ["Once upon a time", "One day, ", "The"]

# Shapes that a mix-up of heads, widths or norms would show in; weights larger than usual, so that logits differ.
COMMON = dict(vocab_size=97, max_position_embeddings=64, initializer_range=0.15, attn_implementation="eager",
              bos_token_id=None, eos_token_id=None)
LLAMA = dict(COMMON, hidden_size=48, intermediate_size=104, num_hidden_layers=3, num_attention_heads=4,
             num_key_value_heads=2)
ROPE = {"rope_type": "default", "rope_theta": 500000.0}
# Wavelengths of LLAMA's heads: 6, 29, 135, ...; shorter than 12 they stay, longer than 48 they are scaled in full.
ROPE_LLAMA3 = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
               "high_freq_factor": 4.0, "original_max_position_embeddings": 48}
# SmolLM2-135M with a head a twelfth as wide, and its config's keys that say nothing new.
SMOLLM2 = dict(COMMON, hidden_size=108, intermediate_size=288, num_hidden_layers=3, num_attention_heads=9,
               num_key_value_heads=3, tie_word_embeddings=True, rms_norm_eps=1e-5, bos_token_id=0, eos_token_id=0,
               is_llama_config=True, rope_interleaved=False, rope_parameters=dict(ROPE, rope_theta=100000.0))
SAVED_BY_TRANSFORMERS = {
    "llama, grouped keys": (LlamaConfig(**LLAMA, rms_norm_eps=1e-5), {}),
    "llama, tied, a key head each": (LlamaConfig(**dict(LLAMA, num_key_value_heads=4), tie_word_embeddings=True), {}),
    "llama, rope_theta 500000": (LlamaConfig(**LLAMA, rope_parameters=ROPE), {}),
    "llama, sharded": (LlamaConfig(**LLAMA), {"max_shard_size": "100KB"}),
    "gpt2": (GPT2Config(**COMMON, n_embd=48, n_layer=3, n_head=4), {}),
    "qwen3, head_dim 20": (Qwen3Config(**LLAMA, head_dim=20), {}),
    "qwen3, tied": (Qwen3Config(**LLAMA, head_dim=12, tie_word_embeddings=True), {}),
    "qwen2": (Qwen2Config(**LLAMA, rope_parameters=ROPE), {}),
    "qwen2, tied": (Qwen2Config(**LLAMA, tie_word_embeddings=True), {}),
    "llama, llama3 scaling": (LlamaConfig(**LLAMA, rope_parameters=ROPE_LLAMA3), {}),
    "SmolLM2's shape": (LlamaConfig(**SMOLLM2), {}),
    "llama, bfloat16": (LlamaConfig(**LLAMA, dtype="bfloat16"), {}),
    "gpt2, float16": (GPT2Config(**COMMON, n_embd=48, n_layer=3, n_head=4, dtype="float16"), {}),
    "qwen2, bfloat16, sharded": (Qwen2Config(**LLAMA, dtype="bfloat16"), {"max_shard_size": "50KB"}),
}
LLAMA3_SCALING = ["model.rope_scaling=llama3", "model.rope_original_max_position_embeddings=48"]
TRAINED_BY_SLM = {  # architecture, further overrides
    "llama": ("llama", []),
    "gpt2": ("gpt2", []),
    "qwen2": ("qwen2", []),
    "qwen3": ("qwen3", []),
    "llama with llama3 scaling": ("llama", LLAMA3_SCALING),
    "llama with byte-level BPE": ("llama", [f"data.tokenizer={ROOT}/tests/golden/tokenizers/bpe_512_special/tokenizer.json"]),
}


class SlmFailed(Exception):
    """A command of slm exited with an error."""


class Checks:
    """Prints one line a check and remembers whether any failed."""

    def __init__(self):
        self.failed = 0

    def equal(self, what, ours, theirs):
        self.line(ours == theirs, what, "equal" if ours == theirs else f"slm {ours!r}, transformers {theirs!r}")

    def close(self, what, ours, theirs):
        error = (ours.double() - theirs.double()).abs().flatten()
        worst = error.argmax().item()
        tolerance = TOLERANCE * max(1.0, theirs.abs().max().item() / TYPICAL_SIZE)
        self.line(error[worst].item() <= tolerance, what,
                  f"worst {error[worst]:.2e} at {worst} of {tuple(theirs.shape)}, tolerance {tolerance:.1e}")

    def group(self, name, check, *arguments):
        """Runs check(self, *arguments); where slm fails, the rest of the group counts as one failed check."""
        try:
            check(self, *arguments)
        except SlmFailed as failure:
            self.line(False, name, failure)

    def line(self, passed, what, detail):
        self.failed += not passed
        print(f"{'ok    ' if passed else 'FAILED'} {what}: {detail}", flush=True)


def run_slm(slm, *arguments):
    """stdout of a command of slm; SlmFailed with its stderr where it fails."""
    result = subprocess.run([slm, *map(str, arguments)], capture_output=True, text=True)
    if result.returncode != 0:
        raise SlmFailed(f"slm {' '.join(map(str, arguments))} exited with {result.returncode}:\n{result.stderr}")
    return result.stdout


def compare_logits(checks, slm, name, folder, model, ids):
    """`slm logits` writes a tensor `logits` (1, T, V)."""
    with torch.no_grad():
        theirs = model(torch.tensor([ids])).logits
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "logits.safetensors"
        run_slm(slm, "logits", folder, "--ids", ",".join(map(str, ids)), "--out", out)
        checks.close(f"{name}: logits", safetensors.torch.load_file(out)["logits"].reshape(theirs.shape), theirs)


def check_saved_by_transformers(checks, slm, name, folder, config, how):
    torch.manual_seed(20)
    model = AutoModelForCausalLM.from_config(config).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:  # norms and biases, which start as ones and zeros
            parameter.data += 0.15 * torch.randn_like(parameter)
    model.to(config.dtype or torch.float32).save_pretrained(folder, **how)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    ids = torch.randint(config.vocab_size, (40,), generator=torch.Generator().manual_seed(21)).tolist()
    compare_logits(checks, slm, name, folder, model, ids)


def load_tokenizer(folder):
    """AutoTokenizer; but transformers 5 gives every folder of model_type qwen2 the splitting of Qwen2's own tokenizer,
    whatever its tokenizer.json and tokenizer_config.json say (MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS)."""
    is_qwen2 = json.loads((pathlib.Path(folder) / "config.json").read_text())["model_type"] == "qwen2"
    return (PreTrainedTokenizerFast if is_qwen2 else AutoTokenizer).from_pretrained(folder)


def greedy_ids(model, tokenizer, prompt, room, **options):
    """The prompt's ids, and those of the `room` most likely tokens that follow."""
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    with torch.no_grad():
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=room, do_sample=False,
                             pad_token_id=0, **options)[0].tolist()
    return out[:ids.shape[1]], out[ids.shape[1]:]


def check_greedy(checks, slm, name, folder, model, tokenizer):
    """Each prompt alone, then all of them side by side."""
    longest = max(len(tokenizer(prompt).input_ids) for prompt in PROMPTS)
    room = min(GREEDY_TOKENS, model.config.max_position_embeddings - longest)
    for prompt in PROMPTS:
        _, new_ids = greedy_ids(model, tokenizer, prompt, room)
        ended = new_ids[-1] == model.generation_config.eos_token_id  # of which slm shows no text
        text = prompt + tokenizer.decode(new_ids[:-1 if ended else None], clean_up_tokenization_spaces=False)
        generated = run_slm(slm, "generate", folder, "--prompt", prompt, "--max-tokens", room, "--temperature", 0)
        checks.equal(f"{name}: {room} greedy tokens after {prompt!r}", generated.removesuffix("\n"), text)
    for penalty in (1.0, REPETITION_PENALTY):
        prompts = [argument for prompt in PROMPTS for argument in ("--prompt", prompt)]
        out = run_slm(slm, "generate", folder, *prompts, "--max-tokens", room, "--temperature", 0,
                      "--repetition-penalty", penalty, "--json")
        rows = [json.loads(line) for line in out.splitlines()]
        theirs = [greedy_ids(model, tokenizer, prompt, room, repetition_penalty=penalty) for prompt in PROMPTS]
        checks.equal(f"{name}: {len(rows)} prompts side by side, repetition penalty {penalty}",
                     [(row["prompt_ids"], row["ids"]) for row in rows], theirs)


def guide_loss(model, ids, max_length, stride):
    """Mean loss of all tokens but the first, by the loop of the guide, which weights each window by its scored tokens."""
    total, previous_end = 0.0, 0
    for begin in range(0, len(ids), stride):
        end = min(begin + max_length, len(ids))
        window = torch.tensor([ids[begin:end]])
        labels = window.clone()
        labels[:, :previous_end - end if previous_end else 0] = -100
        with torch.no_grad():
            total += model(window, labels=labels).loss.double() * (labels[:, 1:] != -100).sum()
        previous_end = end
        if end == len(ids):
            return total.reshape(1) / (len(ids) - 1)


def document_ids(tokenizer, text):
    """Of a text as slm prepares it: behind every document stands the end of text, where the tokenizer has one."""
    end = tokenizer.eos_token_id
    return tokenizer(text).input_ids + ([] if end is None else [end])


def check_perplexity(checks, slm, name, folder, model, tokenizer, text):
    ids = document_ids(tokenizer, text)
    window = min(WINDOW, model.config.max_position_embeddings)
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "text.txt"
        file.write_bytes(text.encode())
        out = json.loads(run_slm(slm, "evaluate", folder, "--data", file, "--length", window - 1, "--stride", STRIDE,
                                 "--json"))
    theirs = guide_loss(model, ids, window, STRIDE)
    error = abs(out["loss"] - theirs.item())
    checks.line(error <= LOSS_TOLERANCE and out["tokens"] == len(ids) - 1,
                f"{name}: loss over windows of {window} tokens, stride {STRIDE}",
                f"slm {out['loss']:.7f} over {out['tokens']} tokens, transformers {theirs.item():.7f} over {len(ids) - 1}")


def check_choices(checks, slm, name, folder, model, tokenizer, text):
    """Contexts shorter than the window and one longer, choices of unequal length."""
    window = model.config.max_position_embeddings
    contexts = ["a", text[10:50].rstrip() + "a", text[:3 * window].rstrip() + "a"]
    items = [{"context": context, "choices": [text[60:61], text[70:90], text[95:102]], "answer": 0} for context in contexts]
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "choices.jsonl"
        file.write_text("".join(json.dumps(item) + "\n" for item in items))
        report = json.loads(run_slm(slm, "evaluate", folder, "--choices", file, "--json"))
    ours, theirs, our_ids, their_ids = [], [], [], []
    for item, scored in zip(items, report["items"]):
        for text_of_choice, choice in zip(item["choices"], scored["choices"]):
            context = tokenizer(item["context"]).input_ids
            rest = tokenizer(item["context"] + text_of_choice).input_ids[len(context):]
            ids = torch.tensor([(context + rest)[-(window + 1):]])
            with torch.no_grad():
                log_probabilities = model(ids[:, :-1]).logits[0].log_softmax(-1)
            theirs.append(log_probabilities.gather(1, ids[0, 1:, None])[-len(rest):, 0])
            ours.append(torch.tensor([token["log_probability"] for token in choice["tokens"]], dtype=torch.float64))
            our_ids.append([token["id"] for token in choice["tokens"]])
            their_ids.append(rest)
    checks.equal(f"{name}: ids of {len(theirs)} choices", our_ids, their_ids)
    checks.close(f"{name}: log-probabilities of {len(theirs)} choices", torch.cat(ours), torch.cat(theirs))


def token_ids(slm, folder, text):
    """The ids that `slm prepare` writes for the text: 1,024 bytes of header, then uint16."""
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "text.txt"
        file.write_bytes(text.encode())
        run_slm(slm, "prepare", ROOT / "configs/quickstart.yaml", f"data.train={file}", "data.validation_fraction=0",
                f"data.tokenizer={folder}/tokenizer.json", "--out", scratch)
        return numpy.fromfile(pathlib.Path(scratch) / "tokens/train-00000.bin", dtype="<u2", offset=1024).tolist()


def check_tokenizer(checks, slm, name, folder):
    """On a text of single characters in random order: no rule about words may help or hurt either side. Returns it."""
    tokenizer = load_tokenizer(folder)
    characters = [text for text in map(tokenizer.decode, range(len(tokenizer))) if len(text) == 1 and text != "\ufffd"]
    text = "".join(random.Random(23).choices(characters, k=1000))
    checks.equal(f"{name}: ids of {len(text)} characters", token_ids(slm, folder, text), document_ids(tokenizer, text))
    ids = tokenizer(text).input_ids
    checks.equal(f"{name}: decoding them", text, tokenizer.decode(ids, clean_up_tokenization_spaces=False))
    return text


def check_checkpoint(checks, slm, name, folder):
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = load_tokenizer(folder)
    text = check_tokenizer(checks, slm, name, folder)
    check_greedy(checks, slm, name, folder, model, tokenizer)
    check_perplexity(checks, slm, name, folder, model, tokenizer, text)
    check_choices(checks, slm, name, folder, model, tokenizer, text)
    length = min(64, model.config.max_position_embeddings)
    ids = torch.randint(model.config.vocab_size, (length,), generator=torch.Generator().manual_seed(22)).tolist()
    compare_logits(checks, slm, name, folder, model, ids)


def train_with_slm(slm, output, architecture, overrides):
    """The checkpoint's folder."""
    # A rate and steps enough for the weights to differ from their start, the zero ones (biases) too.
    run_slm(slm, "train", ROOT / "configs/quickstart.yaml", f"output_dir={output}", f"model.architecture={architecture}",
            "model.n_layers=2", "max_steps=30", "warmup_steps=5", "micro_batch_size=4", "sample_steps=0",
            "eval_batches=2", "save_steps=30", *overrides)
    return output / "checkpoints/latest"


def check_trained_by_slm(checks, slm, name, output, architecture, overrides):
    check_checkpoint(checks, slm, name, train_with_slm(slm, output, architecture, overrides))


def check_template(checks, slm, name, output):
    """A tokenizer that puts a begin before a text: from its file to a checkpoint that AutoTokenizer loads."""
    output.mkdir()
    tokenizer_variants.llama3("\n".join(PROMPTS), 400).save(str(output / "given.json"))
    folder = train_with_slm(slm, output, "llama", [f"data.tokenizer={output}/given.json"])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in tokenizer_variants.random_texts(24, 5, names=["<|eot_id|>", "<|end_of_text|>"]):
        ids = check_tokenizers.slm_ids(slm, folder / "tokenizer.json", text, "--add-special-tokens")
        checks.equal(f"{name}: ids of {text!r}", ids, tokenizer(text).input_ids)
    checks.equal(f"{name}: begin and end", (tokenizer.bos_token, tokenizer.eos_token),
                 ("<|begin_of_text|>", "<|end_of_text|>"))
    check_greedy(checks, slm, name, folder, AutoModelForCausalLM.from_pretrained(folder).eval(), tokenizer)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="*", metavar="CHECKPOINT", help="more folders made by slm")
    parser.add_argument("--slm", default=ROOT / "build/release/slm", help="the program (default: build/release/slm)")
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    checks = Checks()
    slm = arguments.slm
    with tempfile.TemporaryDirectory() as scratch:
        for name, (config, how) in SAVED_BY_TRANSFORMERS.items():
            folder = pathlib.Path(scratch) / name.replace(" ", "_")
            checks.group(name, check_saved_by_transformers, slm, name, folder, config, how)
        for name, (architecture, overrides) in TRAINED_BY_SLM.items():
            folder = pathlib.Path(scratch) / ("trained_" + name.replace(" ", "_"))
            name = f"{name} trained by slm"
            checks.group(name, check_trained_by_slm, slm, name, folder, architecture, overrides)
        checks.group("template", check_template, slm, "template", pathlib.Path(scratch) / "template")
        check_quantized.check_all(checks, slm, run_slm, train_with_slm, pathlib.Path(scratch))
        check_lora.check_all(checks, slm, run_slm, train_with_slm, pathlib.Path(scratch))
        checks.group("TensorBoard", check_tensorboard, run_slm, slm, pathlib.Path(scratch) / "watched")
    check_tokenizers.check_all(checks.line, slm)
    check_conversations.check_all(checks.equal, slm)
    for folder in arguments.checkpoints:
        checks.group(folder, check_checkpoint, slm, folder, folder)
    print(f"{checks.failed} checks failed" if checks.failed else "all checks passed")
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
