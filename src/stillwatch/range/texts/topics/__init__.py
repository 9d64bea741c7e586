"""What accounts write about: one topic a file, registered in ``TOPICS``."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic
from stillwatch.range.texts.topics.business import BUSINESS
from stillwatch.range.texts.topics.chinese import CHINESE
from stillwatch.range.texts.topics.coding import CODING
from stillwatch.range.texts.topics.cooking import COOKING
from stillwatch.range.texts.topics.data import DATA
from stillwatch.range.texts.topics.french import FRENCH
from stillwatch.range.texts.topics.german import GERMAN
from stillwatch.range.texts.topics.history import HISTORY
from stillwatch.range.texts.topics.law import LAW
from stillwatch.range.texts.topics.maths import MATHS
from stillwatch.range.texts.topics.medicine import MEDICINE
from stillwatch.range.texts.topics.portuguese import PORTUGUESE
from stillwatch.range.texts.topics.science import SCIENCE
from stillwatch.range.texts.topics.spanish import SPANISH
from stillwatch.range.texts.topics.support import SUPPORT
from stillwatch.range.texts.topics.tools import TOOLS
from stillwatch.range.texts.topics.translation import TRANSLATION
from stillwatch.range.texts.topics.travel import TRAVEL
from stillwatch.range.texts.topics.writing import WRITING

TOPICS: tuple[Topic, ...] = (
    CODING,
    TOOLS,
    DATA,
    MATHS,
    SCIENCE,
    WRITING,
    TRANSLATION,
    SUPPORT,
    BUSINESS,
    MEDICINE,
    LAW,
    COOKING,
    TRAVEL,
    HISTORY,
    SPANISH,
    FRENCH,
    GERMAN,
    PORTUGUESE,
    CHINESE,
)
TOPIC = {topic.name: number for number, topic in enumerate(TOPICS)}
