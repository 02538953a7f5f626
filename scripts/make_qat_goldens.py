#!/usr/bin/env python3
"""Makes tests/golden/qat: quantization-aware training in plain PyTorch, twenty steps on the texts of tests/golden/training.

    python scripts/make_qat_goldens.py tests/golden

Weights and activations go through the formula of quantization in float32, gradients straight through, and where scales
are learned through LSQ's own rule (arXiv:1902.08153). Each case runs a second time with float64 masters, gradients and
moments; what the two differ in is measured and written beside them. Where a case distills, the loss is that of Hinton
et al. (arXiv:1503.02531) at temperature 1, with F.kl_div, and the teacher a copy of the model as quantizing began; of
these runs some of the final weights are kept. `distillation.safetensors` is the loss alone, with its gradient.
"""
import argparse
import copy
import json
import math
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
import transformers

MOMENTUM, MAX_GRAD_NORM = 0.01, 1.0
CASES = {
    "llama_tiny.int8_static": dict(model="llama_tiny", qmax=127, shape="channel", activations="static", start=5, freeze=15),
    "llama_tiny.int8_dynamic": dict(model="llama_tiny", qmax=127, shape="channel", activations="dynamic", start=0, freeze=20),
    "llama_tiny.int4_g8": dict(model="llama_tiny", qmax=7, shape=8, activations=None, start=1, freeze=20),
    "llama_tiny.int4_learned": dict(model="llama_tiny", qmax=7, shape="tensor", activations=None, learned=True, start=3, freeze=20),
    "gpt2_tiny.int8_weight_only": dict(model="gpt2_tiny", qmax=127, shape="channel", activations=None, start=2, freeze=20),
    "llama_tiny.int4_distilled": dict(model="llama_tiny", qmax=7, shape=8, activations=None, start=4, freeze=20, distill=0.7),
    "gpt2_tiny.int4_distilled": dict(model="gpt2_tiny", qmax=7, shape="channel", activations=None, start=0, freeze=20, distill=0.4, ignored=3),
}
KEPT = ("final.model.layers.1.mlp.down_proj.weight", "final.model.layers.0.self_attn.q_proj.weight", "final.model.norm.weight",
        "final.transformer.wte.weight", "final.transformer.h.1.mlp.c_proj.weight", "final.transformer.ln_f.weight")


def groups(weight, shape):
    """The weight (N, K) as one row for what shares a scale."""
    if shape == "tensor":
        return weight.reshape(1, -1)
    if shape == "channel":
        return weight
    return weight.reshape(-1, shape)  # every group is full


def fake(x, scale, zero, low, high):
    """float32 codes and values; `inside` where nothing was clipped."""
    raw = torch.round(x.float() * (1 / scale)) + zero
    codes = raw.clamp(low, high)
    return codes, (codes - zero) * scale, raw == codes


def amax_scale(rows, qmax):
    amax = rows.float().abs().amax(1, keepdim=True)
    return torch.where(amax == 0, torch.ones_like(amax), (amax / qmax).clamp_min(torch.finfo(torch.float32).tiny))


def mse_scale(rows, qmax):
    """Of the clips amax * i / 100 the one with the least squared error; among equals the largest."""
    rows = rows.float()
    amax, best, scale = rows.abs().amax(1, keepdim=True), None, None
    for i in range(100, 0, -1):
        candidate = (amax * (i / 100)).float() / qmax
        error = (rows.double() - fake(rows, candidate, 0, -qmax, qmax)[1].double()).square().sum(1, keepdim=True)
        if best is None:
            best, scale = error, candidate
        else:
            better = error < best
            best, scale = torch.where(better, error, best), torch.where(better, candidate, scale)
    return scale


class Learned(torch.autograd.Function):
    """LSQ: rows and their scales (R, 1)."""

    @staticmethod
    def forward(ctx, rows, scale, qmax):
        codes, values, inside = fake(rows, scale, 0, -qmax, qmax)
        ctx.save_for_backward(rows, scale, codes, inside)
        ctx.factor = 1 / math.sqrt(rows.shape[1] * qmax)
        return values.to(rows.dtype)

    @staticmethod
    def backward(ctx, gradient):
        rows, scale, codes, inside = ctx.saved_tensors
        slope = torch.where(inside, codes.double() - rows.double() / scale.double(), codes.double())
        of_scale = (slope * gradient.double()).sum(1, keepdim=True) * ctx.factor
        return gradient * inside, of_scale.to(scale.dtype), None


def straight_through(x, values, inside=None):
    """`values`, with the gradient of x where it lies inside."""
    passed = x if inside is None else torch.where(inside, x, x.detach())
    return passed + (values.to(x.dtype) - passed).detach()


class Place:
    """Activations that some layers read: one range for all."""

    def __init__(self):
        self.range, self.seen = None, None

    def observe(self, x):
        ends = x.detach().float().min().item(), x.detach().float().max().item()
        self.seen = ends if self.seen is None else (min(self.seen[0], ends[0]), max(self.seen[1], ends[1]))

    def end_step(self):
        if self.seen is None:
            return
        f32 = lambda v: torch.tensor(v, dtype=torch.float32)
        low, high = f32(self.seen[0]), f32(self.seen[1])
        if self.range is None:
            self.range = (low, high)
        a, b = self.range
        self.range = (a + f32(MOMENTUM) * (low - a), b + f32(MOMENTUM) * (high - b))
        self.seen = None

    def scale(self):
        low, high = self.range[0].clamp_max(0), self.range[1].clamp_min(0)
        scale = ((high - low) / 255).clamp_min(2.0 ** -23)
        return scale, (0 - torch.round(low / scale)).clamp(0, 255)


class Run:
    def __init__(self, model, case):
        self.model, self.case, self.places, self.scales = model, case, {}, {}
        self.quantizing = self.observing = False
        self.layers = {}
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear):
                self.layers[name] = module
                module.forward = lambda x, n=name, m=module: F.linear(self.activation(n, x), self.weight(n, m.weight), m.bias)
            elif isinstance(module, transformers.pytorch_utils.Conv1D):
                self.layers[name] = module
                module.forward = lambda x, n=name, m=module: F.linear(self.activation(n, x), self.weight(n, m.weight.t()), m.bias)

    def begin(self):
        for name, module in self.layers.items():
            matrix = module.weight.t() if isinstance(module, transformers.pytorch_utils.Conv1D) else module.weight
            if self.case.get("learned"):
                self.scales[name] = mse_scale(groups(matrix.detach(), self.case["shape"]), self.case["qmax"]).requires_grad_()

    def weight(self, name, matrix):
        if not self.quantizing:
            return matrix
        qmax, shape = self.case["qmax"], matrix.shape
        rows = groups(matrix, self.case["shape"])
        if name in self.scales:
            return Learned.apply(rows, self.scales[name], qmax).reshape(shape)
        with torch.no_grad():
            values = fake(rows, amax_scale(rows.detach(), qmax), 0, -qmax, qmax)[1]
        return straight_through(rows, values).reshape(shape)

    def activation(self, name, x):
        kind = self.case["activations"]
        if kind is None:
            return x
        if kind == "dynamic":
            if not self.quantizing:
                return x
            with torch.no_grad():
                values = fake(x, amax_scale(x.detach().flatten(0, -2), 127).reshape(*x.shape[:-1], 1), 0, -127, 127)[1]
            return straight_through(x, values)
        place = self.places.setdefault(name, Place())
        if self.observing:
            place.observe(x)
        if not self.quantizing or place.range is None:
            return x
        with torch.no_grad():
            scale, zero = place.scale()
            _, values, inside = fake(x.detach(), scale, zero, 0, 255)
        return straight_through(x, values, inside)


def mixed_loss(logits, teacher, targets, weight):
    """Loss of scored rows (M, V), and its KL term; means over them, as the targets' own loss is one."""
    scored = targets != -100
    log_q, log_p = F.log_softmax(logits[scored], -1), F.log_softmax(teacher[scored], -1)
    divergence = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    return (1 - weight) * F.cross_entropy(logits, targets) + weight * divergence, divergence


def loss_alone():
    """Some rows, one without a target, under several weights; gradients by autograd in float64."""
    torch.manual_seed(11)
    logits, teacher = 3 * torch.randn(12, 37), 3 * torch.randn(12, 37)
    targets = torch.randint(0, 37, (12,))
    targets[5] = -100
    tensors = {"logits": logits, "teacher": teacher, "targets": targets, "weights": torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)}
    for dtype in ("float32", "bfloat16"):
        rounded = [x.to(getattr(torch, dtype)).double() for x in (logits, teacher)]
        for i, weight in enumerate(tensors["weights"].tolist()):
            leaf = rounded[0].clone().requires_grad_()
            loss, divergence = mixed_loss(leaf, rounded[1], targets, weight)
            loss.backward()
            tensors |= {f"{dtype}.{i}.loss": loss.detach(), f"{dtype}.{i}.divergence": divergence.detach(), f"{dtype}.{i}.gradient": leaf.grad}
    return tensors


def train(folder, case, inputs, targets, rates, dtype):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").to(dtype).train()
    run = Run(model, case)
    named = dict(model.named_parameters())
    options = dict(lr=0.0, betas=(0.9, 0.95), eps=1e-8, foreach=False)
    optimizer = torch.optim.AdamW([{"params": [p for p in named.values() if p.dim() >= 2], "weight_decay": 0.1},
                                   {"params": [p for p in named.values() if p.dim() < 2], "weight_decay": 0.0}], **options)
    of_scales = None
    losses, norms, divergences, teacher = [], [], [], None
    if "ignored" in case:
        targets = targets.clone()
        targets[:, :, : case["ignored"]] = -100
    for step in range(len(inputs)):
        run.quantizing, run.observing = step >= case["start"], step < case["freeze"]
        if step == case["start"]:
            run.begin()
            if "distill" in case:
                teacher = transformers.AutoModelForCausalLM.from_config(model.config, attn_implementation="eager").to(dtype)
                teacher.load_state_dict(copy.deepcopy(model.state_dict()))
            if run.scales:
                of_scales = torch.optim.AdamW(list(run.scales.values()), weight_decay=0.0, **options)
        for group in optimizer.param_groups:
            group["lr"] = rates[step]
        optimizer.zero_grad()
        logits = model(input_ids=inputs[step], use_cache=False).logits
        rows, wanted, divergence = logits.flatten(0, 1), targets[step].flatten(), None
        if teacher is None:
            loss = F.cross_entropy(rows, wanted)
        else:
            with torch.no_grad():
                taught = teacher(input_ids=inputs[step], use_cache=False).logits.flatten(0, 1)
            loss, divergence = mixed_loss(rows, taught, wanted, case["distill"])
            divergences.append(divergence.detach())
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(list(named.values()), MAX_GRAD_NORM)
        optimizer.step()
        if of_scales and step >= case["start"]:
            factor = min(1.0, MAX_GRAD_NORM / (float(norm) + 1e-6))
            for scale in run.scales.values():
                scale.grad *= factor
            of_scales.param_groups[0]["lr"] = rates[step] / case["qmax"]
            of_scales.step()
            of_scales.zero_grad()
        for place in run.places.values():
            if run.observing:
                place.end_step()
        losses.append(loss.detach())
        norms.append(norm.detach())
    tensors = {"loss": torch.stack(losses), "grad_norm": torch.stack(norms)}
    tensors |= {"final." + name: p.detach() for name, p in named.items()}
    if divergences:
        tensors = {name: t for name, t in tensors.items() if name.split(".")[0] != "final" or name in KEPT}
        tensors["divergence"] = torch.stack(divergences)
    tensors |= {"scale." + name: s.detach() for name, s in run.scales.items()}
    for name, place in run.places.items():
        scale, zero = place.scale()
        tensors |= {"input_scale." + name: scale.view(1), "input_zero_point." + name: zero.view(1)}
    return tensors


def save(path, tensors):
    safetensors.torch.save_file({n: t.contiguous() for n, t in tensors.items()}, path,
                                metadata={"made_by": f"make_qat_goldens.py torch {torch.__version__.split('+')[0]}"})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("golden", type=Path)
    golden = parser.parse_args().golden
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    measured = {}
    for name, case in CASES.items():
        text = safetensors.torch.load_file(golden / "training" / f"{case['model']}.safetensors")
        args = golden / "models" / case["model"], case, text["inputs"], text["targets"], text["lr"].tolist()
        tensors, exact = train(*args, torch.float32), train(*args, torch.float64)
        measured[name] = {kind: max(float((tensors[n].double() - exact[n].double()).abs().max()) for n in tensors if n.split(".")[0] == kind)
                          for kind in ("loss", "grad_norm", "divergence", "final", "scale", "input_scale") if any(n.split(".")[0] == kind for n in tensors)}
        (golden / "qat").mkdir(exist_ok=True)
        save(golden / "qat" / f"{name}.safetensors", tensors)
    save(golden / "qat" / "distillation.safetensors", loss_alone())
    (golden / "qat" / "measured.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
