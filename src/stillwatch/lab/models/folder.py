"""A Hugging Face folder as teacher or student, by way of transformers; nothing is ever downloaded."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from stillwatch.lab.answer import LINE
from stillwatch.lab.models.language_model import Cache
from stillwatch.lab.requirement import require
from stillwatch.store.atomic import atomic_files


class FolderModel:
    """A causal model and its tokeniser from a local folder.

    A prompt goes through the tokeniser's chat template where it has one; otherwise a line end follows it, as in the
    folders that the lab writes.
    """

    def __init__(self, folder: Path, gguf: str | None = None) -> None:
        """Load the folder, in 32-bit floats on the processor.

        Args:
            folder: With ``config.json``, weights and a tokeniser; or with a GGUF file.
            gguf: Name of the GGUF file in the folder, where the weights and the tokeniser are in one.

        Raises:
            MissingFrameworkError: If transformers is absent.
            ValueError: If the folder holds no causal model with a tokeniser that has an end token.
        """
        require(("torch", "transformers"))
        transformers: Any = importlib.import_module("transformers")
        transformers.utils.logging.disable_progress_bar()

        named: dict[str, Any] = {"gguf_file": gguf} if gguf else {}
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True, **named)
            self._model = transformers.AutoModelForCausalLM.from_pretrained(
                str(folder), local_files_only=True, dtype=torch.float32, **named
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise ValueError(f"{folder}: no causal language model can be loaded from it ({error})") from error
        if self._tokenizer.eos_token_id is None:
            raise ValueError(f"{folder}: the tokeniser names no end token (eos_token)")
        if gguf:  # The weights are plain floats by now; left in place, the note of their origin forbids saving them.
            self._model.hf_quantizer = None
            if hasattr(self._model.config, "quantization_config"):
                del self._model.config.quantization_config
        self._model.eval()  # No dropout: the lab wants equal runs to be equal.

    @property
    def vocabulary(self) -> int:
        """Number of rows of the output layer, which may exceed the tokeniser's tokens."""
        return int(self._model.get_output_embeddings().weight.shape[0])

    @property
    def context(self) -> int:
        """Longest sequence, in tokens."""
        return int(getattr(self._model.config, "max_position_embeddings", 1024))

    @property
    def end(self) -> int:
        """Token that ends an answer."""
        return int(self._tokenizer.eos_token_id)

    def encode_prompt(self, text: str) -> list[int]:
        """Return the tokens of a prompt, up to where the answer begins."""
        if self._tokenizer.chat_template:
            messages = [{"role": "user", "content": text}]
            text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        else:
            text = f"{text} {LINE}"
        return [int(token) for token in self._tokenizer(text, add_special_tokens=False)["input_ids"]]

    def encode_answer(self, text: str) -> list[int]:
        """Return the tokens of an answer and the end."""
        found = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return [*(int(token) for token in found), self.end]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of an answer's tokens, without special ones."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))

    def parameters(self) -> list[torch.Tensor]:
        """Return all weights, tied ones once."""
        return list(self._model.parameters())

    def matrices(self) -> list[torch.Tensor]:
        """Return none: a pretrained model goes on under the optimiser of its kind."""
        return []

    def logits(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return what follows each place; see ``LanguageModel``."""
        told: torch.Tensor = self._model(
            input_ids=tokens, attention_mask=torch.ones_like(tokens), use_cache=False
        ).logits
        return told

    def advance(self, tokens: torch.Tensor, cache: Cache | None) -> tuple[torch.Tensor, Cache]:
        """Take tokens onto a cache; see ``LanguageModel``."""
        before = 0 if cache is None else int(cache.get_seq_length())
        seen = torch.ones(len(tokens), before + tokens.shape[1], dtype=torch.long)
        told = self._model(input_ids=tokens, attention_mask=seen, past_key_values=cache, use_cache=True)
        return told.logits[:, -1], told.past_key_values

    def save(self, folder: Path) -> None:
        """Write the folder again, whole or not at all."""
        with atomic_files(folder, last=("config.json",)) as staging:
            self._model.save_pretrained(staging)
            self._tokenizer.save_pretrained(staging)
