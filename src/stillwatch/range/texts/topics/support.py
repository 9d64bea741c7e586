"""Customers' messages to a help desk."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

SUPPORT = Topic(
    name="support",
    asks=(
        "Hi, my {product} {problem}. I already {tried}. Order {n}-{n2}.",
        "where is my {product}? it should have come on {weekday}",
        "I was charged {small} times for one {product}, {feeling}.",
        "Can I still change the address of my {product} order to {city}? {feeling_cap}",
        "The {product} that you sent to {name} {problem} since {month}.",
        "How do I {action}? The button is gone.",
        "I would like to {action}, but the page says that it {problem}.",
        "Your {product} {problem}. I {tried} and {tried2}. What now?",
        "does the {product} fit the older model? asking for {name}",
        "Refund please: the {product} {problem} after {small} days.",
        "{feeling_cap} I want to {action} before {weekday}.",
    ),
    follow_ups=(
        "I {tried}, same thing.",
        "It still {problem}.",
        "ok, and how do I {action}?",
        "No, I mean the {product}.",
        "thanks, that worked",
        "The mail never came. I {tried}.",
        "Can I speak to somebody? {feeling_cap}",
        "yes, order {n}-{n2}",
    ),
    passages=(
        "Agent {name}: have you {tried}?",
        "Customer: the {product} {problem}.",
        "Note: wants to {action}, {feeling}.",
        "Earlier ticket {n}: {product}, {city}, closed on {weekday}.",
    ),
    line_break=True,
    slots={
        "product": words(
            """kettle | router | season ticket | headset | rain jacket | desk lamp | e-bike battery | gift card |
            mattress | blender | hotel voucher | printer | baby monitor | tent | watch strap | thermostat |
            subscription box | office chair"""
        ),
        "problem": words(
            """will not switch on | shows a red light | arrived without the lid | smells of plastic | is the wrong
            size | disconnects every evening | was marked as delivered | makes a clicking noise | asks for a
            code | is stuck | has a torn seam | loses its settings | counts double"""
        ),
        "tried": words(
            """restarted it | read the manual | waited a day | called twice | changed the cable | cleared the cache
            | asked a neighbour | sent a photo | tried another socket | checked the spam folder"""
        ),
        "tried2": words("reset it | filled in the form | charged it overnight | wrote to the shop | updated the app"),
        "action": words(
            """cancel my plan | change my name | download the invoice | pause deliveries | move my number | return
            two of three | add a second user | get a new password | redeem a code | delete my account | book a
            technician"""
        ),
        "feeling": words(
            "this is the third time | not urgent | I am quite annoyed | love the shop otherwise | please hurry"
        ),
        "feeling_cap": words("This is urgent. | No rush. | I am disappointed. | It is a present. | I leave tomorrow."),
    },
)
