"""Plans, offers, meetings and accounts of small firms."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

BUSINESS = Topic(
    name="business",
    asks=(
        "{please}draft a {paper} for {own}, a {trade} in {city}. It has to cover {matter}.",
        "We are a {trade} with {n} people. How should we handle {matter} when {pressure}?",
        "Summarise the meeting on {matter} {length}: who does what by {weekday}.",
        "Name the risks in {matter} for a {trade} if {pressure}.",
        "What should a {paper} say to {audience} about {matter}?",
        "Competitors of {own} changed {matter}. Should we follow although {pressure}?",
        "Turn these notes on {matter} into a {paper}.",
        "Set up an agenda of {n} minutes about {matter} with {name} and {name2}.",
        "Price list for a {trade}: three tiers, because {pressure}. Explain {matter} {length}.",
    ),
    follow_ups=(
        "Make the {paper} one page.",
        "What would {audience} object to?",
        "Assume that {pressure}. Redo it.",
        "add a line on {matter}",
        "Who at {own} should own {matter}?",
        "Send it as from {name}.",
    ),
    passages=(
        "{name}: we cannot settle {matter} while {pressure}.",
        "Action for {name}: a {paper} by {weekday}.",
        "{own} spent {n} thousand on {matter} in {month}.",
        "The branch in {city} asks for a decision on {matter}.",
        "Objection by {name}: {pressure}.",
    ),
    slots={
        "paper": words(
            """quotation | staff notice | tender reply | business plan | risk register | job description | memo |
            budget | roadmap | terms sheet | survey | onboarding plan | board paper | price letter"""
        ),
        "matter": words(
            """parental leave | a second shop | late payments | the new till | seasonal staff | energy costs | a
            rival's rebate | stock that nobody counts | a data breach drill | the website | holiday cover | the
            lease | delivery times | training | an exit interview | the loyalty card | customs papers | a works
            council"""
        ),
        "pressure": words(
            """money is tight | two people are leaving | the bank wants figures | the landlord is selling | orders
            have doubled | the law changes in spring | nobody has time | our largest client is late | the
            software is going away | the weather was poor"""
        ),
    },
)
