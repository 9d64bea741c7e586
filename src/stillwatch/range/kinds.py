"""The benign kinds: who uses a provider honestly, and how each of them looks like a campaign in some way.

Shares, volumes and habits are invented; no provider publishes them.
"""

from __future__ import annotations

from dataclasses import dataclass

from stillwatch.range.networks import BROADBAND, CAMPUS, CLOUD

Mix = tuple[tuple[str, float], ...]

EVERYDAY: Mix = (
    ("writing", 5),
    ("cooking", 2),
    ("travel", 2),
    ("medicine", 2),
    ("coding", 3),
    ("history", 2),
    ("maths", 2),
    ("science", 2),
    ("translation", 2),
    ("business", 3),
    ("law", 1),
    ("data", 1),
)
TECHNICAL: Mix = (("coding", 7), ("tools", 4), ("data", 2), ("science", 0.5))
CLERICAL: Mix = (("business", 4), ("writing", 3), ("data", 3), ("law", 2), ("translation", 2), ("coding", 1))
PRODUCT: Mix = (*((name, 1.0) for name, _ in EVERYDAY), ("support", 5), ("tools", 1))
SCHOOL: Mix = (("maths", 4), ("science", 3), ("coding", 3), ("history", 3))
TASKS: Mix = (("maths", 3), ("coding", 3), ("science", 2), ("law", 1), ("medicine", 1), ("data", 1), ("history", 1))

PEOPLE: Mix = (("browser", 7), ("phone app", 4))
KITS: Mix = (("python kit", 6), ("node kit", 3), ("plain http", 3), ("gateway", 1.5))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of honest account: a table row that ``benign.py`` turns into accounts."""

    name: str
    resembles: str  # In which way it looks like a campaign.
    share: float  # Of the benign accounts.
    rhythm: str
    exchanges_median: float  # In 28 days, by an account that is there all the time.
    spread: float  # Sigma of the volume's logarithm.
    turns_mean: float
    gap_s: float  # Median pause between turns.
    families: Mix
    topics: Mix
    plans: Mix
    places: tuple[float, float, float, float]  # Home, mobile, site, tunnel.
    group: tuple[int, int] = (1, 1)  # Fewest and most accounts that belong together.
    in_common: frozenset[str] = (
        frozenset()
    )  # card, home, site, mail, organization, signup, instruction, clients, topics, pool
    site_class: int = BROADBAND
    site_width: int = 1
    mail_own: float = 0.05  # Share with a domain of their own; the others use public mail.
    application: float = 0.0  # Share that sends a system prompt of its own.
    style: int = 0  # Of a fixed instruction in the prompt, see texts/instructions.py.
    instruction_share: float = 0.0
    elicitation: tuple[float, float, float, float] = (0.0, 0.03, 0.005, 0.005)  # Mean shares of the four kinds.
    pool_size: int = 0
    pool_share: float = 0.0
    passage_share: float = 0.25
    reasoning: float = 0.2
    settings_share: float = 0.0
    choice_count: int = 1
    output_median: float = 350.0
    events_weekly: float = 0.0
    event_h: float = 0.0
    event_share: float = 0.0
    recent: float = 0.35  # Share opened in the last weeks or during the window.
    visitors: float = 0.15  # Share that is there for a few days only.
    refusal: float = 0.004


FREE: Mix = (("free", 6), ("pro", 3.5), ("api", 0.5))
PRO: Mix = (("free", 1), ("pro", 7), ("api", 2))
API: Mix = (("free", 0.6), ("pro", 0.4), ("api", 9))

KINDS: tuple[Kind, ...] = (
    Kind(
        "chat user", "nothing but volume and topics", 0.322, "leisure", 34, 1.15, 3.4, 75, PEOPLE, EVERYDAY, FREE,
        (0.68, 0.26, 0.03, 0.03), visitors=0.3, recent=0.4, elicitation=(0.001, 0.06, 0.01, 0.005),
    ),
    Kind(
        "household", "several accounts on one card and one router", 0.07, "leisure", 40, 1.0, 3.2, 80, PEOPLE, EVERYDAY,
        (("free", 1), ("pro", 5), ("api", 0.2)), (0.78, 0.2, 0.0, 0.02), group=(2, 4),
        in_common=frozenset({"card", "home"}),
    ),
    Kind(
        "traveller behind a tunnel", "exits that strangers share, one address in many countries", 0.05, "leisure", 36,
        1.1, 3.3, 80, PEOPLE, EVERYDAY, PRO, (0.15, 0.15, 0.0, 0.7), recent=0.4,
    ),
    Kind(
        "coding user", "high volume, harness strings, agent loops", 0.13, "developer", 165, 1.1, 6.5, 28,
        (("harness", 7), ("editor", 4), ("browser", 1)), TECHNICAL, PRO, (0.7, 0.05, 0.2, 0.05), passage_share=0.45,
        reasoning=0.5, output_median=420, recent=0.4, settings_share=0.1, site_width=2, mail_own=0.2, refusal=0.012,
    ),
    Kind(
        "production app", "one template, one client, the rhythm of a crowd", 0.075, "public", 175, 1.4, 1.7, 60, KITS,
        PRODUCT, API, (0.0, 0.0, 1.0, 0.0), site_class=CLOUD, site_width=4, mail_own=0.6, application=0.9,
        settings_share=0.75, reasoning=0.15, style=1, instruction_share=0.06, elicitation=(0.0, 0.05, 0.02, 0.02),
    ),
    Kind(
        "hobby key", "single calls from a script with default settings", 0.06, "leisure", 40, 1.2, 1.3, 30, KITS,
        EVERYDAY, API, (0.7, 0.05, 0.2, 0.05), site_class=CLOUD, application=0.45, settings_share=0.5, reasoning=0.3,
        style=3, instruction_share=0.25, recent=0.55, visitors=0.35, elicitation=(0.003, 0.12, 0.04, 0.06),
        passage_share=0.35,
    ),
    Kind(
        "nightly batch", "one instruction, no conversation, full speed at night", 0.035, "night", 280, 1.0, 1.0, 2,
        KITS,
        CLERICAL, API, (0.0, 0.0, 1.0, 0.0), site_class=CLOUD, site_width=2, mail_own=0.6, application=0.3,
        settings_share=0.8, style=2, instruction_share=0.95, passage_share=0.95, reasoning=0.08, output_median=120,
        elicitation=(0.0, 0.01, 0.06, 0.03), refusal=0.02,
    ),
    Kind(
        "own key in an app", "strangers with the same client and system prompt", 0.06, "leisure", 70, 1.2, 3.6, 60,
        (("desk app", 8), ("browser", 0.5)), EVERYDAY, API, (0.7, 0.15, 0.05, 0.1), settings_share=0.6, reasoning=0.35,
        recent=0.45, visitors=0.2,
    ),
    Kind(
        "office", "dozens of accounts on one network with one mail domain", 0.06, "office", 60, 1.0, 3.0, 90,
        (("browser", 8), ("phone app", 1), ("harness", 1)), CLERICAL, (("pro", 8), ("api", 1)), (0.15, 0.05, 0.8, 0.0),
        group=(10, 45), in_common=frozenset({"card", "site", "mail", "organization"}), site_width=3, passage_share=0.4,
        recent=0.3, visitors=0.08,
    ),
    Kind(
        "course", "one address, the same exercises in the same hour, opened on one day", 0.04, "student", 30, 0.6,
        2.6, 60,
        PEOPLE, SCHOOL, (("free", 8), ("pro", 1)), (0.5, 0.1, 0.4, 0.0), group=(25, 80),
        in_common=frozenset({"site", "mail", "signup", "pool", "topics"}), site_class=CAMPUS, site_width=2, pool_size=9,
        pool_share=0.75, events_weekly=2, event_h=1.2, event_share=0.55, elicitation=(0.003, 0.25, 0.03, 0.0),
    ),
    Kind(
        "agency", "one card for dozens of projects", 0.02, "office", 150, 1.2, 1.8, 40, KITS, PRODUCT, API,
        (0.0, 0.0, 1.0, 0.0), group=(8, 40), in_common=frozenset({"card", "mail", "site"}), site_class=CLOUD,
        site_width=6,
        application=0.95, settings_share=0.7, recent=0.45,
    ),
    Kind(
        "hackathon", "a hundred accounts opened in one morning in one hall, on credit", 0.02, "developer", 45, 0.8,
        3.0, 40,
        (("python kit", 5), ("node kit", 3), ("harness", 3), ("browser", 2)), TECHNICAL, (("api", 9), ("pro", 1)),
        (0.2, 0.15, 0.65, 0.0), group=(60, 120), in_common=frozenset({"site", "signup", "credit"}), site_class=CAMPUS,
        site_width=2, application=0.5, settings_share=0.4, events_weekly=0.25, event_h=30, event_share=0.8, recent=1.0,
        elicitation=(0.004, 0.08, 0.03, 0.03),
    ),
    Kind(
        "fleet of agents", "round the clock, one template, one card", 0.012, "machine", 700, 0.5, 5.0, 12,
        (("python kit", 5), ("harness", 3)), (("tools", 6), ("data", 2), ("coding", 3)), API, (0.0, 0.0, 1.0, 0.0),
        group=(10, 30),
        in_common=frozenset({"card", "site", "mail", "organization", "signup", "instruction", "clients", "topics"}),
        site_class=CLOUD, site_width=5, application=1.0, settings_share=0.9, reasoning=0.7, style=3,
        instruction_share=0.5,
        passage_share=0.6, refusal=0.02,
    ),
    Kind(
        "researcher", "public test sets with worked reasoning, again and again", 0.02, "developer", 170, 1.2, 1.0, 4,
        KITS, SCHOOL, API, (0.3, 0.0, 0.6, 0.1), in_common=frozenset({"pool"}), group=(20, 40), site_class=CAMPUS,
        site_width=8,
        pool_size=2500, pool_share=0.85, style=3, instruction_share=0.4, settings_share=0.9, choice_count=4,
        reasoning=0.6,
        elicitation=(0.01, 0.55, 0.08, 0.03), recent=0.5, visitors=0.3, refusal=0.015,
    ),
    Kind(
        "quality team", "grades answers by rubric and writes training-style examples", 0.02, "office", 150, 1.2, 1.1, 5,
        KITS, TASKS, API, (0.1, 0.0, 0.85, 0.05), site_class=CLOUD, site_width=3, application=0.5, style=3,
        mail_own=0.5,
        instruction_share=0.6, settings_share=0.85, choice_count=2, reasoning=0.55, passage_share=0.6,
        elicitation=(0.01, 0.12, 0.45, 0.2), recent=0.45,
    ),
    Kind(
        "reseller", "a crowd of strangers behind one account", 0.006, "public", 1700, 0.7, 2.6, 70,
        (("gateway", 8), ("plain http", 2)), PRODUCT, API, (0.0, 0.0, 1.0, 0.0), site_class=CLOUD, site_width=6,
        mail_own=0.8,
        application=0.3, settings_share=0.4, reasoning=0.3, recent=0.5, elicitation=(0.01, 0.1, 0.03, 0.04),
        refusal=0.02,
    ),
)  # fmt: skip
KIND = {kind.name: number for number, kind in enumerate(KINDS)}
