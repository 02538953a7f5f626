#!/usr/bin/env python3
"""Encoding speed of slm, Hugging Face's `tokenizers` and tiktoken on the same documents in the same run, after checking
that all three give the same ids. Needs tokenizers and tiktoken; one JSON line a measurement, then the ratios.

    cmake --build build/release --target tokenizer_bench
    python3 benchmarks/compare_tokenizers.py TEXT --work /tmp/tokenizers

TEXT's lines are shuffled into documents of its size, up to 10 of them to encode and as many as 100 MB hold to train a
byte-level BPE on, once: it stays in the folder --work. One pass of each program after the other, --repeat times, so that
a machine that slows down slows all of them.
"""
import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def shuffled_documents(path, count):
    lines, source = path.read_text(encoding="utf-8").splitlines(keepends=True), random.Random(0)
    for _ in range(count):
        source.shuffle(lines)
        yield "".join(lines)


def train(path, documents, vocab_size):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(documents, trainers.BpeTrainer(vocab_size=vocab_size, show_progress=False,
                                                                 initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.save(str(path))


def tiktoken_encoding(tokenizer):
    """The same tokens; the byte of a character is its place in GPT-2's alphabet."""
    import tiktoken
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    alphabet = {chr(byte): byte for byte in own}
    alphabet |= {chr(256 + i): byte for i, byte in enumerate(byte for byte in range(256) if byte not in own)}
    ranks = {bytes(alphabet[c] for c in token): id for token, id in tokenizer.get_vocab().items()}
    return tiktoken.Encoding("local", pat_str=GPT2, mergeable_ranks=ranks, special_tokens={})


def timed(action):
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def slm_rate(arguments, files, threads):
    command = [arguments.bench, arguments.work / "tokenizer.json", *files, "--threads", str(threads), "--repeat", "3"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["MB_per_s"]


def check_ids(arguments, files, documents, tokenizer, encoding):
    ids_file = arguments.work / "ids.bin"
    subprocess.run([arguments.bench, arguments.work / "tokenizer.json", *files, "--repeat", "1", "--ids", ids_file],
                   capture_output=True, check=True)
    ours = memoryview(ids_file.read_bytes()).cast("i")
    theirs = [id for document in documents for id in tokenizer.encode(document, add_special_tokens=False).ids]
    assert list(ours) == theirs, "slm and tokenizers differ"
    assert theirs == [id for document in documents for id in encoding.encode_ordinary(document)], "tiktoken differs"
    print(json.dumps({"ids": len(theirs), "equal": True}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for documents and tokenizer")
    parser.add_argument("--vocab-size", type=int, default=32000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--bench", type=pathlib.Path, default=ROOT / "build/release/tokenizer_bench")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    size = arguments.text.stat().st_size
    if not (arguments.work / "tokenizer.json").exists():
        train(arguments.work / "tokenizer.json", shuffled_documents(arguments.text, round(100e6 / size)),
              arguments.vocab_size)
    documents = list(shuffled_documents(arguments.text, max(1, min(10, round(12e6 / size)))))
    files = [arguments.work / f"document{i}.txt" for i in range(len(documents))]
    for file, document in zip(files, documents):
        file.write_text(document, encoding="utf-8")
    megabytes = sum(len(document.encode()) for document in documents) / 1e6

    # `tokenizers` reads its number of threads once, on its first parallel call.
    os.environ.update(TOKENIZERS_PARALLELISM="true", RAYON_NUM_THREADS="2")
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(arguments.work / "tokenizer.json"))
    encoding = tiktoken_encoding(tokenizer)
    check_ids(arguments, files, documents, tokenizer, encoding)
    rate = lambda action: megabytes / timed(action)
    programs = {
        "slm, 1 thread": lambda: slm_rate(arguments, files, 1),
        "slm, 2 threads": lambda: slm_rate(arguments, files, 2),
        "tiktoken, 1 thread": lambda: rate(lambda: [encoding.encode_ordinary(d) for d in documents]),
        "tiktoken, 2 threads": lambda: rate(lambda: encoding.encode_ordinary_batch(documents, num_threads=2)),
        "tokenizers, 1 thread": lambda: rate(lambda: [tokenizer.encode(d, add_special_tokens=False) for d in documents]),
        "tokenizers, 2 threads": lambda: rate(lambda: tokenizer.encode_batch_fast(documents, add_special_tokens=False)),
    }
    rates = {name: [] for name in programs}
    for _ in range(arguments.repeat):
        for name, program in programs.items():
            rates[name].append(program())
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(json.dumps({"what": name, "MB_per_s": round(medians[name], 2), "min": round(min(values), 2),
                          "max": round(max(values), 2)}))
    for threads in ("1 thread", "2 threads"):
        best = max(medians[f"tiktoken, {threads}"], medians[f"tokenizers, {threads}"])
        print(json.dumps({"what": f"slm over the faster of the two, {threads}",
                          "ratio": round(medians[f"slm, {threads}"] / best, 2)}))


if __name__ == "__main__":
    main()
