"""Whether the tensors of a safetensors header are exactly those that the config asks for, in name, shape and type.

Sees names and shapes only. Which modules the base has is not known here; that each is complete in itself is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from registry.errors import AdmissionRefused
from registry.folder import WEIGHTS, AdapterConfig, Tensor
from registry.manifest.derivation import method_kind

FLOATS = ("F16", "BF16", "F32", "F64")
LORA_PARTS = (
    "lora_A.weight",
    "lora_B.weight",
    "lora_B.bias",
    "lora_magnitude_vector",
    "lora_embedding_A",
    "lora_embedding_B",
)
TRAINED_TOKENS = ".token_adapter.trainable_tokens_delta"
SAVED_EMBEDDING = ".base_layer.weight"  # PEFT adds targeted embeddings; whether it is the base's own is checked at load

Shape = tuple[int, ...]


def check_tensors(config: AdapterConfig, header: Mapping[str, Tensor]) -> None:
    """Refuse a file whose tensors are not what the config says.

    Raises:
        AdmissionRefused: the message names the tensor.
    """
    for name, tensor in header.items():
        if tensor.dtype not in FLOATS:
            raise _refused(
                f"{name} holds {tensor.dtype}", "Adapters hold floating-point tensors: " + ", ".join(FLOATS) + "."
            )
        if not tensor.shape or 0 in tensor.shape:
            raise _refused(f"{name} has shape {list(tensor.shape)}, which holds nothing", "Save the adapter again.")
    check = {"lora": _check_lora, "ia3": _check_ia3, "head": _check_head}.get(method_kind(config), _check_prompt)
    check(config, header)


def _check_head(config: AdapterConfig, header: Mapping[str, Tensor]) -> None:
    for name in header:
        _check_saved(config, name, "base_model.model.")
    if not header:
        raise _refused("it holds no tensor at all", "Name the trained head in modules_to_save, and save it again.")


def _check_lora(config: AdapterConfig, header: Mapping[str, Tensor]) -> None:
    modules: dict[str, dict[str, Shape]] = defaultdict(dict)
    targeted_embeddings = {_split(name)[0] for name in header if name.endswith(".lora_embedding_A")}
    for name, tensor in header.items():
        module, part = _split(name)
        if part:
            modules[module][part] = tensor.shape
        elif name.endswith(TRAINED_TOKENS) and config.trainable_token_indices:
            _expect(name, len(tensor.shape) == 2, tensor.shape, "[tokens, dim]")
        elif not (name.endswith(SAVED_EMBEDDING) and _inner(name).removesuffix(SAVED_EMBEDDING) in targeted_embeddings):
            _check_saved(config, name, "base_model.model.")
    if not modules:
        raise _refused("it holds no LoRA tensor at all", "Did target_modules match anything when it was trained?")
    for module, parts in modules.items():
        _LoraModule(config, module, parts).check()


@dataclass(frozen=True)
class _LoraModule:
    """The shapes of one module's LoRA tensors, by their parts."""

    config: AdapterConfig
    module: str
    parts: Mapping[str, Shape]

    def check(self) -> None:
        rank = self.config.rank_of(self.module)
        embedding = "lora_embedding_A" in self.parts or "lora_embedding_B" in self.parts
        first, second = ("lora_embedding_A", "lora_embedding_B") if embedding else ("lora_A.weight", "lora_B.weight")
        wanted = {first, second}
        wanted |= {"lora_magnitude_vector"} if self.config.use_dora else set()
        wanted |= {"lora_B.bias"} if self.config.lora_bias and not embedding else set()
        for part in sorted(wanted ^ self.parts.keys()):
            what = "is missing" if part in wanted else "is there, though the config does not ask for it"
            raise _refused(
                f"{self.module}.{part} {what}", "Save the adapter again; config and weights belong together."
            )
        a, b = self.parts[first], self.parts[second]
        _expect(f"{self.module}.{first}", len(a) == 2 and a[0] == rank, a, f"[{rank}, in]")
        _expect(f"{self.module}.{second}", len(b) == 2 and b[1] == rank, b, f"[out, {rank}]")
        for part in wanted - {first, second}:
            _expect(f"{self.module}.{part}", self.parts[part] == b[:1], self.parts[part], f"[{b[0]}]")


def _check_ia3(config: AdapterConfig, header: Mapping[str, Tensor]) -> None:
    found = False
    for name, tensor in header.items():
        if name.endswith(".ia3_l"):
            found = True
            _expect(name, len(tensor.shape) == 2 and 1 in tensor.shape, tensor.shape, "[1, in] or [out, 1]")
        else:
            _check_saved(config, name, "base_model.model.")
    if not found:
        raise _refused("it holds no IA3 vector at all", "Did target_modules match anything when it was trained?")


def _check_prompt(config: AdapterConfig, header: Mapping[str, Tensor]) -> None:
    tokens, dim, layers = config.num_virtual_tokens, config.token_dim, config.num_layers
    if tokens is None or dim is None or layers is None:
        raise AdmissionRefused(
            "adapter_config.json: num_virtual_tokens, token_dim and num_layers must be numbers",
            "Save the adapter again.",
        )
    if config.peft_type == "PREFIX_TUNING":
        wanted = (tokens, layers * 2 * dim)
    else:
        wanted = (tokens * (config.num_transformer_submodules or 1), dim)
    if "prompt_embeddings" not in header:
        raise _refused("prompt_embeddings is missing", "Save the adapter with peft's save_pretrained.")
    for name, tensor in header.items():
        if name == "prompt_embeddings":
            _expect(name, tensor.shape == wanted, tensor.shape, str(list(wanted)))
        else:
            _check_saved(config, name, "base_model.")


def _check_saved(config: AdapterConfig, name: str, prefix: str) -> None:
    """A tensor that is no part of the method belongs to a module that ``modules_to_save`` names."""
    inner = name.removeprefix(prefix)
    steps = inner.split(".")[:-1]
    modules = [".".join(steps[: count + 1]) for count in range(len(steps))]
    saved = tuple(config.modules_to_save or ())
    if not name.startswith(prefix) or not any(module.endswith(saved) for module in modules):
        raise _refused(
            f"{name} belongs neither to the method nor to modules_to_save",
            "Was the vocabulary resized, or the file put together by hand? Such tensors would be ignored silently.",
        )


def _split(name: str) -> tuple[str, str]:
    """``(module, part)`` of a LoRA tensor's name; the part is empty for other tensors."""
    for part in LORA_PARTS:
        if name.startswith("base_model.model.") and name.endswith("." + part):
            return _inner(name).removesuffix("." + part), part
    return name, ""


def _inner(name: str) -> str:
    return name.removeprefix("base_model.model.")


def _expect(name: str, fits: bool, shape: Shape, wanted: str) -> None:
    if not fits:
        raise _refused(f"{name} has shape {list(shape)}; the config asks for {wanted}", "Save the adapter again.")


def _refused(what: str, hint: str) -> AdmissionRefused:
    return AdmissionRefused(f"{WEIGHTS}: {what}", hint)
