"""Agents at work: tasks with tools, files and pages, and what the tools gave back."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

TOOLS = Topic(
    name="tools",
    asks=(
        "Task: {goal} for {own}. You may use {tool} and {tool2}. Stop when {done}.",
        "Use {tool} to {goal}, then write what you found to {file}.",
        "{please}{goal}. The credentials are in the environment; do not touch {file}.",
        "Work through the open tickets of {own}: {goal}, one commit each, and stop if {trouble}.",
        "You are in the repository of {own}. {goal_cap} and make sure that {done}.",
        "Plan the steps to {goal} with {tool}, and say which of them could fail because {trouble}.",
        "Open the {page} of {own}, {goal}, and return the result as JSON with the keys {keys}.",
    ),
    follow_ups=(
        "Tool {tool} returned: {trouble}. Continue.",
        "Result of step {n}: {file} has {n2} lines; {done}. What is the next call?",
        "[{tool}] exit code 0, wrote {file}. Next.",
        "[{tool}] exit code {n}: {trouble}. Try another way.",
        "The {page} shows {keys} now. Go on until {done}.",
        "Read {file} before you {goal}.",
        "observation: {tool2} lists {n} entries under {own}, first is {file}",
    ),
    passages=(
        "{file}:{n}: {trouble}",
        "$ {tool} --limit {n} {file}",
        "  {own}/{file}  {n} kB  {month} {n2}",
        '{"tool": "{tool}", "status": "{status}", "rows": {n}}',
        "[{weekday} {n}:{n2}] {tool} {status}: {trouble}",
        "+ {keys} changed by {name} in {file}",
    ),
    line_break=True,
    slots={
        "goal": words(
            """collect the prices of last month | rename the deprecated calls | find who owns each service |
            reproduce the failing build | fill in the missing translations | compare both suppliers' terms |
            update the pinned versions | draft replies to the oldest tickets | move the images to the new bucket
            | check every link of the handbook | book the cheapest refundable room | build a table of open
            positions | bisect the slow query | sort the inbox by project | archive what is older than a year"""
        ),
        "goal_cap": words(
            """Make the nightly job idempotent | Replace the home-made date parser | Split the largest module in
            two | Get the flaky test to pass | Remove the dead feature flags | Bring the examples up to date |
            Make the importer accept both formats | Give every endpoint a time-out | Cache the slow lookup"""
        ),
        "tool": words(
            "search_files | run_shell | http_get | sql_query | browser_click | read_page | write_file | git_log"
        ),
        "tool2": words("list_folder | open_url | calendar_find | mail_search | python_cell | grep_tree | ticket_get"),
        "done": words(
            """all checks are green | the table has no gaps | the diff is under a hundred lines | nothing is left
            open | both totals agree | the page loads | every row has a source | the owner is known"""
        ),
        "trouble": words(
            """permission denied | the page asks for a login | two files disagree | the test never ends | no such
            table | the quota is used up | the branch has moved on | the link is dead | rate limit reached"""
        ),
        "file": words(
            """notes.md | src/main.ts | report.csv | settings.toml | tests/test_dates.py | pages/index.html |
            out/result.json | Makefile | docs/setup.md | data/prices.parquet | scripts/nightly.sh |
            lib/ledger.go | app/views.py | index.sql"""
        ),
        "page": words("dashboard | checkout | search form | settings page | invoice list | calendar | status board"),
        "keys": words(
            "name and date | price and unit | id and owner | title and link | status and reason | from and to"
        ),
        "status": words("ok | failed | skipped | partial | retried"),
    },
)
