"""What the compiled passes should find, in plain Python on whole numbers; run by the tests, as they are no package."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = (1 << 64) - 1
EMPTY = MASK
# One character of three bytes that begins with E3 to ED, or a run of letters, digits and other bytes above ASCII.
WORD = re.compile(rb"[\xe3-\xed][\x00-\xff]{0,2}|[0-9A-Za-z\x80-\xe2\xee-\xff]+", re.DOTALL)
HEAD, TAIL = 6144, 2048


def mixed(value: int) -> int:
    """The finaliser of MurmurHash3."""
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD & MASK
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 & MASK
    return value ^ value >> 33


def unmixed(value: int) -> int:
    """The inverse of ``mixed``."""
    value ^= value >> 33
    value = value * pow(0xC4CEB9FE1A85EC53, -1, 1 << 64) & MASK
    value ^= value >> 33
    value = value * pow(0xFF51AFD7ED558CCD, -1, 1 << 64) & MASK
    return value ^ value >> 33


def chained(left: int, right: int) -> int:
    return mixed((left * 0x9E3779B97F4A7C15 + right) & MASK)


def hash_of_word(word: bytes) -> int:
    """FNV-1a of the word with ASCII in lower case and runs of digits as one 0; never 0."""
    if not 0xE3 <= word[0] <= 0xED:
        word = re.sub(rb"[0-9]+", b"0", word.lower())
    value = 0xCBF29CE484222325
    for byte in word:
        value = (value ^ byte) * 0x100000001B3 & MASK
    return value | 1


def hash_of_figures(word: bytes) -> int:
    """The same without offset over the digits of the word alone; 0 where there is none."""
    value = 0
    for byte in re.findall(rb"[0-9]", word):
        value = (value ^ byte[0]) * 0x100000001B3 & MASK
    return value


def words(text: bytes) -> list[int]:
    return [hash_of_word(word) for word in WORD.findall(text)]


def read_of_prompt(prompt: bytes) -> list[bytes]:
    """The words that are read: all of a prompt, or those of its head and of its tail."""
    parts = [prompt] if len(prompt) <= HEAD + TAIL else [prompt[:HEAD], prompt[-TAIL:]]
    return [word for part in parts for word in WORD.findall(part)]


def words_of_prompt(prompt: bytes) -> list[int]:
    return [hash_of_word(word) for word in read_of_prompt(prompt)]


def whole(prompt: bytes, key: tuple[int, int]) -> int:
    """What is kept of a whole prompt: its words, its digits and, where the middle is not read, its length."""
    read = read_of_prompt(prompt)
    if not read:
        return EMPTY
    figures = 0
    for each in filter(None, map(hash_of_figures, read)):
        figures = chained(figures, each)
    unread = len(prompt) if len(prompt) > HEAD + TAIL else 0
    return keyed(chained(chained(phrase(map(hash_of_word, read)), figures), unread), key)


def phrase(hashes: Iterable[int]) -> int:
    total = 0
    for word in hashes:
        total = word if total == 0 else chained(total, word)
    return total


def shingles(prompt: bytes, order: int) -> set[int]:
    """All shingles of a prompt, in the order that chooses; of fewer than four words, the prompt is the only one."""
    found = words_of_prompt(prompt)
    if not found:
        return set()
    runs = [found[k : k + 4] for k in range(len(found) - 3)] or [found]
    return {mixed(phrase(run) ^ order) for run in runs}


def least_two(prompt: bytes, key: tuple[int, int]) -> list[int]:
    """What is kept of a prompt: its two least shingles, the least first, each under the key."""
    return [keyed(shingle, key) for shingle in sorted(shingles(prompt, key[0]))[:2]]


def keyed(value: int, key: tuple[int, int]) -> int:
    """SipHash-2-4 of eight bytes, written after the paper's figure."""

    def turned(word: int, bits: int) -> int:
        return (word << bits | word >> (64 - bits)) & MASK

    def round_of(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
        a, c = (a + b) & MASK, (c + d) & MASK
        b, d = turned(b, 13) ^ a, turned(d, 16) ^ c
        a = turned(a, 32)
        c, a = (c + b) & MASK, (a + d) & MASK
        b, d = turned(b, 17) ^ c, turned(d, 21) ^ a
        return a, b, turned(c, 32), d

    state = (
        key[0] ^ int.from_bytes(b"somepseu"),
        key[1] ^ int.from_bytes(b"dorandom"),
        key[0] ^ int.from_bytes(b"lygenera"),
        key[1] ^ int.from_bytes(b"tedbytes"),
    )
    for block in (value, 8 << 56):
        a, b, c, d = round_of(*round_of(state[0], state[1], state[2], state[3] ^ block))
        state = (a ^ block, b, c, d)
    a, b, c, d = state
    c ^= 0xFF
    for _ in range(4):
        a, b, c, d = round_of(a, b, c, d)
    return min(a ^ b ^ c ^ d, MASK - 1)
