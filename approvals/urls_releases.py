"""Addresses of the release pages."""

from django.urls import path

from approvals.views import conditions, deeds, playbook, releases, replan

ONE = "releases/<slug:product>/<str:version>/"

urlpatterns = [
    path("releases/", releases.release_list, name="releases"),
    path("releases/new/", releases.release_new, name="release-new"),
    path("releases/new/dates/", releases.release_dates, name="release-new-dates"),
    path(ONE, releases.release_page, name="release"),
    path(f"{ONE}activity/", releases.release_activity, name="release-activity"),
    path(f"{ONE}conditions/", conditions.release_conditions, name="release-conditions"),
    path(f"{ONE}replans/", releases.release_replans, name="release-replans"),
    path(f"{ONE}edit/", deeds.release_edit, name="release-edit"),
    path(f"{ONE}activate/", deeds.release_activate, name="release-activate"),
    path(f"{ONE}hold/", deeds.release_hold, name="release-hold"),
    path(f"{ONE}resume/", deeds.release_resume, name="release-resume"),
    path(f"{ONE}cancel/", deeds.release_cancel, name="release-cancel"),
    path(f"{ONE}ship/", deeds.release_ship, name="release-ship"),
    path(f"{ONE}correct-date/", deeds.release_correct_date, name="release-correct-date"),
    path(f"{ONE}replan/", replan.release_replan, name="release-replan"),
    path(f"{ONE}rebaseline/", deeds.release_rebaseline, name="release-rebaseline"),
    path(f"{ONE}playbook/", playbook.release_playbook, name="release-playbook"),
]
