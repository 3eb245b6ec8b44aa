"""What requests of the API say about notices and stakeholders."""

from rest_framework import serializers

from gatekeeper.common.api.inputs import Input, Listed, ListQuery, Query, QueryFlag, Text, Whole


class NoticeQuery(ListQuery):
    unread = QueryFlag(required=False)


class ReadBody(Input):
    ids = Listed(child=Whole(least=1), required=False, most=500, help_text="All unread ones, unless said.")


class StakeholderBody(Input):
    username = Text(most=150)


class StakeholderQuery(Query):
    username = serializers.CharField(max_length=150, help_text="Whom to take off the list.")
