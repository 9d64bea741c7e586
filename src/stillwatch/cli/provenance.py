"""``stillwatch provenance``: was this model taught by ours?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.key_source import keyed_schemes
from stillwatch.provenance.origin.question import NEEDS, Canary, Material
from stillwatch.provenance.origin.registry import TESTS, chosen, run
from stillwatch.provenance.report import as_json, as_text, reported
from stillwatch.provenance.schemes.scheme import Scheme, Settings
from stillwatch.provenance.served_log import read_served_log
from stillwatch.provenance.suspects.address import AddressModel
from stillwatch.provenance.suspects.hugging_face import HuggingFaceModel, load_encoder
from stillwatch.provenance.suspects.markov import load_markov
from stillwatch.provenance.suspects.model import Sampler, Scorer
from stillwatch.provenance.suspects.recorded import RecordedAnswers
from stillwatch.provenance.tokens import Text, read_texts

provenance = typer.Typer(
    name="provenance",
    help="Was this model taught by ours? Tests with p-values, and what they do not show.",
    no_args_is_help=True,
)
SERVED_MOST = 5000


@provenance.command("tests")
def list_tests(json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the tests: what each asks, needs, guarantees and does not show."""
    if json_:
        typer.echo(orjson.dumps([asdict(test.card) for test in TESTS], option=orjson.OPT_INDENT_2).decode())
        return
    for test in TESTS:
        card = test.card
        needs = "; or ".join(", ".join(NEEDS[need] for need in each) for each in card.needs)
        typer.echo(f"{card.id}: {card.title}\n  Needs: {needs}.\n  Guarantee: {card.guarantee}\n")


@provenance.command("test")
def test_command(
    suspect: Annotated[
        str, typer.Option("--suspect", help="Folder with weights, table (.npz), address (http…), or recorded answers.")
    ],
    teacher: Annotated[
        Path | None, typer.Option("--teacher", help="Our unmarked teacher: a folder or a table.")
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option("--prompts", help="What to ask: .jsonl with prompt texts or ids.")
    ] = None,
    scheme: Annotated[
        str, typer.Option("--scheme", help="The mark; see: stillwatch watermark schemes")
    ] = "gumbel_vllm",
    width: Annotated[int, typer.Option("--width", min=1, help="Context width that the engine was set to.")] = 4,
    key: Annotated[Path | None, typer.Option("--key", help="File with the engine's own key.")] = None,
    master: Annotated[Path | None, typer.Option("--master", help="File with the master key.")] = None,
    cohort: Annotated[list[str] | None, typer.Option("--cohort", help="Cohort to test; may be repeated.")] = None,
    period: Annotated[str, typer.Option("--period", help="Period of the keys.")] = "",
    vocabulary: Annotated[int, typer.Option("--vocabulary", min=0, help="For green lists; else the teacher's.")] = 0,
    green_share: Annotated[float, typer.Option("--green-share", help="For green lists.")] = 0.25,
    layers: Annotated[int, typer.Option("--layers", min=1, help="SynthID's layers.")] = 30,
    served_log: Annotated[
        Path | None, typer.Option("--served-log", help="Log of what was served, file or folder.")
    ] = None,
    unmarked: Annotated[Path | None, typer.Option("--unmarked", help="Texts written without any key.")] = None,
    canaries: Annotated[Path | None, typer.Option("--canaries", help="JSON lines: cue, options, planted.")] = None,
    control: Annotated[list[Path] | None, typer.Option("--control", help="Model that ours did not teach.")] = None,
    tokenizer: Annotated[Path | None, typer.Option("--tokenizer", help="Folder of the teacher's tokenizer.")] = None,
    model: Annotated[str, typer.Option("--model", help="Name that requests to an address give.")] = "suspect",
    completions: Annotated[bool, typer.Option("--completions", help="Address: completions instead of chat.")] = False,
    key_variable: Annotated[str, typer.Option("--api-key-env", help="Variable with the address's API key.")] = "",
    allow_remote: Annotated[bool, typer.Option("--allow-remote", help="Let questions leave this machine.")] = False,
    only: Annotated[list[str] | None, typer.Option("--test", help="Run this test only; may be repeated.")] = None,
    tokens_most: Annotated[int, typer.Option("--tokens-most", min=1, help="Of one answer.")] = 200,
    seed: Annotated[int, typer.Option("--seed", help="Of the suspect's sampling.")] = 1,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Test whether a suspect learned from what we served, with every test that the material allows.

    More access is more power: answers alone find narrow marks; weights with the served log find wide ones. What is
    missing for a test is said in its place. Decide on prompts and tests before you look: a test chosen after its
    result is no test.
    """
    try:
        tests = chosen(only or [])
        encode = _encoder(tokenizer, teacher)
        ours = _scorer(teacher) if teacher else None
        size = vocabulary or (ours.vocabulary if ours else 0)
        settings = Settings(width=width, vocabulary=size, green_share=green_share, layers=layers)
        schemes = keyed_schemes(scheme, settings, key, master, cohort or [], period) if key or master else {}
        asked = tuple(read_texts(prompts, encode)) if prompts else ()
        suspected = _suspect(suspect, encode, model, not completions, key_variable, allow_remote)
        weights = suspected if isinstance(suspected, Scorer) else None
        served, drawn = _served(served_log, schemes)
        marks = tuple(_canaries(canaries, suspected, encode, seed)) if canaries else ()
        answers = _answers(suspected, asked, tokens_most, seed)
        material = Material(
            suspect=suspected.name,
            answers=answers,
            prompts=asked,
            schemes=schemes,
            teacher=ours,
            suspect_weights=weights,
            served=served,
            drawn=drawn,
            unmarked=tuple(read_texts(unmarked, encode)) if unmarked else (),
            canaries=marks,
            controls=tuple(_scorer(each) for each in control or []),
        )
        findings = run(material, tests)
    except (SourceError, ValueError) as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(2) from error
    inputs = {"suspect": Path(suspect), "teacher": teacher, "prompts": prompts, "served log": served_log}
    inputs |= {"unmarked texts": unmarked, "canaries": canaries}
    report = reported(suspected.name, findings, [*_notes(schemes, answers, seed), *_digests(inputs)])
    if json_:
        typer.echo(orjson.dumps(as_json(report), option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo(as_text(report), nl=False)


def _encoder(tokenizer: Path | None, teacher: Path | None) -> Callable[[str], list[int]] | None:
    if tokenizer is not None:
        return load_encoder(tokenizer)
    if teacher is not None and teacher.is_dir() and any((teacher / name).exists() for name in _TOKENIZERS):
        return load_encoder(teacher)
    return None


_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model")


def _scorer(path: Path) -> Scorer:
    return load_markov(path) if path.suffix == ".npz" else HuggingFaceModel(path)


def _suspect(
    named: str, encode: Callable[[str], list[int]] | None, model: str, chat: bool, variable: str, remote: bool
) -> Sampler:
    if named.startswith(("http://", "https://")):
        return AddressModel(named, model, encode, chat, variable, remote)
    path = Path(named)
    if path.suffix == ".npz":
        return load_markov(path)
    if path.is_dir():
        return HuggingFaceModel(path)
    return RecordedAnswers(path, encode)


def _answers(suspect: Sampler, prompts: tuple[Text, ...], tokens_most: int, seed: int) -> tuple[Text, ...]:
    if isinstance(suspect, RecordedAnswers) or prompts:
        return tuple(suspect.answers(prompts, tokens_most, seed))
    return ()


def _served(path: Path | None, schemes: dict[str, Scheme]) -> tuple[_ByKey, _ByKey]:
    """Return what was served under each key, and of that, with what was not marked, what was drawn at temperature 1."""
    found: dict[str, list[Text]] = {key_id: [] for key_id in schemes}
    drawn: dict[str, list[Text]] = {key_id: [] for key_id in (*schemes, "")}
    only = next(iter(schemes)) if len(schemes) == 1 and next(iter(schemes)).startswith("file ") else None
    for each in read_served_log(path) if path is not None else ():
        # A key from a file has no id of its own: then every marked row of the log is taken to be under it.
        name = only if only is not None and each.key_id else each.key_id
        text = Text(each.tokens.astype("int64"), each.prompt_tokens.astype("int64"))
        for held, wanted in ((found, True), (drawn, each.temperature == 1)):
            if wanted and name in held and len(held[name]) < SERVED_MOST:
                held[name].append(text)
    return _whole(found), _whole(drawn)


_ByKey = dict[str, tuple[Text, ...]]


def _whole(lists: dict[str, list[Text]]) -> _ByKey:
    return {key_id: tuple(texts) for key_id, texts in lists.items()}


def _canaries(path: Path, suspect: Sampler, encode: Callable[[str], list[int]] | None, seed: int) -> list[Canary]:
    found = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: canaries cannot be read", "a file of JSON lines") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            held: dict[str, Any] = json.loads(line)
            canary = Canary(str(held["cue"]), tuple(map(str, held["options"])), int(held["planted"]))
            if len(canary.options) < 2 or not 0 <= canary.planted < len(canary.options):
                raise ValueError
        except (ValueError, KeyError, TypeError) as error:
            hint = 'a row holds {"cue": "…", "options": ["…", "…"], "planted": 0}'
            raise SourceError(f"{path}, row {number}: not a canary", hint) from error
        found.append(_asked(canary, held, suspect, encode, seed))
    return found


def _asked(
    canary: Canary, held: dict[str, Any], suspect: Sampler, encode: Callable[[str], list[int]] | None, seed: int
) -> Canary:
    if isinstance(held.get("answer"), str):
        return Canary(canary.cue, canary.options, canary.planted, answer=held["answer"])
    if isinstance(suspect, Scorer) and encode is not None:
        cue = encode(canary.cue)
        scores = []
        for option in canary.options:
            ids = encode(option)
            rows = suspect.log_probabilities(cue, ids)
            scores.append(float(sum(row[token] for row, token in zip(rows, ids, strict=True))) / max(len(ids), 1))
        return Canary(canary.cue, canary.options, canary.planted, tuple(scores))
    if isinstance(suspect, AddressModel):
        return Canary(canary.cue, canary.options, canary.planted, answer=suspect.said(canary.cue, 64, seed))
    return canary


def _digests(inputs: Mapping[str, Path | None]) -> list[str]:
    """Return what each file or folder held, so that whoever doubts a finding can repeat it on the same bytes."""
    told = []
    for name, path in inputs.items():
        if path is None or not path.exists():
            continue
        digest = hashlib.sha256()
        for file in sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]:
            digest.update(f"{file.relative_to(path)}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as stream:
                for piece in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(piece)
        told.append(f"{name.capitalize()}: {path.name}, SHA-256 {digest.hexdigest()}.")
    return told


def _notes(schemes: dict[str, Scheme], answers: tuple[Text, ...], seed: int) -> list[str]:
    notes = [f"{len(answers)} answers, {sum(len(each.tokens) for each in answers):,} tokens, seed {seed}."]
    for scheme in schemes.values():
        card = scheme.card
        notes.append(
            f"Mark: {card.title} ({card.engine} {card.engine_version}, {card.function_version}). {card.checked}"
        )
        break
    return notes
