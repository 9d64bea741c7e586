"""Translations between languages."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

TRANSLATION = Topic(
    name="translation",
    asks=(
        "Translate into {tongue}: {sentence}",
        "{please}put this {document} into {tongue}, {register}: {sentence}",
        'How would one say "{sentence}" in {tongue} to {audience}?',
        "Check my {tongue} translation of this {document} for {own}. The source says: {sentence}",
        'Is there a {tongue} word for {notion}, as in "{sentence}"?',
        "Render the {document} from {tongue} to {tongue2}, {register}, and keep the names of {own} as they are.",
        "Subtitle, at most {n} characters, {tongue}: {sentence}",
    ),
    follow_ups=(
        "And in {tongue}?",
        "Make it {register}.",
        "next line: {sentence}",
        "Why not the word for {notion}?",
        "The {document} goes on: {sentence}",
    ),
    passages=(
        "{sentence}",
        "{name} wrote to {own}: {sentence}",
        "{sentence} That was in {city}, in {month}.",
        "Section {n}. {sentence}",
    ),
    slots={
        "tongue": words(
            """Italian | Dutch | Polish | Turkish | Korean | Japanese | Arabic | Vietnamese | Swedish | Czech |
            Hindi | Greek | Finnish | Ukrainian | Catalan | Indonesian"""
        ),
        "tongue2": words("English | Spanish | French | German | Portuguese"),
        "document": words(
            "lease | menu | user manual | school letter | recipe | contract | film script | leaflet | invoice"
        ),
        "register": words("formal | casual | for children | as a native speaker would | word for word | for print"),
        "notion": words("homesickness | a favour | small talk | leftovers | second-hand | stubborn | overdue | cosy"),
        "sentence": words(
            """The ferry leaves from the old pier. | We regret that your parcel was damaged. | Keep the lid closed
            while it cools. | My aunt has the spare key. | Payment is due within two weeks. | Nobody told the
            night porter. | Please hand in the form by noon. | The bridge is too low for lorries. | He laughed,
            and then he saw the bill. | Press the green button twice. | The goods remain ours until they are
            paid. | Her train was late again. | Do not store above forty degrees. | It smells of snow. | The
            choir meets in the chapel on odd weeks. | You may cancel until the evening before. | The walls were
            thin and the neighbours kind. | Ask at the desk for a towel. | The minutes of the last meeting were
            approved. | That is not what I meant at all. | She sold the boat in spring. | Children travel free
            with an adult. | The lamp flickers when the lift moves. | Wash with like colours."""
        ),
    },
)
