"""A part of scripts/interop: adapters in the eyes of peft. Of runs that `slm train` makes here over a float model

- transformers loads the checkpoint's folder without the adapters, and peft the folder `adapter` over it: their logits are
  those of `slm logits`, and after merge_and_unload those of what `slm merge` wrote;
- peft's adapters are exactly on the layers that lora_targets names.
And of adapters that peft makes over a checkpoint of slm (rank-stabilized scaling, bfloat16, GPT-2's c_attn): `slm logits
--adapter` and `slm merge --adapter` give peft's logits.
"""
import json
import shutil

import peft
import safetensors.torch
import torch
from transformers import AutoModelForCausalLM

TARGETS = {"llama": ["*.q_proj", "*.v_proj", "*.down_proj"], "qwen3": ["*_proj"],
           "gpt2": ["*.o_proj", "*.up_proj", "*.down_proj"]}
IN_CLASS = {"gpt2": {"*.o_proj": "attn.c_proj", "*.up_proj": "mlp.c_fc", "*.down_proj": "mlp.c_proj"}}
BY_PEFT = {"llama": ["q_proj", "gate_proj"], "qwen3": ["k_proj", "o_proj"], "gpt2": ["c_attn", "c_fc"]}
ROWS, LENGTH = 2, 48


def our_logits(run_slm, slm, folder, ids, scratch, *more):
    rows, out = scratch / "lora_rows.json", scratch / "lora_logits.safetensors"
    rows.write_text(json.dumps(ids.tolist()))
    run_slm(slm, "logits", folder, "--ids-file", rows, "--out", out, *more)
    return safetensors.torch.load_file(out)["logits"]


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()


def logits(model, ids):
    with torch.no_grad():
        return model(input_ids=ids).logits.float()


def token_ids(model):
    return torch.randint(model.config.vocab_size, (ROWS, LENGTH), generator=torch.Generator().manual_seed(5))


def check_trained_by_slm(checks, slm, run_slm, name, checkpoint, targets, in_class, scratch):
    base = load(checkpoint)
    ids = token_ids(base)
    plain = logits(base, ids)
    suffixes = tuple(in_class.get(target, target.removeprefix("*")) for target in targets)
    expected = ["base_model.model." + path for path, _ in base.named_modules() if path.endswith(suffixes)]
    model = peft.PeftModel.from_pretrained(base, checkpoint / "adapter").eval()
    ours = our_logits(run_slm, slm, checkpoint, ids, scratch)
    checks.close(f"{name}: logits of peft", ours, logits(model, ids))
    change = (ours - plain).abs().max().item()
    checks.line(change > 1e-3, f"{name}: the adapter changes them", f"by up to {change:.3f}")
    adapted = [path for path, module in model.named_modules() if hasattr(module, "lora_A") and len(module.lora_A) > 0]
    checks.equal(f"{name}: {len(adapted)} adapted modules", sorted(adapted), sorted(expected))
    merged = scratch / (name.replace(" ", "_") + "_merged")
    run_slm(slm, "merge", checkpoint, merged)
    checks.close(f"{name}: logits of the merged folder in transformers", logits(load(merged), ids), ours)
    checks.close(f"{name}: merged by peft", logits(model.merge_and_unload(), ids), ours)


def check_made_by_peft(checks, slm, run_slm, name, parent, targets, dtype, scratch):
    torch.manual_seed(3)
    base = load(parent)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=6, target_modules=targets, use_rslora=True,
                             fan_in_fan_out="c_attn" in targets)
    model = peft.get_peft_model(base, config).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_" in key:
                parameter.copy_((torch.randn_like(parameter) * 0.05).to(dtype))  # exact in the file's dtype
    folder = scratch / (name.replace(" ", "_") + "_adapter")
    model.save_pretrained(folder)
    file = folder / "adapter_model.safetensors"
    safetensors.torch.save_file({key: t.to(dtype) for key, t in safetensors.torch.load_file(file).items()}, file)
    ids = token_ids(base)
    expected = logits(model, ids)
    checks.close(f"{name}: logits of slm", our_logits(run_slm, slm, parent, ids, scratch, "--adapter", folder), expected)
    merged = scratch / (name.replace(" ", "_") + "_merged")
    run_slm(slm, "merge", parent, merged, "--adapter", folder)
    checks.close(f"{name}: logits of the merged folder", our_logits(run_slm, slm, merged, ids, scratch), expected)
    shutil.rmtree(folder)


def check_architecture(checks, slm, run_slm, train, architecture, scratch):
    parent = train(slm, scratch / f"lora_base_{architecture}", architecture, [])
    targets = TARGETS[architecture]
    run = scratch / f"lora_{architecture}"
    checkpoint = train(slm, run, architecture, [f"init_from={parent}", "lora_rank=4", "lora_alpha=12", "learning_rate=1e-2",
                                                "lora_targets=" + json.dumps(targets)])
    check_trained_by_slm(checks, slm, run_slm, f"{architecture} adapters trained by slm", checkpoint, targets,
                         IN_CLASS.get(architecture, {}), scratch)
    for dtype in (torch.float32, torch.bfloat16):
        name = f"{architecture} adapter of peft, {str(dtype).removeprefix('torch.')}"
        check_made_by_peft(checks, slm, run_slm, name, parent, BY_PEFT[architecture], dtype, scratch)


def check_all(checks, slm, run_slm, train, scratch):
    """`train(slm, folder, architecture, overrides)` gives the checkpoint of a run."""
    for architecture in TARGETS:
        checks.group(f"{architecture}, adapters", check_architecture, slm, run_slm, train, architecture, scratch)
