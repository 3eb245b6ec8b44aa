"""What requests of the API say about releases, gates, rounds and seats."""

from rest_framework import serializers

from approvals.kinds import CheckStatus, Verdict, WaiverKind
from gatekeeper.common.api.inputs import (
    Day,
    Flag,
    Input,
    Keyed,
    Listed,
    ListQuery,
    Query,
    QueryFlag,
    QueryMoment,
    QueryText,
    QueryWhole,
    QueryWords,
    Text,
    Whole,
    Words,
    ordering,
)
from releases.kinds import Health, ReleaseState

ORDERINGS = ("product", "version", "target_on", "baseline_on", "next_due_on", "slip_days", "created_at")


# --- Releases -----------------------------------------------------------------------------------------------------


class ReleaseQuery(ListQuery):
    product = QueryWords(required=False, help_text="Slugs of products.")
    line = QueryWords(required=False, help_text="Slugs of product lines.")
    status = QueryWords(required=False, choices=list(ReleaseState.values), help_text="States of the release.")
    health = QueryWords(required=False, choices=list(Health.values))
    owner = QueryWords(required=False, help_text="User names of product managers.")
    gate = QueryWords(required=False, help_text="Keys of the gate that is worked on.")
    slipped = QueryFlag(required=False, help_text="A miss is unsettled, or the target is later than the baseline.")
    target_before = Day(required=False)
    target_after = Day(required=False)
    q = QueryText(help_text="A part of the version, theme or product's name.")
    trend = QueryFlag(required=False, help_text="Say how health compares with 14 days ago.")
    ordering = ordering(*ORDERINGS, default="target_on")


class NewGate(Input):
    due_on = Day(required=False)
    seats = Keyed(
        child=Listed(child=Text(most=160), most=50),
        required=False,
        help_text="Role → who gets its seat: user names, or `group:` and a group's name.",
    )
    deliverables = Keyed(
        child=Text(most=150), required=False, help_text="Deliverable → user name of the person who supplies it."
    )


class NewRelease(Input):
    product = Text(most=64)
    version = Text(most=64)
    target_on = Day()
    playbook = Text(most=64, help_text="Its slug; the newest version is used.")
    name = Text(most=200, required=False, allow_blank=True)
    owner = Text(most=150, required=False)
    activate = Flag(required=False, help_text="Activate it at once.")
    gates = Keyed(child=NewGate(), required=False, help_text="By gate: due date, seats and who supplies what.")
    upsert = Flag(required=False, help_text="When the version exists, change it to what is said here.")
    reason = Text(most=5000, required=False, help_text="Why dates of a running release move, with `upsert`.")


class ReleaseChange(Input):
    name = Text(most=200, required=False, allow_blank=True)
    owner = Text(most=150, required=False)
    target_on = Day(required=False, help_text="Of a draft; a running release is re-planned.")


class ActivateBody(Input):
    dates = Keyed(child=Day(), required=False, help_text="Due dates by gate that replace the computed ones.")


class ReasonBody(Input):
    reason = Text(most=5000)


class HoldBody(Input):
    reason = Text(most=5000)
    resume_by = Day()


class ResumeBody(Input):
    reason = Text(most=5000, required=False, help_text="Why it goes on.")


class ShipBody(Input):
    released_on = Day()
    reason = Text(most=5000, required=False, help_text="Why on that day.")


class ReplanBody(Input):
    dates = Keyed(child=Day(), required=False, help_text="New days by gate; `target` is the release date.")
    pins = Keyed(child=Flag(), required=False, help_text="Gates to pin (true) or unpin (false).")
    reason = Text(most=5000, required=False, help_text="Needed unless it is a preview.")
    preview = Flag(required=False, help_text="Only say what would move.")


# --- Gates --------------------------------------------------------------------------------------------------------


class VerdictQuery(Query):
    as_of = QueryMoment(required=False, help_text="A past moment: 2026-11-20T09:14:03Z.")


class SubmitBody(Input):
    summary = Text(required=False, allow_blank=True)


class WithdrawBody(Input):
    reason = Text(required=False, allow_blank=True)


class WaiveBody(Input):
    reason = Text(most=5000)
    expires_on = Day()


class ExceptionBody(Input):
    kind = Words(choices=[WaiverKind.DELIVERABLE.value, WaiverKind.CHECK.value], required=False)
    subject = Text(most=120, help_text="Key of the deliverable, or name of the check.")
    reason = Text(most=5000)
    expires_on = Day()


class EvidenceBody(Input):
    text = Text(most=200_000, required=False)
    url = Text(most=2000, required=False)
    done = Flag(required=False)
    note = Text(required=False, allow_blank=True)
    expected_version = Whole(required=False, help_text="The version that was read; another one is a conflict.")


class CheckBody(Input):
    status = Words(choices=[word for word in CheckStatus.values if word != CheckStatus.NOT_REPORTED])
    details_url = Text(most=2000, required=False, allow_blank=True)
    summary = Text(most=500, required=False, allow_blank=True)
    run_number = Whole(required=False)


class NewConditionBody(Input):
    text = Text(most=500)
    owner = Text(most=150)
    due_on = Day()


class DecisionBody(Input):
    round = Whole(least=1)
    role = Text(most=64, required=False, help_text="Not needed to step aside, which is from every seat.")
    verdict = Words(choices=[*Verdict.values, "recuse"])
    comment = Text(required=False, allow_blank=True)
    conditions = Listed(child=NewConditionBody(), required=False, most=20)


class CommentBody(Input):
    text = Text(most=20_000)


class ConditionBody(Input):
    closed = Flag(help_text="true: a condition is closed once and stays so.")
    note = Text(most=5000)


# --- People -------------------------------------------------------------------------------------------------------


class InboxQuery(ListQuery):
    pass


class DelegationQuery(ListQuery):
    show = serializers.ChoiceField(choices=["current", "all"], required=False, default="current")


class DelegationBody(Input):
    person = Text(most=150, required=False, help_text="Who is away; you, unless said.")
    delegate = Text(most=150, required=False, allow_null=True, help_text="Who decides for them; null: nobody.")
    starts_on = Day()
    ends_on = Day()
    reason = Text(most=300, required=False, allow_blank=True)
    roles = Listed(child=Whole(least=1), required=False, most=200, help_text="Ids of seats; all, unless said.")


class SeatQuery(Query):
    confirm = QueryFlag(required=False, help_text="Take it although an open round is left without a quorum.")


class CommentQuery(ListQuery):
    ordering = ordering("written_at", default="written_at")


class FileQuery(Query):
    name = serializers.CharField(required=False, max_length=255, help_text="One of several files.")
    version = QueryWhole(required=False, least=1, help_text="An earlier version.")
