"""Push for nginx: a file for its ``map``, and the signal to read it."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from stillwatch.gateway.doors.verdicts import Verdict
from stillwatch.response.overlay import replace_file

_REGEX_SIGNS = frozenset("\\^$.|?*+()[]{}")
_SPECIAL = frozenset({"default", "hostnames", "include", "volatile"})


def nginx_map(verdicts: Sequence[Verdict], known: Sequence[str] = ()) -> str:
    """Return lines for the inside of a ``map`` block: a credential and the word of its rung.

    nginx compares the strings of a map without regard to case. Credentials that differ from another in case alone
    are therefore written as regular expressions, which do regard it; they are slower, so that the others are not.

    Args:
        verdicts: Of accounts on the ladder.
        known: Further credentials that must not be taken for one of these.

    Raises:
        ValueError: If a credential holds a control character or cannot stand in nginx's configuration.

    Source: nginx.org, ``ngx_http_map_module``.
    """
    credentials = {verdict.member.credential for verdict in verdicts} | set(known)
    alike = Counter(credential.lower() for credential in credentials)
    lines = []
    for verdict in verdicts:
        credential = verdict.member.credential
        if not credential.isprintable() or "\ufffd" in credential:
            raise ValueError("a credential holds characters that cannot stand in nginx's configuration")
        if alike[credential.lower()] > 1:
            text = "~^" + "".join("\\" + sign if sign in _REGEX_SIGNS else sign for sign in credential) + "$"
        elif credential[0] in "~\\" or credential.lower() in _SPECIAL:
            text = "\\" + credential
        else:
            text = credential
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'"{escaped}" {verdict.rung.word};\n')
    return "".join(lines)


def write_nginx_map(path: Path, verdicts: Sequence[Verdict], known: Sequence[str] = ()) -> bool:
    """Put the map in place of ``path`` in one step; return whether it differs from what was there.

    Raises:
        OSError: If it cannot be written.
        ValueError: As ``nginx_map``.
    """
    content = nginx_map(verdicts, known).encode()
    try:
        if path.read_bytes() == content:
            return False
    except FileNotFoundError:
        pass
    replace_file(path, content, 0o640)
    return True


def reload_nginx(pid_file: Path) -> None:
    """Tell nginx to read its configuration anew; it keeps the old one if the new is faulty, and says so in its log.

    Raises:
        OSError, ValueError: If the file names no process.
        ProcessLookupError: If the process is no nginx, so that a stale file cannot end somebody else's program.
    """
    process = int(pid_file.read_text().strip())
    name = Path(f"/proc/{process}/comm")
    if not name.exists() or not name.read_text().startswith("nginx"):
        raise ProcessLookupError(f"{pid_file} names process {process}, which is no nginx")
    os.kill(process, signal.SIGHUP)
