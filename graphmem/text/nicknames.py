"""English given names and their short forms, from common knowledge."""

from __future__ import annotations

_FORMS = """
abigail abby gail; abraham abe; adam; albert al bert bertie; alexander alex al xander sandy sasha;
alexandra alex sandra sandy sasha lexi; alfred al fred alfie; alice allie; amanda mandy; amelia
amy millie; andrew andy drew; angela angie; anna annie nan; anne annie nancy; anthony tony;
antonia toni; arthur art artie; barbara barb babs; benjamin ben benny benji; beatrice bea trixie;
bernard bernie; bradley brad; bridget biddy; caroline carrie caro; carol; catherine cathy kate
katie cat kitty; katherine kathy kate katie kat kit kitty; charles charlie chuck chas; charlotte
charlie lottie; christina chris tina chrissy; christine chris tina chrissy; christopher chris kit
topher; clara; cynthia cindy; daniel dan danny; danielle dani; david dave davy davey; deborah deb
debbie; dennis denny; diana di; dominic dom nick; donald don donnie; dorothy dot dottie dolly;
douglas doug; edward ed eddie ted teddy ned; edwin ed eddie; edgar ed; eleanor ellie nell nora;
elijah eli; elizabeth liz lizzie beth betty betsy eliza libby bess ellie lisa; emily em emmy;
emma em; eric rick; ernest ernie; eugene gene; evelyn evie; florence flo; frances fran frankie;
francis frank frankie; franklin frank; frederick fred freddie; gabriel gabe; gabrielle gabby;
geoffrey geoff; george; gerald gerry jerry; gertrude trudy; gregory greg; gwendolyn gwen; hannah;
harold harry hal; harriet hattie; henry harry hank hal; helen nell; herbert herb bert; hubert
bert; isabella bella izzy; isabel bella izzy; isaac ike zac; jacob jake; jacqueline jackie; james
jim jimmy jamie; jane janie; janet jan; jeffrey jeff; jennifer jen jenny; jeremy jerry; jessica
jess jessie; joan joanie; joanna jo; john johnny jack; jonathan jon jonny; joseph joe joey;
josephine jo josie; joshua josh; judith judy; julia julie; julian jules; kenneth ken kenny;
kimberly kim; laura laurie; lawrence larry laurie; leonard leo len lenny; leonardo leo; lillian
lily; linda lindy; louis lou louie; louise lou; lucille lucy; madeline maddie; margaret maggie meg
peggy marge madge greta rita; maria; marian; martha marty; martin marty; mary molly polly; mark;
matthew matt; matilda tilly; maximilian max; maxwell max; melanie mel; melissa mel missy; michael
mike mick mickey mikey; michelle shelly; miranda randy; mildred millie; mitchell mitch; natalie
nat; nathan nate; nathaniel nate nat; nicholas nick nicky; nicole nicky; norman norm; oliver ollie
olly; olivia liv livvy; oscar; pamela pam; patricia pat patty trish tricia; patrick pat paddy;
paul; penelope penny; peter pete; philip phil pip; phillip phil; priscilla cilla; rachel rach;
raymond ray; rebecca becky becca; reginald reg reggie; richard rick ricky dick rich richie; robert
bob bobby rob robbie bert; roberta bobbie; rodney rod; roger rodge; ronald ron ronnie; rose rosie;
roland rollie; rosemary rosie; rupert; russell russ; samantha sam sammy; samuel sam sammy; sarah
sally sadie; sebastian seb bas; sharon shari; sidney sid; simon si; sophia sophie; sophie; stanley
stan; stephanie steph; stephen steve stevie; steven steve stevie; stuart stu; susan sue susie
suzy; suzanne sue suzy; sylvia syl; tabitha tabby; tamara tammy; teresa terry tess; theresa terry
tess; terence terry; theodore ted teddy theo; thomas tom tommy; timothy tim timmy; valerie val;
veronica ronnie; victor vic; victoria vicky tori; vincent vince vinny; virginia ginny; vivian viv;
walter walt wally; wesley wes; wilfred fred wilf; william will bill billy willy liam; winifred
winnie; zachary zach zack
"""

_FORMAL: dict[str, tuple[str, ...]] = {}
for _row in _FORMS.replace("\n", " ").split(";"):
    _full, *_short = _row.split()
    for _name in (_full, *_short):
        _FORMAL[_name] = (*_FORMAL.get(_name, ()), _full)


def formal_names(given: str) -> tuple[str, ...]:
    """What a folded given name may be short for (``bob``: ``robert``), itself included when it is
    a full name; just itself when the table does not know it."""
    return _FORMAL.get(given, (given,))


def is_given_name(word: str) -> bool:
    """Whether the table knows this folded word as a given name or a short form of one."""
    return word in _FORMAL
