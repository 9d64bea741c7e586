"""Small populations drawn account by account straight into footprints: strangers, honest look-alikes, a campaign."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stillwatch.campaign.detection import content
from stillwatch.campaign.population import Population
from stillwatch.campaign.view import Groups
from stillwatch.footprint.footprints import DAY_US, EMPTY, FIELD, HOUR_US, PROFILE, TOPICS, Footprints, blank

ORIGIN_US = 20_000 * DAY_US
DAYS = 14
RELEASE_HOUR = 6 * 24 + 17  # When a new model comes out.
SUBJECTS = 12
MOBILE_SHARE, VPN_SHARE = 0.06, 0.03


def hashed(kind: str, *parts: object) -> int:
    """A 64-bit number that stands for a value, the same in every run."""
    text = ":".join([kind, *map(str, parts)]).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


def prompt_set(name: str, size: int) -> NDArray[np.uint64]:
    """The shingles of one set of prompts."""
    return np.array([hashed("shingle", name, k) for k in range(size)], np.uint64)


DIRECTIONS = np.random.default_rng(0).normal(size=(SUBJECTS, TOPICS))
DIRECTIONS /= np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)
COMMON_PHRASES = prompt_set("common", 3000)


@dataclass(frozen=True)
class Account:
    """One account as the builder draws it; ``hours`` has shape (DAYS * 24,)."""

    hours: NDArray[np.int64]
    created_us: int
    addresses: dict[tuple[int, int], int] = field(default_factory=dict)  # (address, network) -> exchanges
    shingles: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    client: int | None = None
    system: int | None = None
    setting: int = 3
    card: int | None = None
    organization: int | None = None
    mail: int | None = None
    eliciting_share: float = 0.0
    coercing_share: float = 0.0
    topic: NDArray[np.float64] = field(default_factory=lambda: np.zeros(TOPICS))  # The mean of the prompts' vectors.
    new_model_hour: int | None = None  # When the account first asked for the new model.


class Builder:
    """Draws accounts with one generator; every honest draw is a method."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)

    def rhythm(self, daily: float, wake: float = 7.0, awake_hours: float = 16.0) -> NDArray[np.int64]:
        """Sessions of a person who sleeps: bursts in waking hours on some of the days."""
        generator = self.generator
        hour = np.arange(DAYS * 24) % 24
        awake = ((hour - wake) % 24) < awake_hours
        present = np.repeat(generator.random(DAYS) < 0.7, 24)
        session = generator.random(DAYS * 24) < 0.15
        counts = generator.poisson(daily / (0.7 * 0.15 * awake_hours), DAYS * 24) * (awake & present & session)
        if not counts.any():
            counts[generator.choice(np.flatnonzero(awake))] = 1
        return np.asarray(counts, np.int64)

    def at_home(self) -> tuple[int, int]:
        """A private address at one of forty providers."""
        network = int(self.generator.integers(0, 40))
        return hashed("home", network, int(self.generator.integers(0, 2**16))), 1000 + network

    def phrases(self, own: int) -> NDArray[np.uint64]:
        """What a person writes: mostly her own words, now and then a common phrase."""
        generator = self.generator
        rank = np.minimum(generator.zipf(1.3, max(own // 6, 1)), len(COMMON_PHRASES)) - 1
        private = generator.integers(0, 2**63, own, dtype=np.uint64)
        return np.concatenate([private, COMMON_PHRASES[rank]])

    def interest(self, subject: int) -> NDArray[np.float64]:
        """What prompts on a subject are about, with a person's own bent."""
        own = self.generator.normal(size=TOPICS) / np.sqrt(TOPICS)
        return np.asarray(0.5 * DIRECTIONS[subject] + 0.5 * own)

    def went_over(self, hours: NDArray[np.int64], days_mean: float) -> int | None:
        """The first active hour after the release and a delay of one's own; None for never in the window."""
        ready = RELEASE_HOUR + 24 * self.generator.exponential(days_mean) if days_mean else RELEASE_HOUR
        later = np.flatnonzero((hours > 0) & (np.arange(len(hours)) >= ready))
        return int(later[0]) if len(later) else None

    def shared_phrases(self, texts: NDArray[np.uint64], share: float) -> NDArray[np.uint64]:
        """A share of a prompt set, with a few words of one's own."""
        picked = texts[self.generator.random(len(texts)) < share]
        return np.concatenate([picked, self.phrases(12)])

    def stranger(self) -> Account:
        """One person who chats, on a private address, a carrier's or an exit node's."""
        generator = self.generator
        place = self.at_home()
        draw = generator.random()
        if draw < MOBILE_SHARE:
            place = hashed("carrier", int(generator.integers(0, 200))), 2000
        elif draw < MOBILE_SHARE + VPN_SHARE:
            place = hashed("exit", int(generator.integers(0, 60))), 3000
        hours = self.rhythm(generator.gamma(1.0, 5.0), float(generator.integers(0, 24)))
        addresses = {place: int(hours.sum())}
        if generator.random() < 0.2:
            addresses[self.at_home()] = 1
        return Account(
            hours=hours,
            created_us=ORIGIN_US + int(generator.integers(-300, DAYS)) * DAY_US,
            addresses=addresses,
            shingles=self.phrases(int(min(2 * hours.sum(), 80))),
            client=hashed("client", min(int(generator.zipf(1.6)), 40)),
            setting=int(generator.choice([3, 7, 11], p=[0.8, 0.15, 0.05])),
            card=hashed("card", int(generator.integers(0, 2**60))) if generator.random() < 0.4 else None,
            mail=hashed("mail", min(int(generator.zipf(1.8)), 4)) if generator.random() < 0.9 else hashed("own", draw),
            eliciting_share=float(generator.choice([0.0, 0.02, 0.2], p=[0.9, 0.08, 0.02])),
            topic=self.interest(int(generator.integers(SUBJECTS))),
            new_model_hour=self.went_over(hours, 6.0),
        )

    def strangers(self, count: int) -> list[Account]:
        return [self.stranger() for _ in range(count)]

    def office(self, name: str = "office", size: int = 30) -> list[Account]:
        """One address, one card, one firm, its own mail, working hours, documents in common."""
        door, texts = (hashed("door", name), 4000), prompt_set(name, 200)
        out = []
        for person in self.strangers(size):
            hours = self.rhythm(12.0, 8.0, 10.0)
            addresses = {door: int(hours.sum()), self.at_home(): 1}
            shingles = self.shared_phrases(texts, 0.3)
            member = replace(person, hours=hours, addresses=addresses, shingles=shingles, client=hashed("client", 2))
            firm, mail, card = hashed("firm", name), hashed("mail", name), hashed("card", name)
            out.append(replace(member, organization=firm, mail=mail, card=card, topic=self.interest(4)))
        return out

    def agency(self, size: int = 24) -> list[Account]:
        """One card pays for freelancers at home, who use the agency's own instructions and templates."""
        texts = prompt_set("agency", 60)
        return [
            replace(
                person,
                card=hashed("card", "agency"),
                system=hashed("system", "agency"),
                shingles=self.shared_phrases(texts, 0.6),
            )
            for person in self.strangers(size)
        ]

    def fleet(self, size: int = 40) -> list[Account]:
        """A firm's agents: one card, an address each, one harness, one prompt, round the clock, opened in a day."""
        texts = prompt_set("fleet", 80)
        return [
            Account(
                hours=self.generator.poisson(3.0, DAYS * 24),
                created_us=ORIGIN_US,
                addresses={(hashed("cloud", "fleet", k), 5000): 1000},
                shingles=self.shared_phrases(texts, 0.8),
                client=hashed("client", "fleet"),
                system=hashed("system", "fleet"),
                setting=20,
                card=hashed("card", "fleet"),
                mail=hashed("mail", "fleet"),
                eliciting_share=0.3,
                topic=self.interest(1),
                new_model_hour=RELEASE_HOUR + 5,
            )
            for k in range(size)
        ]

    def school_class(self, name: str = "class", exercises: str = "exercises", size: int = 28) -> list[Account]:
        """Pupils who signed up in one lesson, on the school's address, and do the same exercises there."""
        door, texts = (hashed("door", name), 6000), prompt_set(exercises, 60)
        begin = int(self.generator.integers(2, 6)) * 24 + 9
        lessons = begin + 24 * np.array([0, 2, 4, 6])
        out = []
        for _ in range(size):
            hours = np.zeros(DAYS * 24, np.int64)
            attended = lessons[self.generator.random(len(lessons)) < 0.9]
            hours[np.append(attended, begin)] = self.generator.integers(3, 12)
            addresses = {door: int(hours.sum())}
            if self.generator.random() < 0.3:
                addresses[self.at_home()] = 1
            out.append(
                Account(
                    hours=hours,
                    created_us=ORIGIN_US + begin * HOUR_US,
                    addresses=addresses,
                    shingles=self.shared_phrases(texts, 0.6),
                    client=hashed("client", 1),
                    mail=hashed("mail", "school"),
                    topic=self.interest(2),
                )
            )
        return out

    def two_classes(self) -> list[Account]:
        return self.school_class("class A", "a book") + self.school_class("class B", "a book")

    def firms_in_one_house(self, firms: int = 4, size: int = 8) -> list[Account]:
        """Firms that share the landlord's address and nothing else."""
        out = []
        for firm in range(firms):
            door = (hashed("door", "house"), 7000)
            out += [replace(a, addresses={door: 50}) for a in self.office(f"firm {firm}", size)]
        return out

    def application(self, size: int = 50) -> list[Account]:
        """Strangers who use one application that sends its own instructions and wording."""
        texts = prompt_set("application", 20)
        return [
            replace(
                person,
                system=hashed("system", "application"),
                client=hashed("client", "application"),
                setting=17,
                shingles=self.shared_phrases(texts, 0.9),
                topic=self.interest(5),
            )
            for person in self.strangers(size)
        ]

    def evaluators(self, universities: int = 5, size: int = 7) -> list[Account]:
        """Researchers of several universities who run one public test set, which asks for reasoning and grades."""
        texts = prompt_set("public test set", 90)
        out = []
        for university in range(universities):
            door = (hashed("door", "university", university), 8000 + university)
            for person in self.strangers(size):
                hours = self.rhythm(20.0, 8.0, 12.0)
                addresses = {door: int(hours.sum()), self.at_home(): 2}
                mail, shingles = hashed("mail", "university", university), self.shared_phrases(texts, 0.7)
                asker = replace(person, shingles=shingles, eliciting_share=0.6, topic=self.interest(6))
                out.append(replace(asker, hours=hours, addresses=addresses, mail=mail))
        return out

    def exit_nodes(self, size: int = 150) -> list[Account]:
        """Strangers behind few exits and carrier addresses, several of them each."""
        out = []
        for person in self.strangers(size):
            kind, room, network = ("exit", 60, 3000) if self.generator.random() < 0.5 else ("carrier", 200, 2000)
            places = self.generator.integers(0, room, int(self.generator.integers(1, 5)))
            out.append(replace(person, addresses={(hashed(kind, int(k)), network): 5 for k in places}))
        return out

    def households(self, count: int = 40) -> list[Account]:
        """Two or three who share an address and often a card."""
        out = []
        for _ in range(count):
            home, card = self.at_home(), hashed("card", int(self.generator.integers(0, 2**60)))
            paid_once = self.generator.random() < 0.6
            for person in self.strangers(int(self.generator.integers(2, 4))):
                addresses = {home: int(person.hours.sum())}
                out.append(replace(person, addresses=addresses, card=card if paid_once else person.card))
        return out

    def campaign(self, size: int = 60, cards: int = 12, addresses: int = 24, name: str = "pool") -> list[Account]:
        """One operator's pool: cards and addresses interleaved over accounts that harvest one prompt set."""
        generator, texts = self.generator, prompt_set(name, 150)
        out = []
        for _ in range(size):
            places = generator.choice(addresses, 4, replace=False)
            opened = int(generator.integers(0, 4))
            hours = generator.poisson(2.0, DAYS * 24)
            hours[: opened * 24] = 0
            out.append(
                Account(
                    hours=hours,
                    created_us=ORIGIN_US + opened * DAY_US,
                    addresses={(hashed("proxy", name, int(k)), 9000 + int(k) % 5): 100 for k in places},
                    shingles=self.shared_phrases(texts, 0.6),
                    client=hashed("client", name),
                    setting=25,
                    card=hashed("card", name, int(generator.integers(0, cards))),
                    mail=hashed("mail", name, int(generator.integers(0, 3))),
                    eliciting_share=0.7,
                    topic=self.interest(3),
                    new_model_hour=self.went_over(hours, 0.0),
                )
            )
        return out


LOOK_ALIKES: dict[str, Callable[[Builder], list[Account]]] = {
    "office": Builder.office,
    "agency": Builder.agency,
    "fleet": Builder.fleet,
    "class": Builder.school_class,
    "two classes": Builder.two_classes,
    "firms in one house": Builder.firms_in_one_house,
    "application": Builder.application,
    "evaluators": Builder.evaluators,
    "exit nodes": Builder.exit_nodes,
    "households": Builder.households,
}


def footprints_of(accounts: list[Account]) -> Footprints:
    """The footprints of ``accounts``, in their order."""
    count = len(accounts)
    empty = blank(pa.array([f"account {k}" for k in range(count)], pa.large_string()), ORIGIN_US)
    arrays = empty.arrays
    hours = np.array([account.hours for account in accounts], np.int64).reshape(count, DAYS * 24)
    exchanges = hours.sum(axis=1)
    arrays["exchanges"][:] = arrays["prompts"][:] = exchanges
    arrays["hours"][:, : DAYS * 24] = np.minimum(hours, 65_535)
    used = hours > 0
    arrays["first_us"][:] = ORIGIN_US + used.argmax(axis=1) * HOUR_US + 60_000_000
    arrays["last_us"][:] = ORIGIN_US + (DAYS * 24 - 1 - used[:, ::-1].argmax(axis=1)) * HOUR_US + 120_000_000
    for row, account in enumerate(accounts):
        _fill(arrays, row, account, int(exchanges[row]))
    profile = pa.table({name: _profile(accounts, name, kind) for name, kind, _ in PROFILE})
    return Footprints(arrays, empty.account_id, ORIGIN_US, profile)


def population_of(*groups: list[Account]) -> tuple[Population, NDArray[np.int64]]:
    """All groups as one population, and the number of each account's group."""
    accounts = [account for group in groups for account in group]
    return Population(footprints_of(accounts)), np.repeat(np.arange(len(groups)), [len(group) for group in groups])


def groups_of(strangers: list[Account], *groups: list[Account]) -> Groups:
    """All but the strangers in the groups that they were given in."""
    population, number = population_of(strangers, *groups)
    return Groups(population, number - 1, content(population))


def _fill(arrays: dict[str, NDArray[np.generic]], row: int, account: Account, exchanges: int) -> None:
    places = sorted((address, network, count) for (address, network), count in account.addresses.items())
    for k, (address, network, count) in enumerate(places[: FIELD["addresses"].width]):
        arrays["addresses"][row, k] = np.uint64(address)
        for name, label in (("address_asn", network), ("address_prefix", network), ("addresses_exchanges", count)):
            arrays[name][row, k] = np.int64(label)
    shingles = np.unique(account.shingles)[: FIELD["shingles"].width]
    shingles = shingles[shingles != EMPTY]
    arrays["shingles"][row, : len(shingles)] = shingles
    arrays["shingles_exchanges"][row, : len(shingles)] = 1
    whole = shingles[: FIELD["whole_prompts"].width]  # As if each phrase were a prompt.
    arrays["whole_prompts"][row, : len(whole)] = whole
    for name, value in (("clients", account.client), ("systems", account.system)):
        if value is not None:
            arrays[name][row, 0] = np.uint64(value)
            arrays[f"{name}_exchanges"][row, 0] = exchanges
    arrays["topic"][row] = np.rint(127 * exchanges * account.topic).astype(np.int64)
    models = {hashed("model", "old"): int(arrays["first_us"][row])}
    if account.new_model_hour is not None:
        models[hashed("model", "new")] = ORIGIN_US + account.new_model_hour * HOUR_US + 90_000_000
    for k, (model, first_us) in enumerate(sorted(models.items())):
        arrays["models"][row, k] = np.uint64(model)
        arrays["models_exchanges"][row, k] = np.int64(1)
        arrays["model_first_us"][row, k] = np.int64(-first_us)
    arrays["settings"][row, account.setting] = arrays["settings_known"][row] = exchanges
    arrays["training"][row] = round(account.eliciting_share * exchanges)
    arrays["coercion"][row] = round(account.coercing_share * exchanges)
    arrays["eliciting"][row] = max(arrays["training"][row], arrays["coercion"][row])


def _profile(accounts: list[Account], name: str, kind: pa.DataType) -> pa.Array:
    source = {"created_us": "created_us", "card": "card", "organization": "organization", "mail_domain": "mail"}
    return pa.array([getattr(account, source[name]) if name in source else None for account in accounts], kind)
