"""What requests of the API say about products and playbooks."""

from gatekeeper.common.api.inputs import Flag, Input, Keyed, ListQuery, QueryFlag, QueryText, QueryWords, Text, ordering


class LineQuery(ListQuery):
    q = QueryText(help_text="A part of the name.")
    ordering = ordering("name", "slug", default="name")


class LineBody(Input):
    name = Text(most=120)
    slug = Text(most=64, required=False)
    description = Text(required=False, allow_blank=True)
    default_seats = Keyed(child=Text(most=150), required=False, help_text="Function → name of a group.")


class ProductQuery(ListQuery):
    line = QueryWords(required=False, help_text="Slugs of product lines.")
    owner = QueryWords(required=False, help_text="User names.")
    restricted = QueryFlag(required=False)
    q = QueryText(help_text="A part of the name.")
    ordering = ordering("name", "slug", default="name")


class ProductBody(Input):
    name = Text(most=120)
    line = Text(most=64)
    owner = Text(most=150)
    slug = Text(most=64, required=False)
    description = Text(required=False, allow_blank=True)
    is_restricted = Flag(required=False)


class ProductChange(Input):
    name = Text(most=120, required=False)
    owner = Text(most=150, required=False)
    description = Text(required=False, allow_blank=True)
    is_restricted = Flag(required=False)


class PlaybookQuery(ListQuery):
    ordering = ordering("name", "slug", default="name")


class PlaybookBody(Input):
    playbook = Text(most=200_000, help_text="The playbook as YAML text.")
    note = Text(most=2000, help_text="What changed, for those who read the versions.")


class SlipQuery(ListQuery):
    product = QueryWords(required=False)
    settled = QueryFlag(required=False)
    cause = QueryWords(required=False)
    ordering = ordering("due_on", "detected_at", default="-due_on")
