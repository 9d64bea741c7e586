"""Push for Envoy: two filters' configurations as files that Envoy watches, so that it decides without asking anybody.

Refused accounts go into an RBAC filter, bounded ones into the descriptors of a local rate limit. Envoy finds both by
extension configuration discovery (ECDS) from files and takes a new one when it is renamed into place.

Source: envoyproxy.io, HTTP filters ``rbac`` and ``local_ratelimit``, "Extension configuration discovery service",
``PathConfigSource``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stillwatch.gateway.doors.verdicts import Verdict
from stillwatch.response.overlay import replace_file

REFUSED_FILE, LIMITS_FILE = "stillwatch-refused.json", "stillwatch-limits.json"
_EXTENSIONS = "type.googleapis.com/envoy.extensions.filters.http"
_ANY_TOKENS = 4_000_000_000  # For accounts that are not named: no bound, as far as 32 bits go.
DESCRIPTOR = "stillwatch_account"


def refused_filter(verdicts: Sequence[Verdict], header: str) -> dict[str, Any]:
    """Return the RBAC filter that denies refused accounts; one that denies nobody if there are none.

    Args:
        verdicts: Of accounts on the ladder.
        header: The field, in lower case, that names the account to Envoy, set by Envoy or removed from clients.
    """
    names = [verdict.member.credential for verdict in verdicts if verdict.refuses]
    principals = [{"header": {"name": header, "string_match": {"exact": name}}} for name in names]
    rules: dict[str, Any] = {"action": "DENY", "policies": {}}
    if principals:
        rules["policies"]["stillwatch"] = {"permissions": [{"any": True}], "principals": principals}
    return {"@type": f"{_EXTENSIONS}.rbac.v3.RBAC", "rules": rules}


def limits_filter(verdicts: Sequence[Verdict], header: str) -> dict[str, Any]:
    """Return the local rate limit whose descriptors bound accounts that are not refused, each in requests a minute.

    Bounds in tokens are not Envoy's to keep and are left out. Each Envoy counts by itself.
    """
    bounded = [each for each in verdicts if not each.refuses and each.requests_a_minute is not None]
    return {
        "@type": f"{_EXTENSIONS}.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "stillwatch",
        "token_bucket": {"max_tokens": _ANY_TOKENS, "tokens_per_fill": _ANY_TOKENS, "fill_interval": "1s"},
        "filter_enabled": {"default_value": {"numerator": 100}},
        "filter_enforced": {"default_value": {"numerator": 100}},
        "always_consume_default_token_bucket": False,
        "rate_limits": [{"actions": [{"request_headers": {"header_name": header, "descriptor_key": DESCRIPTOR}}]}],
        "descriptors": [
            {
                "entries": [{"key": DESCRIPTOR, "value": each.member.credential}],
                "token_bucket": {
                    "max_tokens": each.requests_a_minute,
                    "tokens_per_fill": each.requests_a_minute,
                    "fill_interval": "60s",
                },
            }
            for each in bounded
        ],
    }


def write_envoy_filters(folder: Path, verdicts: Sequence[Verdict], header: str) -> list[str]:
    """Write both files into ``folder``, each in one step; return the names of those that changed.

    Raises:
        OSError: If they cannot be written.
    """
    changed = []
    filters = ((REFUSED_FILE, refused_filter(verdicts, header)), (LIMITS_FILE, limits_filter(verdicts, header)))
    for name, config in filters:
        resource = {
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": name.removesuffix(".json"),
            "typed_config": config,
        }
        content = json.dumps({"resources": [resource]}, indent=1).encode()
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            replace_file(path, content, 0o640)
            changed.append(name)
    return changed
