"""Letters, stories, posts and speeches."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

WRITING = Topic(
    name="writing",
    asks=(
        "{please}write a {tone} {form} about {theme} for {audience}.",
        "Make this {form} more {tone} without making it longer.",
        "{name} at {own} turned {small} years in the job. Draft a {form} that mentions {theme}.",
        "Give me ten titles for a {form} about {theme}, none of them with a pun.",
        "Continue the story: {opening}, and then {twist}.",
        "Write the first page of a novel in which {twist}. Setting: {city} in {month}.",
        "Shorten my {form} for {audience}; keep the part about {theme}.",
        "A poem about {theme} in the voice of {voice}, {n} lines, no rhymes.",
        "I have to tell {audience} that {twist}. Make it {tone}.",
        "What is wrong with this {form}? It is meant to sound {tone} and it doesn't.",
        "Our {trade} {own} needs a {form} on {theme} by {weekday}.",
    ),
    follow_ups=(
        "More {tone}, please.",
        "Shorter, and drop the bit about {theme}.",
        "now as a {form}",
        "What if {twist}?",
        "Replace {name} by {name2} and keep the rest.",
        "The ending feels flat. Could {voice} say it?",
        "Good, do one for {audience} too.",
    ),
    passages=(
        "Dear {name}, thank you for your patience with {theme}.",
        "We met in {city} on a {weekday}, when {twist}.",
        "{opening}. Nobody at {own} had expected it.",
        "As {voice} once told {name}, {theme} is never only that.",
        "I remain, with {tone} regards, {name}.",
    ),
    slots={
        "form": words(
            """cover letter | wedding speech | newsletter | product text | short story | apology | obituary | blog
            post | press note | complaint | invitation | farewell card | job advert | fairy tale | letter to the
            council | song text | toast"""
        ),
        "theme": words(
            """a lost umbrella | moving to the coast | the new opening hours | learning to swim late | a
            neighbour's piano | the last tram | a broken promise | saving an orchard | the first frost | working
            nights | a found photograph | an unpaid bill | a school reunion | the price of bread | a shy dog |
            two sisters | the old lighthouse"""
        ),
        "opening": words(
            """The postman no longer knocked | The lift stopped between floors | Nobody had fed the pigeons | The
            map was of another town | Every clock in the house agreed | A letter came for a dead man | The
            orchestra tuned and did not begin | The river ran the wrong way"""
        ),
        "twist": words(
            """the concert is cancelled | the heir returns | somebody has changed the locks | the bakery wins |
            they miss the ferry | the manager resigns | it was the twin | the letter was never sent | the bridge
            is closed | the prices go up | the dog speaks once | the rent doubles | the captain sleeps"""
        ),
        "voice": words(
            "an old sailor | a tired teacher | a house | a lawyer | the youngest child | a ghost | a taxi driver"
        ),
    },
)
