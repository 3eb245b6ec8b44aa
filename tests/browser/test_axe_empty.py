"""The pages of an installation in which nothing is yet: axe has nothing against the first steps either."""

import pytest

from gatekeeper.accounts.models import User
from tests.browser.walking import Visit, Walk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_axe_finds_nothing_on_the_pages_of_an_empty_installation(transactional_db: None, walk: Walk) -> None:
    walk.go(Visit("", "/setup/"))
    walk.go(Visit("", "/setup/", "setup, refused", "main form[method=post]"))
    ada = User.objects.create_user("ada", "ada@example.org", full_name="Ada Admin", is_superuser=True)
    for address in (
        "/", "/setup/", "/inbox/", "/inbox/?show=decided", "/portfolio/", "/portfolio/?state=recorded", "/products/",
        "/products/new/", "/releases/new/", "/notifications/", "/search/", "/settings/people/", "/settings/groups/",
        "/settings/lines/", "/settings/new-line/", "/settings/organisation/", "/settings/playbooks/",
    ):  # fmt: skip
        walk.go(Visit(ada.username, address, f"{address}, empty"))
    walk.finish()
