"""Which event is told to whom, and in which words: one row per notice.

A person gets one notice of an event, the first whose audience they are in, and none of their own acts. Sentences are
format strings over `EventFacts.words`; what is named in them is printed bold. To add a notice, add a row.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter

from gatekeeper.accounts.models import User
from notifications.audience import Audience, Crowd
from notifications.facts import EventFacts, with_facts
from notifications.kinds import Channel
from releases.kinds import EventKind
from releases.models import Event, Release
from releases.permissions import who_may_see

BOTH = (Channel.APP, Channel.EMAIL)
APP = (Channel.APP,)

# Words that are names or days, printed bold.
STRONG = frozenset(
    {
        "actor",
        "gate",
        "release",
        "thing",
        "role",
        "roles",
        "due_when",
        "expires",
        "absent",
        "stand_in",
        "released",
        "resume_by",
        "held",
        "baseline",
        "corrected",
    }
)

# (text, whether it is bold)
Piece = tuple[str, bool]


@dataclass(frozen=True)
class Notice:
    """One notice: `subject` begins with what it wants, `line` is the in-app text, `lead` the mail's first paragraph."""

    key: str
    kind: str
    to: tuple[Audience, ...]
    icon: str
    subject: str
    line: str
    heading: str
    lead: str
    action: str
    why: str
    rows: tuple[str, ...] = ()
    quote: str = ""
    but_not: tuple[Audience, ...] = ()
    channels: tuple[Channel, ...] = BOTH
    # What the event's data has to say, such as a verdict.
    where: Mapping[str, str] = field(default_factory=dict)
    # The link leads to the release, although the event is about a gate.
    is_release_page: bool = False
    # A task is mailed only to those whose turn it still is.
    is_task: bool = False

    def recipients(self, facts: EventFacts, crowd: Crowd) -> set[int]:
        """Ids of the people this notice is for; the actor knows already."""
        if any(facts.data.get(name) != value for name, value in self.where.items()):
            return set()
        return crowd.of(facts, self.to) - crowd.of(facts, self.but_not) - {facts.event.actor_id or 0}


MANAGES = "you manage this release or own its product"
DECIDES = "you decide at this gate"
FOLLOWS = "you watch it, decide at it, or are kept informed of it"

MANAGERS, DECIDERS, LATE_DECIDERS, PERSON = (
    (Audience.MANAGERS,), (Audience.DECIDERS,), (Audience.LATE_DECIDERS,), (Audience.PERSON,),
)  # fmt: skip
MENTIONED = (Audience.MENTIONED,)
FOLLOWERS = (Audience.FOLLOWERS, Audience.INFORMED)
AROUND_GATE = (Audience.SEATS, *FOLLOWERS)

NOTICES: tuple[Notice, ...] = (
    Notice(
        key="gate_opened", kind=EventKind.GATE_OPENED, to=MANAGERS, icon="prep",
        subject="To prepare: {release}, {gate}, due {due}",
        line="{gate} is open, due {due}",
        heading="{gate} is open",
        lead="Evidence for {gate} can be submitted now. {is_due} {due_when}.",
        action="Prepare the evidence", why=MANAGES, rows=("due", "target"),
    ),
    Notice(
        key="submitted", kind=EventKind.SUBMITTED, to=DECIDERS, icon="rev", is_task=True,
        subject="Waiting for you: {release}, {gate} (round {round}), due {due}",
        line="{actor} submitted round {round} of {gate} for your decision",
        heading="{gate} waits for your decision",
        lead="{actor} submitted round {round} on {when}.{as_role} {is_due} {due_when}.",
        action="Read and decide", why=DECIDES, rows=("due", "roles", "if_missed"), quote="summary",
    ),
    Notice(
        key="assigned", kind=EventKind.DELIVERABLE_ASSIGNED, to=PERSON, icon="prep",
        subject="For you to supply: {thing}, {release}, {gate}",
        line="{actor} assigned {thing} at {gate} to you",
        heading="{thing} is assigned to you",
        lead="{actor} asks you to supply {thing} for {gate}, which is due {due_when}.",
        action="Supply it", why="it is assigned to you", rows=("due",),
    ),
    Notice(
        key="your_turn", kind=EventKind.DECISION_RECORDED, to=(Audience.NEXT_DECIDERS,), icon="rev", is_task=True,
        where={"verdict": "approve"},
        subject="Waiting for you: {release}, {gate} (round {round}), due {due}",
        line="{actor} approved {gate} for {role}; it is your turn",
        heading="{gate} waits for your decision",
        lead="{actor} approved round {round} for {role}{conditional}, so it is your turn.{as_role} "
        "{is_due} {due_when}.",
        action="Read and decide", why=DECIDES, rows=("due", "roles", "if_missed"), quote="comment",
    ),
    Notice(
        key="role_approved", kind=EventKind.DECISION_RECORDED, to=MANAGERS, icon="ok", channels=APP,
        where={"verdict": "approve"},
        subject="Approved{conditional} by {role}: {release}, {gate}",
        line="{actor} approved {gate} for {role}{conditional}",
        heading="{role} has approved {gate}{conditional}",
        lead="{actor} approved round {round} for {role}{conditional}.",
        action="See the round", why=MANAGES, quote="comment",
    ),
    Notice(
        key="declined", kind=EventKind.GATE_DECLINED, to=MANAGERS, icon="dec",
        subject="To mend: {release}, {gate} was declined by {role}",
        line="{actor} declined {gate} for {role}",
        heading="{gate} was declined",
        lead="{actor} declined round {round} for {role}. It is your turn: mend the evidence and submit round "
        "{next_round}.",
        action="See what to mend", why=MANAGES, rows=("due", "if_missed"), quote="comment",
    ),
    Notice(
        key="declined_told", kind=EventKind.GATE_DECLINED, to=AROUND_GATE, icon="dec",
        subject="Declined: {release}, {gate} by {role}",
        line="{actor} declined {gate} for {role}",
        heading="{gate} was declined",
        lead="{actor} declined round {round} for {role}. The product manager prepares the next round.",
        action="Read the decision", why=FOLLOWS, rows=("due",), quote="comment",
    ),
    Notice(
        key="approved", kind=EventKind.GATE_APPROVED, to=(*MANAGERS, *AROUND_GATE), icon="ok",
        subject="Approved{conditional}: {release}, {gate}",
        line="{gate} is approved{conditions}",
        heading="{gate} is approved{conditions}",
        lead="All roles approved round {round} of {gate}{conditions}.",
        action="Read the decisions", why=FOLLOWS, rows=("next", "target"),
    ),
    Notice(
        key="condition", kind=EventKind.CONDITION_OPENED, to=PERSON, icon="cond",
        subject="To do: {release}, a condition of {gate}, due {due}",
        line="{actor} gave you a condition of {gate}, due {due}",
        heading="You own a condition of {gate}",
        lead="{actor} approved on a condition that you own. {is_due} {due_when}.",
        action="See the condition", why="you own this condition", rows=("due",), quote="text",
    ),
    Notice(
        key="condition_overdue", kind=EventKind.CONDITION_OVERDUE, to=PERSON, icon="late",
        subject="Late: {release}, your condition of {gate}, was due {due}",
        line="Your condition of {gate} was due {due} and is still open",
        heading="Your condition of {gate} is late",
        lead="It was due {due}. While it is open, no later gate of {release} can be submitted. Close it with a note.",
        action="Close the condition", why="you own this condition", quote="text",
    ),
    Notice(
        key="condition_overdue_told", kind=EventKind.CONDITION_OVERDUE, to=MANAGERS, icon="late",
        subject="Late: {release}, a condition of {gate}, was due {due}",
        line="A condition of {gate} was due {due} and is still open",
        heading="A condition of {gate} is late",
        lead="It was due {due}. While it is open, no later gate of {release} can be submitted.",
        action="See the condition", why=MANAGES, quote="text",
    ),
    Notice(
        key="exception", kind=EventKind.EXCEPTION_GRANTED, to=MANAGERS, icon="na",
        subject="Excused: {release}, {subject} at {gate} until {expires}",
        line="{actor} excused {subject} at {gate} until {expires}",
        heading="{subject} is excused",
        lead="{actor} granted an exception for {subject} at {gate}. It expires on {expires}.",
        action="See what is left", why=MANAGES, rows=("due", "excused"), quote="reason",
    ),
    Notice(
        key="exception_expired", kind=EventKind.EXCEPTION_EXPIRED, to=MANAGERS, icon="late",
        subject="To settle: {release}, the exception for {subject} at {gate} has expired",
        line="The exception for {subject} at {gate} has expired",
        heading="The exception for {subject} has expired",
        lead="{subject} was excused at {gate} until {expires}. It blocks again; at a gate that is passed it is an open "
        "debt.",
        action="See the gate", why=MANAGES,
    ),
    Notice(
        key="withdrawn", kind=EventKind.WITHDRAWN, to=(*MANAGERS, *AROUND_GATE), icon="prep",
        subject="Withdrawn: {release}, {gate} (round {round})",
        line="{actor} withdrew round {round} of {gate}",
        heading="Round {round} of {gate} was withdrawn",
        lead="{actor} withdrew round {round}. There is nothing to decide until it is submitted again.",
        action="See the gate", why=FOLLOWS, rows=("due",), quote="reason",
    ),
    Notice(
        key="waived", kind=EventKind.GATE_WAIVED, to=(*MANAGERS, *AROUND_GATE), icon="na",
        subject="Waived: {release}, {gate} until {expires}",
        line="{actor} waived {gate} until {expires}",
        heading="{gate} was waived",
        lead="{actor} let {gate} through without approval. The waiver expires on {expires}.",
        action="Read the waiver", why=FOLLOWS, rows=("expires", "next", "target"), quote="reason",
    ),
    Notice(
        key="waiver_expired", kind=EventKind.WAIVER_EXPIRED, to=MANAGERS, icon="late",
        subject="To settle: {release}, the waiver of {gate} has expired",
        line="The waiver of {gate} has expired",
        heading="The waiver of {gate} has expired",
        lead="{gate} was let through until {expires}. It is an open debt from now on.",
        action="See the gate", why=MANAGES,
    ),
    Notice(
        key="recused", kind=EventKind.RECUSED, to=MANAGERS, icon="rev", channels=APP,
        subject="Stepped aside: {release}, {gate} (round {round})",
        line="{actor} stepped aside from round {round} of {gate}",
        heading="{actor} stepped aside",
        lead="{actor} does not decide on round {round} of {gate}.",
        action="See the roles", why=MANAGES, quote="comment",
    ),
    Notice(
        key="unreachable", kind=EventKind.QUORUM_UNREACHABLE, to=MANAGERS, icon="late",
        subject="Blocked: {release}, {gate} cannot reach its quorum ({roles})",
        line="{gate} cannot reach its quorum: {roles}",
        heading="{gate} cannot reach its quorum",
        lead="Too few people can still decide for {roles}. Have an administrator give the seat to somebody, or "
        "withdraw the round.",
        action="See the roles", why=MANAGES, rows=("due", "if_missed"),
    ),
    # A miss makes two events. Those who must act hear of the first, those who follow of the second: one mail each.
    Notice(
        key="missed_decision", kind=EventKind.GATE_MISSED, to=LATE_DECIDERS, icon="late", is_task=True,
        subject="Waiting for you, late: {release}, {gate}, was due {due}",
        line="{gate} is late and waits for your decision",
        heading="{gate} is late and waits for your decision",
        lead="The due day, {due}, has ended and {cause}.{as_role} Each day moves the release by a day.",
        action="Read and decide", why=DECIDES, rows=("target",),
    ),
    Notice(
        key="missed", kind=EventKind.GATE_MISSED, to=MANAGERS, icon="late",
        subject="Late: {release}, {gate}, was due {due}",
        line="{gate} was missed: {cause}",
        heading="{gate} was missed",
        lead="The due day, {due}, has ended and {cause}. Each day moves the later dates by a day, until the gate is "
        "approved, waived or re-planned.",
        action="See what is in the way", why=MANAGES, rows=("target",),
    ),
    Notice(
        key="slipped", kind=EventKind.RELEASE_SLIPPED, to=AROUND_GATE, but_not=(*MANAGERS, *LATE_DECIDERS), icon="late",
        is_release_page=True,
        subject="Slipping: {release}, {gate} was due {due}",
        line="{release} is slipping: {gate} was missed, {cause}",
        heading="{release} is slipping",
        lead="{gate} was due {due} and {cause}. Each day moves the later dates by a day, until the gate is approved, "
        "waived or re-planned.",
        action="See the release", why=FOLLOWS, rows=("target",),
    ),
    Notice(
        key="replanned", kind=EventKind.RELEASE_REPLANNED, to=(*MANAGERS, *FOLLOWERS), icon="calendar",
        subject="Re-planned: {release}, {shift}",
        line="{actor} re-planned {release}: {shift}",
        heading="{release} was re-planned",
        lead="{actor} moved dates of {release}: {shift}.",
        action="See the dates", why=FOLLOWS, rows=("moves", "target"), quote="reason",
    ),
    Notice(
        key="rebaselined", kind=EventKind.RELEASE_REBASELINED, to=(*MANAGERS, *FOLLOWERS), icon="calendar",
        subject="New baseline: {release}, {baseline}",
        line="{actor} set a new baseline for {release}: {baseline}",
        heading="{release} has a new baseline",
        lead="{actor} made the plan in force the baseline of {release}: {baseline}. The slip counts from it; the old "
        "baseline is kept.",
        action="See the dates", why=FOLLOWS, rows=("target",), quote="reason",
    ),
    Notice(
        key="date_corrected", kind=EventKind.RELEASE_DATE_CORRECTED, to=(*MANAGERS, *FOLLOWERS), icon="calendar",
        subject="Corrected: {release} was released on {corrected}",
        line="{actor} corrected the release date of {release} to {corrected}",
        heading="The release date of {release} is corrected",
        lead="{actor} corrected the day on which {release} was released: {corrected}.",
        action="See the release", why=FOLLOWS, quote="reason",
    ),
    Notice(
        key="playbook_applied", kind=EventKind.PLAYBOOK_APPLIED, to=(*MANAGERS, *FOLLOWERS), icon="calendar",
        subject="Playbook: {release} is on version {version}",
        line="{actor} moved {release} to version {version} of its playbook",
        heading="{release} follows version {version} of its playbook",
        lead="{actor} moved {release} to version {version} of its playbook. Passed gates stay as they were decided.",
        action="See the gates", why=FOLLOWS, rows=("playbook_changes", "moves", "target"), quote="reason",
    ),
    Notice(
        key="mentioned", kind=EventKind.COMMENT_ADDED, to=MENTIONED, icon="message-square",
        subject="For you to answer: {release}, {gate}, {actor} mentions you",
        line="{actor} mentions you in the discussion of {gate}",
        heading="{actor} mentions you",
        lead="{actor} mentions you in the discussion of {gate}. A comment is not a decision.",
        action="Read and answer", why="you are mentioned", quote="text",
    ),
    Notice(
        key="commented", kind=EventKind.COMMENT_ADDED, to=(*MANAGERS, Audience.TALKERS), icon="message-square",
        subject="New comment: {release}, {gate}",
        line="{actor} commented on {gate}",
        heading="{actor} commented on {gate}",
        lead="{actor} wrote in the discussion of {gate}.",
        action="Read and answer", why="you manage this release, submitted this gate or took part in its discussion",
        quote="text",
    ),
    Notice(
        key="mentioned_later", kind=EventKind.COMMENT_EDITED, to=MENTIONED, icon="message-square",
        subject="For you to answer: {release}, {gate}, {actor} mentions you",
        line="{actor} mentions you in the discussion of {gate}",
        heading="{actor} mentions you",
        lead="{actor} changed a comment in the discussion of {gate} and mentions you.",
        action="Read and answer", why="you are mentioned", quote="text",
    ),
    Notice(
        key="shipped", kind=EventKind.RELEASE_SHIPPED, to=(*MANAGERS, *FOLLOWERS), icon="rocket",
        subject="Released: {release} on {released}",
        line="{release} was released on {released}",
        heading="{release} is released",
        lead="{release} was released on {released}.",
        action="See the release", why=FOLLOWS, rows=("target",), quote="reason",
    ),
    Notice(
        key="held", kind=EventKind.RELEASE_HELD, to=(*MANAGERS, *FOLLOWERS), icon="pause",
        subject="On hold: {release}, to resume by {resume_by}",
        line="{actor} put {release} on hold, to resume by {resume_by}",
        heading="{release} is on hold",
        lead="{actor} put {release} on hold. It is to resume by {resume_by}; until then nothing is due.",
        action="See the release", why=FOLLOWS, quote="reason",
    ),
    Notice(
        key="resumed", kind=EventKind.RELEASE_RESUMED, to=(*MANAGERS, *FOLLOWERS), icon="calendar",
        subject="Resumed: {release}, {held}",
        line="{actor} resumed {release}; {held}",
        heading="{release} goes on",
        lead="{actor} resumed {release}: {held}; days on hold never count as slip.",
        action="See the dates", why=FOLLOWS, rows=("target",), quote="reason",
    ),
    Notice(
        key="cancelled", kind=EventKind.RELEASE_CANCELLED, to=(*MANAGERS, *FOLLOWERS), icon="na",
        subject="Cancelled: {release}",
        line="{actor} cancelled {release}",
        heading="{release} is cancelled",
        lead="{actor} cancelled {release}. Nothing is due any more.",
        action="See the release", why=FOLLOWS, quote="reason",
    ),
    Notice(
        key="stakeholder", kind=EventKind.STAKEHOLDER_ADDED, to=PERSON, icon="eye", channels=APP,
        subject="For you to follow: {release}",
        line="{actor} made you a stakeholder of {release}",
        heading="You are a stakeholder of {release}",
        lead="{actor} wants you to hear of its progress.",
        action="See the release", why="you were added as a stakeholder",
    ),
    Notice(
        key="stands_in", kind=EventKind.DELEGATION_MADE, to=(Audience.STAND_IN,), icon="calendar-clock",
        subject="For you to know: you decide for {absent} from {starts} to {ends}",
        line="You decide for {absent} from {starts} to {ends}",
        heading="You decide for {absent}",
        lead="{absent} is away from {starts} to {ends}, and you stand in. What waits for {absent} waits for you too in "
        "these days, as far as you see the product.",
        action="See when", why="you stand in for somebody who is away", quote="reason",
    ),
    Notice(
        key="away", kind=EventKind.DELEGATION_MADE, to=(Audience.ABSENT,), icon="calendar-clock",
        subject="For you to know: {actor} set you away from {starts} to {ends}",
        line="{actor} set you away from {starts} to {ends}; {stand_in} decides for you",
        heading="You are away from {starts} to {ends}",
        lead="{actor} set you away from {starts} to {ends}. {stand_in} decides for you in these days.",
        action="See or end it", why="you are the one who is away", quote="reason",
    ),
    Notice(
        key="stands_in_no_more", kind=EventKind.DELEGATION_ENDED, to=(Audience.STAND_IN,), icon="calendar-check",
        subject="For you to know: you do not decide for {absent} any more",
        line="You do not decide for {absent} any more",
        heading="You do not decide for {absent} any more",
        lead="The absence of {absent}, {starts} to {ends}, has ended early.",
        action="See when", why="you stood in for somebody who was away",
    ),
    Notice(
        key="away_no_more", kind=EventKind.DELEGATION_ENDED, to=(Audience.ABSENT,), icon="calendar-check",
        subject="For you to know: your absence from {starts} to {ends} has ended",
        line="{actor} ended your absence from {starts} to {ends}",
        heading="Your absence has ended",
        lead="{actor} ended your absence from {starts} to {ends}. You decide yourself again.",
        action="See your absences", why="you are the one who was away",
    ),
)  # fmt: skip

BY_KEY: Mapping[str, Notice] = {notice.key: notice for notice in NOTICES}
_BY_KIND: dict[str, list[Notice]] = defaultdict(list)
for _notice in NOTICES:
    _BY_KIND[_notice.kind].append(_notice)


def notices_of(kind: str) -> Sequence[Notice]:
    """The notices of a kind of event; most kinds have none."""
    return _BY_KIND.get(kind, ())


def told(facts: EventFacts, crowd: Crowd) -> dict[int, Notice]:
    """Who is told of an event by which notice. Whether they may see it, and still want it, is asked elsewhere."""
    found: dict[int, Notice] = {}
    for notice in notices_of(facts.event.kind):
        for person in notice.recipients(facts, crowd):
            found.setdefault(person, notice)
    return found


# --- Words ------------------------------------------------------------------------------------------------------


def words_of(facts: EventFacts, roles: Sequence[str] = ()) -> dict[str, str]:
    """The words of the sentences; `roles` are those in which the reader would decide."""
    following = str(int(facts.words["round"]) + 1) if facts.words["round"].isdigit() else ""
    as_role = f" You decide as {' or '.join(roles)}." if roles else ""
    return facts.words | {"next_round": following, "as_role": as_role}


def pieces(sentence: str, words: Mapping[str, str]) -> list[Piece]:
    """A sentence in pieces, so that a template can print names bold without trusting them."""
    found: list[Piece] = []
    for literal, name, _spec, _conversion in Formatter().parse(sentence):
        if literal:
            found.append((literal, False))
        if name and words[name]:
            found.append((words[name], name in STRONG))
    return found


def plain(sentence: str, words: Mapping[str, str]) -> str:
    """A sentence as one text."""
    return "".join(text for text, _strong in pieces(sentence, words))


@dataclass(frozen=True)
class Row:
    """A line of the mail's table: a label and what stands beside it, several lines or none."""

    label: str
    lines: Callable[[EventFacts], list[str]]


def _word(name: str) -> Callable[[EventFacts], list[str]]:
    return lambda facts: [facts.words[name]] if facts.words[name] else []


ROWS: Mapping[str, Row] = {
    "due": Row("Due", _word("due_when")),
    "target": Row("Release date", _word("target_when")),
    "next": Row("Next gate", _word("next")),
    "roles": Row("Decided by", _word("roles")),
    "expires": Row("Waived until", _word("expires")),
    "excused": Row("Excused until", _word("expires")),
    "moves": Row("What moves", EventFacts.moves),
    "playbook_changes": Row("What changes", EventFacts.playbook_changes),
    "if_missed": Row("If it is missed", EventFacts.cost_of_missing),
}


# --- A preview --------------------------------------------------------------------------------------------------


def people_told_of(release: Release, actor: User | None = None, kind: str = EventKind.RELEASE_REPLANNED) -> list[User]:
    """Who would be told by the notice of a kind of event of a release now (a re-plan), in order of name."""
    event = Event(release=release, product=release.product, kind=kind, actor=actor)
    event.subject, event.data = "{}", "{}"
    facts = with_facts([event])[event.pk]
    people = told(facts, Crowd([facts]))
    return list(User.objects.filter(pk__in=who_may_see(release.product, people)).order_by("full_name", "username"))
