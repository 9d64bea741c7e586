"""A model in a local Hugging Face folder: nothing is downloaded, no code from the folder is run."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.tokens import Text

_HINT = "pip install 'stillwatch[lab]' brings torch and transformers"


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SourceError(f"{name} is not installed, and models in folders need it", _HINT) from error


def _folder(path: Path) -> str:
    if not path.is_dir():
        raise SourceError(f"{path}: no such folder", "name a local folder with a model; nothing is downloaded")
    return str(path)


def load_encoder(folder: Path) -> Callable[[str], list[int]]:
    """Return the encoder of the tokenizer in ``folder``, without special tokens added.

    Raises:
        SourceError: If there is none, or transformers is not installed.
    """
    place = _folder(folder)
    transformers = _library("transformers")
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(place, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise SourceError(f"{folder}: no tokenizer that can be read", "it needs tokenizer.json") from error
    return lambda text: [int(each) for each in tokenizer.encode(text, add_special_tokens=False)]


class HuggingFaceModel:
    """A causal language model from a local folder.

    Args:
        folder: With ``config.json`` and weights in safetensors.

    Raises:
        SourceError: If torch or transformers is missing, or the folder holds no such model.
    """

    def __init__(self, folder: Path) -> None:
        """Load the weights."""
        place = _folder(folder)
        self._torch = _library("torch")
        transformers = _library("transformers")
        transformers.utils.logging.disable_progress_bar()
        try:
            self._model = transformers.AutoModelForCausalLM.from_pretrained(
                place, local_files_only=True, trust_remote_code=False, use_safetensors=True
            ).eval()
        except (OSError, ValueError) as error:
            raise SourceError(f"{folder}: no causal language model", "config.json and *.safetensors") from error
        self.name = folder.name

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows."""
        return int(self._model.config.vocab_size)

    def _start(self) -> int:
        start = self._model.config.bos_token_id
        return 0 if start is None else int(start)

    def log_probabilities(self, prompt: ArrayLike, tokens: ArrayLike) -> NDArray[np.float64]:
        """Return the log-probabilities at each place of ``tokens``, shape (tokens, vocabulary)."""
        torch = self._torch
        body = np.asarray(tokens, np.int64).ravel()
        before = np.asarray(prompt, np.int64).ravel()
        head = before if len(before) else np.array([self._start()])
        ids = torch.from_numpy(np.concatenate([head, body])[None])
        with torch.inference_mode():
            logits = self._model(ids).logits[0, len(head) - 1 : len(head) - 1 + len(body)]
            found = torch.log_softmax(logits.double(), dim=-1).numpy()
        return np.asarray(found, np.float64)

    def answers(self, prompts: Sequence[Text], tokens_most: int, seed: int) -> list[Text]:
        """Return one answer a prompt, sampled at temperature 1 from the whole distribution."""
        torch = self._torch
        torch.manual_seed(seed)
        found = []
        for prompt in prompts:
            head = prompt.prompt if len(prompt.prompt) else np.array([self._start()])
            ids = torch.from_numpy(np.asarray(head, np.int64)[None])
            with torch.inference_mode():
                made = self._model.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    do_sample=True,
                    temperature=1.0,
                    top_k=0,
                    top_p=1.0,
                    max_new_tokens=tokens_most,
                    pad_token_id=self._start(),
                )
            found.append(Text(made[0, ids.shape[1] :].numpy().astype(np.int64), prompt.prompt, prompt.words))
        return found
