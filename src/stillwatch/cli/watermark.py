"""``stillwatch watermark``: keys of marks, and whether texts bear one."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.detection import Detection, detect
from stillwatch.provenance.engine_files import write_engine_key
from stillwatch.provenance.key_source import keyed_schemes
from stillwatch.provenance.keys import cohort_key, load_master, period_of
from stillwatch.provenance.schemes.registry import SCHEMES
from stillwatch.provenance.schemes.scheme import Settings
from stillwatch.provenance.suspects.hugging_face import load_encoder
from stillwatch.provenance.tails import holm
from stillwatch.provenance.tokens import read_texts
from stillwatch.provenance.width import recommended_width
from stillwatch.provenance.wording import chance, strength

watermark = typer.Typer(
    name="watermark",
    help="Keys of marks that serving engines set, and whether texts bear one.",
    no_args_is_help=True,
)

SchemeOption = Annotated[
    str, typer.Option("--scheme", help="How the text was marked; see: stillwatch watermark schemes")
]
WidthOption = Annotated[int, typer.Option("--width", min=1, help="Context width that the engine was set to.")]
VocabularyOption = Annotated[int, typer.Option("--vocabulary", min=0, help="Tokens in the model; for green lists.")]
ShareOption = Annotated[float, typer.Option("--green-share", help="Share of green tokens; for green lists.")]
LayersOption = Annotated[int, typer.Option("--layers", min=1, help="SynthID's layers, where keys are derived.")]
KeyOption = Annotated[
    Path | None, typer.Option("--key", help="File with the engine's own key. Never give a key itself here.")
]
MasterOption = Annotated[Path | None, typer.Option("--master", help="File with the master key.")]
CohortOption = Annotated[list[str] | None, typer.Option("--cohort", help="Cohort whose key to read; may be repeated.")]
PeriodOption = Annotated[str, typer.Option("--period", help="Period of the keys, such as 2026-11.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@watermark.command("detect")
def detect_command(
    texts: Annotated[list[Path], typer.Argument(help="Files: .jsonl, .json with token ids or text, or plain text.")],
    scheme: SchemeOption = "gumbel_vllm",
    width: WidthOption = 4,
    key: KeyOption = None,
    master: MasterOption = None,
    cohort: CohortOption = None,
    period: PeriodOption = "",
    vocabulary: VocabularyOption = 0,
    green_share: ShareOption = 0.25,
    layers: LayersOption = 30,
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", help="Folder of the engine's tokenizer, for files with text.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether texts bear the mark of a key, with the chance of seeing as much without one.

    All texts are read as one body: each distinct pair of context and token counts once. Several cohorts are corrected
    for together (Holm). Token ids are better than text, because text may come apart into other ids than were generated.
    """
    settings = Settings(width=width, vocabulary=vocabulary, green_share=green_share, layers=layers)
    try:
        encode = load_encoder(tokenizer) if tokenizer else None
        read = [text for path in texts for text in read_texts(path, encode)]
        schemes = keyed_schemes(scheme, settings, key, master, cohort or [], period)
        found = [
            detect(each, [text.tokens for text in read], [text.prompt for text in read], name)
            for name, each in schemes.items()
        ]
    except SourceError as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(2) from error
    adjusted = holm(np.array([each.log_p for each in found]))
    if as_json:
        typer.echo(orjson.dumps(_json(found, adjusted.tolist(), len(read)), option=orjson.OPT_INDENT_2).decode())
        return
    for each, log_p in zip(found, adjusted.tolist(), strict=True):
        _say(each, log_p, len(read), len(found))


def _json(found: list[Detection], adjusted: list[float], texts: int) -> dict[str, Any]:
    return {
        "texts": texts,
        "null": "The texts were written without knowledge of the key.",
        "correction": "Holm over the keys",
        "keys": [
            {
                **{name: value for name, value in asdict(each).items() if name != "card"},
                "scheme": asdict(each.card),
                "log_p_adjusted": log_p,
                "p_adjusted": float(np.exp(log_p)),
            }
            for each, log_p in zip(found, adjusted, strict=True)
        ],
    }


def _say(each: Detection, log_p: float, texts: int, keys: int) -> None:
    typer.echo(f"{each.card.title}, key {each.key_id}")
    corrected = f" (corrected for {keys} keys)" if keys > 1 else ""
    typer.echo(
        f"  {strength(log_p).capitalize()} of this mark: without it, a total of {each.total:.4g} or more has a chance "
        f"of {chance(log_p)}{corrected}."
    )
    typer.echo(
        f"  {texts} texts, {each.tokens:,} tokens, {each.pairs:,} distinct pairs judged, {each.repeats:,} repeats left "
        f"out. z = {each.z:.2f}; bound exp(-z\N{SUPERSCRIPT TWO}/2) = {chance(each.log_p_bound)}."
    )
    typer.echo(f"  How sure this reads the engine's marks: {each.card.checked}")
    if each.pairs < 100:
        typer.echo("  Fewer than 100 pairs: no finding here says little; even marked text can look unmarked.")


@watermark.command()
def keys(
    master: Annotated[Path, typer.Option("--master", help="File with the master key.")],
    cohort: Annotated[list[str], typer.Option("--cohort", help="Public name of a cohort; may be repeated.")],
    period: PeriodOption = "",
    rotation: Annotated[str, typer.Option("--rotation", help="day, week, month, quarter or year.")] = "month",
    scheme: SchemeOption = "gumbel_vllm",
    width: WidthOption = 4,
    green_share: ShareOption = 0.25,
    layers: LayersOption = 30,
    make: Annotated[bool, typer.Option("--make", help="Make the master key if the file is missing.")] = False,
    write: Annotated[
        Path | None, typer.Option("--write", help="Folder for one file a key, which only you can read; for the engine.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the ids of cohort keys, which are public; with --write put the secret numbers into files for the engine.

    No secret is ever printed. Keys are derived from the master by HKDF, so that nothing but the master must be kept.
    """
    named = period or period_of(dt.datetime.now(dt.UTC).date(), rotation)
    try:
        secret = load_master(master, make)
        made = [cohort_key(secret, each, named) for each in dict.fromkeys(cohort)]
        settings = Settings(width=width, layers=layers, green_share=green_share)
        files = {each.id: str(write_engine_key(write, each, scheme, settings)) if write else None for each in made}
    except (SourceError, ValueError) as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(2) from error
    advice = recommended_width(served_log_is_kept=False)
    with_log = recommended_width(served_log_is_kept=True, suspect_weights_expected=True)
    if as_json:
        held = {
            "period": named,
            "keys": [{"id": each.id, "cohort": each.cohort, "file": files[each.id]} for each in made],
            "width": [asdict(advice), asdict(with_log)],
        }
        typer.echo(orjson.dumps(held, option=orjson.OPT_INDENT_2).decode())
        return
    for each in made:
        typer.echo(f"{each.id}" + (f"  {files[each.id]}" if files[each.id] else ""))
    typer.echo(f"Width {advice.width}: {advice.reason}")
    typer.echo(f"Width {with_log.width}, with a served log: {with_log.reason} But: {with_log.cost}")


@watermark.command()
def schemes(as_json: JsonOption = False) -> None:
    """List the marks that can be read, and how sure it is that they are read right."""
    cards = [maker.card for maker in SCHEMES]
    if as_json:
        typer.echo(orjson.dumps([asdict(card) for card in cards], option=orjson.OPT_INDENT_2).decode())
        return
    table = Table("scheme", "engine", "function", "checked", "law of the total without a mark")
    for card in cards:
        engine = f"{card.engine} {card.engine_version}"
        table.add_row(card.id, engine, card.function_version, escape(card.checked), escape(card.law))
    Console().print(table)
