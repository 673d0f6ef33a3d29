"""What is found at a server that stands by, and what a server of a cluster says of its part."""

import json

import pytest
from websockets.exceptions import InvalidStatus

from harness import Admin, Client, Worker
from harness.api import Api

UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"


def cluster_metrics(member):
    return {name.removeprefix("acequia_cluster_").removesuffix("_total"): value
            for (name, _), value in member.metrics().items() if name.startswith("acequia_cluster_")}


def test_what_each_says_of_its_part(pair, make):
    one, two = pair
    assert one.process.stdout == [one.line_of("ready")]
    assert two.process.stdout == [two.line_of("standby", one.url)]
    assert one.readyz()[0] == 200
    assert two.readyz() == (503, f"standby: the owner is {one.url}\n")
    assert all(member.get("/healthz")[0] == 200 for member in pair)
    told = cluster_metrics(one)
    assert told == {"owner": 1, "epoch": 1, "takeovers": 1, "fenced_writes": 0, "lost_commits": 0}
    told = cluster_metrics(two)
    assert told == {"owner": 0, "epoch": 1, "takeovers": 0, "fenced_writes": 0, "lost_commits": 0}
    assert one.metric("acequia_journal_group_seconds_count") == 0
    Api(one).submit("1")
    assert one.metric("acequia_journal_group_seconds_count") >= 1

    one.kill()
    two.owns()
    assert two.process.stdout == [two.line_of("standby", one.url), two.line_of("ready")]
    assert two.readyz()[0] == 200
    told = cluster_metrics(two)
    assert told == {"owner": 1, "epoch": 2, "takeovers": 1, "fenced_writes": 0, "lost_commits": 0}
    journal = make(Admin(two)).get("server")["journal"]
    assert (journal["kind"], journal["writable"], journal["epoch"]) == ("postgresql", True, 2)

    one.start_again()
    one.stands_by(two)
    assert one.readyz() == (503, f"standby: the owner is {two.url}\n")
    assert cluster_metrics(one)["owner"] == 0


CALLS = [
    ("POST", "/v1/queues/default/jobs"), ("GET", f"/v1/jobs/{UNKNOWN}"), ("GET", "/v1/ws"), ("GET", "/dashboard"),
    ("GET", "/v1/admin/queues"), ("POST", "/v1/admin/queues/red/pause"), ("GET", "/no-such-thing"),
]


def test_whoever_calls_a_standby_is_told_of_the_owner(pair):
    one, two = pair
    for method, path in CALLS:
        answer = Api(two).call(method, path)
        problem = answer.refused(503, "standby")
        assert problem["owner"] == one.url and one.url in problem["detail"]
        assert (answer.headers["Retry-After"], problem["retry_after_ms"]) == ("1", 1000)


def test_whoever_dials_a_standby_is_told_of_the_owner(pair):
    one, two = pair
    with pytest.raises(InvalidStatus) as refused:
        Client(two)
    response = refused.value.response
    assert response.status_code == 503 and response.headers["Retry-After"] == "1"
    said = json.loads(response.body)
    assert (said["code"], said["owner"]) == ("standby", one.url)


def test_others_are_told_where_a_server_says_that_it_is(new_member, database):
    one = new_member(database, "--advertise", "http://localhost:80").owns()
    two = new_member(database)
    two.process.line(lambda line: line == two.line_of("standby", "http://localhost:80"))
    assert two.readyz() == (503, "standby: the owner is http://localhost:80\n")
    assert one.readyz()[0] == 200


def test_workers_of_a_standby_get_nothing_before_it_owns(pair, make):
    one, two = pair
    worker = make(Worker(two, ready=False))
    with Client(one) as client:
        client.accepted([client.submit("text")])
    assert not worker.at_hand()
    one.kill()
    worker.ready()
    assert worker.job().body == b'"text"'
