"""Key files in the form that each engine reads, for its owner's eyes only."""

from __future__ import annotations

import json
import os
from pathlib import Path

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.keys import CohortKey
from stillwatch.provenance.schemes.registry import scheme_maker
from stillwatch.provenance.schemes.scheme import Settings


def engine_configuration(key: CohortKey, scheme: str, settings: Settings) -> str:
    """Return the secret configuration of one key: a JSON object or a number, as the engine takes it.

    vLLM takes the object as ``--watermark-config``, SGLang its file's path; Hugging Face's configurations take the
    named fields.

    Raises:
        ValueError: If the scheme is unknown.
    """
    numbers = scheme_maker(scheme).numbers(key, settings)
    if scheme in ("gumbel_vllm", "gumbel_dual_vllm"):
        algorithm = "gumbel" if scheme == "gumbel_vllm" else "dual_key_gumbel"
        held: dict[str, object] = {"key": numbers[0], "algorithm": algorithm, "context_width": settings.width}
    elif scheme == "gumbel_sglang":
        held = {"key": f"{numbers[0]:x}", "context_window": settings.width, "enforce_all": True}
        if len(numbers) == 2:
            held["key_b"] = f"{numbers[1]:x}"
    elif scheme == "synthid_hugging_face":
        held = {
            "keys": list(numbers),
            "ngram_len": settings.width + 1,
            "sampling_table_size": settings.table_size,
            "sampling_table_seed": settings.table_seed,
        }
    else:
        seeding = "selfhash" if scheme == "kgw_self_hugging_face" else "lefthash"
        held = {
            "hashing_key": numbers[0],
            "seeding_scheme": seeding,
            "context_width": settings.width,
            "greenlist_ratio": settings.green_share,
        }
    return json.dumps(held)


def write_engine_key(folder: Path, key: CohortKey, scheme: str, settings: Settings) -> Path:
    """Write one key's configuration to a new file of mode 0600, and return its path.

    Raises:
        SourceError: If the file exists or cannot be made: keys are never written over.
    """
    path = folder / f"{key.id.replace('#', '-').replace('@', '-')}.{scheme}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SourceError(f"{path}: the key cannot be written: {error.strerror}", "name an empty folder") from error
    with os.fdopen(handle, "w") as file:
        file.write(engine_configuration(key, scheme, settings) + "\n")
    return path
