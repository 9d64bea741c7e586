"""A task folder for the Language Model Evaluation Harness (lm-eval), made of local files: nothing is downloaded.

lm_eval --model hf --model_args pretrained=STUDENT --include_path FOLDER --tasks stillwatch_arithmetic
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import orjson
import yaml

from stillwatch.lab.answer import LINE
from stillwatch.lab.tasks.task import Problem
from stillwatch.store.atomic import atomic_files


def write_evaluation_task(folder: Path, name: str, problems: Sequence[Problem], tokens_most: int) -> str:
    """Write problems as an lm-eval task, whole or not at all, and return the task's name.

    The harness reads ``dataset_path: json`` from the file beside it, lets the model go on after the prompt, takes what
    follows the last ``####`` and compares it exactly: the lab's own rule, where a
    final answer is one word.

    Raises:
        ValueError: If there is no problem.
    """
    if not problems:
        raise ValueError("an evaluation task needs at least one problem")
    task = "stillwatch_" + re.sub(r"\W+", "_", name.lower()).strip("_")
    with atomic_files(folder) as staging:
        rows = (orjson.dumps({"prompt": problem.prompt, "final": problem.final}) for problem in problems)
        (staging / "problems.jsonl").write_bytes(b"\n".join(rows) + b"\n")
        held = {
            "task": task,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str((folder / "problems.jsonl").resolve())}},
            "test_split": "test",
            "output_type": "generate_until",
            "doc_to_text": "{{prompt}} " + LINE,
            "doc_to_target": "{{final}}",
            "target_delimiter": " ",
            "generation_kwargs": {"until": ["<end>"], "do_sample": False, "max_gen_toks": tokens_most},
            "filter_list": [
                {
                    "name": "final",
                    "filter": [
                        {"function": "regex", "regex_pattern": r"####\s*(\S+)", "group_select": -1},
                        {"function": "take_first"},
                    ],
                }
            ],
            "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
            "metadata": {"version": 1},
        }
        (staging / f"{task}.yaml").write_text(yaml.safe_dump(held, sort_keys=False, allow_unicode=True), "utf-8")
    return task
