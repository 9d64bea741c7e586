"""History, politics and other school subjects."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

HISTORY = Topic(
    name="history",
    asks=(
        "Which of these best explains {event}: {cause}, {cause2}, both, or neither? Choose one.",
        "{please}write an essay outline on {event} with {cause} as its thread.",
        "How did {event} change life for {people}?",
        "Was {cause} more important than {cause2} for {event}? Argue one side for {audience}.",
        "Make flash cards on {event}: {n} questions, {people} at the centre.",
        "What do we know about {people} at the time of {event}, and from which sources?",
        "Multiple choice: after {event}, {people} mostly (A) moved away (B) gained rights (C) paid more (D) stayed.",
        "Compare {event} with {event2}, {length}.",
    ),
    follow_ups=(
        "And for {people}?",
        "What if {cause} had not been there?",
        "Is that view disputed?",
        "one more about {event}",
        "Which source says so about {people}?",
    ),
    passages=(
        "The textbook says that {event} began with {cause}.",
        "A chronicler of {city} blames {cause2}.",
        "By {month}, {people} had begun to leave.",
    ),
    slots={
        "event": words(
            """the Hanseatic decline | the spread of print | the great famine | the opening of the canal | the
            abolition of serfdom | the first census | the mutiny of the fleet | the cholera years | the arrival
            of rail | the salt tax revolt | the partition | the gold rush | the women's strike | the fall of the
            port"""
        ),
        "event2": words(
            "the coffee house years | the enclosure of commons | the coal boom | the treaty of the river | the plague"
        ),
        "cause": words(
            "bad harvests | cheap paper | a weak crown | new ships | debt | drought | a contested heir | tariffs"
        ),
        "cause2": words("religion | migration | silver | disease | guild rules | foreign war | rumours | machines"),
        "people": words(
            "weavers | sailors | monks | tenant farmers | miners | widows | merchants | apprentices | exiles"
        ),
    },
)
