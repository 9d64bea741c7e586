# ruff: noqa: E402 - what needs torch is imported once it is known to be there.
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the lab's framework is not installed: pip install 'stillwatch[lab]'")

from stillwatch.lab.models.folder import FolderModel
from stillwatch.lab.models.opening import check_same_tokens, fresh, opened
from stillwatch.lab.models.tiny import Shape, TinyModel, is_tiny
from stillwatch.lab.models.words import Words
from stillwatch.lab.sampling import sample
from stillwatch.lab.tasks.from_file import task_from_file
from stillwatch.lab.tasks.registry import task_named

SMALL = Shape(width=16, layers=2, heads=2, context=48)
TASK = task_named("arithmetic")
PROMPTS = [problem.prompt for problem in TASK.problems(np.random.default_rng(1), 12)]


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lively(seed: int = 1) -> TinyModel:
    """A random model whose answers vary with what it reads, as a trained one's do."""
    model = fresh(SMALL, TASK, seed)
    for weight in model.weights.values():
        weight.data += torch.randn(weight.shape, generator=seeded(seed)) * 0.3
    return model


def test_words_go_there_and_back() -> None:
    words = Words(TASK.words)
    text = "first take + 3 gives 4 \n #### 4"
    assert words.decode(words.encode(text)) == text
    assert words.encode("unheard 3") == [2, words.encode("3")[0]]
    again = Words.from_tokenizer_json(words.tokenizer_json())
    assert again.words == words.words
    with pytest.raises(ValueError, match="differ"):
        Words(["a", "a"])
    with pytest.raises(ValueError, match="not the tokeniser"):
        Words.from_tokenizer_json({"model": {"type": "BPE"}})


def test_built_in_sizes_are_as_stated() -> None:
    from stillwatch.lab.models.tiny import STUDENT, TEACHER

    for shape in (STUDENT, TEACHER):
        weights = sum(weight.numel() for weight in fresh(shape, TASK, 1).parameters())
        assert 200_000 < weights < 400_000


def test_no_place_sees_its_future_and_a_cache_changes_nothing() -> None:
    model = lively()
    tokens = torch.randint(3, model.vocabulary, (3, 12), generator=seeded())
    with torch.no_grad():
        whole = model.logits(tokens)
        assert torch.allclose(whole[:, :5], model.logits(tokens[:, :5]), atol=1e-5)
        last, cache = model.advance(tokens[:, :5], None)
        assert torch.allclose(last, whole[:, 4], atol=1e-5)
        for place in range(5, 12):
            last, cache = model.advance(tokens[:, place : place + 1], cache)
            assert torch.allclose(last, whole[:, place], atol=1e-4)
    with pytest.raises(ValueError, match="one place"):
        model.advance(tokens[:, :2], cache)
    with pytest.raises(ValueError, match="context is 48"):
        model.logits(torch.zeros(1, 49, dtype=torch.long))


def test_a_saved_model_is_read_back(tmp_path: Path) -> None:
    model = lively()
    model.save(tmp_path / "model")
    again = opened(str(tmp_path / "model"))
    assert isinstance(again, TinyModel) and is_tiny(tmp_path / "model")
    assert again.shape == model.shape
    check_same_tokens(model, again)
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize(("reference", "word"), [("nowhere", "nor a folder"), ("", "built-in")])
def test_what_is_no_model_is_refused(reference: str, word: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=word):
        opened(str(tmp_path / reference) if reference else "nothing.gguf")


def test_the_built_in_model_needs_words(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text('{"prompt": "a", "final": "b"}\n', "utf-8")
    with pytest.raises(ValueError, match="knows no words"):
        fresh(SMALL, task_from_file(tmp_path / "own.jsonl"), 1)


class TestFolder:
    """Real loading code of transformers, on models that the tests make."""

    @pytest.fixture(autouse=True)
    def _transformers(self) -> None:
        pytest.importorskip("transformers", reason="transformers is not installed: pip install 'stillwatch[lab]'")

    def test_transformers_computes_the_same_from_our_folder(self, tmp_path: Path) -> None:
        model = lively()
        model.save(tmp_path / "model")
        theirs = FolderModel(tmp_path / "model")
        tokens = torch.randint(3, model.vocabulary, (4, 20), generator=seeded())
        with torch.no_grad():
            assert torch.allclose(model.logits(tokens), theirs.logits(tokens), atol=1e-4)
        assert theirs.encode_prompt("3 + 4") == model.encode_prompt("3 + 4")
        text = "first take + 3 gives 4 \n #### 4"
        assert theirs.encode_answer(text) == model.encode_answer(text)
        assert theirs.decode(model.encode_answer(text)) == text
        assert (theirs.context, theirs.end, theirs.vocabulary) == (model.context, model.end, model.vocabulary)
        for temperature in (0.0, 1.0):
            ours, others = (
                sample(each, PROMPTS, generator=seeded(), temperature=temperature, tokens_most=10)
                for each in (model, theirs)
            )
            assert ours == others

    def test_another_family_loads_answers_learns_and_is_saved(self, tmp_path: Path) -> None:
        from transformers import LlamaConfig, LlamaForCausalLM

        lively().save(tmp_path / "words")  # For its tokeniser.
        torch.manual_seed(1)
        shape = LlamaConfig(
            vocab_size=len(Words(TASK.words)),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=64,
        )
        LlamaForCausalLM(shape).save_pretrained(tmp_path / "llama")
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (tmp_path / "llama" / name).write_bytes((tmp_path / "words" / name).read_bytes())
        model = opened(str(tmp_path / "llama"))
        assert isinstance(model, FolderModel) and model.context == 64 and model.matrices() == []
        assert len(sample(model, PROMPTS, generator=seeded(), tokens_most=5)) == len(PROMPTS)
        model.save(tmp_path / "again")
        tokens = torch.tensor([model.encode_prompt(PROMPTS[0])])
        with torch.no_grad():
            assert torch.allclose(model.logits(tokens), opened(str(tmp_path / "again")).logits(tokens))

    def test_a_folder_without_a_model_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text('{"model_type": "no such family"}', "utf-8")
        with pytest.raises(ValueError, match="no causal language model"):
            opened(str(tmp_path))


def test_sampling_follows_the_models_odds() -> None:
    model = lively(3)
    told = sample(model, [PROMPTS[0]] * 4000, generator=seeded(5), tokens_most=1)
    with torch.no_grad():
        odds = torch.softmax(model.logits(torch.tensor([model.encode_prompt(PROMPTS[0])]))[0, -1], dim=-1)
    drawn = [answer[0] if answer else model.end for answer in told]
    counts = np.bincount(drawn, minlength=model.vocabulary)
    expected = odds.double().numpy() * 4000
    likely = expected >= 5
    chi = ((counts - expected)[likely] ** 2 / expected[likely]).sum()
    assert likely.sum() > 5 and chi < likely.sum() + 5 * (2 * likely.sum()) ** 0.5


def test_greedy_answers_need_no_luck_and_batches_change_nothing() -> None:
    model = lively(2)
    whole = sample(model, PROMPTS, generator=seeded(1), temperature=0.0, tokens_most=12)
    assert whole == sample(model, PROMPTS, generator=seeded(2), temperature=0.0, tokens_most=12, batch=5)
    assert all(len(answer) <= 12 for answer in whole)
    mixed = ["3 + 4", *PROMPTS, "1 - 2"]  # Prompts of several lengths come back in their places.
    assert sample(model, mixed, generator=seeded(), temperature=0.0, tokens_most=12)[1:-1] == whole
    with pytest.raises(ValueError, match="temperature"):
        sample(model, PROMPTS, generator=seeded(), temperature=-1.0)
    with pytest.raises(ValueError, match="prompt 1 has"):
        sample(model, ["3 " * 60], generator=seeded())
