"""Campaigns at the size of public disclosures. Their habits beyond the disclosed are made up, and say so."""

from __future__ import annotations

from stillwatch.range.campaign import Campaign

_FEBRUARY = "Anthropic, 'Detecting and preventing distillation attacks', 23 February 2026"
_SEPTEMBER = "Anthropic, threat report, September 2026"
_GTIG = "Google Threat Intelligence Group, 12 February 2026"
_AGENTIC = (("tools", 4.0), ("coding", 5.0), ("data", 3.0), ("maths", 1.0))

PRESETS: tuple[Campaign, ...] = (
    Campaign(
        name="anthropic-2026-02-150k",
        source=_FEBRUARY,
        disclosed="More than 150,000 exchanges: synchronised traffic, shared payment, load balancing, elicited "
        "reasoning and rubric grading; one prompt varied over hundreds of accounts.",
        assumed="900 accounts over 24 days. Load balancing: one queue drained at a steady pace.",
        dispatch="paced",
        accounts=900,
        exchanges=150_000,
        days=24,
        elicitation=(("worked reasoning", 2.0), ("rubric grading", 2.0), ("reasoning coercion", 1.0)),
        elicitation_share=0.75,
        instruction_share=0.45,
        accounts_per_card=5.0,
        card_shared=0.6,
        unsteadiness=0.02,
        cover_share=0.3,
    ),
    Campaign(
        name="anthropic-2026-02-3.4m",
        source=_FEBRUARY,
        disclosed="More than 3.4 million exchanges through accounts of several kinds: agentic reasoning, tools, "
        "coding.",
        assumed="600 accounts over 25 days, agent loops of several turns.",
        accounts=600,
        exchanges=3_400_000,
        days=25,
        starts_day=2.0,
        topics=_AGENTIC,
        elicitation=(("worked reasoning", 2.0), ("training-style answers", 1.0), ("reasoning coercion", 0.7)),
        elicitation_share=0.35,
        families=(("harness", 4.0), ("python kit", 4.0), ("node kit", 2.0), ("gateway", 2.0), ("desk app", 1.0)),
        turns_mean=4.0,
        gap_s=14.0,
        plans=(("pro", 4.0), ("api", 6.0)),
        exits_per_account=6,
        passage_share=0.5,
        cover_share=0.12,
        pivot_share=0.35,
    ),
    Campaign(
        name="anthropic-2026-02-13m",
        source=_FEBRUARY,
        disclosed="More than 13 million exchanges; half of the traffic moved to a new release within 24 hours.",
        assumed="2,500 accounts over 28 days, agentic coding.",
        accounts=2_500,
        exchanges=13_000_000,
        days=28,
        starts_day=0.0,
        topics=_AGENTIC,
        elicitation=(("worked reasoning", 1.0), ("training-style answers", 1.0)),
        elicitation_share=0.3,
        turns_mean=5.0,
        gap_s=12.0,
        pivot_share=0.5,
        cover_share=0.1,
    ),
    Campaign(
        name="anthropic-2026-02-proxy",
        source=_FEBRUARY,
        disclosed="One proxy network with more than 20,000 accounts at once, which mixes distillation with the "
        "requests of unrelated customers.",
        assumed="800,000 extraction exchanges over 28 days, and as many of customers.",
        accounts=20_000,
        exchanges=800_000,
        days=28,
        starts_day=0.0,
        cover_share=1.0,
        accounts_per_exit=5.0,
        accounts_per_card=8.0,
        families=(("gateway", 5.0), ("python kit", 3.0), ("browser", 3.0), ("plain http", 2.0), ("desk app", 2.0)),
    ),
    Campaign(
        name="anthropic-2026-09-151m",
        source=_SEPTEMBER,
        disclosed="More than 151 million exchanges in three months, 3 million a day at the peak on more than 3,500 "
        "accounts (857 a day each); a pool of about 5,000 was banned, and traffic failed over. The report "
        "also tells of one fixed prompt injected into every request.",
        assumed="Two waves of bans; the reserve works within half an hour. What fails over as one is one paced queue.",
        dispatch="paced",
        accounts=3_500,
        exchanges=151_000_000,
        days=90,
        starts_day=0.0,
        standby_share=1.45,
        bans=2,
        ban_share=0.72,
        instruction_share=1.0,
        instructions=1,
        unsteadiness=0.02,
        topics=_AGENTIC,
        elicitation_share=0.3,
        turns_mean=3.0,
        cover_share=0.05,
        aged_share=0.2,
    ),
    Campaign(
        name="anthropic-2026-09-300k",
        source=_SEPTEMBER,
        disclosed="About 300,000 exchanges in 10 days over 5,380 accounts, 5.6 a day each. The report names "
        "residential proxies, disposable mail and virtual cards.",
        assumed="Half of an account's traffic is cover that goes on around the ten days.",
        accounts=5_380,
        exchanges=300_000,
        days=10,
        starts_day=8.0,
        mail_disposable=0.16,
        networks=(("broadband", 9.0), ("mobile", 1.5), ("vpn", 2.0)),
        elicitation=(("worked reasoning", 3.0), ("reasoning coercion", 1.5), ("training-style answers", 1.0)),
        elicitation_share=0.45,
        cover_share=0.6,
        signup_bursts=14,
        signup_days=50.0,
        aged_share=0.35,
        families=(("browser", 5.0), ("phone app", 2.0), ("python kit", 3.0), ("desk app", 2.0), ("plain http", 1.5)),
        plans=(("free", 5.0), ("pro", 3.0), ("api", 3.0)),
        turns_mean=1.8,
        reasoning_share=0.35,
        settings_share=0.35,
    ),
    Campaign(
        name="anthropic-2026-09-3.4m",
        source=_SEPTEMBER,
        disclosed="More than 3.4 million exchanges in 17 days over 273 accounts, 733 a day each.",
        assumed="One instruction in half of the prompts; round the clock from the first hour.",
        accounts=273,
        exchanges=3_400_000,
        days=17,
        starts_day=5.0,
        elicitation_share=0.4,
        instruction_share=0.5,
        on_duty_share=0.8,
        turns_mean=2.5,
        cover_share=0.06,
        plans=(("pro", 2.0), ("api", 8.0)),
        exits_per_account=8,
    ),
    Campaign(
        name="anthropic-2026-09-replay",
        source=_SEPTEMBER,
        disclosed="More than 400,000 exchanges in 20 days over more than 1,500 accounts, 13.3 a day each: sessions "
        "of the operator's own users, replayed.",
        assumed="No instruction and no elicitation: only cards, addresses, sign-up and the shared budget speak.",
        accounts=1_500,
        exchanges=400_000,
        days=20,
        starts_day=4.0,
        replay=True,
        elicitation_share=0.0,
        instruction_share=0.0,
        topics=(
            ("coding", 4.0),
            ("writing", 3.0),
            ("tools", 2.0),
            ("business", 2.0),
            ("data", 2.0),
            ("translation", 1.0),
        ),
        turns_mean=3.5,
        gap_s=45.0,
        cover_share=0.05,
        families=(("browser", 4.0), ("python kit", 3.0), ("harness", 3.0), ("gateway", 1.0)),
    ),
    Campaign(
        name="gtig-2026-02-coercion",
        source=_GTIG,
        disclosed="More than 100,000 prompts that coerce the reasoning trace out, with a fixed sentence on the "
        "language of the thinking; many are not in English.",
        assumed="200 accounts over 12 days.",
        accounts=200,
        exchanges=100_000,
        days=12,
        starts_day=6.0,
        topics=(("maths", 3.0), ("chinese", 2.0), ("spanish", 2.0), ("german", 1.0), ("french", 1.0), ("coding", 2.0)),
        elicitation=(("reasoning coercion", 1.0),),
        elicitation_share=0.85,
        phrasings=1,
        instruction_share=0.1,
        cover_share=0.2,
        night_pause_h=5.0,
    ),
)  # The names are the date and the size of the disclosure: no operator is named here.
DEMO: tuple[str, ...] = ("anthropic-2026-02-3.4m", "anthropic-2026-09-300k", "anthropic-2026-02-150k")


def preset(name: str) -> Campaign:
    """Return the campaign of that name.

    Raises:
        ValueError: If there is none; says which there are.
    """
    for campaign in PRESETS:
        if campaign.name == name:
            return campaign
    raise ValueError(f"no campaign is called {name!r}; there are {', '.join(c.name for c in PRESETS)}")
