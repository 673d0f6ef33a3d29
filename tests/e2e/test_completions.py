"""What the command prints for shells and for `man`, given to them."""

import os
import subprocess

import pytest

from harness import run_acequia

COMMANDS = {"demo", "serve", "worker", "submit", "watch", "publish", "bench", "config", "completions", "man"}


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    def write(shell):
        code, out, said = run_acequia("completions", shell)
        assert (code, said) == (0, "")
        file = tmp_path_factory.mktemp("completions") / "_acequia"
        file.write_bytes(out)
        return file

    return write


def shell(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60,
                          check=False, **options)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def offered_by_bash(file, *words):
    """What bash offers for the last of these words."""
    ask = f"""
        set -u; source "{file}"
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _acequia acequia "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return set(shell("bash", "-c", ask, "bash", "acequia", *words).split())


def test_bash(script):
    file = script("bash")
    shell("bash", "-n", file)
    assert COMMANDS <= offered_by_bash(file, "")
    assert offered_by_bash(file, "se") == {"serve"}
    assert offered_by_bash(file, "serve", "--jwt-k") == {"--jwt-keys-file"}
    assert offered_by_bash(file, "completions", "b") == {"bash"}


def test_zsh(script):
    file = script("zsh")
    shell("zsh", "-n", file)
    # It is found in the folder, for this command.
    ask = f"fpath=({file.parent} $fpath); autoload -Uz compinit; compinit -D; print $_comps[acequia]"
    assert shell("zsh", "-f", "-c", ask).strip() == "_acequia"


def test_fish(script, tmp_path):
    file = script("fish")
    shell("fish", "--no-execute", file)
    env = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}

    def offered(line):
        said = shell("fish", "--no-config", "-c", f"source {file}; complete -C '{line}'", env=env)
        return {each.split("\t")[0] for each in said.splitlines()}

    assert COMMANDS <= offered("acequia ")
    assert offered("acequia serve --jwt-k") == {"--jwt-keys-file"}


def test_other_shells():
    code, out, said = run_acequia("completions", "cmd.exe")
    assert (code, out) == (2, b"") and "bash" in said
    assert run_acequia("completions")[0] == 2


def test_manual_pages(tmp_path):
    assert run_acequia("man", tmp_path) == (0, b"", "")
    pages = {page.name for page in tmp_path.iterdir()}
    assert {"acequia.1", *(f"acequia-{command}.1" for command in COMMANDS)} <= pages
    for page in sorted(tmp_path.iterdir()):
        # Every warning of the formatter is one of the page.
        shell("groff", "-K", "utf8", "-man", "-Tutf8", "-ww", "-z", page)
    text = shell("man", "-l", tmp_path / "acequia-serve.1", env={**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8"})
    assert "--client-jobs <N> [default: 10000]" in text and "ACEQUIA_CLIENT_JOBS" in text
    code, out, _ = run_acequia("man")
    assert code == 0 and out == (tmp_path / "acequia.1").read_bytes()


def test_a_folder_that_is_not_there(tmp_path):
    code, out, said = run_acequia("man", tmp_path / "nosuch")
    assert (code, out) == (2, b"") and "nosuch" in said
