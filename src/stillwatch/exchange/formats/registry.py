"""Every format there is, in the order in which they are tried: the most telling marks first, the plain table last."""

from __future__ import annotations

from stillwatch.exchange.formats.anthropic_log import ANTHROPIC_LOG
from stillwatch.exchange.formats.canonical import CANONICAL
from stillwatch.exchange.formats.format import Format
from stillwatch.exchange.formats.langfuse import LANGFUSE
from stillwatch.exchange.formats.litellm import LITELLM
from stillwatch.exchange.formats.openai_log import OPENAI_LOG
from stillwatch.exchange.formats.opentelemetry import OPENTELEMETRY
from stillwatch.exchange.formats.wildchat import WILDCHAT

FORMATS: tuple[Format, ...] = (
    OPENTELEMETRY,
    LITELLM,
    LANGFUSE,
    WILDCHAT,
    ANTHROPIC_LOG,
    OPENAI_LOG,
    CANONICAL,
)
