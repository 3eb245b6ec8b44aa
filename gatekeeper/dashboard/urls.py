"""Addresses of home, portfolio, first steps and settings."""

from django.urls import path, register_converter

from gatekeeper.common.tables import FORMATS
from gatekeeper.dashboard.views import (
    calendar,
    home,
    organisation,
    paper,
    playbooks,
    portfolio,
    profile,
    saved_views,
    search,
    settings,
    setup,
    slips,
    tokens,
)


class Table:
    """The ending of a table's file."""

    regex = "|".join(FORMATS)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Table, "table")

PLAYBOOK = "settings/playbooks/<slug:slug>/"

urlpatterns = [
    path("", home.home, name="home"),
    path("portfolio/", portfolio.portfolio, name="portfolio"),
    path("portfolio/export.<table:form>", portfolio.portfolio_export, name="portfolio-export"),
    path("portfolio/export.pdf", portfolio.portfolio_pdf, name="portfolio-pdf"),
    path("releases/<slug:product>/<str:version>/report.pdf", paper.release_report, name="release-report"),
    path("portfolio/figures.<table:form>", portfolio.portfolio_figures_export, name="portfolio-figures-export"),
    path("portfolio/charts/<slug:key>.svg", portfolio.portfolio_chart, name="portfolio-chart"),
    path("portfolio/waivers/", portfolio.portfolio_waivers, name="portfolio-waivers"),
    path("portfolio/waivers/export.<table:form>", portfolio.portfolio_waivers_export, name="portfolio-waivers-export"),
    path("portfolio/views/", saved_views.saved_views, name="saved-views"),
    path("portfolio/views/new/", saved_views.saved_view_new, name="saved-view-new"),
    path("portfolio/views/<str:key>/", saved_views.saved_view, name="saved-view"),
    path("portfolio/views/<str:key>/rename/", saved_views.saved_view_rename, name="saved-view-rename"),
    path("portfolio/views/<str:key>/remove/", saved_views.saved_view_remove, name="saved-view-remove"),
    path("portfolio/<slug:slug>/", portfolio.portfolio_ledger, name="portfolio-ledger"),
    path(
        "portfolio/<slug:slug>/export.<table:form>", portfolio.portfolio_ledger_export, name="portfolio-ledger-export"
    ),
    path("slips/", slips.slips, name="slips"),
    path("slips/export.<table:form>", slips.slips_export, name="slips-export"),
    path("search/", search.search, name="search"),
    path("setup/", setup.setup, name="setup"),
    path("setup/playbooks/", setup.setup_playbooks, name="setup-playbooks"),
    path("calendar/<str:secret>.ics", calendar.calendar_feed, name="calendar-feed"),
    path("settings/calendar/", calendar.calendar_settings, name="calendar-settings"),
    path("settings/profile/", profile.profile, name="profile"),
    path("settings/password/", profile.password, name="password"),
    path("settings/sessions/", profile.sessions, name="sessions"),
    path("settings/sessions/end/", profile.sessions_end, name="sessions-end"),
    path("settings/sessions/<int:session>/end/", profile.session_end, name="session-end"),
    path("password-reset/<str:identity>/<str:token>/", profile.password_set, name="password-set"),
    path("settings/organisation/", organisation.organisation, name="settings-organisation"),
    path("settings/organisation/weekdays/", organisation.weekdays, name="settings-weekdays"),
    path("settings/organisation/days/", organisation.days, name="settings-days"),
    path("settings/organisation/days/<int:entry>/remove/", organisation.day_remove, name="settings-day-remove"),
    path("settings/people/", settings.people, name="settings-people"),
    path("settings/people/new/", settings.person_new, name="settings-person-new"),
    path("settings/people/<int:person>/", settings.person, name="settings-person"),
    path("settings/people/<int:person>/groups/", settings.person_join, name="settings-person-join"),
    path("settings/people/<int:person>/link/", settings.person_link, name="settings-person-link"),
    path("settings/people/<int:person>/permissions/", settings.person_permissions, name="settings-person-permissions"),
    path("settings/people/<int:person>/deactivate/", settings.person_deactivate, name="settings-person-deactivate"),
    path("settings/people/<int:person>/reactivate/", settings.person_reactivate, name="settings-person-reactivate"),
    path("settings/api/", tokens.tokens, name="settings-tokens"),
    path("settings/api/new/", tokens.token_new, name="settings-token-new"),
    path("settings/api/service-accounts/new/", tokens.service_account_new, name="settings-service-account-new"),
    path("settings/api/<int:token>/revoke/", tokens.token_revoke, name="settings-token-revoke"),
    path("settings/api/<int:token>/rotate/", tokens.token_rotate, name="settings-token-rotate"),
    path("settings/groups/", settings.groups, name="settings-groups"),
    path("settings/groups/<int:group>/", settings.group, name="settings-group"),
    path("settings/groups/<int:group>/leave/<int:person>/", settings.group_leave, name="settings-group-leave"),
    path("settings/lines/", settings.lines, name="settings-lines"),
    path("settings/new-line/", settings.line, name="settings-line-new"),
    path("settings/lines/<slug:line>/", settings.line, name="settings-line"),
    path("settings/playbooks/", playbooks.playbooks, name="settings-playbooks"),
    path("settings/new-playbook/", playbooks.playbook_new, name="settings-playbook-new"),
    path(PLAYBOOK, playbooks.playbook, name="settings-playbook"),
    path(f"{PLAYBOOK}edit/", playbooks.playbook_edit, name="settings-playbook-edit"),
    path(f"{PLAYBOOK}about/", playbooks.playbook_about, name="settings-playbook-about"),
    path(f"{PLAYBOOK}discard/", playbooks.playbook_discard, name="settings-playbook-discard"),
    path(f"{PLAYBOOK}rebase/", playbooks.playbook_rebase, name="settings-playbook-rebase"),
    path(f"{PLAYBOOK}publish/", playbooks.playbook_publish, name="settings-playbook-publish"),
    path(f"{PLAYBOOK}import/", playbooks.playbook_import, name="settings-playbook-import"),
    path(f"{PLAYBOOK}draft.yaml", playbooks.playbook_export_draft, name="settings-playbook-export-draft"),
    path(f"{PLAYBOOK}compare/", playbooks.playbook_compare, name="settings-playbook-compare"),
    path(f"{PLAYBOOK}versions/", playbooks.playbook_versions, name="settings-playbook-versions"),
    path(f"{PLAYBOOK}versions/<int:version>/", playbooks.playbook_version, name="settings-playbook-version"),
    path(f"{PLAYBOOK}versions/<int:version>/export.yaml", playbooks.playbook_export, name="settings-playbook-export"),
]
