"""What a quantized folder of slm computes, said again with numpy and transformers: the weights that its codes stand for,
in a float model of transformers, whose linear layers see activations that PyTorch quantized.

The folder is read with the safetensors package and json; nothing of slm runs.
"""
import json
import pathlib

import numpy
import safetensors.numpy
import torch
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, Qwen2Config, Qwen3Config

GPT2_NAMES = {"input_layernorm": "ln_1", "self_attn.o_proj": "attn.c_proj", "post_attention_layernorm": "ln_2",
              "mlp.up_proj": "mlp.c_fc", "mlp.down_proj": "mlp.c_proj"}
ACTIVATION = {"swiglu": "silu", "gelu": "gelu", "gelu_new": "gelu_new"}
EMBEDDINGS = {"model.embed_tokens", "model.embed_positions"}


class QuantizedFolder:
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.config = json.loads((folder / "config.json").read_text())
        self.metadata = json.loads((folder / "quantization_metadata.json").read_text())
        self.tensors = safetensors.numpy.load_file(folder / "model.safetensors")
        self.layers = {layer["name"]: layer for layer in self.metadata["layers"]}

    def codes(self, name):
        """(N, K) int8"""
        layer = self.layers[name]
        if layer["bits"] == 8:
            return self.tensors[f"{name}.weight"]
        words = self.tensors[f"{name}.weight_packed"].view(numpy.uint32)
        nibbles = words[:, :, None] >> numpy.arange(0, 32, 4, dtype=numpy.uint32) & 15
        return nibbles.reshape(words.shape[0], -1)[:, :layer["shape"][1]].astype(numpy.int8) - numpy.int8(8)

    def weight(self, name):
        """(N, K) float32: code times scale."""
        layer, codes = self.layers[name], self.codes(name).astype(numpy.float32)
        scales = self.tensors[layer["scales"]]
        if scales.ndim == 2:
            scales = numpy.repeat(scales, layer.get("group_size") or codes.shape[1], axis=1)[:, :codes.shape[1]]
        return codes * scales

    def parameters(self):
        """Canonical name -> float32 tensor, of everything."""
        named = {name: tensor for name, tensor in self.tensors.items() if tensor.dtype == numpy.float32
                 and not name.endswith((".weight_scale", ".input_scale"))}
        named.update({f"{name}.weight": self.weight(name) for name in self.layers})
        return {name: torch.from_numpy(tensor) for name, tensor in named.items()}


def float_config(config):
    """The class of transformers that computes what a config.json says, without quantization."""
    if config["model_type"] != "slm":
        kinds = {"llama": LlamaConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}
        given = {key: value for key, value in config.items() if key not in ("quantization_config", "model_type")}
        return kinds[config["model_type"]](**given)
    common = dict(vocab_size=config["vocab_size"], tie_word_embeddings=config["tie_embeddings"])
    if config["architecture"] == "gpt2":
        return GPT2Config(**common, n_positions=config["max_sequence_length"], n_embd=config["d_model"],
                          n_layer=config["n_layers"], n_head=config["n_heads"], n_inner=config["d_ff"],
                          activation_function=ACTIVATION[config["activation"]], layer_norm_epsilon=config["norm_eps"])
    biases = {"llama": dict(attention_bias=config["bias"], mlp_bias=config["bias"])}.get(config["architecture"], {})
    kind = {"llama": LlamaConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}[config["architecture"]]
    return kind(**common, **biases, max_position_embeddings=config["max_sequence_length"],
                hidden_size=config["d_model"], intermediate_size=config["d_ff"],
                num_hidden_layers=config["n_layers"], num_attention_heads=config["n_heads"],
                num_key_value_heads=config["n_kv_heads"], head_dim=config["head_dim"], rms_norm_eps=config["norm_eps"],
                rope_parameters={"rope_type": "default", "rope_theta": config["rope_theta"]})


def gpt2_state(parameters, n_layers):
    """Canonical parameters by GPT-2's names; its matrices are (in, out), and q, k and v are one."""
    state = {"transformer.wte.weight": parameters["model.embed_tokens.weight"],
             "transformer.wpe.weight": parameters["model.embed_positions.weight"],
             "lm_head.weight": parameters.get("lm_head.weight", parameters["model.embed_tokens.weight"])}
    for kind in ("weight", "bias"):
        turned = torch.t if kind == "weight" else (lambda x: x)  # of a vector nothing is turned
        state[f"transformer.ln_f.{kind}"] = parameters[f"model.norm.{kind}"]
        for i in range(n_layers):
            ours, theirs = f"model.layers.{i}", f"transformer.h.{i}"
            qkv = [parameters[f"{ours}.self_attn.{name}_proj.{kind}"] for name in "qkv"]
            state[f"{theirs}.attn.c_attn.{kind}"] = turned(torch.cat(qkv))
            for name, their_name in GPT2_NAMES.items():
                state[f"{theirs}.{their_name}.{kind}"] = turned(parameters[f"{ours}.{name}.{kind}"])
    return state


def fake_quantize_rows(x):
    """int8, a symmetric scale a token: amax / 127."""
    amax = x.abs().amax(-1, keepdim=True)
    scale = torch.where(amax == 0, 1.0, (amax / 127).clamp_min(torch.finfo(torch.float32).tiny))
    return (x * (1 / scale)).round().clamp(-127, 127) * scale


def quantize_activations(model, folder):
    """Puts what the metadata says before each linear layer."""
    for name, layer in folder.layers.items():
        kind = layer.get("type", folder.metadata["type"])
        if kind == "static":
            scale, zero_point = layer["activation"]["scale"], layer["activation"]["zero_point"]
            hook = lambda module, inputs, s=scale, z=zero_point: (
                torch.fake_quantize_per_tensor_affine(inputs[0], s, z, 0, 255),)
        elif kind == "dynamic":
            hook = lambda module, inputs: (fake_quantize_rows(inputs[0]),)
        else:
            continue
        model.get_submodule(name).register_forward_pre_hook(hook)


def reference_model(folder):
    """A float model of transformers that computes what the QuantizedFolder says."""
    config = float_config(folder.config)
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config).eval().float()
    parameters = folder.parameters()
    if config.model_type == "gpt2":
        parameters = gpt2_state(parameters, config.n_layer)
    elif "lm_head.weight" not in parameters:
        parameters["lm_head.weight"] = parameters["model.embed_tokens.weight"]
    model.load_state_dict(parameters)
    if config.model_type != "gpt2":
        quantize_activations(model, folder)
    elif folder.metadata["type"] != "weight_only":
        raise ValueError("GPT-2 with quantized activations: q, k and v are one layer here")
    return model


def linear_layers(config):
    """The canonical names of a model's linear layers, counted in the class of transformers."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    if config.model_type != "gpt2":
        return {name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    of_block = [f"self_attn.{name}" for name in ("q_proj", "k_proj", "v_proj")]
    of_block += [name for name in GPT2_NAMES if "norm" not in name]
    return {"lm_head"} | {f"model.layers.{i}.{name}" for i in range(config.n_layer) for name in of_block}
