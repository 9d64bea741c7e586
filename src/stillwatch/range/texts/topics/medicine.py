"""Health: questions of patients, students and clerks. Nothing here is advice."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

MEDICINE = Topic(
    name="medicine",
    asks=(
        "A {patient} has had {symptom} for {n} days and {context}. What are the likely causes?",
        "{please}explain {finding} in a blood test to {audience}.",
        "My {relative} {context} and now has {symptom}. When should we see a doctor?",
        "Write a discharge letter for a {patient} treated for {illness}; {context}.",
        "Which questions does one ask a {patient} with {symptom}?",
        "Compare two ways of treating {illness} in a {patient}, {length}.",
        "Exam: {patient}, {symptom}, {finding}. Most likely diagnosis and next step?",
        "What does the evidence say on {habit} against {illness}?",
        "Is {habit} safe for a {patient} who {context}?",
    ),
    follow_ups=(
        "And if there is {symptom} too?",
        "What about {habit}?",
        "my {relative} also {context}",
        "Which test comes first, given {finding}?",
        "How would that differ for a {patient}?",
        "Say it {length}.",
    ),
    passages=(
        "{weekday}: {symptom} since morning, {finding}.",
        "The {patient} reports {symptom} and {context}.",
        "History of {illness}, last seen in {city} in {month}.",
        "Plan: {habit}, control in {n} days. Signed, {name}.",
    ),
    slots={
        "patient": words(
            """retired gardener | toddler | pregnant teacher | marathon runner | lorry driver | nurse on nights |
            student | diver | farmer | woman of seventy | boy of nine | violinist | cook with a burn | office
            worker"""
        ),
        "symptom": words(
            """a dry cough | numb fingers | a stiff neck | night sweats | a ringing ear | swollen ankles | a rash
            on the shins | heartburn | blurred sight | a racing heart | pain behind the knee | loss of smell |
            hiccups | a hoarse voice"""
        ),
        "illness": words(
            """migraine | asthma | gout | shingles | anaemia | hay fever | a frozen shoulder | type 2 diabetes |
            tennis elbow | high blood pressure | sleep apnoea | eczema"""
        ),
        "finding": words(
            "low ferritin | a raised CRP | a normal ECG | high calcium | a weak reflex | low sodium | a murmur"
        ),
        "context": words(
            """takes a blood thinner | has just flown home | sleeps badly | lives at altitude | stopped smoking |
            keeps pigeons | is allergic to penicillin | works with solvents | fasts by day | had the flu in
            spring"""
        ),
        "relative": words("father | niece | husband | grandmother | twin sister | son"),
        "habit": words(
            "cold showers | magnesium | walking after meals | a low-salt diet | eye drops | bed rest | stretching"
        ),
    },
)
