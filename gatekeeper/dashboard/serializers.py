"""What requests of the API say about the portfolio: the filters of its page, in the same words."""

from rest_framework import serializers

from gatekeeper.common.api.inputs import ListQuery
from gatekeeper.dashboard.queries.filters import DEBTS, GATES, HEALTHS, RECORDED, SORTS, STATES, TARGETS

FORMATS = ("json", "csv", "xlsx")


def _choice(words: object) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=list(words), required=False)  # type: ignore[call-overload]


class PortfolioQuery(ListQuery):
    line = serializers.CharField(required=False, max_length=64)
    product = serializers.CharField(required=False, max_length=64)
    pm = serializers.CharField(required=False, max_length=150, help_text="A user name, or `me`.")
    health = _choice(HEALTHS)
    gate = _choice(GATES)
    current = serializers.CharField(required=False, max_length=64, help_text="The key of the current gate.")
    playbook = serializers.CharField(required=False, max_length=64)
    target = _choice(TARGETS)
    quarter = serializers.RegexField(r"^20\d\d-q[1-4]$", required=False, help_text="Of the target, such as `2026-q4`.")
    debt = _choice(DEBTS)
    state = _choice((*STATES, RECORDED))
    q = serializers.CharField(required=False, max_length=200)
    sort = _choice([word for name in SORTS for word in (name, f"-{name}")])
    format = serializers.ChoiceField(choices=FORMATS, required=False, help_text="Goes before `Accept`.")
