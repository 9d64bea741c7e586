"""The built-in model: GPT-2's equations at a few hundred thousand weights, as plain functions of a dictionary.

Its folder is a Hugging Face folder: what the lab trains, transformers and lm-eval open without the lab.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import torch
import torch.nn.functional as functional
from safetensors.torch import load_file, save_file

from stillwatch.lab.answer import LINE
from stillwatch.lab.models.language_model import Cache
from stillwatch.lab.models.words import END, PAD, UNKNOWN, Words
from stillwatch.store.atomic import atomic_files

_EPSILON = 1e-5  # GPT-2's, in every layer norm.
_SPREAD = 0.02  # GPT-2's standard deviation of first weights.
_MARK = "stillwatch_words"  # In config.json: this folder's tokeniser splits at spaces.


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a built-in model.

    Raises:
        ValueError: If a number is not positive or ``width`` is no multiple of ``heads``.
    """

    width: int = 80
    layers: int = 3
    heads: int = 4
    context: int = 64

    def __post_init__(self) -> None:
        """Check the ranges."""
        if min(asdict(self).values()) < 1 or self.width % self.heads:
            raise ValueError(f"sizes must be positive and width a multiple of heads, not {self}")


TEACHER = Shape(width=96)
STUDENT = Shape()


class TinyModel:
    """A built-in model: its shape, its words and its weights, named as in a GPT-2 checkpoint."""

    def __init__(self, shape: Shape, words: Words, weights: dict[str, torch.Tensor]) -> None:
        """Take weights as they are; gradients are asked of all."""
        self.shape = shape
        self.words = words
        self.weights = weights
        for weight in weights.values():
            weight.requires_grad_()

    @classmethod
    def fresh(cls, shape: Shape, words: Words, generator: torch.Generator) -> TinyModel:
        """Return a model with random weights, drawn as GPT-2 draws them."""
        width = shape.width

        def normal(*size: int, scale: float = 1.0) -> torch.Tensor:
            return torch.randn(*size, generator=generator) * (_SPREAD * scale)

        residual = (2 * shape.layers) ** -0.5
        weights = {"wte.weight": normal(len(words), width), "wpe.weight": normal(shape.context, width)}
        for layer in range(shape.layers):
            for place in ("ln_1", "ln_2"):
                weights[f"h.{layer}.{place}.weight"] = torch.ones(width)
                weights[f"h.{layer}.{place}.bias"] = torch.zeros(width)
            for name, into, out, scale in (
                ("attn.c_attn", width, 3 * width, 1.0),
                ("attn.c_proj", width, width, residual),
                ("mlp.c_fc", width, 4 * width, 1.0),
                ("mlp.c_proj", 4 * width, width, residual),
            ):
                weights[f"h.{layer}.{name}.weight"] = normal(into, out, scale=scale)
                weights[f"h.{layer}.{name}.bias"] = torch.zeros(out)
        weights["ln_f.weight"] = torch.ones(width)
        weights["ln_f.bias"] = torch.zeros(width)
        return cls(shape, words, weights)

    @property
    def vocabulary(self) -> int:
        """Number of words, the special ones included."""
        return len(self.words)

    @property
    def context(self) -> int:
        """Longest sequence, in tokens."""
        return self.shape.context

    @property
    def end(self) -> int:
        """Token that ends an answer."""
        return 1

    def encode_prompt(self, text: str) -> list[int]:
        """Return the tokens of a prompt and of the line end after it."""
        return self.words.encode(f"{text} {LINE}")

    def encode_answer(self, text: str) -> list[int]:
        """Return the tokens of an answer and the end."""
        return [*self.words.encode(text), self.end]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of ``tokens``, without padding and end."""
        return self.words.decode(tokens)

    def parameters(self) -> list[torch.Tensor]:
        """Return all weights, in the order of their making."""
        return list(self.weights.values())

    def matrices(self) -> list[torch.Tensor]:
        """Return the matrices of attention and of the layers after it."""
        return [weight for name, weight in self.weights.items() if name.startswith("h.") and weight.ndim == 2]

    def logits(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return what follows each place; see ``LanguageModel``."""
        hidden, _ = self._hidden(tokens, None)
        return hidden @ self.weights["wte.weight"].T

    def advance(self, tokens: torch.Tensor, cache: Cache | None) -> tuple[torch.Tensor, Cache]:
        """Take tokens onto a cache; see ``LanguageModel``."""
        hidden, cache = self._hidden(tokens, cache)
        return hidden[:, -1] @ self.weights["wte.weight"].T, cache

    def _hidden(
        self, tokens: torch.Tensor, cache: list[tuple[torch.Tensor, torch.Tensor]] | None
    ) -> tuple[torch.Tensor, list[tuple[torch.Tensor, torch.Tensor]]]:
        """Return the last layer's output, shape (sequences, places, width), and keys and values of every layer.

        Onto a cache only one place at a time may be taken: several would see each other's future.
        """
        weights, width, heads = self.weights, self.shape.width, self.shape.heads
        sequences, places = tokens.shape
        before = 0 if cache is None else cache[0][0].shape[2]
        if cache is not None and places != 1:
            raise ValueError("onto a cache, take one place at a time")
        if before + places > self.shape.context:
            raise ValueError(f"{before + places} tokens, and the model's context is {self.shape.context}")
        hidden = weights["wte.weight"][tokens] + weights["wpe.weight"][before : before + places]
        kept = []
        for layer in range(self.shape.layers):
            name = f"h.{layer}."
            normed = self._normed(hidden, name + "ln_1").view(-1, width)
            mixed = self._linear(normed, name + "attn.c_attn")
            query, key, value = mixed.view(sequences, places, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            if cache is not None:
                key = torch.cat([cache[layer][0], key], dim=2)
                value = torch.cat([cache[layer][1], value], dim=2)
            kept.append((key, value))
            seen = functional.scaled_dot_product_attention(query, key, value, is_causal=cache is None)
            seen = seen.transpose(1, 2).reshape(-1, width)
            hidden = hidden + self._linear(seen, name + "attn.c_proj").view(sequences, places, width)
            normed = self._normed(hidden, name + "ln_2").view(-1, width)
            inner = functional.gelu(self._linear(normed, name + "mlp.c_fc"), approximate="tanh")
            hidden = hidden + self._linear(inner, name + "mlp.c_proj").view(sequences, places, width)
        return self._normed(hidden, "ln_f"), kept

    def _normed(self, hidden: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        return functional.layer_norm(hidden, (self.shape.width,), weight, bias, _EPSILON)

    def _linear(self, rows: torch.Tensor, name: str) -> torch.Tensor:
        return torch.addmm(self.weights[name + ".bias"], rows, self.weights[name + ".weight"])

    def save(self, folder: Path) -> None:
        """Write a GPT-2 folder with a word tokeniser; see ``LanguageModel``."""
        named = {f"transformer.{name}": weight.detach().contiguous() for name, weight in self.weights.items()}
        with atomic_files(folder, last=("config.json",)) as staging:
            save_file(named, staging / "model.safetensors", {"format": "pt"})
            for name, held in (
                ("config.json", self._configuration()),
                ("tokenizer.json", self.words.tokenizer_json()),
                ("tokenizer_config.json", _TOKENIZER),
            ):
                (staging / name).write_bytes(orjson.dumps(held, option=orjson.OPT_INDENT_2))

    def _configuration(self) -> dict[str, Any]:
        shape = self.shape
        return {
            "model_type": "gpt2",
            "architectures": ["GPT2LMHeadModel"],
            "vocab_size": len(self.words),
            "n_positions": shape.context,
            "n_embd": shape.width,
            "n_layer": shape.layers,
            "n_head": shape.heads,
            "activation_function": "gelu_new",
            "layer_norm_epsilon": _EPSILON,
            "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
            "resid_pdrop": 0.0,
            "tie_word_embeddings": True,
            "bos_token_id": 1,
            "eos_token_id": 1,
            "pad_token_id": 0,
            _MARK: True,
        }

    @classmethod
    def load(cls, folder: Path) -> TinyModel:
        """Read a folder that ``save`` wrote.

        Raises:
            ValueError: If the folder is another kind of model's.
            OSError: If a file can't be read.
        """
        held = orjson.loads((folder / "config.json").read_bytes())
        if not is_tiny(folder):
            raise ValueError(f"{folder} holds no built-in model")
        shape = Shape(held["n_embd"], held["n_layer"], held["n_head"], held["n_positions"])
        words = Words.from_tokenizer_json(orjson.loads((folder / "tokenizer.json").read_bytes()))
        named = load_file(folder / "model.safetensors")
        order = TinyModel.fresh(shape, words, torch.Generator()).weights  # Its names, in the order of their making.
        return cls(shape, words, {name: named[f"transformer.{name}"] for name in order})


_TOKENIZER = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "pad_token": PAD,
    "eos_token": END,
    "bos_token": END,
    "unk_token": UNKNOWN,
    "clean_up_tokenization_spaces": False,
}


def is_tiny(folder: Path) -> bool:
    """Tell whether ``folder`` holds a model that the lab itself has made."""
    path = folder / "config.json"
    if not path.is_file():
        return False
    held = orjson.loads(path.read_bytes())
    return isinstance(held, dict) and held.get(_MARK) is True
