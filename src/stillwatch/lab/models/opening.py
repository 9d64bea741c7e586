"""Opening a model by what a configuration calls it: the built-in one, or a folder."""

from __future__ import annotations

from pathlib import Path

import torch

from stillwatch.lab.models.folder import FolderModel
from stillwatch.lab.models.language_model import LanguageModel
from stillwatch.lab.models.tiny import Shape, TinyModel, is_tiny
from stillwatch.lab.models.words import Words
from stillwatch.lab.tasks.task import Task

BUILT_IN = "built-in"


def opened(reference: str) -> LanguageModel:
    """Return the model of a folder, or of a single GGUF file.

    Raises:
        ValueError: If there is no such folder or file, or no model can be loaded from it.
    """
    path = Path(reference)
    if path.suffix == ".gguf" and path.is_file():
        return FolderModel(path.parent, path.name)
    if not path.is_dir():
        raise ValueError(f"{reference}: neither {BUILT_IN!r} nor a folder with a model nor a .gguf file")
    return TinyModel.load(path) if is_tiny(path) else FolderModel(path)


def fresh(shape: Shape, task: Task, seed: int) -> TinyModel:
    """Return a built-in model for a task, with random weights.

    Raises:
        ValueError: If the task has no words of its own.
    """
    if not task.words:
        raise ValueError(f"the task {task.name} is real text: name a model's folder, the built-in one knows no words")
    return TinyModel.fresh(shape, Words(task.words), torch.Generator().manual_seed(seed))


def check_same_tokens(student: LanguageModel, teacher: LanguageModel) -> None:
    """Check that two models share a vocabulary, as far as a text with every kind of sign can show it.

    Raises:
        ValueError: If they don't: then probabilities of the one say nothing to the other.
    """
    probe = "The 3 + 4 * 5 - 6 = 7, \n #### Größe: naïve 東京 {x: 1.5e-3} first carefully take gives"
    if student.vocabulary != teacher.vocabulary or student.encode_answer(probe) != teacher.encode_answer(probe):
        raise ValueError("teacher and student have different vocabularies; distil from sampled answers instead")
