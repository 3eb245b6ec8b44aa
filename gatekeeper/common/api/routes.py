"""Numbers in addresses, as many digits as every database holds."""

from django.urls import register_converter


class IdConverter:
    """1 to 18 digits."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(IdConverter, "id")
