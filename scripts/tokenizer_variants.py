"""Byte-level BPE tokenizers of every kind that slm reads, made by Hugging Face's `tokenizers`, and random texts for them."""
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
END = "<|endoftext|>"


def byte_level(**options):
    return pre_tokenizers.ByteLevel(**{"add_prefix_space": False, "use_regex": True, **options})


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(pattern, behavior, invert)


def then_bytes(*steps):
    return pre_tokenizers.Sequence([*steps, byte_level(use_regex=False)])


def trained(text, vocab_size, pre_tokenizer, normalizer=None, special=(END,)):
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=list(special), show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def gpt2(text, vocab_size):
    tokenizer = trained(text, vocab_size, byte_level())
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def prefix_space(text, vocab_size):
    tokenizer = trained(text, vocab_size, byte_level(add_prefix_space=True))
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


def llama3(text, vocab_size):
    """Merges are ignored for pieces that are tokens, special tokens behind the vocabulary, a template with a begin."""
    tokenizer = trained(text, vocab_size, then_bytes(split(Regex(LLAMA3))), special=())
    tokenizer.model.ignore_merges = True
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"])
    begin = ("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))
    template = processors.TemplateProcessing(single=f"{begin[0]} $A", pair=f"{begin[0]} $A {begin[0]}:1 $B:1",
                                             special_tokens=[begin])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return tokenizer


def qwen2(text, vocab_size):
    """NFC, digits one by one; added tokens that are special and that are not."""
    tokenizer = trained(text, vocab_size, then_bytes(split(Regex(QWEN2))), normalizers.NFC(), special=())
    tokenizer.add_special_tokens([END, "<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("caf\u00e9", normalized=True)])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def smollm2(text, vocab_size):
    digits = pre_tokenizers.Digits(individual_digits=True)
    return trained(text, vocab_size, pre_tokenizers.Sequence([digits, byte_level()]), special=(END, "<|im_start|>"))


def stripping(text, vocab_size):
    """Added tokens that take the white space beside them along, and that overlap."""
    tokenizer = trained(text, vocab_size, byte_level())
    tokenizer.add_special_tokens([AddedToken("<left>", lstrip=True), AddedToken("<right>", rstrip=True),
                                  AddedToken("<both>", lstrip=True, rstrip=True), "<", "<le", "\n\n"])
    tokenizer.add_tokens([AddedToken("the", normalized=True), AddedToken("then", normalized=False)])
    end = (END, tokenizer.token_to_id(END))
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[end])
    return tokenizer


def splits(behavior, invert):
    """`Split` by patterns that are nobody's, a plain string among them."""
    def make(text, vocab_size):
        by_vowels = split(Regex(r"[aeiou]{2,}|(?<=\d)\p{L}"), behavior, invert)
        return trained(text, vocab_size, then_bytes(by_vowels, split("th", behavior), pre_tokenizers.Digits(False)))
    return make


VARIANTS = {"gpt2": gpt2, "prefix space": prefix_space, "llama3": llama3, "qwen2": qwen2, "smollm2": smollm2,
            "stripping": stripping}
VARIANTS |= {f"split {behavior}{' inverted' * invert}": splits(behavior, invert)
             for behavior in ("isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous")
             for invert in (False, True)}

# Ranges of scripts, of the rest of Unicode, and what the patterns look for.
RANGES = [(0x20, 0x7E)] * 4 + [(0x61, 0x7A)] * 4 + [
    (0x00, 0x1F), (0x80, 0xFF), (0x100, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x5FF), (0x600, 0x6FF),
    (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x2000, 0x206F), (0x2150, 0x218F), (0x2460, 0x24FF), (0x3040, 0x30FF),
    (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xF8FF), (0x1D400, 0x1D7FF), (0x1F300, 0x1FAFF), (0x20000, 0x2A6DF),
    (0x0, 0xD7FF), (0xE000, 0x10FFFF)]
SNIPPETS = [" ", "  ", "\n", "\r\n", "\n\n", "\t", " \n ", "'s", "'S", "'ll", "'RE", "\u2019s", "'\u017f", "\u00a0", "\u3000", "\u0085",
            "0", "12", "345", "6789", "\u0663", "\u00bd", "\u2167", "e\u0301", "cafe\u0301", "caf\u00e9", "\u1112\u1161\u11ab",
            "the", "then", " the ", "...", "!?\r\n", "aaaaaaaaaaaa", "queue", "th"]


def random_text(source, most_parts, names=()):
    """Valid Unicode of up to that many characters, snippets and, of the named tokens, names."""
    parts = []
    for _ in range(source.randint(0, most_parts)):
        kind = source.random()
        if kind < 0.25:
            parts.append(source.choice(SNIPPETS))
        elif kind < 0.28 and names:
            parts.append(source.choice(names))
        else:
            first, last = source.choice(RANGES)
            parts.append("".join(chr(source.randint(first, last)) for _ in range(source.choice((1, 1, 2, 5)))))
    return "".join(character for part in parts for character in part if not 0xD800 <= ord(character) <= 0xDFFF)


def random_texts(seed, count, most_parts=30, names=()):
    source = random.Random(seed)
    return [random_text(source, most_parts, names) for _ in range(count)]


def ids_without_special(tokenizer, text):
    """The ids where special tokens' names are text like any other."""
    tokenizer.encode_special_tokens = True
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    tokenizer.encode_special_tokens = False
    return ids
