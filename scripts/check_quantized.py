"""A part of scripts/interop: quantized folders in the eyes of others. Of each folder that `slm quantize` makes here

- the linear layers in model.safetensors are counted, codes and floats, and compared with the metadata and with the
  layers that the class of transformers has;
- the metadata is valid under docs/quantization_metadata.schema.json;
- a float model of transformers whose weights are what numpy makes of codes and scales (quantized_reference.py) gives
  the logits of `slm logits`;
- where config.json has a quantization_config, transformers loads the folder with compressed-tensors: its weights are
  those of numpy to the bit, its logits those of slm (weight_only), or its loss (static and dynamic: its scale of a
  token is amax / 127.5, ours amax / 127).
"""
import json
import pathlib

import jsonschema
import numpy
import safetensors.torch
import torch
from transformers import AutoModelForCausalLM

from quantized_reference import EMBEDDINGS, QuantizedFolder, float_config, linear_layers, reference_model

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOSS_TOLERANCE = 0.002  # nats
ROWS, LENGTH = 8, 128  # of real text, for losses
W8, W4 = "quantization_bits=8", "quantization_bits=4"
PER_TENSOR, PER_CHANNEL = "quantization_granularity=per_tensor", "quantization_granularity=per_channel"
WEIGHT_ONLY, DYNAMIC, STATIC = (f"quantization_type={name}" for name in ("weight_only", "dynamic", "static"))


def group(size):
    return f"quantization_group_size={size}"


PER_GROUP = "quantization_granularity=per_group"
LOADED_BY_OTHERS = {
    "W8 per tensor": [W8, PER_TENSOR, WEIGHT_ONLY],
    "W8 per channel": [W8, PER_CHANNEL, WEIGHT_ONLY],
    "W8 g64": [W8, PER_GROUP, group(64), WEIGHT_ONLY],
    "W4 per tensor": [W4, PER_TENSOR, WEIGHT_ONLY],
    "W4 per channel": [W4, PER_CHANNEL, WEIGHT_ONLY],
    "W4 g128": [W4, group(128), WEIGHT_ONLY],
    "W4 g64": [W4, group(64), WEIGHT_ONLY],
    "W4 g32": [W4, group(32), WEIGHT_ONLY],
    "W8 per channel, dynamic": [W8, PER_CHANNEL, DYNAMIC],
    "W8 per channel, static": [W8, PER_CHANNEL, STATIC],
    "W8 per tensor, static": [W8, PER_TENSOR, STATIC],
    "W4 g64, dynamic": [W4, group(64), DYNAMIC],
    "W8 per channel, head in float": [W8, PER_CHANNEL, WEIGHT_ONLY, 'quantization_exclude=["lm_head"]'],
}
FOR_SLM_ALONE = {"W4 g48": [W4, group(48), WEIGHT_ONLY], "W4 g48, dynamic": [W4, group(48), DYNAMIC]}
SHAPE = ["model.d_model=128", "model.d_ff=256", "model.n_heads=4"]


def our_logits(run_slm, slm, folder, ids, scratch):
    rows, out = scratch / "rows.json", scratch / "logits.safetensors"
    rows.write_text(json.dumps(ids.tolist()))
    run_slm(slm, "logits", folder, "--ids-file", rows, "--out", out)
    return safetensors.torch.load_file(out)["logits"]


def loss(logits, ids):
    return torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1).double(), ids[:, 1:].flatten()).item()


def compare(checks, name, folder, ours, theirs, ids):
    """Logits where the activations are not quantized. Else one code that rounds the other way moves them: the loss."""
    if folder.metadata["type"] == "weight_only":
        return checks.close(f"{name}: logits", ours, theirs)
    difference = loss(ours, ids) - loss(theirs, ids)
    checks.line(abs(difference) <= LOSS_TOLERANCE, f"{name}: loss",
                f"slm {loss(ours, ids):.5f}, difference {difference:+.5f}, tolerance {LOSS_TOLERANCE}")


def count_layers(checks, name, folder):
    expected = linear_layers(float_config(folder.config))
    packed = {key.removesuffix(".weight_packed") for key in folder.tensors if key.endswith(".weight_packed")}
    matrices = {key.removesuffix(".weight"): tensor for key, tensor in folder.tensors.items()
                if key.endswith(".weight") and tensor.ndim == 2}
    codes = packed | {key for key, tensor in matrices.items() if tensor.dtype == numpy.int8}
    floats = matrices.keys() - codes - EMBEDDINGS
    if folder.config.get("tie_word_embeddings", folder.config.get("tie_embeddings")):
        floats.add("lm_head")
    left = {entry["name"] for entry in folder.metadata["left_float"]} - EMBEDDINGS
    right = codes == folder.layers.keys() and floats == left and codes | floats == expected
    checks.line(right, f"{name}: coverage", f"{len(codes)} of {len(expected)} linear layers are codes, {len(floats)} "
                f"float; the metadata lists {len(folder.layers)} and {len(left)}")
    counted = sum(folder.codes(key).size for key in codes & folder.layers.keys())
    checks.equal(f"{name}: quantized parameters", folder.metadata["coverage"]["quantized_parameters"], counted)


def check_metadata(checks, name, folder):
    schema = json.loads((ROOT / "docs/quantization_metadata.schema.json").read_text())
    problems = [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(folder.metadata)]
    checks.line(not problems, f"{name}: metadata under its JSON Schema", "; ".join(problems) or "valid")


def check_compressed_tensors(checks, name, folder, path, ours, ids):
    model = AutoModelForCausalLM.from_pretrained(path, attn_implementation="eager").eval()
    with torch.no_grad():
        theirs = model(ids).logits
    different = [layer for layer in folder.layers
                 if not torch.equal(model.get_submodule(layer).weight, torch.from_numpy(folder.weight(layer)))]
    checks.equal(f"{name}: weights under compressed-tensors that differ from numpy's", different, [])
    compare(checks, f"{name}: compressed-tensors", folder, ours, theirs, ids)


def check_folder(checks, slm, run_slm, name, path, ids, scratch, for_others):
    folder = QuantizedFolder(path)
    count_layers(checks, name, folder)
    check_metadata(checks, name, folder)
    ours = our_logits(run_slm, slm, path, ids, scratch)
    with torch.no_grad():
        compare(checks, f"{name}: numpy's weights", folder, ours, reference_model(folder)(ids).logits, ids)
    checks.equal(f"{name}: has a quantization_config", "quantization_config" in folder.config, for_others)
    if for_others:
        check_compressed_tensors(checks, name, folder, path, ours, ids)


def text_ids(run):
    """Rows of the text that the run was trained on: 1,024 bytes of header, then uint16."""
    shard = next((run / "data").rglob("train-00000.bin"))
    ids = numpy.fromfile(shard, dtype="<u2", offset=1024, count=ROWS * LENGTH)
    return torch.from_numpy(ids.astype(numpy.int64)).view(ROWS, LENGTH)


def check_architecture(checks, slm, run_slm, train, architecture, scratch):
    run = scratch / f"parent_{architecture}"
    parent = train(slm, run, architecture, SHAPE)
    ids = text_ids(run)
    schemes = {} if architecture == "gpt2" else {name: (keys, True) for name, keys in LOADED_BY_OTHERS.items()}
    for name, keys in FOR_SLM_ALONE.items():
        if architecture != "gpt2" or DYNAMIC not in keys:
            schemes[name] = (keys, False)
    for scheme, (keys, for_others) in schemes.items():
        name = f"{architecture} {scheme}"
        out = scratch / name.replace(" ", "_").replace(",", "")
        run_slm(slm, "quantize", parent, out, *keys)
        check_folder(checks, slm, run_slm, name, out, ids, scratch, for_others)


def check_all(checks, slm, run_slm, train, scratch):
    """`train(slm, folder, architecture, overrides)` gives the checkpoint of a run."""
    for architecture in ("llama", "qwen2", "qwen3", "gpt2"):
        checks.group(f"{architecture}, quantized", check_architecture, slm, run_slm,
                     train, architecture, scratch)
