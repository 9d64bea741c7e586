"""Physics, chemistry, biology and engineering."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

SCIENCE = Topic(
    name="science",
    asks=(
        "Why does {phenomenon} {change} when {factor}?",
        "{please}explain {phenomenon} for {audience} {length}.",
        "Estimate how much {resource} it takes to {feat}.",
        "Design an experiment that tells whether {factor} affects {phenomenon}.",
        "A {device} weighs {n} kg and runs for {n2} minutes. How much {resource} does it need if {factor}?",
        "What is the evidence that {factor} matters for {phenomenon}, and how good is it?",
        "Compare two explanations of {phenomenon}. Which fits better when {factor}?",
        "Our {device} in {city} shows that {phenomenon} {change}. Could it be because {factor}?",
        "Which units would you use for {phenomenon}, and why not {resource}?",
        "Is it possible to {feat} with a {device}?",
    ),
    follow_ups=(
        "What if {factor}?",
        "Does the same hold for {phenomenon}?",
        "where does the {resource} go then",
        "And roughly in numbers, for a {device}?",
        "I read that {factor}. Does that change your answer?",
        "How would one measure that with a {device}?",
    ),
    passages=(
        "In our notes, {phenomenon} is said to {change} because {factor}.",
        "The {device} was read every {n} minutes in {month}.",
        "{name} found {n} mg more {resource} after {factor}.",
        "The control group had the same {device} but no change in {resource}.",
    ),
    slots={
        "phenomenon": words(
            """the tide in a narrow bay | fog over a river | rust on a hinge | the colour of leaves | a soap film |
            birdsong at dawn | the pitch of a kettle | static on wool | frost on a windscreen | yeast in dough |
            the flicker of a star | a battery's voltage | the smell of rain | an echo in a valley | muscle
            cramps | the growth of moss | lightning"""
        ),
        "change": words(
            "get stronger | fade | come earlier | turn blue | oscillate | stop altogether | become louder | split"
        ),
        "factor": words(
            """the air is dry | the pressure falls | it is shaken | the temperature doubles | light comes from
            below | salt is added | the sample is old | the wind turns | the current is reversed | there is no
            oxygen | the surface is rough | the dose is halved | it is done at altitude"""
        ),
        "resource": words("heat | water | charge | fuel | oxygen | nitrogen | light | sugar | pressure | torque"),
        "feat": words(
            """lift a tram | boil a lake | cool a greenhouse | light a stadium for an hour | grow a tonne of wheat
            | send a sailing boat across an ocean | melt a ship's bell | charge a ferry | keep a hive through
            winter"""
        ),
        "device": words(
            "pump | drone | kiln | telescope | centrifuge | heat pump | bicycle dynamo | weather balloon | turbine"
        ),
    },
)
