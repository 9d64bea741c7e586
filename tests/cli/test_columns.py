import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from stillwatch.cli.columns import columns

WHEN = "2026-05-01T10:00:00Z"
app = typer.Typer()
app.command()(columns)
app.callback(invoke_without_command=True)(lambda: None)


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["columns", *map(str, arguments)], env={"COLUMNS": "200", "TERM": "dumb"})
    return result.exit_code, result.stdout, result.stderr


def test_json_tells_source_share_and_cost(tmp_path: Path) -> None:
    lines = [{"account_id": "a", "timestamp": WHEN, "prompt": text} for text in ("x", None, "y", "z")]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    code, out, _ = run(tmp_path, "--json")
    assert code == 0
    told = json.loads(out)
    assert told["formats"] == {"table of exchanges": 1}
    by_name = {each["column"]: each for each in told["columns"]}
    assert by_name["prompt"]["found_as"] == ["prompt"]
    assert by_name["prompt"]["null_share"] == 0.25
    assert by_name["tls_ja4"]["found_as"] == []
    assert by_name["tls_ja4"]["null_share"] is None
    assert by_name["tls_ja4"]["absence"]


def test_table_names_formats_fields_and_losses(tmp_path: Path) -> None:
    spend = {"request_id": "1", "startTime": WHEN, "api_key": "h", "user": "u", "model": "m", "call_type": "c"}
    (tmp_path / "spend.jsonl").write_text(json.dumps(spend))
    (tmp_path / "empty.csv").write_text("")
    code, out, _ = run(tmp_path)
    assert code == 0
    assert "1 file: LiteLLM spend logs" in out
    assert "file without rows" in out
    assert "startTime" in out
    assert "bans and failover are not seen" in out


def test_mapping(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(f"who,when\na,{WHEN}\n")
    (tmp_path / "map.yaml").write_text("account_id: who\ntimestamp: when\n")
    code, out, _ = run(tmp_path / "log.csv", "--map", tmp_path / "map.yaml", "--json")
    assert code == 0
    assert json.loads(out)["columns"][2]["found_as"] == ["who"]


def test_a_source_that_cannot_be_read_ends_with_code_2(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "missing", "no such file"), (tmp_path / "odd.csv", "no known format")):
        (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
        code, _, error = run(path)
        assert code == 2
        assert said in error
        assert error.count("\n") == 1
