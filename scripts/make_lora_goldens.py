#!/usr/bin/env python3
"""Makes tests/golden/adapters: LoRA by peft, over the models and on the texts of the other goldens.

    python scripts/make_lora_goldens.py tests/golden

llama_tiny: twenty steps on the texts of tests/golden/training, with adapters over some layers of those that slm joins and
not over others; `llama_tiny/` is what peft saves in the end. The run is repeated with float64 weights, gradients and
moments, and what the two differ in is written into measured.json. gpt2_tiny: an adapter of the fused c_attn (Conv1D) with
rank-stabilized scaling, as peft saves it. Of both the logits of adapted models.
"""
import argparse
import json
import shutil
from pathlib import Path

import peft
import safetensors.torch
import torch
import transformers

MADE_BY = f"make_lora_goldens.py torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}"
MAX_GRAD_NORM = 1.0
LLAMA = dict(r=2, lora_alpha=6, target_modules=["q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"])
GPT2 = dict(r=2, lora_alpha=3, target_modules=["c_attn", "c_fc"], use_rslora=True, fan_in_fan_out=True)


def adapted(folder, seed, settings, dtype=torch.float32):
    torch.manual_seed(seed)
    base = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    config = peft.LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, bias="none", **settings)
    return peft.get_peft_model(base, config).to(dtype)


def trainable(model):
    """By the names that peft saves."""
    return {name.replace(".default.", "."): p for name, p in model.named_parameters() if p.requires_grad}


def train(model, spec, inputs, targets):
    parameters = trainable(model)
    start = {name: p.detach().clone() for name, p in parameters.items()}
    opt = spec["optimizer"]
    optimizer = torch.optim.AdamW(parameters.values(), lr=0.0, betas=(opt["beta1"], opt["beta2"]), eps=opt["epsilon"],
                                  weight_decay=opt["weight_decay"])
    losses, norms = [], []
    for step, rate in enumerate(spec["lr"]):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        logits = model(input_ids=inputs[step]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets[step].flatten())
        loss.backward()
        losses.append(loss.detach().double())
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), MAX_GRAD_NORM).double())
        optimizer.step()
    tensors = {"loss": torch.stack(losses), "grad_norm": torch.stack(norms)}
    for name, p in parameters.items():
        tensors["final." + name] = p.detach()
        for moment in ("exp_avg", "exp_avg_sq"):
            tensors[f"{moment}.{name}"] = optimizer.state[p][moment]
    return start, tensors


def difference(a, b, prefix):
    return max((a[k].double() - b[k].double()).abs().max().item() for k in a if k.startswith(prefix))


def save(path, tensors):
    tensors = {name: t.detach().contiguous() for name, t in tensors.items()}
    safetensors.torch.save_file(tensors, path, metadata={"made_by": MADE_BY})


def save_folder(model, folder):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = f"models/{folder.name}"
    config["target_modules"].sort()
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def logits(model, golden, name):
    ids = safetensors.torch.load_file(golden / f"models/{name}/case.safetensors")["input_ids"][:1]
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits.float()


def make_llama(golden, out):
    name = "llama_tiny"
    spec = json.loads((golden / f"training/{name}.json").read_text())
    texts = safetensors.torch.load_file(golden / f"training/{name}.safetensors")
    model = adapted(golden / "models" / name, 1, LLAMA)
    start, tensors = train(model, spec, texts["inputs"], texts["targets"])
    exact = adapted(golden / "models" / name, 1, LLAMA, torch.float64)
    exact_start, exact_tensors = train(exact, spec, texts["inputs"], texts["targets"])
    assert all(torch.equal(exact_start[k].float(), start[k]) for k in start)
    save_folder(model, out / name)
    kept = {"start." + k: v for k, v in start.items() if "lora_A" in k}
    kept |= {k: v for k, v in tensors.items() if not k.startswith("final.")}
    save(out / f"{name}.safetensors", kept | {"logits": logits(model, golden, name)})
    measured = {prefix: difference(tensors, exact_tensors, prefix)
                for prefix in ("loss", "grad_norm", "final.", "exp_avg.", "exp_avg_sq.")}
    exact_logits = exact.eval()(input_ids=safetensors.torch.load_file(
        golden / f"models/{name}/case.safetensors")["input_ids"][:1]).logits
    measured["logits"] = (logits(model, golden, name).double() - exact_logits.double()).abs().max().item()
    measured["largest change of the logits"] = (
        logits(model, golden, name) - safetensors.torch.load_file(golden / f"models/{name}/case.safetensors")["logits"][:1]
    ).abs().max().item()
    return measured


def make_gpt2(golden, out):
    name = "gpt2_tiny"
    model = adapted(golden / "models" / name, 2, GPT2)
    with torch.no_grad():
        for key, p in trainable(model).items():
            if "lora_B" in key:
                p.normal_(std=0.1)
    save_folder(model, out / name)
    save(out / f"{name}.safetensors", {"logits": logits(model, golden, name)})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", type=Path)
    golden = parser.parse_args().golden
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    out = golden / "adapters"
    out.mkdir(exist_ok=True)
    measured = {"float32 - float64": make_llama(golden, out), "made_by": MADE_BY}
    make_gpt2(golden, out)
    (out / "measured.json").write_text(json.dumps(measured, indent=2) + "\n")


if __name__ == "__main__":
    main()
