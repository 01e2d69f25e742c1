"""Word lists. All entries are lower case; sets are split from text so that they read easily."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
SEASONS = {"spring": 3, "summer": 6, "fall": 9, "autumn": 9, "winter": 12}
NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "couple": 2, "three": 3, "few": 3, "four": 4, "five": 5,
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
    "fifteen": 15, "twenty": 20, "thirty": 30,
}  # fmt: skip

# Capitalised without being a name: openers, courtesies, calendar words, and plain words that
# often begin a sentence.
NOT_NAMES = word_set("""
i i'm i've i'd i'll im ive me my mine we we're we've we'll we'd us our you you're you've you'll
you'd your yours he he's his him she she's her hers it it's it'd it'll its they they're they've
they'll they'd them their this that that's these those there there's here here's who who's whom
whose what what's whats when when's where where's why how how's how're how've how'd which whichever
whatever whoever whenever wherever a an the and or but nor so yet because since though although
while if unless until till as than then else not no nope nah none never neither nothing nobody
yes yep yup yeah yea ya ok okay k sure right true well oh ooh oof ooo ah aah aw aww awww ugh uh um
umm hm hmm hmmm mmm mm eh huh wow whoa woah woo woohoo yay hooray phew haha hahaha hehe lol lmao omg
btw fyi imo imho tbh rofl rip wtf asap ps psst hey hi hello hiya howdy yo sup bye goodbye cheers
thanks thank thx ty please sorry pardon welcome congrats congratulations bravo kudos cool nice great
good awesome amazing fantastic wonderful excellent perfect lovely sweet sick dope rad neat super
epic impressive interesting exciting incredible gorgeous beautiful cute funny crazy wild brave happy
glad sad proud lucky excited thrilled stoked busy tired hungry ready absolutely definitely totally
exactly indeed certainly surely really very much quite pretty rather almost just only even still
also too again already always often sometimes usually rarely seldom ever maybe perhaps possibly
probably hopefully luckily thankfully unfortunately fortunately sadly honestly actually basically
seriously apparently obviously clearly recently lately currently now today tonight tomorrow
yesterday soon later earlier before after afterwards meanwhile anyway anyways anyhow besides
however moreover furthermore therefore thus hence instead otherwise overall finally eventually
first firstly second secondly third last lastly next previously once twice another other others
any anything anyone anybody anytime some something someone somebody somewhere sometime every
everything everyone everybody everywhere each both either all most more many lots few several
enough such same different various one two three four five six seven eight nine ten
in on at by for from of off to into onto with without within about above across against along
among around behind below beneath beside between beyond despite down during except inside like
near out outside over past per through throughout toward towards under up upon via
is isn't am are aren't was wasn't were weren't be been being do don't does doesn't did didn't done
doing have haven't has hasn't had hadn't having can can't cannot could couldn't will won't would
wouldn't shall should shouldn't may might must need want wanna gonna gotta gotcha lemme let let's
dunno got get getting gets go going goes gone went come coming came take taking took taken make
making made makes give giving gave given keep keeping kept look looks looking looked see seeing saw
seen watch watching hear hearing heard feel feeling feels felt think thinking thought know knowing
knew known believe guess hope hoping wish wishing love loving loved loves liked likes enjoy enjoying
enjoyed hate hating miss missing missed try trying tried tries work working works worked play
playing played plays read reading write writing wrote run running ran walk walking talk talking
talked tell telling told say saying said says speak speaking spoke ask asking asked answer show
showing shows help helping helped helps start starting started stop stopping stopped stay staying
stayed live living lived move moving moved meet meeting met find finding found finds learn learning
learned lose losing lost win winning won buy buying bought sell selling sold pay paying paid send
sending sent bring bringing brought put putting set setting sit sitting stand standing turn turning
turns change changing changed grow growing grew eat eating ate drink drinking cook cooking cooked
bake baking paint painting painted draw drawing drew sing singing dance dancing swim swimming hike
hiking camp camping travel traveling travelling traveled visit visiting visited explore exploring
create creating created build building built join joining joined share sharing shared support
supporting teach teaching taught study studying studied spend spending spent plan planning planned
use using used wait waiting waited remember forget remind reminds imagine check checking catch
chat hang hanging hold holding cherish appreciate appreciating agree agreed bet wonder wondering
mean means meant seem seems sound sounds appear happen happening happened end ending finish
finished continue deal dealing count add adding adopt adopting care caring call calling called
enjoyable time times day days week weeks month months year years morning afternoon evening night
weekend life life's nature nature's family family's friends friend mom mum dad kids kid child
children people person man woman guys guy folks dude bro sis buddy pal mate girl boy dear honey
things thing stuff way ways part place places home house school job music art art's books book
movies movie games game gaming sports food photo photos pic picture image note notes question
questions reply re update summary todo warning error info example nope tho though plus minus
best better worse worst little big small long short old new young early late hard easy fast slow
full whole own able sunny rainy snowy cold hot warm deep high low strong special mental physical
poor alright highly greatly fully simply nearly especially particularly generally specifically
truly such
weird strange gosh god goodness jeez damn darn heck hell y'all yall ain't ma'am sir
mr mrs ms dr prof monday mondays tuesday tuesdays wednesday wednesdays thursday thursdays friday
fridays saturday saturdays sunday sundays january february march april june july august september
october november december jan feb mar apr jun jul aug sept sep oct nov dec mon tue tues wed thu
thur thurs fri sat sun spring summer autumn fall winter am pm tv pc id ok faq diy url http https
hearing winning finding taking bringing creativity challenges dogs pets yoga pottery basketball
volunteering mentoring weddings networking congratz thnx pls plz np nvm idk ikr brb gtg ttyl
must've could've should've would've might've that'd what've what'd who'd where'd must there'd
would've everyone's someone's else's user assistant system human ai
""")

FEMALE_KIN = word_set("""
sister mother mom mum mommy mama wife girlfriend daughter aunt auntie niece grandmother grandma
granny nana stepmother stepmom stepsister stepdaughter godmother fiancée fiancee sister-in-law
mother-in-law daughter-in-law goddaughter granddaughter
""")
MALE_KIN = word_set("""
brother father dad daddy papa husband boyfriend son uncle nephew grandfather grandpa granddad
stepfather stepdad stepbrother stepson godfather fiancé fiance brother-in-law father-in-law
son-in-law godson grandson
""")

# word -> (relation from the named person to the other, importance)
KIN: dict[str, tuple[str, float]] = {}
for _type, _weight, _names in (
    ("parent_of", 0.8, "mother father mom mum mommy mama dad daddy papa parent"),
    ("child_of", 0.8, "son daughter kid child"),
    ("sibling_of", 0.8, "sister brother sibling twin half-sister half-brother"),
    ("married_to", 0.9, "husband wife spouse hubby"),
    ("divorced_from", 0.8, "ex-husband ex-wife"),
    ("engaged_to", 0.8, "fiancé fiance fiancée fiancee"),
    ("dating", 0.8, "boyfriend girlfriend"),
    ("partner_of", 0.8, "partner"),
    ("friend_of", 0.7, "friend bestie buddy pal bff mate"),
    ("colleague_of", 0.6, "colleague coworker co-worker workmate teammate"),
    ("manages", 0.6, "boss manager supervisor"),
    ("neighbour_of", 0.5, "neighbour neighbor"),
    ("lives_with", 0.6, "roommate flatmate housemate"),
    ("cousin_of", 0.7, "cousin"),
    ("aunt_of", 0.7, "aunt auntie"),
    ("uncle_of", 0.7, "uncle"),
    ("niece_of", 0.7, "niece"),
    ("nephew_of", 0.7, "nephew"),
    ("grandparent_of", 0.7, "grandmother grandfather grandma grandpa granny granddad nana"),
    ("grandchild_of", 0.7, "grandson granddaughter grandchild"),
    ("stepparent_of", 0.7, "stepmother stepfather stepmom stepdad"),
    ("stepchild_of", 0.7, "stepson stepdaughter"),
    ("stepsibling_of", 0.7, "stepsister stepbrother"),
    ("sibling_in_law_of", 0.6, "sister-in-law brother-in-law"),
    ("parent_in_law_of", 0.6, "mother-in-law father-in-law"),
    ("child_in_law_of", 0.6, "daughter-in-law son-in-law"),
    ("godparent_of", 0.6, "godmother godfather"),
    ("godchild_of", 0.6, "goddaughter godson"),
    ("teaches", 0.5, "teacher professor tutor instructor"),
    ("coaches", 0.5, "coach trainer"),
    ("mentors", 0.6, "mentor"),
    ("therapist_of", 0.6, "therapist"),
    ("doctor_of", 0.6, "doctor dentist gp"),
):
    for _name in _names.split():
        KIN[_name] = (_type, _weight)
KIN_PLURAL = {
    "sisters": "sister", "brothers": "brother", "siblings": "sibling", "sons": "son",
    "daughters": "daughter", "kids": "child", "children": "child", "parents": "parent",
    "friends": "friend", "cousins": "cousin", "colleagues": "colleague",
    "coworkers": "coworker", "roommates": "roommate", "twins": "child", "neighbours": "neighbour",
    "neighbors": "neighbor", "teammates": "teammate", "buddies": "buddy", "nieces": "niece",
    "nephews": "nephew", "aunts": "aunt", "uncles": "uncle", "flatmates": "flatmate",
}  # fmt: skip
KIN_MODIFIERS = word_set("""
best good close dear old oldest eldest older elder big little younger youngest baby twin half
teenage new great longtime childhood dearest beloved late lovely wonderful amazing long-time
lifelong adorable favourite favorite piano guitar violin music yoga maths math english french
work next-door former running gym college university school high-school three-year-old
""")

PETS = word_set("""
dog puppy pup cat kitten kitty hamster rabbit bunny parrot bird horse pony turtle tortoise snake
lizard gecko guinea-pig ferret goldfish fish hedgehog chicken goat iguana budgie labrador poodle
beagle husky corgi terrier dachshund retriever bulldog
""")
PETS_PLURAL = {p + ("es" if p.endswith("fish") else "s"): p for p in PETS} | {
    "puppies": "puppy", "ponies": "pony", "bunnies": "bunny", "kitties": "kitty",
    "huskies": "husky",
}  # fmt: skip

POSSESSIONS = (
    PETS
    | frozenset(PETS_PLURAL)
    | word_set("""
car van truck motorcycle motorbike bike bicycle scooter boat sailboat kayak canoe caravan camper
house flat apartment cottage cabin farm garden greenhouse allotment guitar piano violin cello drum
drums ukulele keyboard saxophone trumpet flute banjo telescope camera laptop console bakery
restaurant shop store bookshop bookstore café cafe studio company business startup gallery prius
tesla
""")
)

INSTRUMENTS = word_set("""
piano guitar violin cello drum drums ukulele keyboard keyboards saxophone sax trumpet flute banjo
clarinet harp bass trombone viola oboe organ accordion harmonica mandolin bagpipes recorder synth
percussion
""")
SPORTS = word_set("""
football soccer basketball baseball tennis volleyball badminton hockey rugby cricket golf squash
handball softball lacrosse chess poker bridge snooker billiards darts polo pickleball frisbee
padel go
""")
LANGUAGES = word_set("""
english german french spanish italian portuguese dutch swedish norwegian danish finnish icelandic
polish czech slovak hungarian romanian bulgarian greek turkish russian ukrainian serbian croatian
arabic hebrew persian farsi hindi urdu bengali punjabi tamil telugu marathi gujarati mandarin
cantonese chinese japanese korean vietnamese thai indonesian malay tagalog swahili amharic yoruba
zulu welsh irish gaelic catalan basque latin esperanto albanian estonian latvian lithuanian
slovenian afrikaans nepali mongolian armenian georgian
""")
OCCUPATIONS = word_set("""
nurse doctor physician surgeon dentist vet veterinarian pharmacist therapist counselor counsellor
psychologist psychiatrist paramedic midwife physiotherapist nutritionist teacher professor lecturer
tutor librarian principal researcher scientist biologist chemist physicist mathematician
statistician historian archaeologist economist analyst engineer developer programmer designer
architect consultant manager director accountant auditor banker broker lawyer attorney solicitor
judge paralegal journalist reporter editor writer author novelist poet translator interpreter
photographer painter sculptor illustrator animator musician singer pianist guitarist drummer
composer conductor actor actress dancer filmmaker producer chef cook baker barista waiter waitress
bartender butcher farmer gardener florist carpenter plumber electrician mechanic welder builder
mason tailor hairdresser barber cleaner driver pilot sailor captain soldier officer firefighter
policeman policewoman detective secretary receptionist assistant cashier salesman saleswoman
salesperson realtor plasterer roofer technician administrator coordinator recruiter marketer
entrepreneur founder ceo cto cfo coach trainer instructor student intern apprentice postdoc
carer nanny potter weaver blacksmith goldsmith jeweller jeweler beekeeper fisherman sommelier brewer
curator conservator planner surveyor geologist astronomer biochemist ecologist linguist
anthropologist sociologist philosopher priest pastor minister rabbi imam
""")

# A phrase for a thing ends before one of these words.
NP_STOP = word_set("""
in on at by from to into onto with without within about above across against along among around
behind below beneath beside between beyond despite down during except inside near out outside over
past per through throughout toward towards under up upon via for as than like since until till
after before because cause cuz 'cause so but yet though although while if unless when whenever where
wherever who whom whose which what why how that is isn't are aren't was wasn't were weren't be been
am do don't does doesn't did didn't have haven't has hasn't had can can't could will won't would
should may might must i i'm i've i'd i'll you you're you've you'll you'd he he's she she's it it's
we we're we've they they're they've me him us them there here too also either now nowadays today
tonight yesterday tomorrow lately recently currently these this those again already anymore
together alone very really so much more most least best well always often sometimes usually never
ever just even still though tho lol haha btw please right away back once twice ago later then
myself yourself himself herself itself ourselves themselves especially actually instead not no
everyone everybody got gets get getting helps helped makes made
""")
NP_STOP_GERUND = NP_STOP - word_set("""
in on at by from to into onto with about around across along through over up out for inside outside
down near under like get got made
""")

# A phrase that begins with one of these points at something said before.
VAGUE_FIRST = word_set("""
it it's its this that that's these those there here them him her his hers their theirs your yours
you us me how what when where why who which whatever everything anything nothing something someone
everyone anyone everywhere saying being having both either neither each such same one ones another
all any more most
much many lots plenty other others few several enough so not no none every doing making getting
knowing taking giving seeing putting letting hearing feeling thinking
""")
VAGUE_HEADS = word_set("""
thing things stuff way ways lot lots bit kind kinds sort sorts type types one ones part parts idea
ideas point time times day days moment moments everything anything something nothing someone others
other place places person people guy guys support help fact look vibe vibes feeling sound sounds
energy view views result results same rest reason reasons option options chance thought thoughts
experience experiences challenge challenges change changes success progress journey life job jobs
work while ton tons bunch amount couple step steps process stage level goal goals dream dreams
detail details area side end start beginning bottom top middle year years week weeks month months
hour hours minute minutes morning night evening shot try one's piece pieces pic pics picture photo
photos story stories memories memory news issue issues question questions problem problems good bad
new old big little great nice cool much many more most own first last next few some any every being
team teams role roles game impact
everywhere hard saying theme call decision mistake choice effort promise turnout passion passions
name names setup setting result win wins loss difference words word message
""")
# "the X" is concrete enough on its own only for these.
PLAIN_THE = word_set("""
beach sea ocean mountains outdoors countryside city gym theatre theater opera cinema piano guitar
violin cello drums flute saxophone trumpet harp banjo clarinet rain snow sun desert forest woods
""")

MODALS = word_set("""
would could should might may must can could've should've would've will won't i'll he'll she'll
we'll they'll i'd he'd she'd we'd they'd gonna gotta wanna want wants wanted hope hopes hoping
hopefully plan plans planning planned thinking think thinks considering maybe perhaps probably
possibly almost nearly supposed tomorrow soon dreaming dream dreams dreamt dreamed wish wishes
someday eventually about-to intend intends trying try hate-to shall if unless whether
someday-soon guess
""")
SENTENCE_BLOCKERS = word_set("""
if unless whether wish imagine suppose supposing pretend pretending pretended said says saying tells
claims claimed asked asks heard rumour rumor joke joking kidding hypothetically someday would've
""")
NEGATIONS = word_set("""
not never no none don't dont doesn't doesnt didn't didnt isn't aren't wasn't weren't haven't hasn't
hadn't can't cannot couldn't won't wouldn't shouldn't ain't hardly barely rarely seldom neither nor
without
""")

# Words that may stand between the start of a clause and its subject.
FILLERS = word_set("""
yeah yes yep yup well so oh hey hi hello wow thanks btw actually also anyway honestly ok okay haha
lol
um and but then now currently recently lately plus nowadays basically luckily thankfully fortunately
unfortunately finally today sure ah aww no nope because since cause though although while as anyways
besides meanwhile originally personally apparently sadly yay guess what omg dude still

""")
PAST_ONLY = word_set("when after before ever where until till")

ORG_SUFFIXES = word_set("""
inc gmbh ltd llc corp corporation company co ag plc university college school academy institute
hospital clinic bank foundation museum library church studio studios agency association society
council ministry department laboratories labs lab group partners orchestra club union theatre
theater charity publishing press records airlines motors pharmaceuticals technologies systems
software health robotics energy media industries insurance ventures analytics pharma
choir band guild team consulting center centre bakery café cafe restaurant diner
""")
NATIONALITIES = LANGUAGES | word_set("""
american british canadian european australian african asian mexican brazilian indian hawaiian swiss
belgian austrian scottish egyptian israeli argentinian chilean colombian peruvian cuban kenyan
nigerian pakistani iranian moroccan caribbean christian muslim jewish buddhist hindu catholic
""")
PLACE_SUFFIXES = word_set("""
street road avenue park city town village island islands lake river mountain mountains beach bay
canyon valley county province square bridge castle airport station coast hills heights desert
falls forest harbour harbor
""")
PLACES = frozenset(
    place.strip()
    for place in """
afghanistan,albania,algeria,argentina,armenia,australia,austria,bangladesh,belgium,bolivia,bosnia,
brazil,bulgaria,cambodia,cameroon,canada,chile,china,colombia,croatia,cuba,cyprus,denmark,ecuador,
egypt,england,estonia,ethiopia,finland,france,germany,ghana,greece,guatemala,haiti,hungary,iceland,
india,indonesia,iran,iraq,ireland,israel,italy,jamaica,japan,kenya,kuwait,latvia,lebanon,lithuania,
luxembourg,malaysia,malta,mexico,mongolia,morocco,nepal,netherlands,new zealand,nigeria,norway,
pakistan,panama,paraguay,peru,philippines,poland,portugal,qatar,romania,russia,rwanda,saudi arabia,
scotland,senegal,serbia,singapore,slovakia,slovenia,somalia,south africa,south korea,spain,
sri lanka,
sudan,sweden,switzerland,syria,taiwan,tanzania,thailand,tunisia,turkey,uganda,uk,ukraine,
united kingdom,united states,uruguay,usa,venezuela,vietnam,wales,zambia,zimbabwe,africa,america,
antarctica,asia,europe,hawaii,alaska,arizona,california,colorado,florida,illinois,massachusetts,
michigan,minnesota,nevada,ohio,oregon,pennsylvania,texas,utah,vermont,virginia,wisconsin,ontario,
quebec,amsterdam,athens,atlanta,auckland,bangkok,barcelona,beijing,belfast,berlin,bilbao,birmingham,
bogotá,bologna,bordeaux,boston,bremen,bristol,brussels,bucharest,budapest,buenos aires,cairo,
cape town,cardiff,chicago,cologne,copenhagen,cracow,dallas,delhi,denver,detroit,dresden,dubai,
dublin,edinburgh,florence,frankfurt,galway,geneva,ghent,glasgow,gothenburg,granada,hamburg,hanoi,
hanover,helsinki,hong kong,houston,istanbul,jakarta,jerusalem,johannesburg,karachi,kraków,kyiv,
kyoto,
lagos,leeds,leipzig,lima,lisbon,liverpool,ljubljana,london,los angeles,lyon,madrid,malmö,manchester,
manila,marseille,melbourne,mexico city,miami,milan,montreal,moscow,mumbai,munich,nairobi,naples,
new york,new york city,nyc,nice,osaka,oslo,oxford,palermo,paris,philadelphia,porto,portland,prague,
reykjavik,riga,rio de janeiro,rome,rotterdam,salzburg,san diego,san francisco,santiago,são paulo,
seattle,seoul,seville,shanghai,sofia,stockholm,stuttgart,sydney,tallinn,tel aviv,tokyo,toronto,
trieste,turin,utrecht,valencia,vancouver,venice,vienna,vilnius,warsaw,washington,wellington,zagreb,
zürich,zurich,the hague,new orleans,las vegas,austin,phoenix,salamanca,cork
""".replace("\n", "").split(",")
)
# "i live in fear": what follows a place verb in all-lowercase text without being a place.
NOT_PLACES = word_set("""
fear peace harmony pain hope exile poverty comfort sin luxury style town college school bed love
denial constant my a an the his her our your their this that it here there where what which fact
general case part person work home front back jail prison hospital dorms suburbs between and with
""")
