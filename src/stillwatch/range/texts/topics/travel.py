"""Journeys, stays and timetables."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

TRAVEL = Topic(
    name="travel",
    asks=(
        "Plan {n} days around {city} in {month} for {party}; we like {interest}.",
        "From {city} to {city2} by {means}: how long, and where to break the trip for {interest}?",
        "{please}pack a list for {party} going to {city} in {month} by {means}.",
        "Is {city} worth it for {interest} if {snag}?",
        "We land in {city} at night and {snag}. What would you do?",
        "A rainy {weekday} in {city} with {party}: ideas?",
        "What does {party} need to know about {means} in {city}?",
        "Compare {city} and {city2} for {interest}, {length}.",
        "Write to the hotel in {city}: {snag}, and {party} would still like the room.",
    ),
    follow_ups=(
        "And by {means}?",
        "What if {snag}?",
        "too much walking, more {interest}",
        "Where would we stay in {city}?",
        "Swap {weekday} and {weekday2}.",
        "Could {party} do that in {month}?",
    ),
    passages=(
        "{weekday}: {city}, {interest}, night at {own}.",
        "{name} cannot do stairs, and {snag}.",
        "{means} {n} leaves {city} at {n2} past.",
        "Booked for {party}: {small} nights in {city2}.",
    ),
    line_break=True,
    slots={
        "city2": words(
            "Trieste | Salta | Luleå | Kobe | Fez | Hobart | Galway | Oaxaca | Bari | Gdańsk | Jaipur | Huế"
        ),
        "party": words(
            """a couple with a baby | three students | my parents | a school class | one person on a budget | six
            cyclists"""
        ),
        "interest": words(
            """old railways | quiet beaches | street food | modern buildings | bird reserves | markets | swimming |
            mosaics | jazz | hill walks | ceramics | football grounds | botanical gardens | crime novels"""
        ),
        "means": words("night train | ferry | bus | bicycle | rental car | slow trains | share taxi | on foot"),
        "snag": words(
            """the last bus is gone | it rains all week | there is a strike | one of us uses a wheelchair | the
            museum is closed | the passport runs out | prices double for the fair | the dog comes along | the
            bridge is shut"""
        ),
    },
)
