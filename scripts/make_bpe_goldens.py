#!/usr/bin/env python3
"""Makes the goldens of pre-tokenizers, NFC and BPE training with Hugging Face `tokenizers` (0.23.3).

    scripts/make_bpe_goldens.py tests/golden/tokenizers

pre_tokenizers.json   `texts`, and for each of `cases` a `pre_tokenizer` as in tokenizer.json and the `pieces` of every text
nfc.json              `texts`: [before, after]
trained.json          for each of `cases`: `documents`, `vocab_size`, `special`, `llama3` (else GPT-2's pattern), and the
                      `merges` as the pairs of tokenizer.json
"""
import json
import pathlib
import random
import sys

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + CONTRACTIONS + "?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + CONTRACTIONS + "?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"
            r" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
# What Oniguruma and PCRE2 spell or read differently, and what they share.
SYNTAX = [r"^.*$", r"\b", r"\B", r"\b\w+\b", r"\W+", r"\A.", r"\z|\d", r".\Z", r"(?=b)|(?<=a)", r"a{,2}", r"(?:a{2})+", "{x}",
          r"[x-]|[-a]", r"[\w-]+", r"[[a-c][0-9]_]+", r"[^a[^b-z]]", r"\p{Han}+|\p{Hiragana}+|\p{Katakana}|\p{Hangul}",
          r"\p{^L}+", r"\P{Lu}+", r"(?i)\p{Lu}", r"(?i)[^\p{Lu}]", r"(?i)k|ſ", r"(?i:a)b", r"(?-i:a)", r"\p{L u}|\p{l_t}", r"[^\W\d]+|[\W]", r"(?i:\p{Lu}|(?-i:b)a)\p{Ll}", r"(?i)\w|[a-c]",
          r"\D+", r"\S+", r"[^\S\n]+", r"[\P{L}]", r"\x41|\x{4e2d}|\u00E9", r"\v|\f|\e|\a|\t", r"[\b]", r"a+?b", r"a++", r"(?>a+)b",
          r"x*", r"(a)(b)?", r"\/|\.|\\|\-|\ ", "a|", r"[\]\[]", r"\p{Cn}|\p{Co}|\p{Cf}", r"\p{Sc}\p{Nd}+", r"\p{Z}+", r"\p{M}+"]


def split(pattern, behavior="isolated", invert=False):
    return Split(Regex(pattern), behavior, invert)


def byte_level(use_regex=False):
    return ByteLevel(add_prefix_space=False, use_regex=use_regex)


def pre_tokenizer_cases():
    cases = [byte_level(use_regex=True), Sequence([split(LLAMA3), byte_level()]), Sequence([split(QWEN2), byte_level()]),
             Sequence([split(LLAMA3, "removed", invert=True), byte_level()]),
             Sequence([Digits(individual_digits=True), byte_level(use_regex=True)]),
             Sequence([Digits(individual_digits=False), byte_level()]), Sequence([split(GPT4O), byte_level()]),
             Sequence([*map(split, DEEPSEEK), byte_level()]), Sequence([split(BLOOM), byte_level()]),
             Sequence([Split("a.b", "isolated"), byte_level()]), Sequence([Split(" ", "merged_with_next"), byte_level()])]
    for behavior in BEHAVIORS:
        for invert in (False, True):
            for pattern in (r"\d+|[aeiou]", r"(?=a)|b"):
                cases.append(Sequence([split(pattern, behavior, invert), byte_level()]))
    return cases + [Sequence([split(pattern), byte_level()]) for pattern in SYNTAX]


def texts(generator):
    fixed = ["Hello, world!  I'm here; you're THERE'S\n\n  indented\tby tab \r\n", "a.b axb a.b", "the-final--countdown 2024-01-02 12345678",
             "kK\u212a ſS aB ab AB aab aaab bbb xx{x}", "中文字 カタカナ ひらがな 한국어 é e\u0301 ß ǅ ʰ ª", "\u0661\u0662 Ⅷ ½ ₂ \U0001d7ce ㊿ x²",
             "😀👍🏽 👨\u200d👩\u200d👧 $5 €10 ¥", "a\u00a0b\u3000c\u2028d\u0085e\u200bf\u1680 \u180e", "[x] -a- _b_ \\n /p\\q\x07\x1b\x0b\x0c\x08",
             "ab\ncd\n\nef\n", "\u0378\U0002ebf0\U00011f50\U0001e4f0\ue000", "''s 'LL 'Ve 're'm's", "   ", "\n", " \r\n \n  x"]
    characters = " \n\r\t'abcsStT12.-é中ſ½\u0301\u00a0ǅ\U0001f600\u0661"
    return fixed + ["".join(generator.choices(characters, k=generator.randrange(1, 40))) for _ in range(40)]


def pre_tokenizers_golden(generator):
    samples = texts(generator)
    cut = lambda case, text: [text[begin:end] for _, (begin, end) in case.pre_tokenize_str(text)]
    to_json = lambda case: json.loads(case.__getstate__().decode())
    return {"texts": samples, "cases": [{"pre_tokenizer": to_json(case), "pieces": [cut(case, text) for text in samples]}
                                        for case in pre_tokenizer_cases()]}


def nfc_golden(generator):
    """Marks of many classes, letters that join them, and characters that the normalizer's tables do not have."""
    characters = ("aeoAE\u00e9\u1e69\u0301\u0323\u0307\u0345\u05b0\u0334\u093c\u0929\u0928\u1100\u1161\u11a8\uac00\u212b\u2126\uf900 1"
                  "\u1acf\u0898\U00011930\U00011935\U000105d2\U0001e4ec")
    samples = ["".join(generator.choices(characters, k=generator.randrange(1, 20))) for _ in range(300)]
    return {"texts": [[text, normalizers.NFC().normalize_str(text)] for text in samples]}


def train(documents, vocab_size, special=(), llama3=False):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = Sequence([split(LLAMA3), byte_level()]) if llama3 else byte_level(use_regex=True)
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=list(special), show_progress=False,
                                  initial_alphabet=ByteLevel.alphabet())
    tokenizer.train_from_iterator(documents, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return {"documents": documents, "vocab_size": vocab_size, "special": list(special), "llama3": llama3,
            "actual_vocab_size": len(model["vocab"]), "merges": model["merges"]}


def trained_golden(generator):
    """Few letters give many ties and overlapping pairs; scripts give bytes that are no character; a special token that is
    also the text of a merge takes that merge's place in the vocabulary."""
    letters = ["".join(generator.choices("ab", k=generator.randrange(1, 40))) for _ in range(100)]
    scripts = ["".join(generator.choices(alphabet, k=generator.randrange(1, 6)))
               for alphabet in ("etaoin", "приветмир", "中文字符串", "नमस्ते", "123", "😀👍") for _ in range(30)]
    some = lambda words, count: " ".join(generator.choices(words, k=count))
    mixed = [some(scripts, 60) + generator.choice(["\n", "\n\n", "!\n", "  \n"]) for _ in range(10)]
    text_of_a_merge = next(a + b for a, b in train(mixed, 400)["merges"] if (a + b).isascii() and (a + b).isalnum())
    return {"cases": [train([some(letters, 500)], 800), train(mixed, 600), train(mixed, 600, llama3=True),
                      train(mixed, 400, special=["<|endoftext|>", text_of_a_merge]), train([some(letters, 40)], 3000)]}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in {"pre_tokenizers": pre_tokenizers_golden, "nfc": nfc_golden, "trained": trained_golden}.items():
        made = make(random.Random(f"slm {name}"))
        (folder / f"{name}.json").write_text(json.dumps(made, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
