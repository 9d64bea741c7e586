"""Fixed texts that stand around what varies: system prompts of applications and instructions of batch jobs.

An instruction is a function of its style and a 64-bit key: one application has one key, a campaign a few.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stillwatch.range.draws import chosen
from stillwatch.range.texts.grammar import Topic, composed, restored, words
from stillwatch.range.texts.vocabulary import OWN_NAMES

_SLOTS = {
    "role": words(
        """patient teacher | careful analyst | senior engineer | friendly clerk | strict editor | curious
        researcher | seasoned reviewer | precise translator | helpful librarian | domain expert | planner |
        proofreader"""
    ),
    "manner": words(
        """Answer in the language of the user. | Never invent a source. | Keep to at most {n} sentences. | Use
        plain words. | Say so when you do not know. | Do not mention these rules. | Quote figures with their
        units. | Avoid lists. | Begin with the result. | Ask back when something is unclear. | Be exact rather
        than long. | Use headings.""".replace("{n}", "six")
    ),
    "output": words(
        """Return JSON only. | Return one line per item. | Reply with the label alone. | Return a Markdown table. |
        Write plain text without markup. | Close with a one-line summary. | Return the keys result and
        confidence."""
    ),
    "item": words(
        """review | ticket | abstract | product title | voicemail | clause | tweet | incident | résumé | receipt |
        address | lesson | survey reply | meter reading | headline"""
    ),
    "labels": words(
        """urgent, normal or spam | positive, mixed or negative | one of twelve topics | keep, merge or drop |
        public, internal or secret | the responsible team | its country and its language | a risk from 1 to 5"""
    ),
    "domain": words(
        """logistics | school maths | tenancy | small-claims law | recipes | tourism | bookkeeping | nursing | game
        design | energy advice | job search | gardening | insurance claims | local news | museum tours | car
        repair"""
    ),
}

APPLICATION, BATCH, TASK = 1, 2, 3
STYLES: dict[int, Topic] = {
    APPLICATION: Topic(
        "application",
        asks=(
            "You are the assistant of {own}, a service for {domain}. Speak as a {role}. {manner} {manner2}",
            "{own} helps people with {domain}. You are its {role}. {manner} {manner2} {output}",
            "Act as a {role} for users of {own}. Topics other than {domain} are declined politely. {manner}",
            "System: {own} v{n}. Role: {role}. Field: {domain}. {manner} {output}",
            "You answer questions on {domain} for a {trade} called {own}. {manner} {manner2}",
        ),
        follow_ups=(),
        slots=_SLOTS,
    ),
    BATCH: Topic(
        "batch",
        asks=(
            "Classify the following {item} from {own} as {labels}. {output}",
            "Extract every date, amount and name from this {item} of {own}. {output} {manner}",
            "Summarise the {item} below for the {domain} desk of {own}. {manner} {output}",
            "Rewrite this {item} for {own}. {manner} {manner2}",
            "Decide for {own} whether the {item} is about {domain}. {manner} {output}",
        ),
        follow_ups=(),
        slots=_SLOTS,
    ),
    TASK: Topic(
        "task",
        asks=(
            "You are a {role} in {domain}. Read the task and complete it. {manner} {output}",
            "Below is a task. Solve it as a {role} would. {manner} {manner2}",
            "As a {role}, respond to the request of a user. {manner} {output}",
            "Task {own}: handle the next item like a {role} of {domain}. {manner}",
            "Follow the instruction to the letter. You work as a {role}. {manner} {manner2} {output}",
        ),
        follow_ups=(),
        slots=_SLOTS,
    ),
}

# Systems 1 to len(FIXED_SYSTEMS): what programs that many strangers use send in front of everything; 0 is none.
FIXED_SYSTEMS: tuple[str, ...] = (
    "You are Harrier, an assistant made to be useful and honest. Each message shows you today's date. Use the "
    "language of the person, admit doubt, and keep answers as long as the question needs.",
    "You are Harrier on a phone. Prefer short paragraphs; people read you on a small screen. Offer to go on instead of "
    "writing everything at once.",
    "You are Pairwright, a programmer in a terminal. You may read files, edit them and run commands after asking. "
    "Make the smallest change that does the job, run the tests, and report what you did in three lines.",
    "You are Pairwright inside an editor. Change only the selected code unless asked otherwise. Keep the file's style "
    "and never remove a comment that you do not understand.",
    "Lanternpad completes and edits code. Return only the code that replaces the selection, without a fence.",
    "You are a chat partner in Chatterdock. The person has chosen the model and pays for it with a key of their own.",
    "ManyMinds sends one question to several models. Answer it on your own; do not refer to the others.",
)
WEB, PHONE, TERMINAL, EDITOR_AGENT, EDITOR, CHATTERDOCK, MANYMINDS = range(1, 8)


def own_names(keys: NDArray[np.uint64], salt: int) -> NDArray[np.int64]:
    """Return for each key one of the names that belong to it, as an index into ``OWN_NAMES``."""
    return chosen(keys, 951 + salt, len(OWN_NAMES))


def instructions(style: NDArray[np.int64], keys: NDArray[np.uint64]) -> Any:
    """Return the instruction of each (style, key) as an Arrow array of large strings; null where the style is 0."""
    pairs = np.stack([style.astype(np.uint64), keys], axis=1)
    distinct, place = np.unique(pairs, axis=0, return_inverse=True)
    parts: list[Any] = []
    rows: list[NDArray[np.int64]] = []
    for number in np.unique(distinct[:, 0]).tolist():
        where = np.flatnonzero(distinct[:, 0] == number)
        key = distinct[where, 1]
        rows.append(where)
        if number == 0:
            parts.append(pa.nulls(len(where), pa.large_string()))
        else:
            grammar = STYLES[int(number)]
            parts.append(composed(grammar.asks, grammar.slots, key, own_names(key, 0)))
    if not parts:
        return pa.array([], pa.large_string())
    return restored(parts, np.concatenate(rows)).take(pa.array(place.ravel()))


def systems(codes: NDArray[np.uint64]) -> Any:
    """Return system prompts: null for 0, a fixed one for 1 to 7, else an application's with the code as its key."""
    known = codes <= len(FIXED_SYSTEMS)
    made = instructions(np.where(known, 0, APPLICATION), np.where(known, np.uint64(0), codes))
    fixed = pa.array((None, *FIXED_SYSTEMS), pa.large_string()).take(
        pa.array(np.where(known, codes, 0).astype(np.int64))
    )
    return pa.compute.if_else(pa.array(known), fixed, made)
