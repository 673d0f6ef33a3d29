"""The apps beside frameworks, with the workers that they bring: what they do over HTTP, and what their pages hear."""

import uuid

import pytest

from harness import Client
from harness.api import Api
from harness.examples import SITES

WITH_USERS = [site for site in SITES if site.needs_tokens]


@pytest.fixture
def site(request, new_server, tmp_path):
    return request.param(new_server, tmp_path)


@pytest.fixture
def page(make, site):
    """A session as the page of a visitor has it."""
    def open(visitor):
        token = visitor.token()
        headers = {"Authorization": f"Bearer {token}"} if token else None
        return make(Client(site.server, origin=site.url, headers=headers))

    return open


def key():
    return str(uuid.uuid4())


@pytest.mark.parametrize("site", SITES, indirect=True)
def test_a_report_is_made_once_and_watched(site, page):
    anna = site.visitor()
    assert anna.get().status_code == 200
    client, the_same = page(anna), key()
    _, job = anna.make(10, the_same)
    assert job and anna.make(10, the_same)[1] == job
    client.send({"op": "watch", "id": 1, "job": job})
    client.heard("accepted", id=1)
    # The worker may come last; where it was there before, some of the progress is past.
    site.start_worker()
    assert "10 rows" in client.result(1)["summary"]
    told = [(event["done"], event["total"]) for event in client.of(1) if event["ev"] == "progress"]
    assert told == [(row, 10) for row in range(1, 11)][-len(told):]
    assert len(told) == 10 or not site.worker
    assert site.server.total("acequia_jobs_submitted_total") == 1


@pytest.mark.parametrize("site", SITES, indirect=True)
def test_news_reach_all_pages(site, page):
    anna, berta = site.visitor("anna"), site.visitor("berta")
    pages = [page(anna), page(berta)]
    for client in pages:
        client.send({"op": "subscribe", "topic": "news"})
        client.barrier()
    assert anna.announce("back at five").ok
    for client in pages:
        assert client.heard("message", topic="news")["data"]["text"] == "back at five"


@pytest.mark.parametrize("site", SITES, indirect=True)
@pytest.mark.parametrize("rows", [0, 1001, "many", None])
def test_what_is_no_report_is_refused(site, rows):
    answer, job = site.visitor().make(rows, key()) if rows is not None else (site.visitor().post("reports", {}), None)
    assert answer.status_code == 400 and job is None
    assert "rows" in answer.text
    assert site.server.total("acequia_jobs_submitted_total") == 0


@pytest.mark.parametrize("site", WITH_USERS, indirect=True)
def test_nobody_sees_the_reports_of_another(site, page):
    anna, berta, nobody = site.visitor("anna"), site.visitor("berta"), site.visitor(None)
    _, job = anna.make(1, key())
    client = page(berta)
    client.send({"op": "watch", "id": 1, "job": job})
    assert client.heard("error", id=1)["code"] == "not_found"
    assert Api(site.server, anna.token()).get(f"/v1/jobs/{job}").json["state"] == "waiting"
    # Who is not signed in gets no token, and does nothing.
    assert nobody.get("token").status_code in (302, 401)
    for refused in (nobody.post("reports", {"rows": 1, "key": key()}), nobody.post("news", {"text": "x"})):
        assert refused.status_code in (302, 401, 403)
    assert site.server.total("acequia_jobs_submitted_total") == 1


@pytest.mark.parametrize("site", WITH_USERS, indirect=True)
def test_a_page_submits_and_publishes_nothing_by_itself(site):
    api = Api(site.server, site.visitor().token())
    api.submit("1", queue="reports").refused(403, "forbidden")
    api.publish("news", "1").refused(403, "forbidden")
    Api(site.server).submit("1", queue="reports").refused(401, "unauthorized")
