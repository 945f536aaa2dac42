"""What cleaning one submission costs: ``python benchmarks/cleaning.py`` prints microseconds by kind of row, and of a mix of them.

Each row is another person, so that no cache knows it; companies come back as they do in a real file (one in four rows is a new one).
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable

from service.cleaning import Submission, normalise

ROWS = 20_000
ROUNDS = 5
FIRST = [
    "Anna",
    "Jürgen",
    "Maria",
    "Peter",
    "Chloé",
    "Lars",
    "Sofia",
    "John",
    "Emily",
    "Ahmed",
    "Priya",
    "Thomas",
    "Ewa",
]
LAST = [
    "Schmidt",
    "Müller",
    "Rossi",
    "Kowalski",
    "O'Neill",
    "Jensen",
    "Dubois",
    "Smith",
    "Patel",
    "Weber",
    "Tanaka",
    "Silva",
]
SURNAMES = "王李张刘陈杨赵黄周吴"
FREE = ["gmail.com", "gmx.de", "qq.com", "outlook.com", "web.de"]
FORMS = ["GmbH", "AG", "Ltd", "Inc.", "S.A.", "GmbH & Co. KG"]

MAILBOX = str.maketrans({"ü": "ue", "é": "e", "'": None})

Make = Callable[[random.Random, int], Submission]


def german_form(chance: random.Random, number: int) -> Submission:
    first, last = chance.choice(FIRST), chance.choice(LAST)
    return Submission(
        email=f"{first}.{last}{number}@firma{number // 4}.de".translate(MAILBOX),
        phone=f"0{chance.choice(['30', '89', '40', '221'])} / {chance.randrange(1_000_000, 9_999_999)}",
        full_name=f"{first} {last}",
        company_name=f"Firma {number // 4} {chance.choice(FORMS)}",
        country="Deutschland",
        region="Bayern",
        utm={"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "spring"},
    )


def american_file(chance: random.Random, number: int) -> Submission:
    first, last = chance.choice(FIRST), chance.choice(LAST)
    return Submission(
        email=f"{first[0]}{last}{number}@company{number // 4}.com".lower().translate(MAILBOX),
        phone=f"({chance.choice(['415', '212', '312'])}) {chance.randrange(200, 999)}-{chance.randrange(1000, 9999)}",
        first_name=first,
        last_name=last,
        job_title="Head of Purchasing",
        company_name=f"Company {number // 4}, {chance.choice(FORMS)}",
        country="US",
        region="CA",
        external_ids={"crm": f"C-{number}"},
    )


def crm_row(chance: random.Random, number: int) -> Submission:
    first, last = chance.choice(FIRST), chance.choice(LAST)
    return Submission(
        email=f"{first}.{last}.{number}@{chance.choice(FREE)}".lower().translate(MAILBOX),
        phone=f"+4915{chance.randrange(100_000_000, 999_999_999)}",
        first_name=first,
        last_name=last,
        country="DE",
        external_ids={"crm": f"C-{number}"},
        attributes={"plan": "pro", "seats": 12},
        tags=("imported",),
    )


def chinese_form(chance: random.Random, number: int) -> Submission:
    return Submission(
        email=f"{chance.randrange(10_000_000, 999_999_999)}@qq.com" if number % 2 else None,
        phone=f"138{chance.randrange(10_000_000, 99_999_999)}",
        full_name=chance.choice(SURNAMES) + chance.choice(["小明", "伟", "秀英", "娜"]),
        company_name=f"科技{number // 4}有限公司",
        country="中国",
        region="广东省",
    )


def untidy(chance: random.Random, number: int) -> Submission:
    return Submission(
        email=f" {chance.choice(FIRST)} <{chance.choice(FIRST).upper()}{number}@Firma{number // 4}.DE>; x@y.de",
        phone=f"+49 (0)30 {chance.randrange(1_000_000, 9_999_999)} ext. 12, 0170 {chance.randrange(1_000_000, 9_999_999)}",
        full_name=f"DR. {chance.choice(FIRST)} VON DER {chance.choice(LAST)}".upper(),
        company_domain=f"https://www.firma{number // 4}.de/impressum",
        country="germany",
    )


KINDS: dict[str, tuple[Make, int]] = {
    "a German form": (german_form, 30),
    "a file from the US": (american_file, 25),
    "a CRM's export, E.164": (crm_row, 25),
    "a Chinese form": (chinese_form, 15),
    "nothing in order": (untidy, 5),
}


def rows(make: Make, seed: int) -> list[Submission]:
    chance = random.Random(seed)
    return [make(chance, seed * ROWS + number) for number in range(ROWS)]


def cost(submissions: list[Submission]) -> float:
    """Return the microseconds of processor time that one of them takes."""
    started = time.process_time()
    for one in submissions:
        normalise(one, "DE")
    return (time.process_time() - started) / len(submissions) * 1e6


def main() -> None:
    normalise(Submission(email="a@b.de", country="DE", region="BY", phone="030 901820", full_name="Anna B"))
    total = 0.0
    for name, (make, share) in KINDS.items():
        found = statistics.median(cost(rows(make, seed)) for seed in range(ROUNDS))
        total += found * share / 100
        print(f"{name:24} {found:7.1f} µs")
    print(f"{'the mix':24} {total:7.1f} µs")


if __name__ == "__main__":
    main()
