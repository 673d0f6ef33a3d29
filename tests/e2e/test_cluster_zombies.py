"""An owner that was stopped until another had taken over, and wakes: it tells nobody anything."""

import http.client

from harness import Client, Worker
from harness.api import Api, answer_of
from harness.sessions import Session
from harness.zombie import Zombie

def test_a_server_that_was_stopped_and_wakes(pair, make):
    one, two = pair
    scene = Zombie(one, make)
    one.pause()
    two.owns()
    scene.speak()
    one.resume()
    scene.nobody_has_heard_more()
    one.stands_by(two)
    assert one.readyz() == (503, f"standby: the owner is {two.url}\n")
    assert one.metric("acequia_cluster_fenced_writes_total") == 1
    assert (one.metric("acequia_cluster_owner"), two.metric("acequia_cluster_owner")) == (0, 1)
    scene.goes_on_at(two)

    # It is as good as any other.
    two.kill()
    one.owns()
    assert one.metric("acequia_cluster_takeovers_total") == 2
    assert one.metric("acequia_cluster_epoch") == 3
    scene.session.resume(one)
    one.worker()
    scene.session.submit_all(["once more"])
    scene.session.check_done(["once more"])


def test_a_server_that_wakes_while_nobody_says_anything(pair, make):
    one, two = pair
    clients = [make(Session(one)).client, make(Client(one))]
    worker = make(Worker(one))
    before = [list(client.events) for client in clients]
    one.pause()
    two.owns()
    one.resume()
    for client, heard in zip(clients, before, strict=True):
        client.wait_closed()
        assert [event for event in client.events[len(heard):] if event["ev"] != "bye"] == []
    one.stands_by(two)
    assert not worker.at_hand() or worker.recv().kind == "bye"


def test_what_is_asked_of_a_stopped_server_is_not_taken(pair):
    """Requests lie at its port, some with their head only, until it wakes."""
    one, two = pair
    api = Api(one)
    assert api.submit("1").status == 202
    one.pause()
    two.owns()
    path = "/v1/queues/default/jobs"
    asked = [api.begin("POST", path, "2", Content_Type="application/json") for _ in range(20)]
    asked.append(api.begin("POST", path, "2", Content_Type="application/json", Prefer="wait=10"))
    one.resume()
    for each in asked:
        try:
            answer = answer_of(each)
        except (OSError, http.client.HTTPException):
            continue  # it has hung up
        assert answer.status >= 400, answer
    one.stands_by(two)
    # The one that was taken before is all that there is.
    with Worker(two, slots=50) as worker:
        assert worker.job().body == b"1"
        assert Api(two).submit('"behind it"').status == 202
        assert worker.job().body == b'"behind it"'


def test_a_server_that_is_stopped_time_and_again(pair, make):
    """Both servers take their turn, and each of them is stopped in the midst of work; their workers come back."""
    one, two = pair
    session, payloads = make(Session(one)), []
    for member in pair:
        member.worker()
    for turn in range(2):
        new = [f"{turn}.{nth}" for nth in range(100)]
        session.submit_all(new)
        payloads += new
        session.client.outcomes(10)
        one.pause()
        two.owns()
        one.resume()
        session.client.wait_closed()
        one.stands_by(two)
        session.resume(two)
        one, two = two, one
    session.check_done(payloads)
