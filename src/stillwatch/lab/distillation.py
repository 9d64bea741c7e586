"""One distillation, from a configuration to a student's folder; stopped at any point, it goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch

from stillwatch.lab.adaptation import adapted, layout_of
from stillwatch.lab.configuration import BUILT_IN, IN_PARTS, INFERRING, MODES, PASSIVE, Distillation
from stillwatch.lab.cost import Cost, cost
from stillwatch.lab.defences.registry import defence_named
from stillwatch.lab.evaluation_task import write_evaluation_task
from stillwatch.lab.exchange import Exchange, read_exchanges, write_exchanges
from stillwatch.lab.figure import Axes, Series, drawn
from stillwatch.lab.harvest import Tokens, asked, asked_in_parts, joined, problem_sets, served, tokens_of
from stillwatch.lab.interval import Interval, interval
from stillwatch.lab.marking import Marker, lab_scheme
from stillwatch.lab.models.language_model import LanguageModel
from stillwatch.lab.models.opening import fresh, opened
from stillwatch.lab.models.tiny import STUDENT
from stillwatch.lab.objectives.objective import Objective
from stillwatch.lab.objectives.offline_logits import OfflineLogits
from stillwatch.lab.objectives.on_policy import OnPolicy
from stillwatch.lab.objectives.sampled import Sampled
from stillwatch.lab.sampling import sample
from stillwatch.lab.tasks.registry import task_named
from stillwatch.lab.tasks.task import Layout, Problem, Task, accuracy
from stillwatch.lab.teacher import built_in_teacher
from stillwatch.lab.training import Checkpoint, Schedule, Trained, train
from stillwatch.store.atomic import atomic_file

MARK_SECRET = b"the lab's mark has no secret to keep"
Progress = Callable[[str, int, int], None]  # What is being done, steps done, steps in all.


@dataclass(frozen=True, slots=True)
class Distilled:
    """What a distillation has come to."""

    teacher_accuracy: Interval  # As the client reads the teacher's answers, so after the defence.
    student_accuracy: Interval
    guess: float
    learnt_from: int  # Exchanges, after an adaptive student has dropped some.
    tokens: Tokens
    trained: Trained
    cost: Cost
    usd_per_point: float | None


def student_of(task: Task, config: Distillation) -> LanguageModel:
    """Return the student before it has learnt anything from the teacher."""
    return fresh(STUDENT, task, config.seed + 7919) if config.student == BUILT_IN else opened(config.student)


def harvested(task: Task, teacher: LanguageModel, problems: list[Problem], config: Distillation) -> list[Exchange]:
    """Return what the teacher answers, marked if the defence says so, before anything is hidden.

    A student that asks in parts puts as many questions as the others, and so only some of the problems.

    Raises:
        ValueError: If the parts of the task's problems are unknown.
    """
    marker, rounds = None, count(config.seed, 10_007)
    if defence_named(config.defence).marked:
        marker = Marker(lab_scheme(teacher.vocabulary, MARK_SECRET)[1], teacher.vocabulary)

    def ask(prompts: Sequence[str]) -> list[Exchange]:
        return asked(
            teacher,
            [Problem(prompt, "") for prompt in prompts],
            next(rounds),
            temperature=config.temperature,
            tokens_most=config.tokens_most,
            marker=marker,
        )

    prompts = [problem.prompt for problem in problems]
    if config.student_kind != IN_PARTS:
        return ask(prompts)
    layout = layout_of(task)
    return asked_in_parts(layout, prompts[: _wholes(layout, problems, config)], ask)


def _wholes(layout: Layout, problems: list[Problem], config: Distillation) -> int:
    """Return how many problems can be asked in parts."""
    return max(1, config.exchanges // len(layout.parted(problems[0].prompt)[1]))


def learnt(
    task: Task,
    teacher: LanguageModel,
    problems: list[Problem],
    answers: list[Exchange],
    config: Distillation,
    clock: Callable[[], float],
    *,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> tuple[LanguageModel, Trained, list[Exchange], list[Exchange]]:
    """Train a student on answers that went through the defence.

    Returns:
        The student, what training took, the answers as read, and as learnt from.

    Raises:
        ValueError: If a student that isn't passive knows nothing of the task's layout.
    """
    read = served(defence_named(config.defence), answers, config.seed)
    kept, rng = read, np.random.default_rng([config.seed, 5])
    if config.student_kind == IN_PARTS:
        layout = layout_of(task)
        prompts = [problem.prompt for problem in problems[: _wholes(layout, problems, config)]]
        kept = joined(layout, prompts, read, rng)
    if config.student_kind != PASSIVE:
        kept = adapted(task, kept, rng, infers=config.student_kind == INFERRING)
    student = student_of(task, config)
    trained = train(
        student,
        _objective(student, teacher, kept, config),
        Schedule(config.steps, config.batch, config.rate, passes_most=config.passes_most),
        config.seed,
        clock,
        checkpoint=Checkpoint(checkpoint, digest(config)) if checkpoint else None,
        on_step=_told(progress, "student"),
    )
    return student, trained, read, kept


def tested(model: LanguageModel, problems: list[Problem], tokens_most: int) -> list[str]:
    """Return a model's likeliest answers."""
    prompts = [problem.prompt for problem in problems]
    told = sample(model, prompts, generator=torch.Generator(), temperature=0.0, tokens_most=tokens_most)
    return [model.decode(tokens) for tokens in told]


def distil(config: Distillation, out: Path, clock: Callable[[], float], progress: Progress | None = None) -> Distilled:
    """Run one distillation into a folder.

    Written, each whole or not at all: ``exchanges.jsonl`` (as the client reads them), ``student/`` (a Hugging Face
    folder), ``evaluation/`` (an lm-eval task), ``loss.svg``, ``result.json``; ``checkpoint.pt`` while it runs.

    Args:
        config: What to do.
        out: Made if absent. A folder with another configuration's files is refused.
        clock: Seconds of work, such as ``time.process_time``.
        progress: Told of steps; what it raises stops the run, which goes on from its last checkpoint when repeated.

    Raises:
        ValueError: If the configuration can't be carried out, or ``out`` belongs to another.
        OSError: If a file can't be read or written.
    """
    task = task_named(config.task)
    out.mkdir(parents=True, exist_ok=True)
    _claim(out / "configuration.json", config)
    teacher = teacher_of(task, config, out / "teacher", clock, progress)
    problems, test = problem_sets(task, config.seed, config.exchanges, config.test_problems)
    path = out / "harvest.jsonl"
    if not path.exists():
        if progress:
            progress("asking the teacher", 0, 1)
        write_exchanges(path, harvested(task, teacher, problems, config))
    answers = read_exchanges(path)
    student, trained, read, kept = learnt(
        task, teacher, problems, answers, config, clock, checkpoint=out / "checkpoint.pt", progress=progress
    )
    write_exchanges(out / "exchanges.jsonl", read)
    texts = tested(student, test, config.tokens_most)
    result = summed_up(task, teacher, config, problems, answers, read, kept, trained, accuracy(test, texts))
    student.save(out / "student")
    if not task.words or config.student == BUILT_IN:
        write_evaluation_task(out / "evaluation", task.name, test, config.tokens_most)
    _write(out / "loss.svg", _loss_plot(task, trained).encode())
    _write(out / "result.json", orjson.dumps(told(result, config), option=orjson.OPT_INDENT_2) + b"\n")
    return result


def teacher_of(
    task: Task, config: Distillation, folder: Path, clock: Callable[[], float], progress: Progress | None
) -> LanguageModel:
    """Return the teacher: of the folder that the configuration names, or the built-in one, kept in ``folder``."""
    if config.teacher != BUILT_IN:
        return opened(config.teacher)
    return built_in_teacher(task, folder, config.seed, clock, _told(progress, "teacher"))


def summed_up(
    task: Task,
    teacher: LanguageModel,
    config: Distillation,
    problems: list[Problem],
    answers: list[Exchange],
    read: list[Exchange],
    kept: list[Exchange],
    trained: Trained,
    reached: float,
) -> Distilled:
    """Return a distillation's figures; the provider bills what its teacher wrote, hidden or not."""
    by_prompt = {problem.prompt: problem for problem in problems}
    judged = kept if config.student_kind == IN_PARTS else read  # Of parts, what was put together.
    right = accuracy([by_prompt[exchange.prompt] for exchange in judged], [exchange.answer for exchange in judged])
    tokens = tokens_of(teacher, answers)
    spent = cost(config.prices, tokens, trained.seconds)
    return Distilled(
        teacher_accuracy=interval([right], len(judged)),
        student_accuracy=interval([reached], config.test_problems),
        guess=task.guess,
        learnt_from=len(kept),
        tokens=tokens,
        trained=trained,
        cost=spent,
        usd_per_point=spent.usd_per_point(reached, task.guess),
    )


def told(result: Distilled, config: Distillation) -> dict[str, Any]:
    """Return a result as plain data, losses left out."""
    held = asdict(result)
    held["trained"] = {"steps": len(result.trained.losses), "seconds": result.trained.seconds}
    held["trained"]["last_loss_nats"] = result.trained.losses[-1]
    return {"configuration": config.told(), **held}


def digest(config: Distillation) -> str:
    """Return a name for all that a training depends on; prices are no part of it."""
    held = {name: value for name, value in config.told().items() if name != "prices"}
    return hashlib.sha256(orjson.dumps(held, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _objective(
    student: LanguageModel, teacher: LanguageModel, exchanges: list[Exchange], config: Distillation
) -> Objective:
    if config.mode == MODES[1]:
        return OfflineLogits(student, teacher, exchanges, config.likeliest)
    if config.mode == MODES[2]:
        return OnPolicy(student, teacher, exchanges, config.own_share, config.tokens_most)
    return Sampled(student, exchanges)


def _told(progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(f"training the {what}", done, total)


def _claim(path: Path, config: Distillation) -> None:
    """Write down whose folder it is, or refuse one that is another configuration's."""
    if path.exists():
        held = orjson.loads(path.read_bytes())
        if not isinstance(held, dict) or held.get("digest") != digest(config):
            raise ValueError(f"{path.parent} holds another configuration's run; name another folder with --out")
        return
    if any(path.parent.iterdir()):
        raise ValueError(f"{path.parent} holds other files; name a folder that is new or empty with --out")
    held = {"digest": digest(config), "configuration": config.told()}
    _write(path, orjson.dumps(held, option=orjson.OPT_INDENT_2) + b"\n")


def _write(path: Path, content: bytes) -> None:
    with atomic_file(path) as stream:
        stream.write(content)


def _loss_plot(task: Task, trained: Trained) -> str:
    """Return the training's loss, averaged over runs of steps so that a line shows and not a cloud."""
    losses = np.array(trained.losses)
    parts = np.array_split(losses, min(100, len(losses)))
    x = np.cumsum([len(part) for part in parts])
    y = np.array([part.mean() for part in parts])
    axes = Axes(f"Distilling {task.name}: loss", "steps", "nats a token", 0.0, float(max(y.max(), 1e-9)) * 1.05)
    return drawn(axes, [Series("training loss", tuple(x.tolist()), tuple(y.tolist()))])
