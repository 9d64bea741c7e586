# ruff: noqa: E402 - what needs torch is imported once it is known to be there.
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the lab's framework is not installed: pip install 'stillwatch[lab]'")

from stillwatch.lab.exchange import Exchange
from stillwatch.lab.models.opening import fresh
from stillwatch.lab.models.tiny import Shape, TinyModel
from stillwatch.lab.objectives.objective import Objective
from stillwatch.lab.objectives.offline_logits import OfflineLogits
from stillwatch.lab.objectives.on_policy import OnPolicy
from stillwatch.lab.objectives.packed import packed
from stillwatch.lab.objectives.sampled import Sampled
from stillwatch.lab.tasks.registry import task_named
from stillwatch.lab.training import Checkpoint, Schedule, train

SMALL = Shape(width=16, layers=1, heads=2, context=48)
TASK = task_named("arithmetic")
SHORT = Schedule(steps=12, batch=8)


def exchanges(count: int = 40) -> list[Exchange]:
    rng = np.random.default_rng(1)
    problems = TASK.problems(rng, count)
    assert TASK.worked is not None
    return [Exchange(problem.prompt, text) for problem, text in zip(problems, TASK.worked(rng, problems), strict=True)]


def value(loss: torch.Tensor) -> float:
    return float(loss.detach())


def clock() -> float:
    return 0.0


def test_packing_learns_answers_and_nothing_else() -> None:
    model = fresh(SMALL, TASK, 1)
    two = [Exchange("3 + 4", "#### 7"), Exchange("3 + 4 - 1", "first \n #### 6")]
    held = packed(model, two)
    for row, exchange in enumerate(two):
        said = [int(token) for token in held.tokens[row, 1:][held.learnt[row]]]
        assert said == model.encode_answer(exchange.answer)
    short = held.taken(torch.tensor([0]))
    assert short.tokens.shape[1] == len(model.encode_prompt("3 + 4")) + 3  # Cut to the longest of those taken.
    with pytest.raises(ValueError, match="no exchange"):
        packed(model, [])
    with pytest.raises(ValueError, match="exchange 1: its prompt has"):
        packed(model, [Exchange("3 " * 60, "#### 1")])
    long = packed(model, [Exchange("3 + 4", "first " * 100)])
    assert long.tokens.shape[1] == model.context


def test_the_sampled_loss_is_cross_entropy_and_each_agrees_with_it() -> None:
    model = fresh(SMALL, TASK, 1)
    some = exchanges(10)
    objective = Sampled(model, some)
    rows = torch.arange(10)
    nats = []
    for exchange in some:
        prompt, answer = model.encode_prompt(exchange.prompt), model.encode_answer(exchange.answer)
        odds = torch.log_softmax(model.logits(torch.tensor([[*prompt, *answer]]))[0], dim=-1).detach()
        nats += [-float(odds[len(prompt) - 1 + place, token]) for place, token in enumerate(answer)]
    assert value(objective.loss(model, rows, torch.Generator())) == pytest.approx(np.mean(nats), rel=1e-4)
    each = objective.each(model, batch=3)
    assert float(each.mean()) == pytest.approx(np.mean(nats), rel=1e-4)  # All answers are equally long here.


def test_offline_logits_are_zero_only_where_both_agree() -> None:
    teacher, student = fresh(SMALL, TASK, 1), fresh(SMALL, TASK, 2)
    for weight in teacher.weights.values():
        weight.data += torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.3
    some, rows = exchanges(6), torch.arange(6)
    assert value(OfflineLogits(teacher, teacher, some).loss(teacher, rows, torch.Generator())) == pytest.approx(
        0.0, abs=1e-4
    )
    cut = OfflineLogits(student, teacher, some, likeliest=teacher.vocabulary - 1)
    few = OfflineLogits(student, teacher, some, likeliest=4)
    whole = value(cut.loss(student, rows, torch.Generator()))
    assert whole > value(few.loss(student, rows, torch.Generator())) > 0  # Merging outcomes can only lose divergence.
    with pytest.raises(ValueError, match="likeliest"):
        OfflineLogits(student, teacher, some, likeliest=teacher.vocabulary)


def test_other_vocabularies_are_refused_for_log_probabilities() -> None:
    other = fresh(SMALL, task_named("look-up"), 1)
    for objective in (OfflineLogits, OnPolicy):
        with pytest.raises(ValueError, match="different vocabularies"):
            objective(fresh(SMALL, TASK, 1), other, exchanges(2))


def test_on_policy_learns_from_its_own_answers_too() -> None:
    teacher, student = fresh(SMALL, TASK, 1), fresh(SMALL, TASK, 2)
    rows, generator = torch.arange(4), torch.Generator().manual_seed(3)
    own = OnPolicy(student, teacher, exchanges(4), own_share=1.0, tokens_most=6)
    loss = own.loss(student, rows, generator)
    assert float(loss.detach()) > 0
    torch.autograd.backward(loss)
    assert all(weight.grad is None for weight in teacher.parameters())
    assert value(OnPolicy(teacher, teacher, exchanges(4)).loss(teacher, rows, generator)) == pytest.approx(0, abs=1e-5)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        OnPolicy(student, teacher, exchanges(4), own_share=2.0)


def objective_of(kind: str, student: TinyModel) -> Objective:
    teacher = fresh(SMALL, TASK, 9)
    if kind == "sampled":
        return Sampled(student, exchanges())
    if kind == "offline":
        return OfflineLogits(student, teacher, exchanges())
    return OnPolicy(student, teacher, exchanges(), tokens_most=6)


@pytest.mark.parametrize("kind", ["sampled", "offline", "on-policy"])
def test_a_stopped_training_ends_as_one_that_was_not(kind: str, tmp_path: Path) -> None:
    straight = fresh(SMALL, TASK, 1)
    whole = train(straight, objective_of(kind, straight), SHORT, 5, clock)
    state = Checkpoint(tmp_path / "state.pt", "one", every=4)

    class StoppedError(Exception):
        pass

    def stop(done: int, _: int) -> None:
        if done == 7:
            raise StoppedError

    stopped = fresh(SMALL, TASK, 1)
    with pytest.raises(StoppedError):
        train(stopped, objective_of(kind, stopped), SHORT, 5, clock, checkpoint=state, on_step=stop)
    again = fresh(SMALL, TASK, 33)  # Its weights come from the checkpoint.
    seen: list[int] = []
    rest = train(
        again, objective_of(kind, again), SHORT, 5, clock, checkpoint=state, on_step=lambda done, _: seen.append(done)
    )
    assert seen == list(range(5, 13))
    assert rest.losses == whole.losses
    assert all(torch.equal(one, other) for one, other in zip(straight.parameters(), again.parameters(), strict=True))


def test_a_strange_checkpoint_is_refused(tmp_path: Path) -> None:
    model = fresh(SMALL, TASK, 1)
    objective = Sampled(model, exchanges())
    path = tmp_path / "state.pt"
    train(model, objective, SHORT, 1, clock, checkpoint=Checkpoint(path, "one"))
    with pytest.raises(ValueError, match="another configuration"):
        train(model, objective, SHORT, 1, clock, checkpoint=Checkpoint(path, "two"))
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match="no checkpoint"):
        train(model, objective, SHORT, 1, clock, checkpoint=Checkpoint(path, "one"))


def test_training_lowers_the_loss_and_small_sets_end_sooner() -> None:
    model = fresh(SMALL, TASK, 1)
    told = train(model, Sampled(model, exchanges(8)), Schedule(steps=60, batch=8), 1, clock)
    assert told.losses[-1] < 0.7 * told.losses[0]
    assert Schedule(steps=350, batch=32, passes_most=10).steps_for(32) == 10
    assert Schedule(steps=350, batch=32, passes_most=10).steps_for(10_000) == 350
    with pytest.raises(ValueError, match="positive"):
        Schedule(steps=0)


def test_time_is_counted_over_all_sittings(tmp_path: Path) -> None:
    ticks = iter(range(10_000))
    model = fresh(SMALL, TASK, 1)
    state = Checkpoint(tmp_path / "state.pt", "one")
    first = train(model, Sampled(model, exchanges()), SHORT, 1, lambda: float(next(ticks)), checkpoint=state)
    again = train(model, Sampled(model, exchanges()), SHORT, 1, lambda: float(next(ticks)), checkpoint=state)
    # One tick up to the last checkpoint, which the second sitting takes over, and one after it.
    assert first.seconds == again.seconds == 2.0 and again.losses == first.losses
