"""`acequia.toml`, and `acequia config`, which tells what holds."""

import os
import re
import tomllib

import pytest

from harness import Client, Process, Server, acequia, run_acequia
from harness.server import FREE, ROOT, clean_env, refused_to_serve


@pytest.fixture
def folder(tmp_path):
    """A folder with a file of this text in it."""
    def write(text, name="acequia.toml"):
        (tmp_path / name).write_text(text)
        return tmp_path

    return write


def config(*args, **options):
    code, out, said = run_acequia("config", *args, **options)
    assert code == 0, said
    return out.decode()


def line(text, key):
    """The line of a key, said or not."""
    (found,) = [each for each in text.splitlines() if each.lstrip("#").startswith(f"{key} = ")]
    return found


def test_the_document_has_every_key():
    """After a change of flags: `just documents`."""
    assert config("--example") == (ROOT / "docs/acequia.toml").read_text()


def test_the_example_says_nothing_but_tables():
    said = tomllib.loads(config("--example"))
    assert {"serve", "worker", "submit"} <= said.keys() and not any(said.values())


def test_the_example_is_of_defaults_only(folder):
    here = folder('[serve]\nlisten = "127.0.0.1:1"')
    assert config("--example", cwd=here, env={"ACEQUIA_LOG": "debug"}) == config("--example")


def test_no_key_is_a_secret_itself():
    """So what `acequia config` prints can be shown around."""
    keys = re.findall(r"^#(\w*(?:token|secret|key|password)\w*) = (.*)", config("--example"), re.MULTILINE)
    assert len(keys) >= 6
    assert all(value == '"FILE"' for _, value in keys), keys


def test_the_example_of_the_documents(folder):
    text = (ROOT / "docs/configuration.md").read_text().split("```toml\n")[1].split("```")[0]
    told = tomllib.loads(config(cwd=folder(text)))
    said = tomllib.loads(text)
    assert len(said) == 3
    for key, value in said.items():
        assert told[key] == value or value.items() <= told[key].items()


def test_a_server_by_file(folder):
    here = folder("""
        [serve]
        listen = "127.0.0.1:0"
        jobs = "tcp://127.0.0.1:0"
        results = "tcp://127.0.0.1:0"
        journal = "none"
        client_jobs = 2
    """)
    process = Process([acequia(), "serve"], name="server", cwd=here, env=clean_env())
    process.line(lambda line: line.startswith("acequia ready "))
    assert sorted(here.iterdir()) == [here / "acequia.toml"]


@pytest.mark.parametrize("flag, variable, jobs", [([], None, 1), ([], "2", 2), (["--client-jobs", "3"], "2", 3)])
def test_a_flag_before_a_variable_before_the_file(folder, flag, variable, jobs):
    here = folder("[serve]\nclient_jobs = 1\n", "mine.toml")
    env = {"ACEQUIA_CLIENT_JOBS": variable} if variable else {}
    server = Server("--config", here / "mine.toml", *flag, env=env)
    with Client(server) as client:
        ids = client.submit_many(range(jobs + 1))
        assert client.heard("rejected", id=ids[jobs])["code"] == "too_many_jobs"
        client.accepted(ids[:jobs])
    server.check()


def test_a_worker_and_a_submit_by_file(server, folder):
    here = folder(f"""
        [worker]
        jobs = "{server.jobs}"
        results = "{server.results}"
        queue = ["shout", "louder"]
        command = ["tr", "a-z", "A-Z"]

        [submit]
        server = "{server.ws}"
        queue = "louder"
        quiet = true
    """)
    Process([acequia(), "worker"], name="worker", cwd=here, env=clean_env())
    assert run_acequia("submit", stdin=b"hello", cwd=here) == (0, b"HELLO", "")


def test_the_demo_does_not_depend_on_the_folder(folder):
    here = folder('[serve]\nlisten = "nonsense"\n[worker]\ntoken_file = "nosuch"\n')
    demo = Process([acequia(), "demo", "--listen", "127.0.0.1:0", "--jobs", "tcp://127.0.0.1:0",
                    "--results", "tcp://127.0.0.1:0", "--workers", "1"], name="demo", cwd=here, env=clean_env())
    ready = demo.line(lambda line: line.startswith("acequia ready "))
    url = "ws://" + dict(word.split("=", 1) for word in ready.split()[2:])["http"]
    code, out, said = run_acequia("submit", "--server", url, "--queue", "upper", stdin=b"there", cwd=here)
    assert (code, out) == (0, b"THERE"), said


def test_where_each_value_is_from(folder):
    here = folder('log = "warn"\n[serve]\nidle_s = 60\nallow_origin = ["https://a.example"]\n')
    told = config("serve", "--listen", "[::1]:0", cwd=here, env={"ACEQUIA_GRACE_S": "3"})
    assert line(told, "log") == 'log = "warn" # from ./acequia.toml:1'
    assert line(told, "idle_s") == "idle_s = 60 # from ./acequia.toml:3"
    assert line(told, "allow_origin") == 'allow_origin = ["https://a.example"] # from ./acequia.toml:4'
    assert line(told, "listen") == 'listen = ["[::1]:0"] # from --listen'
    assert line(told, "grace_s") == "grace_s = 3 # from ACEQUIA_GRACE_S"
    assert line(told, "allow_open_workers") == "allow_open_workers = false # default"
    assert line(told, "tls_cert") == '#tls_cert = "FILE"'
    # Only that command's.
    assert tomllib.loads(told).keys() == {"log", "log_format", "serve"}
    # What is typed for all commands before it counts too.
    told = config("--log", "debug", "--config", "none", "submit", cwd=here)
    assert line(told, "log") == 'log = "debug" # from --log'


def test_what_is_printed_tells_the_same(folder):
    here = folder('[serve]\nidle_s = 60\n[worker]\nqueue = ["a", "b"]\nraw = true\ncommand = ["wc"]\n')
    env = {"ACEQUIA_JOURNAL": 'a "quoted"\\name'}
    told = config(cwd=here, env=env)
    (here / "told.toml").write_text(told)
    again = config("--config", "told.toml", cwd=here)
    assert tomllib.loads(again) == tomllib.loads(told)
    assert tomllib.loads(told)["serve"]["journal"] == env["ACEQUIA_JOURNAL"]
    assert "default\n" not in again.replace("# default", "") and again.count("told.toml:") > 30


def test_what_cannot_be_shown():
    for words, why in ((["demo"], "serve, door, worker"), (["nonsense"], "nonsense"), (["--example", "serve"], "--example"),
                       (["serve", "--client-jobs", "many"], "many")):
        code, out, said = run_acequia("config", *words)
        assert (code, out) == (2, b"") and why in said, said
    code, out, _ = run_acequia("config", "serve", "--help")
    assert code == 0 and b"acequia serve" in out
    said = run_acequia("config", env={b"ACEQUIA_JOURNAL": b"\xff"})[2]
    assert "journal" in said and "TOML" in said


# Key by key in the unit tests; here, that the file is named, and that nothing is started.
@pytest.mark.parametrize("text, said", [
    ("[serve]\nlisten = ", "./acequia.toml:2:10: not TOML"),
    ("[serve]\nlisen = 'x'", "./acequia.toml:2:1: there is no key `lisen` in [serve]; do you mean `listen`?"),
    ("[serv]", "./acequia.toml:1:2: there is no table [serv]; do you mean [serve]?"),
    ("[submit]\nttl_ms = 'x'", "./acequia.toml:2:10: ttl_ms: it must be a number, but is a string"),
    ("[serve]\nclient_jobs = -1", "--client-jobs is from ./acequia.toml:2"),
    ("[serve]\nmessage_bytes = 2000", "--message-bytes is from ./acequia.toml:2"),
    ("[serve]\nclient_auth = 'jwt'", "--client-auth is from ./acequia.toml:2"),
    ("[serve]\nworker_token_file = 'nosuch'", "--worker-token-file is from ./acequia.toml:2"),
    ("[serve]\ntls_key = 'key'", "--tls-key is from ./acequia.toml:2"),
    ("log = 'a=b=c'", "--log is from ./acequia.toml:1"),
])
def test_a_bad_file(folder, text, said):
    assert said in refused_to_serve(*FREE, cwd=folder(text))


def test_a_bad_variable_is_named():
    said = refused_to_serve(*FREE, env={"ACEQUIA_CLIENT_JOBS": "many"})
    assert "--client-jobs is from ACEQUIA_CLIENT_JOBS" in said


def test_files_that_are_none(folder, tmp_path):
    for name, why in (("nosuch.toml", "No such file"), (".", "directory"), ("", "--config")):
        for said in (refused_to_serve("--config", name, cwd=tmp_path),
                     refused_to_serve(env={"ACEQUIA_CONFIG": name}, cwd=tmp_path)):
            assert name in said and why in said, said
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert "UTF-8" in refused_to_serve("--config", tmp_path / "binary")
    (tmp_path / "large").write_bytes(b"#" * (1 << 20) + b"#")
    assert "1048576" in refused_to_serve("--config", tmp_path / "large")
    # What only prints does so whatever the file says.
    here = folder("not TOML")
    assert run_acequia("completions", "bash", cwd=here)[0] == 0
    assert config("--config", "none", cwd=here)


def test_a_file_that_others_have_put_there(folder):
    here = folder("log = 'warn'")
    file = here / "acequia.toml"
    file.chmod(0o666)
    code, _, said = run_acequia("submit", cwd=here)
    assert code == 2 and "anybody" in said and "--config ./acequia.toml" in said
    file.chmod(0o644)
    if os.geteuid() == 0:  # or a file cannot be given away
        os.chown(file, 12345, -1)
        code, _, said = run_acequia("submit", cwd=here)
        assert code == 2 and "another user" in said
    assert "log = \"warn\" # from" in config("--config", "./acequia.toml", cwd=here)
