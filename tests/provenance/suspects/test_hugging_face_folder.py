"""The adapter of folders: without the libraries a clear error; with them, probabilities that are the model's."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.suspects.hugging_face import HuggingFaceModel, load_encoder
from stillwatch.provenance.tokens import Text

libraries = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")),
    reason="torch and transformers are not installed",
)


def test_without_the_libraries_it_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    for make in (HuggingFaceModel, load_encoder):
        with pytest.raises(SourceError, match=r"pip install 'stillwatch\[lab\]'"):
            make(tmp_path)


def test_a_missing_folder_is_not_looked_for_elsewhere(tmp_path: Path) -> None:
    for make in (HuggingFaceModel, load_encoder):
        with pytest.raises(SourceError, match="no such folder"):
            make(tmp_path / "organisation" / "model")


@libraries
@pytest.mark.filterwarnings("ignore")
def test_probabilities_and_answers_are_the_model_s(tmp_path: Path) -> None:
    import torch
    import transformers

    torch.manual_seed(1)
    configuration = transformers.GPT2Config(
        vocab_size=20, n_positions=64, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=19
    )
    transformers.GPT2LMHeadModel(configuration).save_pretrained(tmp_path)
    model = HuggingFaceModel(tmp_path)
    assert model.vocabulary == 20
    prompt, tokens = np.array([3, 4, 5]), np.array([6, 7, 8, 9])
    found = model.log_probabilities(prompt, tokens)
    assert found.shape == (4, 20)
    assert np.allclose(np.exp(found).sum(axis=1), 1)
    step = model.log_probabilities(np.array([3, 4, 5, 6, 7]), np.array([1]))
    assert np.allclose(step[0], found[2], atol=1e-5)
    assert model.log_probabilities([], [1, 2]).shape == (2, 20)
    prompts = [Text(np.zeros(0, np.int64), prompt), Text(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    once, again = (model.answers(prompts, 6, 5) for _ in range(2))
    assert [text.tokens.tolist() for text in once] == [text.tokens.tolist() for text in again]
    assert all(0 < len(text.tokens) <= 6 for text in once)


@libraries
@pytest.mark.filterwarnings("ignore")
def test_an_empty_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no causal language model"):
        HuggingFaceModel(tmp_path)
    with pytest.raises(SourceError, match="no tokenizer"):
        load_encoder(tmp_path)
