"""What requests of the API say about notices and stakeholders."""

from gatekeeper.common.api.inputs import Input, Listed, ListQuery, QueryFlag, Text, Whole


class NoticeQuery(ListQuery):
    unread = QueryFlag(required=False)


class ReadBody(Input):
    ids = Listed(child=Whole(least=1), required=False, most=500, help_text="All unread ones, unless said.")


class StakeholderBody(Input):
    username = Text(most=150)
