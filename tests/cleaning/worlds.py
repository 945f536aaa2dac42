"""Labelled worlds of our own making: records of people and companies, several of one, with the mistakes that people and machines make.

Nothing here knows how the matcher works. Names are common and uneven, families share their address, colleagues their company, namesakes
their name; a record may be misspelled, cut, swapped, abbreviated, or half empty.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Record = tuple[str, dict[str, Any]]
"""Who it really is, and the body of ``POST /v1/leads`` (without what is never compared)."""

_FIRST = """anna maria peter thomas michael julia sabine andreas claudia stefan martin robert elizabeth william james emily oliver lucas
sophie charlotte hannah daniel matthew christopher katherine alexander benjamin samuel jennifer patricia margaret susan laura paul
markus petra monika ursula frank jan lars ingrid bjorn sven astrid pierre camille luc chloe antoine giulia marco luca elena paolo
carmen javier lucia diego marta pawel agnieszka tomasz ewa piotr"""
_LAST = """muller schmidt schneider fischer weber meyer wagner becker schulz hoffmann koch bauer richter klein wolf schroder neumann
schwarz zimmermann braun hartmann lange werner krause lehmann kohler maier huber smith jones taylor brown williams wilson johnson
davies robinson wright thompson evans walker white roberts green hall wood jackson clarke dubois moreau laurent girard rossi bianchi
ferrari romano garcia martinez lopez sanchez kowalski nowak wisniewski lindqvist johansson nilsson okafor mensah haddad petrosyan
featherstone vanderberg steinbrueck oosterhuis"""
SHORT = {
    "robert": "bob", "william": "bill", "elizabeth": "liz", "james": "jim", "michael": "mike", "thomas": "tom", "andreas": "andy",
    "christopher": "chris", "katherine": "kate", "alexander": "alex", "benjamin": "ben", "samuel": "sam", "jennifer": "jenny",
    "patricia": "pat", "margaret": "peggy", "matthew": "matt", "daniel": "dan", "peter": "pete", "susan": "sue",
}  # fmt: skip
SURNAMES_CN = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
GIVEN_CN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂兰文华建国志玉红玲鑫宇浩然子轩欣怡晨曦雨泽佳琪思远"
PLACES_CN = ["上海", "北京", "深圳", "广州", "杭州", "苏州", "成都", "武汉", "南京", "青岛"]
TRADES_CN = ["机械", "电子", "科技", "信息技术", "贸易", "自动化", "新材料", "医疗器械", "软件", "物流"]
_SYLLABLES = "ber kan tor mel vin ras dol fen gar lim nor pes quil sol tam ur wes yar zel hof bach stet ton mere"
_TRADES = (
    "logistics systems maschinenbau software foods pharma optics tools energy consulting metall druck plastics robotics"
)
FIRST, LAST, SYLLABLES, TRADES = _FIRST.split(), _LAST.split(), _SYLLABLES.split(), _TRADES.split()
FORMS = ["", " GmbH", " Ltd", " Inc.", " AG", " GmbH & Co. KG", " S.A.", " LLC"]
FREE = ["gmail.com", "web.de", "outlook.com", "gmx.de"]
TOWNS = [
    ("Bremen", "28195"), ("Köln", "50667"), ("Graz", "8010"), ("Lyon", "69001"), ("Leeds", "LS1 4AP"), ("York", "YO1 7HH"),
    ("Torino", "10121"), ("Aachen", "52062"), ("Kiel", "24103"), ("Ulm", "89073"), ("Porto", "4000"), ("Gent", "9000"),
]  # fmt: skip
CUISINES = ["italian", "french", "thai", "steakhouse", "seafood", "bbq", "cafe", "indian"]


def skewed(chance: random.Random, values: Sequence[Any]) -> Any:
    """Pick a value; the first ones far more often than the last."""
    return values[int(len(values) * chance.random() ** 1.5)]


def surname(chance: random.Random) -> str:
    """Pick a surname: half the people have one that few others have."""
    return skewed(chance, LAST) if chance.random() < 0.5 else word(chance)


def word(chance: random.Random, parts: int = 3) -> str:
    return "".join(chance.choice(SYLLABLES) for _ in range(chance.randint(2, parts)))


def slip(chance: random.Random, text: str) -> str:
    """Mistype one letter: left out, doubled, exchanged, or in the wrong place."""
    if len(text) < 3:
        return text
    at = chance.randrange(1, len(text) - 1)
    letters = "0123456789" if text[at].isdigit() else "abcdefghijklmnopqrstuvwxyz"
    return chance.choice(
        [
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
            text[:at] + chance.choice(letters) + text[at + 1 :],
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        ]
    )


def several(chance: random.Random, most: int) -> int:
    """How many records there are of one."""
    return 1 if chance.random() < 0.5 else chance.randint(2, most)


def mobile(chance: random.Random) -> str:
    return f"+49151{chance.randrange(10_000_000, 99_999_999)}"


def people_at_work(seed: int, count: int) -> Iterator[Record]:
    """People with e-mail, phone, company and job, from forms, fairs and lists bought; colleagues and namesakes among them."""
    chance = random.Random(seed)
    firms = [(f"{word(chance)} {chance.choice(TRADES)}".title(), word(chance)) for _ in range(count // 6 + 2)]
    taken: set[str] = set()
    for number in range(count):
        first, last = skewed(chance, FIRST), surname(chance)
        firm, host = chance.choice(firms)
        domain, job = (
            f"{host}.{chance.choice(['de', 'com'])}",
            chance.choice(["CEO", "Buyer", "Head of IT", "Engineer"]),
        )
        work, phone = f"{first[:1]}.{last}@{domain}", mobile(chance)
        while work in taken:
            work = f"{first[:1]}.{last}{chance.randrange(2, 99)}@{domain}"
        taken.add(work)
        private = f"{first}.{last}{chance.randrange(100)}@{chance.choice(FREE)}"
        for copy in range(several(chance, 3)):
            body: dict[str, Any] = {
                "first_name": first, "last_name": last, "email": work, "phone": phone, "job_title": job,
                "company": {"name": firm + chance.choice(FORMS)},
            }  # fmt: skip
            yield str(number), _at_work_with_mistakes(chance, body, private) if copy else body


def _at_work_with_mistakes(chance: random.Random, body: dict[str, Any], private: str) -> dict[str, Any]:
    def other_mail() -> None:
        body["email"] = private

    def mistyped_mail() -> None:
        body["email"] = slip(chance, body["email"].partition("@")[0]) + "@" + body["email"].partition("@")[2]

    def tagged_mail() -> None:
        body["email"] = body["email"].replace("@", "+fair@")

    def mistyped_phone() -> None:
        body["phone"] = body["phone"][:-1] + str(chance.randrange(10))

    mistakes: list[Callable[[], Any]] = [
        other_mail, mistyped_mail, tagged_mail, mistyped_phone,
        lambda: body.update(first_name=slip(chance, body["first_name"])),
        lambda: body.update(last_name=slip(chance, body["last_name"])),
        lambda: body.update(first_name=SHORT.get(body["first_name"], body["first_name"])),
        lambda: body.update(first_name=body["last_name"], last_name=body["first_name"]),
        lambda: body.update(company={"name": slip(chance, body["company"]["name"])}),
        lambda: body.update(job_title="Director"),
        lambda: body.update(first_name=body["first_name"].upper(), last_name=body["last_name"].upper()),
    ]  # fmt: skip
    for mistake in chance.sample(mistakes, chance.randint(1, 3)):
        mistake()
    # A list has the address or the number, seldom both.
    body.pop(chance.choice(["email", "phone", "job_title"]))
    return body


def households(seed: int, count: int) -> Iterator[Record]:
    """Private people with a postal address and a date of birth; families live together, half the fields may be spoilt."""
    chance = random.Random(seed)
    streets = [
        f"{word(chance).title()}{chance.choice(['strasse', ' road', 'weg', ' lane'])}" for _ in range(count // 3 + 5)
    ]
    number = 0
    while number < count:
        last, street, house = surname(chance), chance.choice(streets), str(chance.randrange(1, 120))
        town, postcode = skewed(chance, TOWNS)
        for first in chance.sample(FIRST, chance.choice([1, 1, 2, 3, 4])):
            number += 1
            born = f"{chance.randrange(1935, 2005)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
            member = str(chance.randrange(10_000_000, 99_999_999))
            for copy in range(several(chance, 4)):
                attributes = {
                    "street": street, "house_number": house, "city": town, "zip": postcode, "birthday": born, "member_no": member,
                }  # fmt: skip
                body = {"first_name": first, "last_name": last, "attributes": attributes}
                yield str(number), _at_home_with_mistakes(chance, body) if copy else body


def _at_home_with_mistakes(chance: random.Random, body: dict[str, Any]) -> dict[str, Any]:
    attributes = body["attributes"]
    for _ in range(chance.randint(1, 4)):
        kind, name = (
            chance.random(),
            chance.choice([*(part for part in ("first_name", "last_name") if part in body), *attributes]),
        )
        holder = body if name in body else attributes
        if kind < 0.25:
            holder.pop(name)
            if "first_name" not in body and "last_name" not in body:
                body["last_name"] = "unbekannt"
        elif kind < 0.35 and "first_name" in body and "last_name" in body:
            body["first_name"], body["last_name"] = body["last_name"], body["first_name"]
        else:
            holder[name] = slip(chance, holder[name])
        if not attributes:
            break
    return body


def chinese_people(seed: int, count: int) -> Iterator[Record]:
    """Chinese names, few surnames and many colleagues; a record has the mobile, the mail or the company, seldom all."""
    chance = random.Random(seed)
    firms = [chance.choice(PLACES_CN) + word_cn(chance) + chance.choice(TRADES_CN) for _ in range(count // 4 + 2)]
    for number in range(count):
        name = skewed(chance, SURNAMES_CN) + "".join(chance.sample(GIVEN_CN, chance.choice([1, 2, 2])))
        firm, phone = chance.choice(firms), f"+86138{chance.randrange(10_000_000, 99_999_999)}"
        mail = f"{chance.randrange(10**8, 10**9)}@qq.com"
        for _ in range(several(chance, 3)):
            company = {"name": firm + chance.choice(["有限公司", "", "股份有限公司"]), "country": "CN"}
            full = chance.choice([name, name, f"{name[0]} {name[1:]}"])
            body: dict[str, Any] = {"full_name": full, "email": mail, "phone": phone, "company": company}
            if chance.random() < 0.7:
                body.pop(chance.choice(["email", "phone"]))
            elif chance.random() < 0.5:
                body["phone"] = phone[:-2] + phone[-1] + phone[-2]
            yield str(number), body


def word_cn(chance: random.Random) -> str:
    return "".join(chance.sample("华鑫恒瑞泰达盛源博创智联金海东方远大", 2))


def eating_places(seed: int, count: int) -> Iterator[Record]:
    """Companies with no person: restaurants of two guides, which write names, streets and numbers each their own way."""
    chance = random.Random(seed)
    chains = [word(chance, 2).title() for _ in range(5)]
    for number in range(count):
        name = (chance.choice(chains) if chance.random() < 0.15 else word(chance).title()) + chance.choice(
            ["'s", " Grill", " Kitchen", " on Main", ""]
        )
        street, house = (
            f"{word(chance, 2).title()} {chance.choice(['Street', 'Avenue', 'Boulevard'])}",
            chance.randrange(1, 9999),
        )
        city, digits, cuisine = skewed(chance, TOWNS)[0], f"{chance.randrange(200, 999)}{chance.randrange(10**6, 10**7)}", chance.choice(CUISINES)  # fmt: skip
        for copy in range(several(chance, 2)):
            phone = f"{digits[:3]}/{digits[3:6]}-{digits[6:]}"
            attributes = {"address": f"{house} {street}", "city": city, "phone_number": phone, "kind": cuisine}
            company = {"name": name}
            if copy:
                company["name"] = chance.choice([name + " Restaurant", "The " + name, slip(chance, name), name.upper()])
                attributes["address"] = (
                    attributes["address"].replace("Street", "St.").replace("Avenue", "Ave").replace("Boulevard", "Blvd")
                )
                attributes["phone_number"] = phone.replace("/", "-")
                attributes["kind"] = chance.choice(CUISINES)
                if chance.random() < 0.3:
                    attributes.pop(chance.choice(["address", "city", "phone_number", "kind"]))
            yield str(number), {"company": company, "attributes": attributes}


def strangers(seed: int, count: int) -> Iterator[Record]:
    """Nobody twice: what the matcher finds here, it finds wrongly."""
    for number, (_, body) in enumerate(first_of_each(people_at_work(seed, count))):
        yield str(number), body


def first_of_each(records: Iterator[Record]) -> Iterator[Record]:
    seen = set()
    for who, body in records:
        if who not in seen:
            seen.add(who)
            yield who, body


WORLDS: dict[str, Callable[[int, int], Iterator[Record]]] = {
    "people at work": people_at_work,
    "households": households,
    "chinese people": chinese_people,
    "eating places": eating_places,
}
