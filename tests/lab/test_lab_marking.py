# ruff: noqa: E402 - what needs torch is imported once it is known to be there.
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the lab's framework is not installed: pip install 'stillwatch[lab]'")

from stillwatch.lab.exchange import Exchange
from stillwatch.lab.marking import GumbelMarker, Marker, lab_scheme
from stillwatch.lab.models.opening import fresh
from stillwatch.lab.models.tiny import Shape
from stillwatch.lab.origin import Scored, as_texts, origin
from stillwatch.lab.sampling import sample
from stillwatch.lab.tasks.registry import task_named
from stillwatch.provenance.detection import detect
from stillwatch.provenance.keys import cohort_key
from stillwatch.provenance.schemes.registry import scheme_maker
from stillwatch.provenance.schemes.scheme import Settings

SHAPE = Shape(width=16, layers=1, heads=2, context=48)
TASK = task_named("arithmetic")
SECRET = b"a test has no secret to keep"


def test_a_marker_adds_its_strength_to_what_the_key_favours() -> None:
    _, scheme = lab_scheme(82, SECRET)
    told = torch.randint(3, 82, (5, 4), generator=torch.Generator().manual_seed(1))
    bias = Marker(scheme, 82, strength=1.5)(told, torch.zeros(5, 82))
    for row in range(5):
        context = np.tile(told[row, -scheme.width :].numpy(), (82, 1))
        assert np.array_equal(bias[row].numpy() / 1.5, scheme.scores(context, np.arange(82)))
    assert 0.1 < float((bias > 0).float().mean()) < 0.4


@pytest.mark.parametrize(("marked", "seen"), [(True, True), (False, False)])
def test_provenance_reads_the_mark_and_nothing_where_none_is(marked: bool, seen: bool) -> None:
    model = fresh(SHAPE, TASK, 1)  # Nearly even odds: as much room for a mark as there can be.
    _, scheme = lab_scheme(model.vocabulary, SECRET)
    prompts = [problem.prompt for problem in TASK.problems(np.random.default_rng(1), 60)]
    marker = Marker(scheme, model.vocabulary) if marked else None
    tokens = sample(model, prompts, generator=torch.Generator().manual_seed(1), tokens_most=24, marker=marker)
    found = detect(scheme, [np.array(answer) for answer in tokens if len(answer) > scheme.width])
    assert (found.log_p < np.log(1e-9)) == seen and (seen or found.log_p > np.log(1e-4))


def test_a_gumbel_marker_allows_one_token_after_fresh_contexts_and_chance_rules_elsewhere() -> None:
    scheme = scheme_maker("gumbel_sglang").of(cohort_key(SECRET, "a", "p"), Settings(width=2))
    marker = GumbelMarker(scheme, 82, prompt_tokens=3)
    told = torch.tensor([[5, 6, 7, 8, 6, 7], [5, 6, 7, 8, 9, 7]])  # Of the first, "6 7" stood at the answer's start.
    logits = torch.randn(2, 82, generator=torch.Generator().manual_seed(1))
    found = marker(told, logits)
    assert torch.equal(found[0], logits[0])
    scores = scheme.scores(np.tile(told[1, -2:].numpy(), (82, 1)), np.arange(82))
    waits = -np.log1p(-np.exp(-scores)) / torch.softmax(logits[1], dim=0).double().numpy()
    assert int(found[1].argmax()) == waits.argmin() and int(torch.isfinite(found[1]).sum()) == 1
    with pytest.raises(ValueError, match="reads the prompt"):
        GumbelMarker(scheme_maker("gumbel_vllm").of(cohort_key(SECRET, "a", "p"), Settings(width=2)), 82, 3)


def test_texts_read_ahead_are_scored_as_one_by_one() -> None:
    model = fresh(SHAPE, TASK, 3)
    some = as_texts(model, [Exchange(f"{digit} + 4", f"first \n #### {digit}" + " 1" * digit) for digit in range(4)])
    ahead, alone = Scored(model, "a").read(some), Scored(model, "a")
    for text in some:
        both = [each.log_probabilities(text.prompt, text.tokens) for each in (ahead, alone)]
        assert np.allclose(*both, atol=1e-5)


def test_scored_models_give_log_probabilities() -> None:
    model = fresh(SHAPE, TASK, 2)
    text = as_texts(model, [Exchange("3 + 4", "first \n #### 7")])[0]
    told = Scored(model, "student").log_probabilities(text.prompt, text.tokens)
    assert told.shape == (len(text.tokens), model.vocabulary)
    assert np.allclose(np.exp(told).sum(axis=1), 1.0)
    with torch.no_grad():
        row = torch.log_softmax(model.logits(torch.tensor([[*text.prompt, *text.tokens[:2]]]))[0, -1], dim=-1)
    assert np.allclose(told[2], row.numpy(), atol=1e-5)
    assert Scored(model, "student").log_probabilities(text.prompt, []).shape == (0, model.vocabulary)


def test_every_test_of_provenance_answers_for_a_student() -> None:
    teacher, suspect = fresh(SHAPE, TASK, 1), fresh(SHAPE, TASK, 2)
    problems = TASK.problems(np.random.default_rng(3), 8)
    assert TASK.worked is not None
    worked = TASK.worked(np.random.default_rng(4), problems)
    some = [Exchange(problem.prompt, text) for problem, text in zip(problems, worked, strict=True)]
    findings = origin(teacher, suspect, some, some, [problem.prompt for problem in problems], seed=1)
    told = {finding.card.id: finding for finding in findings}
    assert {"radioactivity", "teacher_subtracted", "served_weights"} <= set(told)
    for name in ("radioactivity", "teacher_subtracted", "served_weights"):
        assert told[name].outcome == "tested" and told[name].log_p > np.log(1e-4)  # It was taught by nobody.
