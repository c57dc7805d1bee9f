"""Vocabulary and sentence generator of the demo model.

The vocabulary is the union of the word lists below (one token per word). Sentences are drawn from a small grammar; a
share of the training text is uniform random words, so that no word can be learnt from its context alone.

    python3 textgen.py                # some sentences
    python3 textgen.py --vocabulary   # every word, one a line: ../vocab.txt

The test recordings are made from seeds of this generator: a change in the order of its draws makes other texts.
"""
import argparse
import random

NAMES = "Anna Peter Maria David Laura Robert Sarah Thomas Emma Daniel".split()
PERSONS = """manager director engineer customer client teacher student doctor driver worker writer friend reporter
    partner visitor guest lawyer nurse artist player leader member president minister mother father brother sister
    neighbor secretary speaker officer owner expert""".split()
PLURALS = """people children women customers workers students engineers members users reports documents files meetings
    questions results numbers problems computers messages books projects friends machines dollars euros""".split()
OFFICE = """meeting budget project report file server queue transcription document contract invoice schedule email
    message phone computer keyboard screen printer network password account system database backup update version
    program software machine recording microphone language word sentence text paper letter book page newspaper story
    picture song film game plan idea question answer problem solution test result number price cost salary order
    product service package offer decision proposal agreement interview conference presentation application website
    button list table chart summary signal model window folder""".split()
PLACES = """office building room kitchen hotel restaurant hospital school university library museum market shop bank
    station airport garden street city town village country river mountain lake island bridge house factory theater
    park beach""".split()
MASS = """water coffee bread milk sugar fruit money music food energy power information news paper audio weather rain
    snow wind time work""".split()
ORGS = "company team group department government court police committee board industry".split()
THINGS = """car train bus airplane bicycle ticket camera clock door chair bag box bottle knife shirt jacket key dog
    cat horse bird fish tree flower apple orange dinner lunch breakfast""".split()
VERBS = """review finish start send receive open close check change find lose move print sell pay present discuss
    approve reject cancel update repair test record copy delete share sign prepare deliver explain describe remember
    forget need want like use help call visit watch follow ask join leave write bring keep make take give choose
    compare confirm upload download save search measure build clean carry protect support improve replace understand
    count""".split()
PAST = """reviewed finished started opened closed checked changed found lost moved printed sold paid presented
    discussed approved rejected cancelled updated repaired tested recorded copied deleted shared signed prepared
    delivered explained described remembered wanted liked used helped called visited watched followed joined wrote
    brought kept made took gave chose""".split()
GERUNDS = """waiting working running speaking talking sleeping walking driving reading writing listening looking
    learning eating playing moving growing falling""".split()
INTRANSITIVE = "arrived failed stopped began ended waited worked listened happened returned changed".split()
ADJECTIVES = """new old big small large long short good bad important final early late quick slow easy difficult
    simple clear strong free busy ready happy hungry angry warm cold hot dark bright clean empty full green blue white
    black yellow public private local national special common possible different similar annual monthly weekly daily
    quiet loud safe dangerous expensive cheap beautiful heavy broken complete correct wrong""".split()
ADVERBS = "quickly slowly carefully clearly together again now already soon later today tomorrow yesterday".split()
FREQUENCY = "always never often usually sometimes".split()
DEGREE = "very really quite too".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = """January February March April May June July August September October November December""".split()
UNITS = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen""".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
DAY_PARTS = "morning afternoon evening night weekend".split()
FUNCTION = """the a this that these those my your his her every some many each all no any of in on at to for from with
    without about after before during between under over near behind and or but because if when while I you he she it
    we they me him them us is are was were be has have had do does did will would can could should must not who what
    where why how which please there here zero hundred thousand million point percent o'clock degrees week month year
    day hour minute minutes hours days weeks years first second third last next more less only also still maybe than
    into so thank yes hello good""".split()

VOCAB = sorted({word for words in (
    NAMES, PERSONS, PLURALS, OFFICE, PLACES, MASS, ORGS, THINGS, VERBS, PAST, GERUNDS, INTRANSITIVE, ADJECTIVES,
    ADVERBS, FREQUENCY, DEGREE, DAYS, MONTHS, UNITS, TENS, DAY_PARTS, FUNCTION) for word in words},
    key=lambda word: (word.lower(), word))
# words that sound alike, or nearly so out of context, are left out of the random sequences
ALIKE = set("to two too for four a an by than then where were the her and or of as at it in is his are".split())
RANDOM_WORDS = [word for word in VOCAB if word not in ALIKE]
MODALS = "will would can could should must must".split()
LONGEST = 16                                  # words in an utterance


class Generator:
    """Draws utterances: lists of words of VOCAB."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def choose(self, options):
        return options[self.random.randrange(len(options))]

    def chance(self, share):
        return self.random.random() < share

    def utterance(self, random_share=0.4):
        """A sentence of the grammar, or, in that share of the draws, random words."""
        while True:
            words = self.random_words() if self.chance(random_share) else self.sentence()
            if len(words) <= LONGEST:
                return words

    def random_words(self):
        return [self.choose(RANDOM_WORDS) for _ in range(self.random.randrange(2, 9))]

    def small_number(self):
        r = self.random.random()
        if r < 0.55:
            return [self.choose(UNITS)]
        if r < 0.7:
            return [self.choose(TENS)]
        return [self.choose(TENS), self.choose(UNITS[:9])]

    def number(self):
        if self.random.random() < 0.6:
            return self.small_number()
        words = [self.choose(UNITS[:9]), self.choose(["hundred", "thousand", "hundred", "million"])]
        if self.chance(0.5):
            words += (["and"] if self.chance(0.3) else []) + self.small_number()
        return words

    def noun(self):
        r = self.random.random()
        return self.choose(OFFICE if r < 0.5 else THINGS if r < 0.72 else PLACES if r < 0.88 else ORGS)

    def noun_phrase(self):
        r = self.random.random()
        if r < 0.62:
            return self.singular_phrase()
        if r < 0.76:
            return self.choose([["these"], ["those"], ["the"], ["some"], ["many"], ["all"], self.number()]) + \
                ([self.choose(ADJECTIVES)] if self.chance(0.3) else []) + [self.choose(PLURALS)]
        if r < 0.86:
            return self.choose([["some"], ["the"], ["more"], ["no"], ["any"], ["less"]]) + [self.choose(MASS)]
        return ["the", self.noun(), self.choose("of for from about with".split()), "the", self.noun()]

    def singular_phrase(self):
        article = [self.choose("the the the this that my your his her every each a".split())]
        if self.chance(0.35):
            article.append(self.choose(ADJECTIVES))
        noun = [self.noun()]
        if self.chance(0.12):
            noun = [self.choose(OFFICE), self.choose(OFFICE)]
        words = article + noun
        if words[0] == "a" and words[1][0] in "aeiouh":
            words[0] = "the"
        return words

    def subject(self):
        r = self.random.random()
        if r < 0.2:
            return [self.choose(NAMES)] + (["and", self.choose(NAMES)] if self.chance(0.2) else [])
        if r < 0.45:
            return [self.choose("I you he she we they it".split())]
        if r < 0.8:
            return [self.choose("the the my your his her this every".split())] + \
                ([self.choose(ADJECTIVES)] if self.chance(0.25) else []) + [self.choose(PERSONS + ORGS)]
        return self.choose([["the"], ["all"], ["many"], ["some"], self.small_number()]) + [self.choose(PLURALS)]

    def when(self):
        r = self.random.random()
        if r < 0.16:
            return ["on", self.choose(DAYS)] + ([self.choose(DAY_PARTS)] if self.chance(0.4) else [])
        if r < 0.3:
            return [self.choose("in after before during every last next".split()), self.choose(MONTHS)]
        if r < 0.42:
            return ["at", self.choose(UNITS[:12])] + \
                self.choose([["o'clock"], [self.choose(TENS[:4])], ["thirty"], []])
        if r < 0.52:
            return [self.choose("this every last next".split()), self.choose("week month year day".split() + DAYS)]
        if r < 0.62:
            return [self.choose("in after for before".split())] + self.small_number() + \
                [self.choose("minutes hours days weeks years".split())]
        if r < 0.72:
            return ["on", "the", self.choose("first second third last".split()), "day", "of", self.choose(MONTHS)]
        if r < 0.82:
            return ["in", "the", self.choose(DAY_PARTS[:3])]
        return [self.choose(ADVERBS)]

    def where(self):
        return [self.choose("in at near behind from over under into to with".split()),
                self.choose("the the this that your".split())] + \
            ([self.choose(ADJECTIVES)] if self.chance(0.2) else []) + [self.noun()]

    def tail(self):
        r = self.random.random()
        return self.when() if r < 0.4 else self.where() if r < 0.65 else []

    def sentence(self):
        """One of eighteen equal draws, of which the plainest pattern gets three and the next two."""
        patterns = [self.told] * 3 + [self.modal] * 2 + [
            self.request, self.quality, self.activity, self.question, self.existence, self.dated, self.amount,
            self.compound, self.condition, self.possession, self.habit, self.phrase, self.errand]
        return self.choose(patterns)()

    def told(self):
        return self.subject() + [self.choose(PAST)] + self.noun_phrase() + self.tail()

    def modal(self):
        return self.subject() + [self.choose(MODALS)] + (["not"] if self.chance(0.2) else []) + \
            [self.choose(VERBS)] + self.noun_phrase() + self.tail()

    def request(self):
        return ["please", self.choose(VERBS)] + self.noun_phrase() + self.tail()

    def quality(self):
        return self.noun_phrase() + [self.choose("is was are were".split())] + \
            ([self.choose(DEGREE)] if self.chance(0.5) else ["not"] if self.chance(0.3) else []) + \
            [self.choose(ADJECTIVES)] + self.tail()

    def activity(self):
        return self.subject() + [self.choose("is are was were".split())] + \
            ([self.choose(FREQUENCY)] if self.chance(0.3) else []) + [self.choose(GERUNDS)] + self.where() + \
            (self.when() if self.chance(0.3) else [])

    def question(self):
        return [self.choose("who what where why when how".split()), self.choose("did does do will can".split())] + \
            self.subject() + [self.choose(VERBS)] + (self.noun_phrase() if self.chance(0.7) else [])

    def existence(self):
        return ["there", self.choose("is are was were".split())] + self.noun_phrase() + self.where()

    def dated(self):
        return self.when() + self.subject() + [self.choose(PAST)] + self.noun_phrase()

    def amount(self):
        # drawing one of one keeps the order of the draws, and with it the texts of the test recordings
        return [self.choose(["the"]), self.choose("price cost number salary result".split()),
                self.choose(["is", "was"])] + self.number() + \
            self.choose([["dollars"], ["euros"], ["percent"], ["degrees"], ["point"] + self.small_number()])

    def compound(self):
        return self.subject() + [self.choose(PAST)] + self.noun_phrase() + \
            [self.choose("and but because when while so after".split())] + self.subject() + \
            [self.choose(INTRANSITIVE + PAST)] + (self.noun_phrase() if self.chance(0.4) else [])

    def condition(self):
        return ["if"] + self.subject() + [self.choose(VERBS)] + self.noun_phrase() + self.subject() + \
            [self.choose(MODALS), self.choose(VERBS)] + self.noun_phrase()

    def possession(self):
        return self.subject() + [self.choose("has have had".split())] + self.number() + [self.choose(PLURALS)] + \
            self.tail()

    def habit(self):
        return self.subject() + [self.choose(FREQUENCY)] + [self.choose(PAST + INTRANSITIVE)] + self.noun_phrase() + \
            self.tail()

    def phrase(self):
        return self.choose([
            ["thank", "you", "for"], ["hello", "this", "is"],
            ["yes"] + self.subject() + ["can", "still", self.choose(VERBS)],
            ["maybe"] + self.subject() + ["also", self.choose(PAST)],
            ["no"] + self.subject() + ["did", "not", self.choose(VERBS)],
            ["which", self.noun(), "is", "more", self.choose(ADJECTIVES), "than"],
            ["here", "is"], ["I", "only", self.choose(PAST)], ["we", "want", "to", self.choose(VERBS)],
        ]) + self.noun_phrase()

    def errand(self):
        return self.subject() + [self.choose(["called", "helped"])] + \
            [self.choose("me him them us her".split() + NAMES)] + \
            [self.choose("about after before with without".split())] + self.noun_phrase()


def main():
    p = argparse.ArgumentParser(description="Prints sentences of the demo model's grammar, or its vocabulary.")
    p.add_argument("--vocabulary", action="store_true", help="print every word, one a line")
    p.add_argument("--count", type=int, default=20)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    if a.vocabulary:
        print("\n".join(VOCAB))
        return
    generator = Generator(a.seed)
    for _ in range(a.count):
        print(" ".join(generator.utterance(0.2)))


if __name__ == "__main__":
    main()
