"""Programming: features, faults and reviews."""

from __future__ import annotations

from stillwatch.range.texts.grammar import Topic, words

CODING = Topic(
    name="coding",
    asks=(
        "{please}write a {language} function that {task} and {property}.",
        "In {own} we have a {component} that {fault}. {cause} What would you check first?",
        "Refactor the {component} of {own} so that it {property}, but keep the {artefact} as it is.",
        'Why does my {language} {component} fail with "{error}" when it {task}?',
        "Add tests for the {component} in {own}: it {task}, and I want the case where {edge} covered.",
        "{please}review this change to the {component}; it should {property}.",
        "What is an idiomatic way in {language} to handle {edge} when code {task}?",
        "Port the {component} from {language} to {language2}. It {task}; nothing else may change.",
        "Our {component} {task} for {own}, and since {weekday} it {fault}. Find the bug.",
        "Explain the difference between {concept} and {concept2} to someone who writes {language}.",
        "Design the interface of a {component} that {task}. It must hold up when {edge}.",
        "the {artefact} of {own} is a mess, suggest a layout that {property}",
    ),
    follow_ups=(
        'That gives me "{error}" now.',
        "ok but it still {fault}, any other idea?",
        "Can you also make it so that it {property}?",
        "What happens when {edge}?",
        "Apply that to the {component} as well.",
        "show me only the lines that changed in the {artefact}",
        "Run through it again, this time for {own} where {edge}.",
        "Add a comment that says why it {property}, then update the {artefact}.",
        "Good. Next: the {component} that {task}.",
    ),
    passages=(
        "def {verb}_{noun}({noun2}, limit={n}):",
        "    if {noun} is None or len({noun2}) > {n}:",
        '        raise ValueError("{noun} of {own} has no {noun2}")',
        "    for {noun} in {noun2}_list[:{n}]:",
        "        {noun}.{verb}({noun2}, retries={n})",
        "    return sorted({noun}s, key=lambda {noun2}: {noun2}.{verb}_at)",
        "ERROR {own}.{noun}: {error} ({noun2}={n})",
        "# TODO({name}): {verb} the {noun} before the {noun2} when {edge}",
        "const {noun} = await {verb}({noun2}, {n});",
        "    {noun} = self.{verb}_{noun2}(self.{noun}, {n})",
    ),
    line_break=True,
    slots={
        "language": words(
            "Python | TypeScript | Go | Rust | Java | C# | Kotlin | C++ | Ruby | PHP | Swift | Elixir | SQL"
        ),
        "language2": words("Python | TypeScript | Go | Rust | Java | C# | Kotlin | C++"),
        "task": words(
            """merges overlapping bookings | parses tide tables | streams log lines to a socket | retries failed
            uploads | deduplicates postal addresses | rotates signing keys | converts currencies at day rates |
            renders invoices | walks a folder tree | batches writes to the queue | schedules deliveries |
            throttles a crawler | reads sensor packets | matches names despite typos | compresses old snapshots
            | validates tax numbers | syncs calendars both ways | diffs two spreadsheets | caches thumbnails |
            resolves shift swaps | tokenises recipes | imports bank statements | ranks search hits | tracks
            parcel states"""
        ),
        "property": words(
            """runs in linear time | never blocks the event loop | works without a network | survives a restart |
            takes no global lock | is safe to call twice | stays below fifty megabytes | has no dependency | can
            be cancelled halfway | reports progress | keeps the order of its input | logs no personal data |
            handles time zones | fails with a clear message | can be tested without a database"""
        ),
        "component": words(
            """payment handler | login form | worker pool | migration script | config loader | rate limiter | image
            cache | search index | webhook receiver | report builder | command-line parser | session store |
            audit log | upload page | notifier | feature flag service | billing job | permission check | data
            importer | retry queue"""
        ),
        "fault": words(
            """leaks a handle on each request | hangs after an hour | drops the last record | doubles every amount
            | returns stale rows | fails only on the build server | eats a whole core | loses accents in names |
            deadlocks under load | skips leap days | sorts ten before two | times out for one customer"""
        ),
        "cause": words(
            """We upgraded the driver last week. | Nothing was deployed in between. | It only happens behind the
            proxy. | Locally everything passes. | The logs show nothing at all. | It began with the new time
            zone data. | Restarting helps for a while. | Only large tenants see it. | I suspect the connection
            pool."""
        ),
        "edge": words(
            """the list is empty | two users save at once | the clock jumps back | a file vanishes halfway | the
            input has a byte-order mark | the token has expired | an amount is negative | the disk is full | a
            name contains a slash | the upstream answers twice | the month has five Fridays | the key is missing"""
        ),
        "artefact": words(
            """public interface | schema | error messages | test suite | folder structure | release script |
            read-me | type signatures | configuration file | build pipeline | changelog | import order"""
        ),
        "error": words(
            """connection reset by peer | index out of range | permission denied | unexpected end of input | cannot
            borrow as mutable | undefined is not a function | duplicate key value | broken pipe | no such column
            | maximum recursion depth exceeded | invalid byte sequence | context deadline exceeded"""
        ),
        "concept": words(
            "a mutex | an actor | a trait | a view | a generator | a semaphore | a monad | a promise | a channel"
        ),
        "verb": words(
            "merge fetch load split emit check store trim rank bind flush parse seal probe".replace(" ", " | ")
        ),
        "noun": words(
            "order parcel batch token ledger sensor booking ticket frame route invoice slot".replace(" ", " | ")
        ),
    },
)
