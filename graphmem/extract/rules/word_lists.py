"""Word lists by name, read once from ``data/words`` and ``data/kin.toml``."""

from __future__ import annotations

import re

from graphmem.extract.rules.data import read_rule_data

_FILES = ("clauses", "names", "people", "phrases", "things", "casual", "fiction")
_DATA = {key: value for name in _FILES for key, value in read_rule_data(f"words/{name}").items()}
_KIN_DATA = read_rule_data("kin")


def word_set(name: str) -> frozenset[str]:
    """A list of ``data/words`` by its name there. Raises ``KeyError`` when there is none."""
    return frozenset(_DATA[name].split())


def word_line(name: str) -> str:
    """The same for a list of several words each, on one line."""
    return " ".join(_DATA[name].split()).replace("| ", "|")


def word_table(name: str) -> dict[str, str]:
    """A table of ``data/words`` by its name there. Raises ``KeyError`` when there is none."""
    return dict(_DATA[name])


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEASONS = {"spring": 3, "summer": 6, "fall": 9, "autumn": 9, "winter": 12}
NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "couple": 2, "three": 3, "few": 3, "four": 4, "five": 5,
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
    "fifteen": 15, "twenty": 20, "thirty": 30,
}  # fmt: skip

KIN: dict[str, tuple[str, float]] = {
    word: (relation, row["weight"])
    for relation, row in _KIN_DATA["kin"].items()
    for word in row["words"].split()
}
"""Word -> (relation from the named person to the other, importance)."""
KIN_PLURAL: dict[str, str] = _KIN_DATA["kin_plural"]
KIN_MODIFIERS = word_set("kin_modifiers")
KIN_WITHOUT_NAME = word_set("kin_without_name")
"""Of which somebody has one as a rule: "my mum" is somebody without a name, too."""
FEMALE_KIN = word_set("female_kin")
MALE_KIN = word_set("male_kin")
OCCUPATIONS = word_set("occupations")
OCCUPATION_ENDINGS = tuple(word_set("occupation_endings"))

PETS = word_set("pets")
PETS_PLURAL: dict[str, str] = {
    pet + ("es" if pet.endswith("fish") else "s"): pet for pet in PETS
} | _DATA["irregular_pet_plurals"]
POSSESSIONS = PETS | frozenset(PETS_PLURAL) | word_set("possessions")
INSTRUMENTS = word_set("instruments")
SPORTS = word_set("sports")
SOFTWARE = word_set("software")

FAVOURITE = ("favourite", "favorite")
"""How what is liked best begins: a favourite author is nobody's work."""
NOT_NAMES = word_set("not_names")
GREETINGS = word_set("greetings")
ORG_SUFFIXES = word_set("organization_suffixes")
LANGUAGES = word_set("languages")
NATIONALITIES = LANGUAGES | word_set("nationalities")
PLACES = frozenset(" ".join(place.split()) for place in _DATA["places"].split(","))
PLACE_SUFFIXES = word_set("place_suffixes")
NOT_PLACES = word_set("not_places")

NP_STOP = word_set("np_stop")
NP_STOP_GERUND = NP_STOP - word_set("inside_activities")
VAGUE_FIRST = word_set("vague_first")
VAGUE_HEADS = word_set("vague_heads")
PLAIN_THE = word_set("plain_the")

FILLERS = word_set("fillers")
INTERJECTIONS = word_set("interjections")
PAST_ONLY = word_set("past_only")
SENTENCE_BLOCKERS = word_set("sentence_blockers")
NEGATIONS = word_set("negations")
HEDGES = word_set("hedges")


_POST = re.compile(
    r"(?!line )(?:[a-z]+ )+(?:manager|lead|leader|supervisor|coordinator)|"
    r"(?:ward|charge|theatre|night) sister|(?:wardrobe|station|quarter|web|grand)[ -]?(?:mistress"
    r"|master)"
)


def is_post(words: str) -> bool:
    """Of two words it is a post: "the manager" may be one for an evening, "the bar manager" is
    not."""
    return _POST.fullmatch(words) is not None


def is_occupation(word: str) -> bool:
    """Whether somebody may be this for a living."""
    return word in OCCUPATIONS or word.endswith(OCCUPATION_ENDINGS)
