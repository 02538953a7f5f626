#!/usr/bin/env python3
"""Logits of quantized folders by numpy and transformers (quantized_reference.py), for tests/golden/quantized.

    python3 scripts/make_quantized_goldens.py tests/golden/quantized/llama_tiny_int8_static ...

Beside each folder a file of its name: `input_ids` (1, T), `logits` (1, T, V). With static activations the ids are the
first, by seed, whose activations all lie at least MARGIN steps from where a code changes: so far that another order of
summation gives the same codes. Versions: those of interop-requirements.txt.
"""
import pathlib
import sys

import safetensors.torch
import torch
import transformers

from quantized_reference import QuantizedFolder, reference_model

TOKENS = 8
MARGIN = 1e-4  # of a step; sums of some hundred float32 products differ by 1e-5 of one


def smallest_margin(model, folder, ids):
    """How near, in steps, an activation comes to where its code changes."""
    margins = [0.5]
    handles = []
    for name, layer in folder.layers.items():
        if "activation" not in layer:
            continue
        def measure(module, inputs, scale=layer["activation"]["scale"]):
            steps = inputs[0].double() / scale
            margins.append(((steps - steps.floor()) - 0.5).abs().min().item())
        handles.append(model.get_submodule(name).register_forward_pre_hook(measure, prepend=True))
    with torch.no_grad():
        logits = model(ids).logits
    for handle in handles:
        handle.remove()
    return min(margins), logits


def main():
    for path in map(pathlib.Path, sys.argv[1:]):
        folder = QuantizedFolder(path)
        model = reference_model(folder)
        for seed in range(1000):
            ids = torch.randint(model.config.vocab_size, (1, TOKENS), generator=torch.Generator().manual_seed(seed))
            margin, logits = smallest_margin(model, folder, ids)
            if margin >= MARGIN:
                break
        else:
            sys.exit(f"{path}: no ids with a margin of {MARGIN}")
        made_by = f"make_quantized_goldens.py, torch {torch.__version__}, transformers {transformers.__version__}"
        safetensors.torch.save_file({"input_ids": ids, "logits": logits}, path.with_name(path.name + ".safetensors"),
                                    {"made_by": made_by})
        print(f"{path}: seed {seed}, margin {margin:.1e}")


if __name__ == "__main__":
    main()
