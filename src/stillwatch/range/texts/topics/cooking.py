"""Cooking, gardens and the household."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

COOKING = Topic(
    name="cooking",
    asks=(
        "What can I cook from {food}, {food2} and a jar of {extra} in {n} minutes?",
        "My {dish} always {fails}. What am I doing wrong?",
        "{please}scale a {dish} for {n} people, one of them {diet}.",
        "Menu for {name}'s birthday: {dish}, something with {food}, nothing {diet}.",
        "Can I replace {food} by {extra} in a {dish}?",
        "How long does {food} keep if {kept}?",
        "Give me a recipe for {dish} as in {city}, {length}.",
        "When should I plant {food} in {city}, and what grows well beside it?",
        "A week of dinners for {small}, {diet}, with {food} twice.",
    ),
    follow_ups=(
        "I have no {food}.",
        "make it {diet}",
        "And if it {fails}?",
        "Can that be {kept}?",
        "Something with {extra} instead?",
        "How would that work for {n} guests?",
    ),
    passages=(
        "{n} g {food}, {n2} ml {extra}, salt.",
        "Fold in the {food} and let it rest for {n} minutes.",
        "{name} adds {extra} at the end.",
        "Bake at {n2} degrees until it no longer {fails}.",
    ),
    line_break=True,
    slots={
        "food": words(
            """leeks | chickpeas | cod | fennel | plums | buckwheat | mushrooms | rabbit | quinces | red lentils |
            aubergines | oats | kale | mackerel | pumpkin | sour cherries | celeriac | duck eggs | rhubarb |
            barley | sweetcorn | figs"""
        ),
        "extra": words(
            "tahini | capers | miso | buttermilk | harissa | mustard | coconut milk | pickled ginger | ghee | dill"
        ),
        "dish": words(
            """sourdough | risotto | custard tart | dumplings | lamb stew | lentil soup | omelette | ramen | flan |
            gnocchi | apple strudel | biryani | paella | moussaka | pancakes | pavlova | fish pie | jollof rice"""
        ),
        "fails": words("collapses | sticks | tastes flat | curdles | burns below | stays wet | splits | turns grey"),
        "diet": words(
            "without gluten | vegan | low in salt | without nuts | halal | without milk | cheap | for children"
        ),
        "kept": words(
            "frozen raw | kept in oil | left out overnight | dried | salted | vacuum packed | kept in the cellar"
        ),
    },
)
