"""Words that every topic may use, and the made-up names that accounts call their own."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_HEADS = _list(
    "Tarn Brack Ollo Vesp Quill Marr Dun Fenn Halv Ister Jov Kest Lunn Morr Nax Orr Pell Rusk Salt Thorn Ulv Wick "
    "Yarr Zeph Alder Bram Corv Dray Ember Finch Grav Holl Ivo Juno Kelp Lark Moth Nim Opal Pyre Rook Sorrel Tansy Umber"
)
_MIDDLES = _list("a e i o u en ar il on is el am or ev ur")
_TAILS = _list(
    "wick ford lane dale grid desk flow works base port point stack mark wood field stone loom leaf nest path track "
    "line shore bridge gate hill hub kit lab mill pad pool shed spin tide trail vale ward well yard"
)
OWN_NAMES: tuple[str, ...] = tuple(f"{head}{middle}{tail}" for head, middle, tail in product(_HEADS, _MIDDLES, _TAILS))

VOCABULARY: Mapping[str, tuple[str, ...]] = {
    "name": _list(
        "Amara Bruno Chitra Dmitri Elena Farid Greta Hiro Ines Jonas Kavya Lars Mei Nadia Otto Priya Quentin Rosa Sven "
        "Tomás Uma Viktor Wanda Xavier Yusuf Zofia Adaeze Bilal Carmen Dinh Esther Femi Gwen Hassan Ivana Jamal Keiko "
        "Luca Magda Nuno Olga Pavel Rania Stefan Thandi Ursula Vikram Wen Ximena Yara"
    ),
    "city": _list(
        "Porto Lyon Osaka Pune Leeds Kraków Recife Utrecht Busan Tainan Malmö Bern Izmir Lagos Perth Hanoi Surabaya "
        "Valencia Hamburg Toronto Denver Rosario Puebla Cork Ghent Turin Graz Brno Tartu Vilnius Split Cluj Nantes "
        "Bilbao Aarhus Bergen Tampere Chennai Sapporo Daegu Cebu Penang Accra Nairobi Rabat Tunis Amman Muscat Quito"
    ),
    "month": _list("January February March April May June July August September October November December"),
    "weekday": _list("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "small": _list("two three four five six seven eight nine ten twelve"),
    "n": tuple(str(n) for n in (*range(2, 40), 48, 60, 64, 72, 90, 120, 150, 200, 256, 365, 500, 512, 750, 1024, 4096)),
    "please": ("Please ", "Could you ", "Can you ", "I'd like you to ", "Help me: ", "", "", "", "Now "),
    "length": (
        "in one paragraph",
        "in three sentences",
        "as a short list",
        "in plain words",
        "with an example",
        "as a table",
        "in about a page",
        "briefly",
        "in some depth",
        "without jargon",
    ),
    "audience": (
        "a colleague who is new to this",
        "a twelve-year-old",
        "my manager",
        "a sceptical reader",
        "somebody in a hurry",
        "the whole team",
        "a customer",
        "people without the background",
        "a committee",
        "my parents",
        "first-year students",
        "an auditor",
    ),
    "tone": _list(
        "friendly formal dry warm cheerful neutral apologetic firm playful calm modest confident polite blunt"
    ),
    "trade": (
        "bicycle repair shop",
        "dental practice",
        "small bakery",
        "shipping agency",
        "language school",
        "tenants' association",
        "solar installer",
        "community theatre",
        "plant nursery",
        "bookkeeping firm",
        "climbing gym",
        "food bank",
        "veterinary clinic",
        "print shop",
        "boat charter",
        "physiotherapy practice",
        "museum café",
        "regional newspaper",
        "driving school",
        "joinery",
        "wine importer",
        "software consultancy",
        "chess club",
        "second-hand bookshop",
    ),
}
