"""A release through the API, as people and tools with tokens; every answer is held to the schema."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from approvals.actions.people import create_person
from gatekeeper.common.calendars import day_of
from releases.actions.products import grant_product_permission
from releases.models import Event, Release
from tests.api.conftest import BASE, Caller, assert_problem, caller, shown, signed_in
from tests.cast import COMPLETENESS, MARKET, READINESS, SMALL_PLAYBOOK, Cast, make_playbook

R = "/releases/router/5.2/"
G = f"{R}gates/{MARKET}/"


def soon(days: int) -> str:
    return (day_of(timezone.now()) + timedelta(days=days)).isoformat()


@pytest.fixture
def pm(cast: Cast) -> Caller:
    return caller(cast.pm, "read", "write")


@pytest.fixture
def release(cast: Cast, pm: Caller) -> Release:
    """Planned and activated in one request."""
    made = pm.post(
        "/releases/",
        {"product": "router", "version": "5.2", "target_on": soon(90), "playbook": "small", "activate": True},
    )
    assert made.status_code == 201, made.content
    assert made.headers["Location"] == f"{BASE}{R}"
    return Release.objects.get()


@pytest.mark.django_db
def test_a_gate_is_prepared_submitted_and_decided(cast: Cast, pm: Caller, release: Release) -> None:
    gate = shown(pm.get(G))
    assert (gate["state"], gate["turn"]["who"]) == ("open", "pm")
    assert {b["code"] for b in gate["blockers"]} == {"deliverable_missing", "not_submitted"}
    refused = assert_problem(pm.post(f"{G}submit/"), 422, "blocked")
    assert refused["blockers"] == [b for b in gate["blockers"] if b["code"] == "deliverable_missing"]
    assert shown(pm.get(f"{G}verdict/"))["verdict"] == "no_go"
    assert "Pipelines are told: <b>no go</b>" in signed_in(cast.pm).client.get(G).content.decode()
    saved = pm.put(f"{G}evidence/brief/", {"text": "There is a market."})
    assert (shown(saved)["version"], shown(saved)["kind"]) == (1, "text")
    before = timezone.now()
    made = pm.post(f"{G}submit/", {"summary": "Please read."})
    assert made.status_code == 201
    assert shown(made)["round"] == 1
    engineer, seller = caller(cast.approver, "read", "decide"), caller(cast.second_approver, "read", "decide")
    (waiting,) = shown(engineer.get("/inbox/"))["results"]
    assert (waiting["gate"], waiting["round"], [r["key"] for r in waiting["roles"]]) == (MARKET, 1, ["engineering"])
    assert shown(engineer.get(G))["allowed_actions"] == ["decide:engineering", "recuse"]
    assert_problem(engineer.post(f"{G}decisions/", {"round": 2, "role": "engineering", "verdict": "approve"}), 409)
    condition = {"text": "Price list", "owner": "petra", "due_on": soon(20)}
    decided = engineer.post(
        f"{G}decisions/",
        {"round": 1, "role": "engineering", "verdict": "approve", "comment": "Yes.", "conditions": [condition]},
    )
    assert decided.status_code == 201
    half = shown(pm.get(f"{G}verdict/"))
    assert [b["code"] for b in half["blockers"]] == ["role_approval_missing"]
    assert "role_approved" in {s["code"] for s in half["satisfied"]}
    seller.post(f"{G}decisions/", {"round": 1, "role": "sales", "verdict": "approve"})
    after = shown(pm.get(f"{G}verdict/"))
    assert (after["verdict"], after["state"], after["blockers"]) == ("go", "approved", [])
    assert "Pipelines are told: <b>go</b>" in signed_in(cast.pm).client.get(G).content.decode()
    # the pipeline asks for the past, too
    past = shown(pm.get(f"{G}verdict/?as_of={before.isoformat().replace('+', '%2B')}"))
    assert (past["verdict"], past["state"]) == ("no_go", "open")
    now = shown(pm.get(f"{G}verdict/?as_of={timezone.now().isoformat().replace('+', '%2B')}"))
    assert [now[part] for part in ("verdict", "summary", "satisfied", "blockers", "waived")] == [
        after[part] for part in ("verdict", "summary", "satisfied", "blockers", "waived")
    ]
    record = shown(pm.get(f"{G}submissions/1/"))
    assert [d["role"] for d in record["decisions"]] == ["engineering", "sales"]
    (open_condition,) = record["conditions"]
    closed = pm.patch(f"{G}conditions/{open_condition['id']}/", {"closed": True, "note": "It is there."})
    assert shown(closed)["closed_by"] == "petra"
    assert shown(pm.get(R))["current_gate"] == COMPLETENESS
    prefixes = set(Event.objects.filter(release=release).values_list("token", flat=True))
    assert len(prefixes) == 3
    assert "" not in prefixes


@pytest.mark.django_db
def test_a_decline_a_second_round_and_what_changed(cast: Cast, pm: Caller, release: Release) -> None:
    pm.put(f"{G}evidence/brief/", {"text": "There is a market."})
    pm.post(f"{G}submit/")
    engineer = caller(cast.approver, "read", "decide")
    silent = assert_problem(
        engineer.post(f"{G}decisions/", {"round": 1, "role": "engineering", "verdict": "decline"}), 422
    )
    assert silent["errors"][0]["field"] == "comment"
    made = engineer.post(
        f"{G}decisions/", {"round": 1, "role": "engineering", "verdict": "approve", "comment": "Fine."}
    )
    number = shown(made)["decision"]["id"]
    revoked = engineer.post(f"{G}decisions/{number}/revoke/", {"reason": "I misread it."})
    assert shown(revoked)["roles"][0]["decisions"][0]["revoked"] is True
    assert_problem(pm.put(f"{G}evidence/brief/", {"text": "Another."}), 409)
    engineer.post(f"{G}decisions/", {"round": 1, "role": "engineering", "verdict": "decline", "comment": "Too thin."})
    declined = shown(pm.get(f"{G}verdict/"))
    assert (declined["verdict"], declined["blockers"][0]["code"]) == ("no_go", "declined")
    pm.put(f"{G}evidence/brief/", {"text": "There is a large market."})
    pm.post(f"{G}submit/")
    changed = shown(pm.get(f"{G}submissions/2/"))["changes"]
    assert [(c["deliverable"], c["change"]) for c in changed] == [("brief", "changed")]
    assert [one["round"] for one in shown(pm.get(f"{G}submissions/"))["results"]] == [2, 1]
    withdrawn = pm.post(f"{G}withdraw/", {"reason": "One more thing."})
    assert shown(withdrawn)["state"] == "open"
    stepped = engineer.post(f"{G}decisions/", {"round": 2, "verdict": "recuse", "comment": "Not mine."})
    assert_problem(stepped, 409)


@pytest.mark.django_db
def test_evidence_is_text_a_link_a_tick_or_a_file_and_its_tag_guards_it(
    cast: Cast, pm: Caller, release: Release
) -> None:
    address = f"{G}evidence/brief/"
    first = pm.put(address, {"url": "https://wiki.example.org/brief"})
    tag = pm.get(address).headers["ETag"]
    assert shown(first)["kind"] == "link"
    assert shown(pm.put(address, {"done": True, "note": "Said aloud."}, If_Match=tag))["kind"] == "tick"
    stale = pm.put(address, {"text": "Late."}, If_Match=tag)
    assert_problem(stale, 412, "stale")
    assert stale.headers["ETag"] == pm.get(address).headers["ETag"]
    for bad in ({"text": 1}, {"file": "x"}):
        assert_problem(pm.put(address, bad), 400)
    for bad in ({}, {"text": "a", "url": "https://b.example"}, {"done": False}):
        assert_problem(pm.put(address, bad), 422)
    assert_problem(pm.put(address, {"url": "javascript:alert(1)"}), 422)
    sent = pm.client.put(
        BASE + address,
        *_form({"file": SimpleUploadedFile("brief.txt", b"There is a market."), "note": "As sent."}),
        headers={"Authorization": f"Bearer {pm.token}"},
    )
    assert sent.status_code == 200, sent.content
    assert [f["name"] for f in shown(sent)["files"]] == ["brief.txt"]
    file = pm.get(f"{address}file/")
    assert b"".join(file.streaming_content) == b"There is a market."
    assert "attachment" in file.headers["Content-Disposition"]
    # who does not gather evidence reads only what a round has shown
    reader = caller(cast.executive)
    assert_problem(reader.get(f"{address}file/"), 404)
    hidden = shown(reader.get(address))
    assert (hidden["supplied"], hidden["shown"], hidden["files"]) == (True, False, [])
    pm.post(f"{G}submit/")
    assert shown(reader.get(address))["shown"] is True
    assert reader.get(f"{address}file/").status_code == 200
    pm.post(f"{G}withdraw/")
    assert pm.delete(address).status_code == 204
    assert shown(pm.get(address))["supplied"] is False
    assert len(shown(pm.get(f"{G}evidence/"))["results"]) == 2


def _form(data: dict[str, object]) -> tuple[bytes, str]:
    from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

    return encode_multipart(BOUNDARY, data), MULTIPART_CONTENT


@pytest.mark.django_db
def test_a_tool_reports_its_own_checks_and_nothing_else(cast: Cast, pm: Caller) -> None:
    spec = SMALL_PLAYBOOK | {"slug": "checked", "name": "Checked"}
    first, *rest = spec["gates"]
    checks = [{"name": "ci/nightly", "blocking": True}, {"name": "lint"}]
    make_playbook(spec | {"gates": [first | {"checks": checks}, *rest]})
    body = {"product": "router", "version": "5.2", "target_on": soon(90), "playbook": "checked", "activate": True}
    assert pm.post("/releases/", body).status_code == 201
    robot = create_person(
        username="robot", email="robot@example.org", full_name="Robot", is_service=True, actor=cast.administrator
    )
    grant_product_permission(product=cast.product, codename="report_checks", holder=robot, actor=cast.administrator)
    tool = caller(robot, "checks", products=[cast.product.pk], checks=["ci/nightly"])
    address = f"{G}checks/ci/nightly/"
    pm.put(f"{G}evidence/brief/", {"text": "There is a market."})
    assert [b["code"] for b in assert_problem(pm.post(f"{G}submit/"), 422)["blockers"]] == ["check_missing"]
    report = {
        "status": "failure",
        "summary": "2 of 80 fail",
        "run_number": 812,
        "details_url": "https://ci.example/812",
    }
    assert shown(tool.put(address, report))["applied"] is True
    older = shown(tool.put(address, {"status": "success", "run_number": 811}))
    assert (older["applied"], older["check"]["status"]) == (False, "failure")
    assert [b["code"] for b in assert_problem(pm.post(f"{G}submit/"), 422)["blockers"]] == ["check_failing"]
    assert_problem(pm.put(address, report | {"status": "success", "run_number": 900}), 403, "insufficient_scope")
    assert_problem(tool.put(f"{G}checks/lint/", {"status": "success"}), 403, "other_check")
    assert_problem(tool.post(f"{G}submit/"), 403, "insufficient_scope")
    assert_problem(tool.get(G), 403, "insufficient_scope")
    assert shown(tool.put(address, {"status": "success", "run_number": 813}))["applied"] is True
    assert [c["status"] for c in shown(pm.get(f"{G}checks/"))["results"]] == ["success", "not_reported"]
    assert pm.post(f"{G}submit/").status_code == 201


@pytest.mark.django_db
def test_a_waiver_and_an_exception_stand_apart(cast: Cast, pm: Caller, release: Release) -> None:
    authority = caller(cast.executive, "read", "write", "decide")
    reason = "The pilot customer cannot wait for the brief."
    excused = authority.post(f"{G}exceptions/", {"subject": "brief", "reason": reason, "expires_on": soon(30)})
    assert (excused.status_code, shown(excused)["kind"]) == (201, "deliverable")
    verdict = shown(pm.get(f"{G}verdict/"))
    assert [w["code"] for w in verdict["waived"]] == ["deliverable_excused"]
    assert [b["code"] for b in verdict["blockers"]] == ["not_submitted"]
    assert_problem(pm.post(f"{G}waive/", {"reason": reason, "expires_on": soon(30)}), 403, "insufficient_scope")
    owner = caller(cast.pm, "read", "write", "decide")
    assert_problem(owner.post(f"{G}waive/", {"reason": reason, "expires_on": soon(30)}), 403, "no_waive_gate")
    assert "waive" in shown(authority.get(G))["allowed_actions"]
    assert shown(authority.post(f"{G}waive/", {"reason": reason, "expires_on": soon(30)}))["state"] == "waived"
    let = shown(pm.get(f"{G}verdict/"))
    assert (let["verdict"], [w["code"] for w in let["waived"]]) == ("go", ["gate_waived", "deliverable_excused"])


@pytest.mark.django_db
def test_dates_move_by_a_replan_and_the_states_follow(cast: Cast, pm: Caller, release: Release) -> None:
    plan = {"dates": {MARKET: soon(40)}}
    moves = shown(pm.post(f"{R}replan/", plan | {"preview": True}))
    assert (moves["preview"], moves["release"], len(moves["moves"])) == (True, None, 5)
    assert_problem(pm.post(f"{R}replan/", plan), 422)
    done = shown(pm.post(f"{R}replan/", plan | {"reason": "The market study takes longer."}))
    assert [m["to"] for m in done["moves"]] == [m["to"] for m in moves["moves"]]
    assert done["release"]["slip_days"] == 10
    assert_problem(pm.post(f"{R}replan/", {"dates": {"nowhere": soon(50)}, "reason": "No."}), 422)
    assert_problem(pm.post(f"{R}rebaseline/", {"reason": "Agreed with everybody."}), 403, "no_rebaseline")
    assert "replan" in shown(pm.get(R))["allowed_actions"]
    held = shown(pm.post(f"{R}hold/", {"reason": "The team is needed elsewhere.", "resume_by": soon(30)}))
    assert (held["state"], held["allowed_actions"]) == ("on_hold", ["resume", "edit", "cancel"])
    assert_problem(pm.post(f"{R}hold/", {"reason": "Again.", "resume_by": soon(30)}), 409)
    assert shown(pm.post(f"{R}resume/"))["state"] == "active"
    assert_problem(pm.post(f"{R}ship/", {"released_on": soon(0)}), 409)
    tag = pm.get(R).headers["ETag"]
    named = pm.patch(R, {"name": "Remote hands"}, If_Match=tag)
    assert shown(named)["name"] == "Remote hands"
    assert_problem(pm.patch(R, {"name": "Another"}, If_Match=tag), 412, "stale")
    assert_problem(pm.patch(R, {"state": "released"}), 400)
    assert shown(pm.post(f"{R}cancel/", {"reason": "The market is gone."}))["state"] == "cancelled"
    assert shown(pm.get(f"{R}slips/"))["count"] == 0


@pytest.mark.django_db
def test_one_request_plans_all_of_a_release_and_may_be_sent_again(cast: Cast) -> None:
    admin = caller(cast.administrator, "read", "write")
    body = {
        "product": "router",
        "version": "6.0",
        "target_on": soon(120),
        "playbook": "small",
        "owner": "petra",
        "activate": True,
        "upsert": True,
        "gates": {
            MARKET: {"due_on": soon(30), "seats": {"engineering": ["carl", "group:Sales approvers"]}},
            READINESS: {"due_on": soon(100)},
        },
    }
    made = admin.post("/releases/", body)
    assert made.status_code == 201, made.content
    assert [g["due_on"] for g in shown(made)["gates"]][::2] == [soon(30), soon(100)]
    seats = shown(admin.get("/products/router/roles/"))["results"]
    seat = next(s for s in seats if (s["gate"], s["role"]) == (MARKET, "engineering"))
    assert (seat["members"], seat["groups"]) == (["carl", "erik"], ["Sales approvers"])
    again = admin.post("/releases/", body)
    assert (again.status_code, shown(again)) == (200, shown(made))
    later = body | {"gates": {MARKET: {"due_on": soon(31)}}, "reason": "A day more."}
    assert shown(admin.post("/releases/", later))["gates"][0]["due_on"] == soon(31)
    # all or nothing: the last thing that is wrong takes everything back
    owner = caller(cast.pm, "read", "write")
    bad = body | {"version": "7.0", "gates": {MARKET: {"deliverables": {"brief": "petra", "nothing": "petra"}}}}
    bad.pop("upsert")
    refused = assert_problem(owner.post("/releases/", bad), 422, "unknown_deliverable")
    assert refused["errors"][0]["field"] == f"gates.{MARKET}.deliverables.nothing"
    assert_problem(owner.get("/releases/router/7.0/"), 404)
    assert_problem(owner.post("/releases/", body | {"version": "8.0"}), 403, "not_administrator")
    assert Release.objects.count() == 1
    late = body | {"version": "9.0", "gates": {MARKET: {"due_on": soon(-3)}}}
    assert assert_problem(owner.post("/releases/", late), 422)["errors"][0]["field"] == f"gates.{MARKET}.due_on"
    assert_problem(owner.post("/releases/", body | {"product": "nothing"}), 404)
    assert_problem(caller(cast.outsider, "read", "write").post("/releases/", body), 403)


@pytest.mark.django_db
def test_lists_are_filtered_ordered_and_paged(cast: Cast, pm: Caller, release: Release) -> None:
    pm.post("/releases/", {"product": "router", "version": "5.3", "target_on": soon(200), "playbook": "small"})
    for query, found in (
        ("product=router", ["5.2", "5.3"]),
        ("product=switch", []),
        ("status=draft", ["5.3"]),
        ("health=on_track,at_risk", ["5.2"]),
        ("owner=petra&line=networks", ["5.2", "5.3"]),
        (f"gate={MARKET}", ["5.2"]),
        ("slipped=true", []),
        (f"target_after={soon(100)}", ["5.3"]),
        (f"target_before={soon(100)}", ["5.2"]),
        ("q=5.3", ["5.3"]),
        ("ordering=-target_on", ["5.3", "5.2"]),
    ):
        assert [r["version"] for r in shown(pm.get(f"/releases/?{query}"))["results"]] == found, query
    page = shown(pm.get("/releases/?page_size=1&ordering=version&fields=version,state"))
    assert (page["count"], page["previous"], page["results"]) == (2, None, [{"version": "5.2", "state": "active"}])
    assert (
        page["next"] == "http://testserver/api/v1/releases/?page_size=1&ordering=version&fields=version%2Cstate&page=2"
    )
    for bad in ("status=asleep", "ordering=owner__password", "page=0", "page_size=101", "slipped=maybe", "owner__x=1"):
        assert_problem(pm.get(f"/releases/?{bad}"), 400, "malformed")
    assert_problem(pm.get("/releases/?page=3"), 404)
    first = pm.get("/releases/")
    assert pm.get("/releases/", If_None_Match=first.headers["ETag"]).status_code == 304
    pm.put(f"{G}evidence/brief/", {"text": "There is a market."})
    assert pm.get("/releases/", If_None_Match=first.headers["ETag"]).status_code == 200


@pytest.mark.django_db
def test_products_playbooks_people_and_notices(cast: Cast, pm: Caller, release: Release) -> None:
    admin = caller(cast.administrator, "read", "write", "decide")
    line = admin.post("/product-lines/", {"name": "Services", "default_seats": {"sales": "Sales approvers"}})
    assert (line.status_code, shown(line)["default_seats"]) == (
        201,
        [{"function": "sales", "group": "Sales approvers"}],
    )
    made = admin.post("/products/", {"name": "Switch", "line": "services", "owner": "petra"})
    assert (made.status_code, shown(made)["product"]) == (201, "switch")
    tag = pm.get("/products/switch/").headers["ETag"]
    assert shown(pm.patch("/products/switch/", {"description": "It switches."}, If_Match=tag))["description"]
    assert_problem(pm.patch("/products/switch/", {"name": "Other"}, If_Match=tag), 412)
    assert_problem(pm.patch("/products/switch/", {"is_restricted": True}), 403)
    assert_problem(pm.post("/products/", {"name": "Hub", "line": "services", "owner": "petra"}), 403)
    assert shown(pm.get("/products/?line=services"))["count"] == 1
    playbook = pm.get("/playbooks/small/")
    assert shown(playbook)["gates"][0]["key"] == MARKET
    text = pm.get("/playbooks/small/", Accept="application/yaml").content.decode()
    assert admin.post("/playbooks/", {"playbook": text, "note": "The same."}).status_code == 200
    changed = admin.post(
        "/playbooks/", {"playbook": text.replace("Competitive teardown", "Teardown"), "note": "Short."}
    )
    assert (changed.status_code, shown(changed)["version"]) == (201, 2)
    assert_problem(admin.post("/playbooks/", {"playbook": "nothing: here", "note": "No."}), 422)
    seat = f"/products/router/gates/{MARKET}/roles/sales/members/carl/"
    assert admin.put(seat).status_code == 204
    assert admin.put(seat).status_code == 204
    assert admin.delete(seat).status_code == 204
    assert_problem(admin.delete(seat), 422)
    assert_problem(pm.put(seat), 403)
    reader = caller(cast.executive, "read", "write", "decide")
    assert reader.put(f"{R}watch/").status_code == 204
    assert_problem(reader.post(f"{R}stakeholders/", {"username": "otto"}), 403)
    assert pm.post(f"{R}stakeholders/", {"username": "otto"}).status_code == 201
    assert [s["username"] for s in shown(pm.get(f"{R}stakeholders/"))["results"]] == ["otto"]
    assert pm.delete(f"{R}stakeholders/?username=otto").status_code == 204
    assert_problem(pm.delete(f"{R}stakeholders/"), 400)
    assert_problem(pm.delete(f"{R}stakeholders/?username=nobody"), 404)
    assert reader.delete(f"{R}watch/").status_code == 204
    said = pm.post(f"{G}comments/", {"text": "What do you think, @erik?"})
    assert shown(said)["mentions"] == ["erik"]
    assert shown(pm.get(f"{G}comments/"))["count"] == 1
    engineer = caller(cast.approver, "read", "decide")
    away = engineer.post(
        "/delegations/", {"delegate": "eva", "starts_on": soon(1), "ends_on": soon(5), "reason": "Holidays"}
    )
    assert away.status_code == 201, away.content
    assert shown(engineer.get("/delegations/"))["count"] == 1
    assert_problem(caller(cast.outsider, "decide").delete(f"/delegations/{shown(away)['id']}/"), 404)
    assert engineer.delete(f"/delegations/{shown(away)['id']}/").status_code == 204
    assert shown(engineer.get("/notifications/"))["count"] >= 0
    assert (
        shown(engineer.call("POST", "/notifications/read/") if False else pm.post("/notifications/read/"))["read"] >= 0
    )
    board = shown(reader.get("/portfolio/"))
    assert board["figures"]["total"] == board["releases"]["count"] == 1
    assert b"Router" in b"".join(reader.get("/portfolio/", Accept="text/csv").streaming_content)
    assert b"".join(reader.get("/portfolio/?format=xlsx").streaming_content)[:2] == b"PK"
    assert_problem(pm.get("/portfolio/"), 403, "no_view_portfolio")
    assert shown(pm.get("/slips/"))["count"] == 0
    assert len(shown(pm.get(f"{R}gates/"))["results"]) == 4
