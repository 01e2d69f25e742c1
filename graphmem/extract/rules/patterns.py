"""The relations that the rules know, as data. How to read a row: ``relations.Rule``."""

from __future__ import annotations

import re

from graphmem.extract.rules.company_patterns import AFFAIRS
from graphmem.extract.rules.pattern import Rule, Time

_CLUBS = "choir club band team group guild orchestra society"
_ANYMORE = "anymore longer more"
_PAST_WORK = (
    r"(?:quit|resigned from|retired from|"
    r"(?:got|was|were) (?:fired|laid off|let go) (?:from|by))"
)

_WORK = (
    Rule("works_at", "~works? (?:at|for)", "org", "{s} works at {o}", "work works", 0.8),
    Rule("works_at", "<be>~working (?:at|for)", "org", "{s} works at {o}", "working", 0.8),
    Rule("works_at", "<be>~employed (?:at|by)", "org", "{s} works at {o}", "employed", 0.8),
    Rule("works_at", "<have>~(?:been working|worked) (?:at|for)", "org", "{s} works at {o}",
         "worked working", 0.8, needs="since for"),
    Rule("works_at", "~(?:started|began) (?:working |work |out |a new job |my new job |a job "
         "|a new role "
         "|a new position |an internship )?(?:at|with|for)", "org", "{s} started working at {o}",
         "started began", 0.8, "change"),
    Rule("works_at", r"~(?:got|landed|took|accepted|found|have|has|got myself) "
         r"(?:a |an |the |my )?(?:[\w-]+ ){0,2}"
         "(?:job|position|role|internship) (?:at|with)", "org", "{s} got a job at {o}",
         "job position role internship", 0.8, "change"),
    Rule("works_at", "~starts? (?:working |work |my new job |a new job |a job )?(?:at|with|for)",
         "org", "{s} started working at {o}", "start starts", 0.8, "change", dated=True),
    Rule("works_at", "<have>~been at", "proper", "{s} works at {o}", "been", 0.8,
         needs="since for", unless="university college school academy", dated=True),
    Rule("works_at", r"(?:<have>)?~joined(?= [^,;]{1,60}? as (?:an?|the|its|their) )", "org",
         "{s} joined {o}", "joined", 0.8, "change", unless=_CLUBS),
    Rule("works_at", "~(?:got |was |were )?hired (?:at|by)", "org", "{s} was hired by {o}",
         "hired", 0.8,
         "change"),
    Rule("works_at", r"~(?:switched|moved|transferred|went) (?:jobs )?from (?:the )?"
         r"[\w&.-]+(?: [\w&.-]+){0,3}? to", "org", "{s} moved to {o}",
         "switched moved transferred went", 0.8, "change",
         needs="job jobs work working company employer role position engineer team"),
    Rule("works_at", "~(?:switched|moved over|transferred) (?:jobs )?to", "org",
         "{s} moved to {o}", "switched transferred", 0.8, "change",
         needs="job jobs work working company"),
    Rule("works_at", "~(?:worked|used to work|was working) (?:at|for)", "org",
         "{s} used to work at {o}",
         "worked work working", 0.6, "past"),
    Rule("works_at", "~no longer works? (?:at|for)", "org", "{s} no longer works at {o}", "longer",
         0.8,
         "end"),
    Rule("works_at", "<not>~work (?:at|for)", "org", "{s} no longer works at {o}", "work", 0.8,
         "end",
         _ANYMORE),
    Rule("works_at", "~stopped working (?:at|for)", "org", "{s} stopped working at {o}", "stopped",
         0.8,
         "end"),
    Rule("works_at",
         f"(?:<have>)?~{_PAST_WORK} "
         "(?:<my> (?:old )?(?:job|position|role) (?:at|with) )?", "org",
         "{s} left {o}", "quit left resigned retired fired laid let", 0.8, "end"),
    Rule("works_at", "(?:<have>)?~left <my> (?:old )?(?:job|position|role) (?:at|with)", "org",
         "{s} left {o}", "left", 0.8, "end"),
    Rule("works_at", "(?:<have>)?~left", "org", "{s} left {o}", "left", 0.8, "end",
         unless=_CLUBS),
    Rule("works_as", "~works? as", "role", "{s} works as {o}", "work works", 0.8),
    Rule("works_as", "<be>~working as", "role", "{s} works as {o}", "working", 0.8),
    Rule("works_as", "<have>~(?:been working|worked) as", "role", "{s} works as {o}",
         "working worked", 0.8, needs="since for"),
    Rule("works_as", "<be>~(?=an? )", "role", "{s} is {o}", "a an", 0.8),
    Rule("works_as", "<have>~been (?=an? )", "role", "{s} is {o}", "been", 0.8, needs="since for"),
    Rule("works_as", "~(?:became|got promoted to|was promoted to)", "role", "{s} became {o}",
         "became promoted", 0.8, "change"),
    Rule("works_as", "~(?:started|began) (?:working |work |out |my new job |a new job )?as", "role",
         "{s} started working as {o}", "started began", 0.8, "change"),
    Rule("works_as", r"~(?:got|landed|took) a (?:new )?job as", "role", "{s} works as {o}", "job",
         0.8,
         "change"),
    Rule("works_as", "~(?:worked|used to work) as", "role",
         "{s} used to work as {o}", "worked work", 0.6, "past"),
    Rule("works_as", "~used to be(?= an? )|~was(?= an? )", "role", "{s} used to be {o}", "used was",
         0.6, "past"),
    Rule("volunteers_at", "~volunteers? (?:at|for|with)|<be>~volunteering (?:at|for|with)|"
         "<have>~been volunteering (?:at|for|with)|~(?:started|began) volunteering (?:at|for|with)",
         "org", "{s} volunteers at {o}", "volunteer volunteers volunteering", 0.6),
    Rule("volunteers_at", "~volunteered (?:at|for|with)", "org", "{s} volunteered at {o}",
         "volunteered",
         0.6, "event"),
    Rule("founded", "(?:<have>)?~(?:founded|co-founded|cofounded)", "proper", "{s} founded {o}",
         "founded co-founded cofounded", 0.8, "event"),
    Rule("founded", r"~(?:started|opened|launched|set up|created|founded|co-founded) "
         r"(?:my|our|his|her|their|a|an) "
         r"(?:(?!called|named)[\w-]+ ){1,4}(?:called|named)", "proper", "{s} founded {o}",
         "started opened launched set created founded co-founded", 0.8, "event"),
    Rule("owns", r"~(?:own|owns|run|runs) (?:my|our|his|her|their|a|an) "
         r"(?:(?!called|named)[\w-]+ ){1,4}(?:called|named)", "proper", "{s} owns {o}",
         "own owns run runs", 0.7),
)  # fmt: skip

_PLACES = (
    Rule("lives_in", "~lives? in", "place", "{s} lives in {o}", "live lives", 0.9),
    Rule("lives_in", "<be>~(?:living|based|settled) in", "place", "{s} lives in {o}",
         "living based settled", 0.9),
    Rule("lives_in", "<have>~(?:been living|lived) in", "place", "{s} lives in {o}",
         "lived living", 0.9,
         needs="since for always whole"),
    Rule("lives_in", "(?:<have>)?~(?:moved|relocated) "
         "(?:back |over |out |down |up |here |away |all the way )?"
         "(?:in )?to", "place", "{s} moved to {o}", "moved relocated", 0.9, "change"),
    Rule("lives_in", r"(?:<have>)?~(?:moved|relocated) (?:back |over |here |away )?"
         r"from (?:[\w'-]+ ){1,3}to", "place",
         "{s} moved to {o}", "moved relocated", 0.9, "change"),
    Rule("lives_in", "~settled (?:down )?in", "place", "{s} settled in {o}", "settled", 0.9,
         "change"),
    Rule("lives_in", "~(?:lived|used to live|was living) in", "place", "{s} used to live in {o}",
         "lived live living", 0.7, "past"),
    Rule("lives_in", "~no longer lives? in", "place", "{s} no longer lives in {o}", "longer", 0.9,
         "end"),
    Rule("lives_in", "<not>~live in", "place", "{s} no longer lives in {o}", "live", 0.9, "end",
         _ANYMORE),
    Rule("lives_in", "(?:<have>)?~moved (?:away from|out of)", "place", "{s} moved away from {o}",
         "moved",
         0.9, "end"),
    Rule("lives_in", "(?:<have>)?~left", "place", "{s} left {o}", "left", 0.9, "end"),
    Rule("moved_from",

         "(?:<have>)?~(?:moved|relocated) (?:back |over |here |away )?(?:from|out of)", "place",
         "{s} moved from {o}", "moved relocated", 0.7, "event"),
    Rule("comes_from", "<be>~from", "place", "{s} comes from {o}", "from", 0.7),
    Rule("comes_from", "~(?:come|comes|hail|hails) from", "place", "{s} comes from {o}",
         "come comes hail hails", 0.7),
    Rule("born_in", "<was>~born (?:and raised |and bred )?in", "place", "{s} was born in {o}",
         "born", 0.8,
         "event"),
    Rule("grew_up_in", "(?:<have>)?~(?:grew up|was raised|were raised) (?:in|near)", "place",
         "{s} grew up in {o}",
         "grew raised", 0.7, "taste"),
    Rule("visited", "(?:<have>)?~(?:visited|toured|explored)", "event", "{s} visited {o}",
         "visited toured explored", 0.5, "event"),
    Rule("visited",
         "~(?:went(?: back| over| down| up)?|travell?ed|flew|drove|took a trip|went on a trip|"
         "took a (?:solo |short |road )?trip|been) to", "event", "{s} went to {o}",
         "went traveled travelled flew drove trip", 0.5, "event"),
    Rule("visited", "<have>~been to", "proper", "{s} has been to {o}", "been", 0.5, "event"),
    Rule("visited", "~attended", "event", "{s} attended {o}", "attended", 0.5, "event"),
    Rule("visited",
         "~(?:just )?got back from (?:a trip to |a vacation in |a holiday in |my trip to )?",
         "proper",
         "{s} went to {o}", "back", 0.5, "event"),
)  # fmt: skip

_PEOPLE = (
    Rule("married_to", "<be>~married to", "person", "{s} is married to {o}", "married", 0.9),
    Rule("married_to", "<have>~been married to", "person", "{s} is married to {o}", "married", 0.9),
    Rule("married_to", "(?:<have>)?~(?:got |was )?married(?: to)?", "person", "{s} married {o}",
         "married", 0.9,
         "change"),
    Rule("engaged_to", "(?:<be>|~got|~became)~engaged to", "person", "{s} got engaged to {o}",
         "engaged", 0.8,
         "change"),
    Rule("dating", "<be>~(?:dating|seeing|going out with|in a relationship with)", "person",
         "{s} is dating {o}", "dating seeing going relationship", 0.8),
    Rule("dating", "<have>~been (?:dating|seeing|together with)", "person", "{s} is dating {o}",
         "dating seeing together", 0.8),
    Rule("dating", "~started (?:dating|seeing|going out with)", "person", "{s} started dating {o}",
         "started", 0.8,
         "change"),
    Rule("divorced_from", "(?:<have>)?~(?:got )?(?:divorced|separated)(?: from)?", "person",
         "{s} divorced {o}", "divorced separated", 0.9, "change"),
    Rule("married_to", "(?:<have>)?~(?:got )?(?:divorced|separated)(?: from)?", "person",
         "{s} is no longer married to {o}", "divorced separated", 0.9, "end"),
    Rule("dating", "(?:<have>)?~(?:broke up|split up|split) with", "person",
         "{s} broke up with {o}", "broke split",
         0.8, "end"),
    Rule("friend_of", "<be>~(?:good |best |close |old )?friends with", "person",
         "{s} is a friend of {o}",
         "friends", 0.7),
    Rule("friend_of", "<be>~(?:no longer (?:good |best |close )?friends|done being friends) with",
         "person", "{s} is no longer a friend of {o}", "friends", 0.7, "end"),
    Rule("friend_of", "<be>~not (?:good |best |close )?friends with|~stopped being friends with",
         "person", "{s} is no longer a friend of {o}", "friends", 0.7, "end",
         "anymore more longer stopped"),
    Rule("friend_of", "~became (?:good |best |close )?friends with", "person",
         "{s} became friends with {o}",
         "friends", 0.7, "change"),
    Rule("knows", "~knows?", "person", "{s} knows {o}", "know knows", 0.5),
    Rule("met", "(?:<have>)?~(?:met|ran into|bumped into)(?: up)?(?: with)?", "person",
         "{s} met {o}", "met ran bumped",
         0.6, "event"),
    Rule("works_with", "~works? with|<be>~working with", "person", "{s} works with {o}",
         "work works working", 0.6),
    Rule("lives_with", "~lives? with|<be>~living with", "person", "{s} lives with {o}",
         "live lives living", 0.7),
    Rule("lives_with", "~moved in with", "person", "{s} moved in with {o}", "moved", 0.7, "change"),
    Rule("adopted", "(?:<have>)?~adopted", "pet", "{s} adopted {o}", "adopted", 0.7, "event"),
)  # fmt: skip

_TASTES = (
    Rule("likes", "~(?:love|loves|adore|adores)", "activity", "{s} loves {o}",
         "love loves adore adores", 0.6,
         "taste"),
    Rule("likes", "~(?:like|likes)", "activity", "{s} likes {o}", "like likes", 0.5, "taste"),
    Rule("likes", "~(?:enjoy|enjoys)", "activity", "{s} enjoys {o}", "enjoy enjoys", 0.5, "taste"),
    Rule("likes", "~(?:loved|liked|enjoyed)", "title", "{s} liked {o}", "loved liked enjoyed", 0.5,
         "taste"),
    Rule("likes", "<have>~always (?:loved|liked|enjoyed)", "activity", "{s} loves {o}",
         "loved liked enjoyed",
         0.6, "taste"),
    Rule("likes",
         "<be>~(?:an? )?(?:big |huge |massive |total |true |real |lifelong |avid )?fans? of",
         "activity",
         "{s} is a fan of {o}", "fan fans", 0.5, "taste"),
    Rule("likes",
         "<be>~(?:fond of|keen on|crazy about|passionate about|obsessed with|addicted to|into|"
         "mad about|hooked on|in love with)", "activity", "{s} likes {o}",
         "fond keen crazy passionate obsessed addicted into mad hooked love", 0.5, "taste"),
    Rule("likes", "<not>~(?:like|love|enjoy)", "activity", "{s} no longer likes {o}",
         "like love enjoy", 0.6,
         "end", _ANYMORE),
    Rule("likes", "~no longer (?:like|likes|love|loves|enjoy|enjoys)", "activity",
         "{s} no longer likes {o}",
         "longer", 0.6, "end"),
    Rule("likes", "~stopped (?:liking|loving|enjoying)", "activity",
         "{s} no longer likes {o}", "stopped", 0.5, "end"),
    Rule("dislikes", "~(?:hate|hates|despise|despises|loathe|loathes)", "activity", "{s} hates {o}",
         "hate hates despise despises loathe loathes", 0.6, "taste"),
    Rule("dislikes", "~(?:dislike|dislikes)", "activity", "{s} dislikes {o}", "dislike dislikes",
         0.6, "taste"),
    Rule("dislikes", "~(?:can't|cannot|can not|couldn't) stand", "activity", "{s} can't stand {o}",
         "stand", 0.6,
         "taste"),
    Rule("dislikes", "<not>~(?:like|enjoy)", "activity", "{s} doesn't like {o}", "like enjoy", 0.6,
         "taste",
         unless=_ANYMORE),
    Rule("prefers", "~prefers?", "activity", "{s} prefers {o}", "prefer prefers", 0.6, "taste"),
    Rule("allergic_to", "<be>~(?:allergic|intolerant) to", "thing", "{s} is allergic to {o}",
         "allergic intolerant", 0.9, "taste"),
    Rule("allergic_to", "<be>~no longer allergic to", "thing", "{s} is no longer allergic to {o}",
         "allergic",
         0.9, "end"),
    Rule("follows_diet", "<be>~(?:an? )?(?=vegan|vegetarian|pescatarian)|~(?:became|went|turned|"
         "switched to being) (?:an? )?(?=vegan|vegetarian|pescatarian)", "diet", "{s} is {o}",
         "vegan vegetarian pescatarian", 0.8),
    Rule("follows_diet",
         "<be>~(?:no longer |not )(?:an? )?(?=vegan|vegetarian|pescatarian)|~(?:stopped being|"
         "used to be) (?:an? )?(?=vegan|vegetarian|pescatarian)", "diet", "{s} is no longer {o}",
         "vegan vegetarian pescatarian", 0.8, "end", "anymore longer more stopped used"),
)  # fmt: skip

_DOINGS = (
    Rule("studies", "~(?:study|studies|major in|majors in)|<be>~(?:studying|majoring in)|"
         "<have>~been studying", "thing", "{s} studies {o}",
         "study studies studying major majors majoring", 0.7),
    Rule("studies", "~(?:started|began) (?:studying|a degree in)", "thing",
         "{s} started studying {o}",
         "started began", 0.7, "change"),
    Rule("studied", "~(?:studied|majored in)", "thing", "{s} studied {o}", "studied majored", 0.6,
         "event"),
    Rule("studies_at",
         "~(?:study|studies|go|goes) (?:at|to)|<be>~studying at|"
         "<be>~(?:an? )?(?:[\\w-]+ )?student at|"
         "~(?:started|began) (?:studying )?at", "org", "{s} studies at {o}",
         "study studies studying student go goes started", 0.7,
         needs="university college school academy institute"),
    Rule("studied_at", "~studied at|~went to", "org", "{s} studied at {o}", "studied went", 0.6,
         "event",
         needs="university college academy institute studied"),
    Rule("graduated_from", "(?:<have>)?~graduated (?:from|at)", "org", "{s} graduated from {o}",
         "graduated", 0.7,
         "event"),
    Rule("learns",
         "<be>~learning (?:to speak |how to speak )?|~(?:started|began) learning (?:to speak )?|"
         "<have>~been learning (?:to speak )?|<be>~learning (?:how )?to play(?: the)? ", "game",
         "{s} is learning {o}",
         "learning", 0.6),
    Rule("learns", "~(?:stopped|quit|gave up) (?:learning|studying|practising|practicing)"
         "(?: to speak| to play)?|<be>~no longer (?:learning|studying)|"
         "~no longer (?:learns?|stud(?:y|ies))",
         "game", "{s} no longer learns {o}", "stopped quit gave longer", 0.6, "end"),
    Rule("speaks", "~speaks?(?: fluent| good| perfect| some| a little| a bit of)?|<be>~fluent in",
         "language",
         "{s} speaks {o}", "speak speaks fluent", 0.7, "taste"),
    Rule("plays", "~plays?|<be>~playing|<have>~been playing|"
         "~(?:started|began|took up) (?:playing )?", "game",
         "{s} plays {o}", "play plays playing started began took", 0.6),
    Rule("plays", "~(?:no longer plays?|(?:stopped|quit|gave up)(?: playing)?)", "game",
         "{s} no longer plays {o}",
         "longer stopped quit gave", 0.6, "end"),
    Rule("plays", "<not>~play", "game", "{s} no longer plays {o}", "play", 0.6, "end", _ANYMORE),
    Rule("plays", "~used to play", "game", "{s} used to play {o}", "used", 0.5, "past"),
    Rule("plays_for", "~plays? for|<be>~playing for", "org", "{s} plays for {o}",
         "play plays playing", 0.7),
    Rule("plays_for", "~signed with", "org", "{s} signed with {o}", "signed", 0.7, "change"),
    Rule("member_of", "<be>~(?:an? )?(?:[\\w-]+ )?member of|~belongs? to|<be>~part of", "org",
         "{s} is a member of {o}", "member belong belongs part", 0.6),
    Rule("member_of", "(?:<have>)?~joined", "org", "{s} joined {o}", "joined", 0.6, "change"),
    Rule("member_of", "(?:<have>)?~left", "org", "{s} left {o}", "left", 0.6, "end",
         _CLUBS),
    Rule("bought", "(?:<have>)?~(?:bought|purchased)(?: myself| ourselves)?", "owned",
         "{s} bought {o}",
         "bought purchased", 0.5, "event"),
    Rule("owns", "~(?:own|owns)", "owned", "{s} owns {o}", "own owns", 0.6),
    Rule("owns", "~(?:have|has|'ve got|got)|'ve got", "pet", "{s} has {o}", "have has got", 0.6),
    Rule("owned", "(?:<have>)?~sold my", "thing", "{s} sold {o}", "sold", 0.5, "event"),
    Rule("reads", "<be>~(?:reading|rereading)|~(?:started) (?:reading )?", "title",
         "{s} is reading {o}",
         "reading rereading started", 0.4, "state"),
    Rule("reads", "(?:<have>)?~(?:read|reread|finished(?: reading)?)", "title", "{s} read {o}",
         "read reread finished", 0.4, "event"),
    Rule("watched", "(?:<have>)?~(?:watched|rewatched|saw)", "title", "{s} watched {o}",
         "watched saw rewatched",
         0.4, "event"),
    Rule("watched", "<be>~watching", "title", "{s} is watching {o}", "watching", 0.4, "state"),
    Rule("wrote", "(?:<have>)?~(?:wrote|published)", "title", "{s} wrote {o}", "wrote published",
         0.6, "event"),
    Rule("won", "(?:<have>)?~won", "event", "{s} won {o}", "won", 0.6, "event"),
    Rule("signed_up_for", "(?:<have>)?~(?:signed up for|enrolled in|enrolled on|registered for)",
         "event",
         "{s} signed up for {o}", "signed enrolled registered", 0.5, "event"),
    Rule("teaches_subject", "~teach(?:es)?|<be>~teaching", "thing", "{s} teaches {o}",
         "teach teaches teaching", 0.6),
)  # fmt: skip

# Told, dated and searchable, but no relation: what was done is no entity of its own.
_DID = (
    "ran,made,painted,built,baked,cooked,wrote,finished,completed,started,hosted,organized,"
    "organised,gave,donated,received,launched,opened,passed,broke,planted,climbed,lost,published,"
    "performed,designed,recorded,set up,held,celebrated,got,sold,crashed,repaired,fixed,renovated,"
    "caught"
)
_EVENTS = (
    *(
        Rule("did", f"(?:<have>)?~{verb}", "done", "{s} " + verb + " {o}", verb.split()[0], 0.4,
         "event")
        for verb in _DID.split(",")
    ),
    Rule("did", "~went(?= [a-z]+ing)", "going", "{s} went {o}", "went", 0.4, "event"),
    Rule("did", "(?:<have>)?~(?:started|began|took up)(?= [a-z]+ing)", "going", "{s} started {o}",
         "started began took", 0.5, "change"),
    Rule("did", "(?:<have>)?~(?:stopped|quit|gave up)(?= [a-z]+ing)", "going", "{s} stopped {o}",
         "stopped quit gave", 0.5, "event"),
    Rule("did", "~took part in|~participated in|~competed in", "done", "{s} took part in {o}",
         "took participated competed", 0.5, "event"),
    Rule("born_on", "<was>~born(?: and raised)?(?= (?:in|on) )", "date", "{s} was born", "born",
         0.8, "event"),
)  # fmt: skip

RULES: tuple[Rule, ...] = (
    *_WORK, *_PLACES, *_PEOPLE, *_TASTES, *_DOINGS, *AFFAIRS, *_EVENTS,
)  # fmt: skip

# Two people and what they are to each other: "Ada and Bob are married".
_PAIRED = r"^\s+(?:{})(?=\W|$)"
_PAIR_ROWS: tuple[tuple[str, str, str, float, Time], ...] = (
    (r"are\s+(?:now\s+|happily\s+)?married", "married_to", "{s} is married to {o}", 0.9,
    "state"),
    (r"(?:just\s+|finally\s+)?(?:got|were)\s+married", "married_to", "{s} married {o}", 0.9,
    "change"),
    (r"are\s+(?:now\s+)?engaged|(?:just\s+)?got\s+engaged", "engaged_to",
    "{s} got engaged to {o}", 0.8, "change"),
    (r"are\s+(?:now\s+)?(?:dating|a\s+couple|together)|started\s+dating", "dating",
    "{s} is dating {o}", 0.8, "state"),
    (r"(?:got\s+)?(?:divorced|separated)|are\s+(?:now\s+)?divorced|split\s+up", "married_to",
     "{s} is no longer married to {o}", 0.9, "end"),
    (r"broke\s+up", "dating", "{s} and {o} broke up", 0.8, "end"),
    (r"(?:are|have\s+been)\s+(?:very\s+)?(?:best\s+|good\s+|close\s+|old\s+)?friends|"
     r"became\s+friends", "friend_of",
     "{s} is a friend of {o}", 0.7, "state"),
    (r"are\s+no\s+longer\s+(?:best\s+|good\s+|close\s+)?friends|stopped\s+being\s+friends",
     "friend_of", "{s} is no longer a friend of {o}", 0.7, "end"),
    (r"are\s+(?:sisters|brothers|siblings|twins)", "sibling_of", "{s} is a sibling of {o}",
    0.8, "state"),
    (r"are\s+(?:colleagues|coworkers|co-workers|workmates)|work\s+together", "colleague_of",
     "{s} is a colleague of {o}", 0.6, "state"),
    (r"are\s+cousins", "cousin_of", "{s} is a cousin of {o}", 0.7, "state"),
    (r"are\s+(?:neighbours|neighbors)", "neighbour_of", "{s} is a neighbour of {o}", 0.5,
    "state"),
    (r"are\s+(?:roommates|flatmates|housemates)|live\s+together|moved\s+in\s+together",
    "lives_with",
     "{s} lives with {o}", 0.7, "state"),
    (r"(?:first\s+)?met", "met", "{s} met {o}", 0.6, "event"),
)  # fmt: skip
PAIRS: tuple[tuple[re.Pattern[str], str, str, float, Time], ...] = tuple(
    (re.compile(_PAIRED.format(pattern), re.IGNORECASE), kind, says, weight, time)
    for pattern, kind, says, weight, time in _PAIR_ROWS
)


def _index() -> dict[str, tuple[Rule, ...]]:
    table: dict[str, list[Rule]] = {}
    for rule in RULES:
        for word in rule.cue_words:
            table.setdefault(word, []).append(rule)
    return {word: tuple(rules) for word, rules in table.items()}


BY_CUE = _index()


def rules_for(words: frozenset[str]) -> list[Rule]:
    """The rules whose cue is among a sentence's words, in the table's order."""
    wanted = {id(rule) for word in words for rule in BY_CUE.get(word, ())}
    return [rule for rule in RULES if id(rule) in wanted] if wanted else []
