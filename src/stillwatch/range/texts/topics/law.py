"""Law as tenants, traders and clerks meet it. Nothing here is advice."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

LAW = Topic(
    name="law",
    asks=(
        "My {party} {act}. May they do that if {fact}?",
        "{please}draft a clause on {subject} for a contract between {own} and a {party}.",
        "Summarise this {instrument} {length}. Pay heed to {subject}.",
        "What are the arguments for a {party} who {act}, given that {fact}?",
        "Is a {instrument} valid in {city} when {fact}?",
        "Write a {tone} letter to the {party} that {act}; set a deadline of {n} days.",
        "Compare the rules on {subject} in two countries, {length}.",
        "Which court hears a dispute over {subject} if {fact}?",
        "Mark what is unusual about {subject} in the {instrument} below.",
    ),
    follow_ups=(
        "What if {fact}?",
        "And the {party}?",
        "put {subject} into a clause",
        "How long does one have, if {fact}?",
        "Cite the principle, not the paragraph.",
        "Does the {instrument} change that?",
    ),
    passages=(
        "{n}. The {party} shall bear the cost of {subject} unless {fact}.",
        "{n}. This {instrument} ends {n2} days after notice by {own}.",
        "{n}. Where the {party} {act}, the other side may withdraw.",
        "Signed in {city}, {month}, by {name} and {name2}.",
    ),
    line_break=True,
    slots={
        "party": words(
            """landlord | neighbour | former employer | supplier | insurer | buyer | ferry company | subcontractor
            | tenant | dealer | bank | co-owner | charity | printer | event agency"""
        ),
        "act": words(
            """keeps the deposit | changed the locks | delivered half | photographs the garden | will not sign |
            raised the fee | lost the file | sold the claim | works at night | denies the warranty | recorded
            the call | left early"""
        ),
        "fact": words(
            """nothing was written down | the price was a mistake | both sides knew | the notice came late | a
            minor signed | the goods were used | the office was closed | one copy is missing | it was a gift |
            the firm has moved"""
        ),
        "subject": words(
            """noise | late delivery | data protection | overtime | shared walls | returns | the use of photographs
            | secrecy | repairs | inheritance | a right of way | penalties | liability for guests | force
            majeure"""
        ),
        "instrument": words(
            "lease | will | power of attorney | licence | loan | partnership agreement | settlement | by-law"
        ),
    },
)
