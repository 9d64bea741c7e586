"""Was this student taught by ours? The tests of provenance, run on a student of the lab and on one that was not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from stillwatch.lab.configuration import BUILT_IN
from stillwatch.lab.curve import ORIGINS, Plan, harvest_file, student_folder, teacher_folder
from stillwatch.lab.distillation import MARK_SECRET
from stillwatch.lab.exchange import Exchange, read_exchanges
from stillwatch.lab.harvest import problem_sets
from stillwatch.lab.marking import lab_scheme
from stillwatch.lab.models.language_model import LanguageModel
from stillwatch.lab.models.opening import opened
from stillwatch.lab.sampling import sample
from stillwatch.lab.tasks.registry import task_named
from stillwatch.provenance.origin.question import Finding, Material
from stillwatch.provenance.origin.registry import run
from stillwatch.provenance.tokens import Text

_LOT = 256  # Texts at once.


class Scored:
    """A model of the lab as provenance asks it: probabilities of what may follow."""

    def __init__(self, model: LanguageModel, name: str) -> None:
        """Wrap a model."""
        self._model, self.name = model, name
        self._known: dict[tuple[bytes, bytes], NDArray[np.float32]] = {}

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows."""
        return self._model.vocabulary

    def read(self, texts: Iterable[Text]) -> Scored:
        """Read texts in batches of one length, which is many times faster than one by one, and return itself.

        What was read before is let go, so that memory is bounded by one lot of texts.
        """
        lots: dict[tuple[int, int], list[Text]] = defaultdict(list)
        for text in texts:
            lots[len(text.prompt), len(text.tokens)].append(text)
        self._known = {}
        for lot in lots.values():
            for start in range(0, len(lot), _LOT):
                some = lot[start : start + _LOT]
                told = self._after(np.stack([text.prompt for text in some]), np.stack([text.tokens for text in some]))
                self._known |= {_name(text.prompt, text.tokens): row for text, row in zip(some, told, strict=True)}
        return self

    def log_probabilities(self, prompt: ArrayLike, tokens: ArrayLike) -> NDArray[np.float64]:
        """Return the log-probabilities of the next token at each place of ``tokens``, shape (tokens, vocabulary)."""
        before, after = np.asarray(prompt, np.int64), np.asarray(tokens, np.int64)
        known = self._known.get(_name(before, after))
        return (self._after(before[None], after[None])[0] if known is None else known).astype(np.float64)

    def _after(self, prompts: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        if not tokens.shape[1]:
            return np.zeros((*tokens.shape, self.vocabulary), np.float32)
        told = torch.from_numpy(np.concatenate([prompts, tokens], axis=1)[:, :-1])
        with torch.inference_mode():
            logits = self._model.logits(told)[:, prompts.shape[1] - 1 :]
            return np.asarray(torch.log_softmax(logits, dim=-1).numpy(), np.float32)


def _name(prompt: NDArray[np.int64], tokens: NDArray[np.int64]) -> tuple[bytes, bytes]:
    return np.asarray(prompt, np.int64).tobytes(), np.asarray(tokens, np.int64).tobytes()


def as_texts(model: LanguageModel, exchanges: Sequence[Exchange]) -> tuple[Text, ...]:
    """Return exchanges as token ids, without the one that ends an answer."""
    return tuple(
        Text(
            np.array(model.encode_answer(exchange.answer)[:-1], np.int64),
            np.array(model.encode_prompt(exchange.prompt), np.int64),
            exchange.prompt,
        )
        for exchange in exchanges
    )


def origins(plan: Plan, out: Path, seed: int = 1, asked: int = 300) -> list[tuple[str, str, Finding]]:
    """Return what provenance finds about a curve's marked students, and about unmarked ones beside them.

    Args:
        plan: Of the curve.
        out: Its folder; a task whose students are not trained yet is passed over.
        seed: Whose students.
        asked: Queries to the suspect, and served answers that are read.

    Returns:
        Task, the defence under which the student was taught, and one finding a test.
    """
    told = []
    for name in plan.tasks:
        base = replace(plan.base, task=name, seed=seed, exchanges=plan.defence_size)
        files = [harvest_file(out, name, seed, plan.most, marked) for marked in (True, False)]
        if not all(path.exists() for path in files):
            continue
        served, plain = (read_exchanges(path)[:asked] for path in files)
        teacher = opened(base.teacher if base.teacher != BUILT_IN else str(teacher_folder(out, name)))
        _, test = problem_sets(task_named(name), seed, 1, base.test_problems)
        prompts = [problem.prompt for problem in test][:asked]
        for defence in ORIGINS:
            folder = student_folder(out, replace(base, defence=defence))
            if folder.is_dir():
                found = origin(teacher, opened(str(folder)), served, plain, prompts, seed, base.tokens_most)
                told += [(name, defence, finding) for finding in found]
    return told


def origin(
    teacher: LanguageModel,
    suspect: LanguageModel,
    marked: Sequence[Exchange],
    unmarked: Sequence[Exchange],
    prompts: Sequence[str],
    seed: int,
    tokens_most: int = 40,
) -> tuple[Finding, ...]:
    """Run all tests of provenance on a suspect that shares the teacher's tokens.

    Args:
        teacher: Ours, unmarked.
        suspect: Who is asked.
        marked: What was served under the lab's key; the log.
        unmarked: The teacher's answers without the key.
        prompts: What the suspect is asked, one answer each at temperature 1.
        seed: Of its answers.
        tokens_most: Of an answer.

    Returns:
        One finding a test; one that can't run says what it lacks.
    """
    key_id, scheme = lab_scheme(teacher.vocabulary, MARK_SECRET)
    generator = torch.Generator().manual_seed(seed)
    told = sample(suspect, prompts, generator=generator, tokens_most=tokens_most)
    answers = tuple(
        Text(np.array(tokens, np.int64), np.array(teacher.encode_prompt(prompt), np.int64), prompt)
        for prompt, tokens in zip(prompts, told, strict=True)
    )
    served, plain = as_texts(teacher, marked), as_texts(teacher, unmarked)
    material = Material(
        suspect="student",
        answers=answers,
        prompts=plain,
        schemes={key_id: scheme},
        teacher=Scored(teacher, "teacher").read((*answers, *served, *plain)),
        suspect_weights=Scored(suspect, "student").read((*served, *plain)),
        served={key_id: served},
        unmarked=plain,
    )
    return run(material)
