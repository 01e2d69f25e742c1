"""Sentences without a subject, as people write them: "Sold the Corsa", "Speaks Dutch"."""

from __future__ import annotations

import re
from dataclasses import replace

from graphmem.extract.rules.names import FIRST_NAMES
from graphmem.extract.rules.plain_speech import plainly
from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.tokenizer import Sentence, after, without_opening
from graphmem.extract.rules.unsaid_subjects import with_copula, with_subject
from graphmem.extract.rules.word_lists import KIN, PETS, word_set, word_table

_WITHOUT_I, _WITHOUT_I_AM = word_set("without_i"), word_set("without_i_am")
_AFTER_GERUND_SUBJECT = word_set("after_gerund_subject")
_WITHOUT_NAME, _WITHOUT_IS = word_set("without_name"), word_set("without_is")
_ADVERBS, _AFTER_ING = word_set("adverbs_before_verbs"), word_set("after_participles")
_OPENINGS_WITHOUT_I_AM = frozenset(
    {("originally", "from"), ("allergic", "to"), ("fluent", "in")}
    | {
        (now, where)
        for now in ("still", "now", "currently")
        for where in ("at", "in", "with", "living", "working", "based")
    }
)
_OPENINGS_WITHOUT_I = frozenset(
    {
        ("start", "at"),
        ("start", "with"),
        ("no", "longer"),
        ("can't", "stand"),
        ("cannot", "stand"),
        ("don't", "like"),
        ("called", "off"),
        ("had", "to"),
        ("live", "in"),
        ("live", "near"),
    }
    | {("don't", "work"), ("don't", "play"), ("don't", "live"), ("don't", "use")}
)
_LISTED_KIN = frozenset(
    {"brother-in-law", "sister-in-law", "mother-in-law", "father-in-law", "cousin", "neighbour"}
)
"""One's own, where a name follows: "Cousin Bella has moved"."""
_ORIGINS = frozenset({("born", "in"), ("born", "and")})
_OF_ANYBODY = frozenset(
    {("allergic", "to"), ("fluent", "in"), ("can't", "stand"), ("cannot", "stand")}
)
"""Said of another as well, where one was just told of."""
_LASTING = frozenset({"run", "led", "managed"})
_SHORTEST_ING = 5
_PARENTS = word_set("parents_by_name")
_OWN = word_set("own_people")
_LAST_OPENINGS = frozenset({("last", "day"), ("last", "shift")})
_OWN_OPENINGS = {("new", one) for one in _OWN} | _LAST_OPENINGS
_BEFORE_A_VERB = re.compile(
    r"(?:[Nn]ew\s+)?\w+(?:'s)?\s+(?:(?!and\b|or\b|&)[a-z]|(?:and|&)\s+[^\W\d_a-z]|\([^()]{2,40}\)\s+[a-z])"
)
_NOW_ING = re.compile(
    r",\s+((?:now|currently)\s+(?:living|working|based|studying)\s)", re.IGNORECASE
)


def completed(  # noqa: PLR0911, PLR0912 - one return for each kind of fragment
    sentence: Sentence, context: TurnContext
) -> Sentence:
    """A fragment with the subject that it lacks: "Sold the Corsa", "Speaks Dutch"."""
    sentence = with_copula(without_opening(sentence), context)
    first = sentence.tokens[0].low
    second = sentence.tokens[1].low if len(sentence.tokens) > 1 else ""
    if context.topic is not None and first in _WITHOUT_NAME:
        verb = "was " if second == "by" and first not in _LASTING else "is "
        verb = verb if first in _WITHOUT_IS else ""
        return after(f"{context.topic} {verb}", sentence)
    sentence = with_subject(sentence, context)
    first = sentence.tokens[0].low
    second = sentence.tokens[1].low if len(sentence.tokens) > 1 else ""
    if now := _NOW_ING.search(sentence.text):
        head = sentence.tokens[0]
        who = "I'm" if head.low in {"i", "i've", "i'm", "we"} or first in _WITHOUT_I else None
        if who is not None:
            text = f"{sentence.text[: now.start(1)]}{who} {sentence.text[now.start(1) :]}"
            sentence = replace(sentence, text=text)
    if context.speaker is None or len(sentence.tokens) < 2:
        return sentence
    own = first in _PARENTS | _OWN or (first, second) in _OWN_OPENINGS
    own = own and not (context.of_another and (first, second) in _LAST_OPENINGS)
    if own and _BEFORE_A_VERB.match(sentence.text):
        return after("My ", sentence)
    if sentence.tokens[0].owns:
        return sentence
    if first in _LISTED_KIN and sentence.tokens[1].capital and sentence.tokens[1].gap == " ":
        return after("My ", sentence)
    begun = second if first in _ADVERBS else first
    if begun in _WITHOUT_I or (first == "work" and second in {"at", "for"}):
        return after("I ", sentence)
    doubtful = (first, second) in _OF_ANYBODY and context.about not in {None, context.speaker}
    if (first, second) in _OPENINGS_WITHOUT_I and not doubtful:
        return after("I ", sentence)
    if (first, second) in _OPENINGS_WITHOUT_I_AM and not doubtful:
        return after("I'm ", sentence)
    if (first, second) in _ORIGINS and context.about in {None, context.speaker}:
        return after("I was ", sentence)
    if first == "been" and second in {"at", "with", "working", "living", "in"}:
        return after("I've ", sentence)
    doing = first.endswith("ing") and len(first) > _SHORTEST_ING and second in _AFTER_ING
    if doing and not sentence.lows & _AFTER_GERUND_SUBJECT:
        return after("I'm ", sentence)
    if first in _WITHOUT_I_AM and not sentence.lows & _AFTER_GERUND_SUBJECT:
        return after("I'm ", sentence)
    return sentence


_SPELT = word_table("spelt")
_CASUAL = re.compile(
    r"(?<![\w'’./&+-])(?:w/(?=\s?[A-Za-z])|(?:" + "|".join(_SPELT) + r")(?![\w'’/.&+-]))"
)


_CORRECTION = re.compile(
    r"(?:^|(?<=[.!?]\s))(?:(?:oh|oops|whoops|sorry|wait|no|ah|um|scratch\s+that|my\s+(?:mistake|bad))"
    r"\s*[,.!:–—-]+\s*){0,3}"
    r"(?:(?:small\s+|quick\s+|a\s+)?correction\s*[:,–—-]+\s*|(?:sorry\s+)?I\s+meant(?:\s+to\s+say)?[,:]?\s+)"
    r"(?:(?:that|it's\s+that)\s+)?(?P<first>(?:I|I['’]m|we|my|our|he|she|his|her|(?-i:[^\W\d_a-z])[\w'’-]*)"
    r"(?=\s+\S+\s+\S))",
    re.IGNORECASE | re.MULTILINE,
)

_ONE_OF_THEM = re.compile(
    r"\s+(?:partner|doctor|dentist|gp|GP|therapist|landlord|landlady|coach|trainer)(?:'s|\s+is)\s"
)
"""Of whom somebody has one at a time: who is named instead takes the other's place."""


def corrected(text: str) -> str:
    """Without what says only that a statement puts something right: "Correction: I live in Bonn",
    "sorry, I meant I live in Bonn"."""
    if "orrection" not in text and "meant" not in text:
        return text
    return _CORRECTION.sub(_as_stated, text)


def _as_stated(match: re.Match[str]) -> str:
    first = match["first"][0].upper() + match["first"][1:]
    replaces = first == "My" and _ONE_OF_THEM.match(match.string, match.end())
    return "My new" if replaces else first


def spelt(text: str) -> str:
    """A text with the letters that people leave out: "im from Grimsby", "got a job w/ Delta"."""
    text = plainly(corrected(text))
    text = _SOMEBODY.sub("is ", _BY_THE_WAY.sub("", _CASUAL.sub(_in_full, text)))
    text = _TURNS_OUT.sub("", text) if "urns out" in text else text
    text = _FOUND_DEAD.sub("died", text) if "found dead" in text else text
    if "called " in text or "named " in text:
        text = _CALLED_SMALL.sub(lambda match: f"{match['before']}{match['name'].title()}", text)
    text = _IS.sub(r"\g<who> is ", _KIN_IS.sub(_is_or_has, text))
    if "💍" in text:
        text = _YES.sub(r"i got engaged to \g<who> ", text)
    if "more" in text:
        text = _OPENS_WITH_NOT.sub(r"I'm no longer \g<what>", _ANY_MORE.sub("anymore", text))
        text = _NOT_ANY_MORE.sub(_no_longer, text)
    if "got into" in text or "got a place" in text or "accepted" in text:
        text = _STARTS_NEXT.sub(r"\g<place> ", text)
    if "ought" in text:
        text = _BOUGHT_WHAT.sub(lambda one: f"{one['thing']}, {one['article'].lower()} ", text)
    if "asked" in text:
        text = _ASKED.sub(r"\g<asked> to marry them and \g<yes>", text)
    if "deal with" in text or "speak to" in text:
        text = _NOW_DEAL.sub(_new_contact, text)
    if "oved" in text or "oving" in text:
        text = _MOVED_WHERE.sub(_moved_to, text)
    if "ur " in text:
        text = _OUR_NAME.sub(_named_ours, text)
    if "rent" in text:
        text = _RENT_UP.sub(r"\g<rent> to ", text)
    if _GOT_IT_CUES.search(text):
        text = _GOT_THE_JOB_AT.sub(_as_a_start, _GOT_THE_POST.sub(_as_a_post, text))
    if "ew job" in text:
        text = _NEW_JOB_IS.sub(r"\g<job> ", text)
        text = _NEW_JOB.sub("new job, starting ", text)
    return _JOB_AHEAD.sub(_starting, _OF_NAME_IN_S.sub("'s", text) if "s'" in text else text)


_FOUND_DEAD = re.compile(r"\b(?:was|were) found dead\b")
_TURNS_OUT = re.compile(r"\b(?:(?:[Ii]t|[Aa]s it) )?[Tt]urns out(?: that)?,? (?=\S)")
_CALLED_SMALL = re.compile(
    r"(?P<before>\b(?:" + "|".join(sorted(KIN.keys() | PETS | {"baby", "boy", "girl"})) + r")"
    r"(?:'s| is|,)? (?:called|named) )(?P<name>[a-z]{2,}\b)(?<!\b(?:me|in|it|on|by|us|to|up))"
    r"(?<!\b(?:her|him|the|off|out|for|you))(?<!\b(?:them|back|last|this|that|over|when|from))"
    r"(?=\s*(?:$|[.,!?;)\n]|and\b|who\b|lol\b))"
)
"""In "got a dog called rex", a name."""


def _is_or_has(match: re.Match[str]) -> str:
    has = match.string.startswith(("been", "moved", "gone", "left"), match.end())
    return f"{match['who']} {'has' if has else 'is'} "


_KIN_IS = re.compile(
    r"\b(?P<who>" + "|".join(sorted(KIN)) + r")['’]s "
    r"(?=(?:(?:com|go|mov|liv|work|stay|visit|gett|hav|start|leav|retir|study|train)ing|in|at"
    r"|here|home|not|now|still|back|off|over|from|away|an?|the|been|moved|gone|left)\b)",
    re.IGNORECASE,
)
"""In "mum's coming over", what is nobody's: whatever follows is no thing."""
_IS = re.compile(
    r"(?<![\w-])(?!(?:it|that|this|he|she|what|who|there|here|where)['’])"
    r"(?P<who>[^\W\d_][\w-]*)['’]s "
    r"(?=(?:called|named|my|our)\s)",
    re.IGNORECASE,
)
"""In "my sister's called Jo", "Zoe's my friend", what is nobody's."""
_RENT_UP = re.compile(r"(?P<rent>\brent (?:up|down))[.!,:]+\s+(?:it's |now |to )?(?=[£€$]\d)")
_GOT_IT_CUES = re.compile(r"\b(?:got|took me|offered me)\b", re.IGNORECASE)
_GOT_IT = r"\b(?i:got (?:it|the (?:[a-z]+ )?job)|took me(?: on)?|offered me (?:it|the job))"
_FROM_ON = r"(?:from|start(?:s|ing)?(?: on)?)\s+(?=\d|next\s|[A-Z][a-z]+\s\d|[A-Z][a-z]{2,8}\b)"
_GOT_THE_POST = re.compile(
    rf"(?P<got>{_GOT_IT})[!.\s\U0001f300-\U0001faff\ufe0f]{{1,9}}(?:(?:As|I'm)\s)?"
    rf"(?P<role>[A-Z][a-z]+(?:'s)?(?:\s[a-z]+(?:'s)?){{0,3}}?),?\s(?:[A-Z]\w+,\s)?{_FROM_ON}"
)
_GOT_THE_JOB_AT = re.compile(
    r"\b(?i:got|landed) (?:(?i:the) (?P<org>[A-Z][\w&-]+(?:\s[A-Z][\w&-]+){0,3}?) (?i:job)"
    r"|(?P<firm>[A-Z][\w&-]+) instead)[!.\s]{1,5}"
    rf"(?:I\s)?(?i:{_FROM_ON})"
)
"""In "I got it! Assistant librarian, from 6 May", what is said of the post."""


def _as_a_post(match: re.Match[str]) -> str:
    role = match["role"]
    return f"{match['got']}. I start as {role[0].lower()}{role[1:]} on "


def _as_a_start(match: re.Match[str]) -> str:
    org = match["org"] or match["firm"]
    org = org.title() if org.isupper() else org
    return f"I start at {org} on "


_YES = re.compile(r"(?<![\w-])(?P<who>[^\W\d_][\w-]*) said yes[!.\s\U0001f300-\U0001faff\ufe0f]*💍")
_ANY_MORE = re.compile(
    r"\bany[ ]more(?=\s*(?:$|[.,;:!)\n]|(?:and|but|so|since|because|after|now|btw)\b))"
)
_WHAT_NO_MORE = r"(?P<what>(?:[\w']+[ ]){0,3}[\w']+?),?[ ](?:anymore|any[ ]more)\b"
_NOT_ANY_MORE = re.compile(
    r"(?:(?P<be>'s|'m|'re|[ ]is|[ ]am|[ ]are)[ ]not|[ ](?P<is>is|are)n'?t|[ ]ain't)[ ]"
    + _WHAT_NO_MORE
)
_OPENS_WITH_NOT = re.compile(r"(?:^|(?<=[.!?\n][ ]))[Nn]ot[ ]" + _WHAT_NO_MORE)


def _no_longer(match: re.Match[str]) -> str:
    be = match["be"] or f" {match['is'] or 'is'}"
    return f"{be} no longer {match['what']}"


_STARTS_NEXT = re.compile(
    r"(?P<place>\b(?:got into|got a place at|accepted (?:by|at|into))[ ][^.!?\n]{3,60}?)[!.]{1,4}\s"
    r"(?:(?:I|i|he|she|He|She)\s)?[Ss]tart(?:s|ing)?\s(?=(?:in|on|next)\s)"
)
_BOUGHT_WHAT = re.compile(
    r"(?P<thing>\b[Bb]ought (?:myself )?(?:an?|the) (?:new |second-hand |used )?"
    r"(?:bike|car|van|motorbike|scooter|boat|campervan|caravan)(?: at last| finally| after all)?)"
    r"[.!]{1,3}\s(?P<article>[Aa]n?)\s(?=(?:[a-z-]+\s){0,3}[^\W\d_a-z])"
)
"""In "bought a car! A wee Micra", which."""
_ASKED = re.compile(
    r"(?P<asked>\b[^\W\d_a-z]\w{1,20} asked [^\W\d_a-z]\w{1,20}) and (?P<yes>s?he said yes)(?="
    r"[.!]+\s+(?:The "
    r")?[Ww]edding)"
)
_NOW_DEAL = re.compile(
    r"(?P<left>(?:no longer (?:at|with)"
    r"|left) (?:the )?(?P<org>[^\W\d_a-z][\w&'-]*(?: (?:& )?[^\W\d_a-z][\w&'-]*){0,3}))"
    r"[.!;,]\s+(?:[Ww]e|I)(?:'re|'m| now)? (?:now )?(?:deal|dealing|speak|liaise"
    r"|work)(?: now)? (?:with|to) "
    r"(?P<who>[^\W\d_a-z]\w+(?: [^\W\d_a-z]\w+)?)(?: now| instead)?(?=[.!,\n]|$)"
)


def _new_contact(match: re.Match[str]) -> str:
    return f"{match['left']}. Our contact at {match['org']} is now {match['who']}"


_MOVED_WHERE = re.compile(
    r"(?P<before>(?:^|[.!?\n,] )(?:(?:I|i|[Ww]e)(?:'ve|'m|'re| have| am"
    r"| are)?(?: [a-z]+)? )?(?:[a-z]+ )?)"
    r"(?P<how>[Mm]ov(?:ed|ing))(?P<with>(?: in with [^.!?\n]{2,40}?| house| in| out)?(?: tho"
    r"| though| btw)?)[.!]{1,3}\s+"
    r"(?:(?:[Nn]umber "
    r"|[Nn]o\.? ?)?\d+\w?,? [^.!?\n,]{3,30}, )?(?P<place>[^\W\d_a-z][\w-]+(?: [^\W\d_a-z][\w-]+)?)"
    r"(?:, (?:on )?(?P<when>\d{1,2}(?:st|nd|rd|th)? [A-Za-z]{3,9}))?(?=[.!,\n]|$)"
)
"""In "Moved! 3 Malt House Lane, Buckfast", where to."""


def _moved_to(match: re.Match[str]) -> str:
    ahead = match["how"].endswith("ing")
    where = f"I {'am moving' if ahead else 'moved'} to {match['place']}"
    when = f" on {match['when']}" if match["when"] else ""
    return f"{match['before']}{match['how']}{match['with']}. {where}{when}"


_OUR_NAME = re.compile(r"\b[Oo]ur (?P<name>[^\W\d_a-z][\w-]*)(?=[\s',.])")


def _named_ours(match: re.Match[str]) -> str:
    """ "Our Jean", as some call their own."""
    return match["name"] if match["name"].lower() in FIRST_NAMES else match.group()


_OF_NAME_IN_S = re.compile(r"(?<=s)'(?=\s[a-z])(?<![\s\"'(][a-z]s')(?<!\bits')")
_JOB_AHEAD = re.compile(
    r"\b(?P<got>got|landed|accepted|'ve got)\s(?:the|a)\s(?:new\s)?job\s(?P<at>at|with)\s"
    r"(?P<org>[^\s.,;:!?]+(?:\s[A-Z&][^\s.,;:!?]*){0,4})[\s.,;!\U0001f300-\U0001faff\ufe0f]{1,9}"
    r"(?:(?:and\s)?(?:I|i|he|she|He|She)\s)?[Ss]tart(?:s|ing)?\s(?P<when>(?:on|in|next)\s)"
)
"""In "got the job at Acme!!! start on the 24th", what is said of the two together."""


def _starting(match: re.Match[str]) -> str:
    led = _LED_BY.search(match.string, max(0, match.start() - 30), match.start())
    start = "starts" if led else "I start"
    return f"{start} {match['at']} {match['org']} {match['when']}"


_NEW_JOB_IS = re.compile(
    r"(?P<job>\b[Nn]ew job(?: today| yesterday| this week| last week)?)[.!, ]+"
    r"(?:[Ii]t's|[Ii]t is|(?:I'm )?[Nn]ow|I'm) "
    r"(?=(?:at|with) )"
)
_NEW_JOB = re.compile(
    r"new job[\s.,;!:\U0001f300-\U0001faff\ufe0f-]{1,9}(?:(?:and|I|i|he|she)\s)?"
    r"(?:'m\s)?[Ss]tart(?:s|ing)?\s(?=(?:at|with)\s)"
)
_LED_BY = re.compile(
    r"(?:\b(?:I|i|[Hh]e|[Ss]he|[Ww]e)|[^\W\d_a-z][\w-]*)(?:'ve|'s|\shas|\shave|\sjust)?\s$"
)


_SOMEBODY = re.compile(
    r"\bis (?:a|an|this|some) (?:[a-z]+ )?"
    r"(?:guy|lad|man|woman|lass|girl|boy|bloke|dude|lady|chap|person|fella)(?: who is| who's)? "
    r"(?:called|named) (?=[^\W\d_a-z])"
)
"""In "my boss is a guy called Tariq", what tells nothing."""


_BY_THE_WAY = re.compile(
    r",?[ ](?:just[ ])?(?:if|in case)[ ]"
    r"(?:anyone|anybody|any of you|you|u|yall|y'all|ppl|people|someone)"
    r"(?:'s[ ]wondering|[ ](?:asks|cares|forgot|remembers?|"
    r"(?:didn'?t|don'?t|doesn'?t|hasn'?t|haven'?t|hadn'?t)[ ]"
    r"(?:know|hear|heard|notice|noticed)|(?:is|are|was|were|'s|'re)[ ]wondering|wonders?|"
    r"needs?[ ](?:it|me|him|her)))"
    r"(?=\s*(?:$|[.,;!?)\n]))",
    re.IGNORECASE,
)
"""A condition of nothing: "we live in Atlanta if you didn't know"."""


def _in_full(match: re.Match[str]) -> str:
    word = match.group()
    if word != "w/":
        return _SPELT[word]
    return "with" if match.string[match.end() : match.end() + 1].isspace() else "with "
