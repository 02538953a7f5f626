#!/usr/bin/env python3
"""BPE training by bpe_train_bench and by Hugging Face `tokenizers`, in turn on the same text; merges must be equal.

    cmake --build build/release --target bpe_train_bench
    benchmarks/bpe_train_peer.py text.txt --vocab-size 4096 --threads 2 --rounds 3

`tokenizers` is timed twice: on the file, which it takes line by line (other words at the lines' ends, so other merges), and
on blocks of a megabyte, cut where no word is, whose merges are compared. The ratio is to the faster of the two. Each run is a
process of its own; peak is what it ever had in memory, for slm with the text that it maps.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

BLOCK = 1 << 20


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text")
    parser.add_argument("--vocab-size", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bench", default="build/release/bpe_train_bench")
    parser.add_argument("--peer", choices=["file", "blocks"], help=argparse.SUPPRESS)
    parser.add_argument("--merges", help=argparse.SUPPRESS)
    return parser.parse_args()


def blocks(text):
    """The text in blocks that begin with a letter behind a line that ends with a printed character."""
    begin = 0
    for cut in re.finditer(r"(?<=[!-~]\n)(?=[A-Za-z])", text):
        if cut.start() - begin >= BLOCK:
            yield text[begin:cut.start()]
            begin = cut.start()
    yield text[begin:]


def run_peer(args):
    """In a process of its own: trains once and prints a JSON line."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=args.vocab_size, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    documents = list(blocks(pathlib.Path(args.text).read_bytes().decode())) if args.peer == "blocks" else None
    begin = time.perf_counter()
    if documents:
        tokenizer.train_from_iterator(documents, trainer)
    else:
        tokenizer.train([args.text], trainer)
    seconds = time.perf_counter() - begin
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    pathlib.Path(args.merges).write_text("".join(f"{left} {right}\n" for left, right in merges), encoding="utf-8")
    print(json.dumps({"seconds": seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10}))


def measure(command, threads):
    parallel = {"RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false"}
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ | parallel)
    if result.returncode != 0:
        sys.exit(f"bpe_train_peer: {' '.join(command)}: {result.stderr}")
    return json.loads(result.stdout)


def main():
    args = arguments()
    if args.peer:
        return run_peer(args)
    with tempfile.TemporaryDirectory() as folder:
        merges = lambda name: os.path.join(folder, name)
        common = [args.text, "--vocab-size", str(args.vocab_size), "--threads", str(args.threads), "--merges"]
        peer = lambda way: [sys.executable, __file__, "--peer", way, *common, merges(way)]
        commands = {"slm": [args.bench, *common, merges("slm")], "tokenizers, file": peer("file"),
                    "tokenizers, blocks": peer("blocks")}
        runs = {name: [] for name in commands}
        for _ in range(args.rounds):
            for name, command in commands.items():
                runs[name].append(measure(command, args.threads))
        read = lambda name: pathlib.Path(merges(name)).read_text(encoding="utf-8")
        if read("slm") != read("blocks"):
            sys.exit("bpe_train_peer: the merges differ; the times mean nothing")
    seconds = {name: statistics.median(run["seconds"] for run in of) for name, of in runs.items()}
    print(f"vocabulary {args.vocab_size}, {args.threads} threads, {args.rounds} rounds; merges equal")
    for name, of in runs.items():
        print(f"{name:20} median {seconds[name]:7.2f} s, {' '.join(format(run['seconds'], '.2f') for run in of)};"
              f" peak {max(run['peak_bytes'] for run in of) / 1e6:.0f} MB")
    print(f"slm is {min(seconds[n] for n in seconds if n != 'slm') / seconds['slm']:.1f} times as fast as the faster one")


if __name__ == "__main__":
    main()
