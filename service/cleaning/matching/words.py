"""Words as they are compared: folded so that case, accents and punctuation do not count, and reduced to how they sound."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_APART: Final = re.compile(r"[\W_]+")
_DROPPED: Final = str.maketrans("", "", "'’`´")
_CACHE: Final = 65_536

# Letters that are heard alike in one European language or another; vowels, h, j and y are not written at all.
_ALIKE: Final = (("tsch", "s"), ("sch", "s"), ("sh", "s"), ("ch", "k"), ("ck", "k"), ("ph", "f"), ("th", "t"))
_HEARD: Final = str.maketrans("bcdgqvwxz", "pktkkffss", "aeiouhjy")

_NICKNAMES: Final = """
alexander alex sascha sasha alec lex xander|alexandra alex sandra sascha sasha|andrew andy drew andreas|anthony tony anton|
benjamin ben benny benji|barbara barb babs|catherine katherine kathryn cathy kathy kate katie kathrin katharina cat|
charles charlie chuck chas karl|christopher chris kit christoph|christine christina chris tina chrissy|daniel dan danny|
david dave davey|deborah deb debbie debra|donald don donnie|dorothy dot dottie|edward ed eddie ted ned eduard|
elizabeth elisabeth liz lizzie beth betty eliza lisa elise sissi|eugene gene|francis frank frankie franz franziskus|
frederick fred freddy fritz friedrich|gabriele gabi gaby|georg george schorsch jorg juergen jurgen|gerald jerry gerry|gregory greg|
heinrich heinz henry harry hank heiner henrik|helmut helle|isabella bella izzy isabel|jacob jake jakob|james jim jimmy jamie|
jennifer jen jenny|jessica jess jessie|johannes hans hannes johann john jan|john jack johnny jon jonathan|joseph joe joey josef sepp jose|
joshua josh|kenneth ken kenny|lawrence larry lorenz|leonard leo len lenny|margaret maggie meg peggy marge greta margarete gretchen|
maria mary marie mia|martin marty|matthew matt matthias mathias|maximilian max maxi|michael mike mick mickey micha michi michel|
nicholas nick nicky nikolaus klaus nico|patricia pat patty trish tricia|patrick pat paddy|peter pete|philip phil philipp pip|
raymond ray|rebecca becky becca|richard rick dick rich ricky|robert bob rob bobby robbie bert|ronald ron ronnie|
samuel sam sammy|samantha sam|sebastian basti seb|stephen steven steve stefan steffen|susan sue suzy susanne suzanne|
theodore ted teddy theo theodor|thomas tom tommy|timothy tim|ulrich uli|ulrike uli|victoria vicky tori viktoria|
vincent vince|walter walt wally|wilhelm willi willy william bill billy will liam|wolfgang wolf|zachary zach zack
"""


def _families() -> dict[str, frozenset[int]]:
    of: dict[str, set[int]] = {}
    for number, names in enumerate(_NICKNAMES.split("|")):
        for name in names.split():
            of.setdefault(name, set()).add(number)
    return {name: frozenset(numbers) for name, numbers in of.items()}


_FAMILY: Final = _families()
_NONE: Final[frozenset[int]] = frozenset()


def same_person_s_name(one: str, other: str) -> bool:
    """Say whether two first names may be one: Bob and Robert, Sascha and Alexander."""
    return not _FAMILY.get(one, _NONE).isdisjoint(_FAMILY.get(other, _NONE))


@lru_cache(_CACHE)
def folded(text: str) -> str:
    """Return a text in lower case without accents and punctuation, its words one space apart; any script."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(character for character in text if not unicodedata.combining(character))
        # Taking Korean syllables apart is undone.
        text = unicodedata.normalize("NFC", text)
    return " ".join(_APART.sub(" ", text.casefold().translate(_DROPPED)).split())


@lru_cache(_CACHE)
def heard(word: str) -> str:
    """Return how a folded word sounds, roughly: Schmidt, Schmitt and Schmid are one; other scripts stay as they are."""
    if not word.isascii():
        return word
    letters = word.replace(" ", "")
    if letters.isdigit():
        return letters
    for written, sound in _ALIKE:
        letters = letters.replace(written, sound)
    sounds = letters[:1].translate(_HEARD) or letters[:1]
    for letter in letters[1:].translate(_HEARD):
        if letter != sounds[-1]:
            sounds += letter
    # A t behind another consonant is hardly heard at the end: Schmidt, Schmid.
    return sounds.rstrip("t") if len(sounds) > 3 else sounds
