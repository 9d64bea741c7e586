"""Tables, queries and figures."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

DATA = Topic(
    name="data",
    asks=(
        "{please}write a query that gives {measure} by {group} for {period}, but leaves out {exception}.",
        "In the {own} data, {measure} jumped in {month}. Which cuts would show whether {reason}?",
        "Here are figures of {measure} by {group}. Summarise them {length}.",
        "How do I test whether {measure} differs between {group} when {reason}?",
        "Make a chart of {measure} over {period}: which kind suits {audience}?",
        "I have {n} rows of {measure} with gaps in {month}. Should I fill them if {reason}?",
        "Spreadsheet formula: {measure} by {group} for {period}, blank where there is none.",
        "Name the checks you would run before {audience} sees {measure} of {own}.",
        "Build a model of {measure} from {group} and the weather in {city}; say what you would leave out.",
    ),
    follow_ups=(
        "Now the same by {group}.",
        "Leave out {exception} and try again.",
        "Is that still true if {reason}?",
        "turn it into a view for {own}",
        "How sure are you about {month}?",
        "What would {audience} ask next about {measure}?",
    ),
    passages=(
        "{month}, {city}, {n}, {n2}",
        "{group}; {measure}; {n}",
        "{weekday}\t{n}\t{city}\t{name}",
        "total {measure}: {n} (of which {n2} from {city})",
        "note by {name}: {reason}, so {month} is too low",
    ),
    line_break=True,
    slots={
        "measure": words(
            """late deliveries | returned goods | active members | kilowatt hours | no-shows | revenue a seat |
            waiting time | sick days | open invoices | page views | litres sold | complaints | churn | overtime
            | repeat orders | bed nights"""
        ),
        "group": words(
            """branch | driver | age band | tariff | supplier | ward | season ticket | product line | postcode area
            | crew | campaign | device | weekday and hour | contract year | language"""
        ),
        "period": words(
            "the last quarter | each week of the year | the holidays | two winters | the pilot | the school year"
        ),
        "exception": words(
            "test accounts | cancelled orders | staff | transfers | the first week | duplicates | refunds"
        ),
        "reason": words(
            """the meters were replaced | prices went up | two branches merged | the survey changed | half the
            values are zero | the sample is small | a holiday moved | one supplier left | the clocks changed |
            people report twice"""
        ),
    },
)
