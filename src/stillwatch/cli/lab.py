"""``stillwatch lab``: distil a model, and measure what exchanges are worth and what defences take away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from stillwatch.lab.configuration import BUILT_IN, MODES, read_configuration
from stillwatch.lab.requirement import MissingFrameworkError, require

if TYPE_CHECKING:
    from stillwatch.lab.findings import Judged, Row
    from stillwatch.provenance.origin.question import Finding

application = typer.Typer(
    name="lab",
    help="Distil models of your own; measure what a campaign gains and what each defence takes from it.",
    no_args_is_help=True,
)
_WORDS = 3  # Columns of the students' table that hold words; the others hold figures.
_WIDTH_LEAST = 128  # Of that table, where it is written into a file or a narrow window.
_ASKED = 300  # Queries and served answers with which a marked student's origin is tested.

Told = Callable[[str, int, int], None]


@application.command()
def distil(
    config: Annotated[Path, typer.Argument(help="YAML file; an empty one distils the built-in teacher.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of this run; a stopped run goes on in it.")],
    threads: Annotated[int, typer.Option("--threads", min=1, help="Cores; other numbers may round otherwise.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Train a student on a teacher's answers, log-probabilities or judgement.

    The file may hold, each with a default: task (arithmetic, look-up, or JSON lines with prompt and final), teacher
    and student (built-in, a Hugging Face folder, or a .gguf file), exchanges, mode (sampled answers, offline logits,
    on-policy), defence, student_kind (passive, adaptive, inferring, asking in parts), temperature, seed, steps, batch,
    rate, prices. Nothing is downloaded. The folder receives student/ (a Hugging Face folder), exchanges.jsonl,
    evaluation/ (a task for lm-eval), loss.svg and result.json.
    """
    with _refusals():
        wanted = read_configuration(config)
        _frameworks(threads)
        from stillwatch.lab.distillation import distil as run
        from stillwatch.lab.distillation import told

        with _progress(wanted.seed) as progress:
            result = run(wanted, out, time.process_time, progress)
        held = told(result, wanted) | {"out": str(out)}
    if as_json:
        typer.echo(orjson.dumps(held, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table(title=f"{wanted.task}: {wanted.exchanges:,} exchanges, {wanted.mode}, seed {wanted.seed}")
    table.add_column("what")
    table.add_column("value", justify="right")
    table.add_row("teacher's answers right, as read", _share(asdict(result.teacher_accuracy)))
    table.add_row("student's answers right", _share(asdict(result.student_accuracy)))
    table.add_row("best constant guess", f"{result.guess:.1%}")
    table.add_row("tokens of prompts and answers", f"{result.tokens.prompts:,} + {result.tokens.answers:,}")
    table.add_row("answers, compute", f"${result.cost.answers_usd:.4f}, ${result.cost.compute_usd:.4f}")
    table.add_row("cost of a point above guessing", _price(result.usd_per_point))
    Console().print(table)
    typer.echo(f"Written to {out}. The student is {out / 'student'}.")


@application.command()
def curve(
    out: Annotated[Path, typer.Option("--out", help="Folder of the curve; what it holds is kept.")],
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Repeatable; a name or a file. Without: built-in ones.")
    ] = None,
    teacher: Annotated[str, typer.Option("--teacher", help="Your own: Hugging Face folder or .gguf.")] = BUILT_IN,
    student: Annotated[str, typer.Option("--student", help="The same, trained anew for each point.")] = BUILT_IN,
    size: Annotated[list[int] | None, typer.Option("--size", help="Exchanges to fit on; repeatable.")] = None,
    held_out: Annotated[list[int] | None, typer.Option("--held-out", help="Exchanges to forecast; repeatable.")] = None,
    defence: Annotated[
        list[str] | None, typer.Option("--defence", help="Repeatable; 'none' alone draws the value curve only.")
    ] = None,
    defence_size: Annotated[int, typer.Option("--defence-size", min=1, help="Exchanges under a defence.")] = 4000,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Students for each point; with one, no spread.")] = 5,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of each student's training.")] = 350,
    problems: Annotated[int, typer.Option("--problems", min=1, help="Test problems for each student.")] = 1000,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0, help="Begin no student after so many minutes of work; 0: no limit.")
    ] = 0,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Cores.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Draw student accuracy against exchanges, with and without each defence.

    Every student is kept as soon as it is trained; repeat the command to go on. The folder receives value.json
    (accuracy as a function of exchanges, with its uncertainty: `stillwatch scan --value` tells it of each campaign),
    value.svg and curve.json. A watermark's students are put to the tests of provenance.
    """
    with _refusals():
        _frameworks(threads)
        from stillwatch.lab.curve import Plan, run
        from stillwatch.lab.findings import judged, rows, written
        from stillwatch.lab.origin import origins

        plain = Plan()
        plan = replace(
            plain,
            tasks=tuple(task or plain.tasks),
            sizes=tuple(size or plain.sizes),
            held_out=tuple(held_out if held_out is not None else () if size else plain.held_out),
            defences=tuple(defence or plain.defences),
            defence_size=defence_size if defence != ["none"] else (size or list(plain.sizes))[0],
            logprob_sizes=plain.logprob_sizes if not defence or "logprobs off" in defence else (),
            seeds=seeds,
            base=replace(plain.base, teacher=teacher, student=student, steps=steps, test_problems=problems),
        )
        with _progress(1) as progress:
            cells = run(plan, out, time.process_time, progress, 60 * minutes)
        found = [_finding(*entry) for entry in origins(plan, out, asked=_ASKED)]
        held = written(out, plan, cells, found, {"torch": version("torch"), "numpy": version("numpy")})
    if as_json:
        typer.echo(orjson.dumps(held | {"out": str(out)}, option=orjson.OPT_INDENT_2).decode())
        return
    _show(rows(cells), judged(cells, plan.sizes, plan.held_out), held["origin"])
    if held["students_missing"]:
        typer.echo(f"{held['students_missing']} students are still to be trained: repeat the command.")
    typer.echo(f"Written to {out}: value.json, value.svg, curve.json.")


def _finding(task: str, defence: str, finding: Finding) -> dict[str, Any]:
    log_p = None if finding.log_p != finding.log_p else finding.log_p
    z = [line.z for line in finding.lines if line.z == line.z]
    return {
        "task": task,
        "taught": "marked" if defence == "watermark" else "unmarked",
        "test": finding.card.id,
        "outcome": finding.outcome,
        "log_p": log_p,
        "z": max(z, default=None),
        "said": finding.said,
    }


def _show(found: list[Row], forecasts: list[Judged], origins: list[dict[str, Any]]) -> None:
    table = Table(title="Students", box=None, pad_edge=False)
    headings = ("task", "defence", "student", "exchanges", "seeds", "accuracy", "gain cut", "answers lost", "$ a point")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < _WORDS else "right", no_wrap=place < _WORDS)
    for row in found:
        table.add_row(
            row.task,
            row.defence,
            row.student if row.mode == MODES[0] else f"{row.student}, {row.mode}",
            f"{row.exchanges:,}",
            str(row.seeds),
            _share(asdict(row.accuracy)),
            "" if row.gain_cut is None else f"{round(100 * row.gain_cut)}%",
            "" if row.quality_lost is None else f"{100 * row.quality_lost:.1f}",
            _price(row.usd_per_point),
        )
    Console(width=max(_WIDTH_LEAST, Console().width)).print(table)
    if forecasts:
        table = Table(title="Forecasts at held-out sizes, in per cent")
        for heading in ("task", "exchanges", "forecast", "measured", "off by"):
            table.add_column(heading, justify="left" if heading == "task" else "right")
        for entry in forecasts:
            expected = entry.forecast
            reach = {"mean": expected.mean, "low": expected.low, "high": expected.high}
            off = 100 * (expected.mean - entry.measured)
            table.add_row(entry.task, f"{expected.exchanges:,}", _share(reach), f"{entry.measured:.1%}", f"{off:+.1f}")
        Console().print(table)
    for told in origins:
        typer.echo(f"{told['task']}, {told['taught']} student, {told['test']}: {told['said']}")


def _share(held: dict[str, float]) -> str:
    return f"{held['mean']:.1%} ({held['low']:.1%} to {held['high']:.1%})"


def _price(usd: float | None) -> str:
    return "no gain" if usd is None else f"${usd:.5f}"


def _frameworks(threads: int) -> None:
    require()
    import torch

    torch.set_num_threads(threads)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what outside input does wrong into a line on the terminal and exit code 2."""
    try:
        yield
    except (ValueError, OSError, MissingFrameworkError) as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(2) from error


@contextmanager
def _progress(seed: int) -> Iterator[Told]:
    console = Console(stderr=True)
    console.print(f"seed {seed}")
    with Progress(console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield progress
