"""Every package can be published as it stands, and all have one version."""

import json
import re
import subprocess
import tomllib

import pytest

from harness.server import ROOT

NPM = ["clients/js", "clients/node"]
FOLDERS = [*NPM, "clients/python", "clients/php"]


def run(*command, cwd=ROOT):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def crates():
    metadata = json.loads(run("cargo", "metadata", "--no-deps", "--format-version", "1"))
    return metadata["packages"]


def test_they_have_one_version(crates):
    version = run("deploy/version").strip()
    assert {crate["version"] for crate in crates} == {version}


def test_that_is_set_everywhere(tmp_path):
    """In a copy of what is committed."""
    run("git", "clone", "--quiet", "--shared", str(ROOT), str(tmp_path / "clone"))
    clone = tmp_path / "clone"
    run("deploy/version", "7.8.9", cwd=clone)
    assert run("deploy/version", cwd=clone).strip() == "7.8.9"
    assert "7.8.9" in run("cargo", "metadata", "--offline", "--format-version", "1", "--no-deps", cwd=clone)


def test_crates_say_what_they_are(crates):
    for crate in crates:
        assert crate["description"] and crate["license"] and crate["repository"], crate["name"]
        folder = ROOT / crate["manifest_path"].removesuffix("Cargo.toml")
        assert (folder / crate["readme"]).read_text().startswith("# "), crate["name"]
        assert all((folder / name).exists() for name in ("LICENSE-MIT", "LICENSE-APACHE")), crate["name"]


def test_crates_can_be_published():
    """All of them, in their order; that each builds from what is in it takes minutes (docs/releasing.md)."""
    run("cargo", "publish", "--workspace", "--dry-run", "--no-verify", "--allow-dirty")


@pytest.mark.parametrize("folder", FOLDERS)
def test_libraries_bring_readme_and_licences(folder):
    assert (ROOT / folder / "README.md").read_text().startswith("# ")
    for name in ("LICENSE-MIT", "LICENSE-APACHE"):
        assert (ROOT / folder / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.parametrize("folder", NPM)
def test_npm_packs_what_is_needed(folder, crates):
    (packed,) = json.loads(run("npm", "pack", "--dry-run", "--json", cwd=ROOT / folder))
    files = {file["path"] for file in packed["files"]}
    assert {"package.json", "README.md", "LICENSE-MIT", "LICENSE-APACHE"} <= files
    package = json.loads((ROOT / folder / "package.json").read_text())
    assert package["repository"]["url"] == f"git+{crates[0]['repository']}.git"
    assert package["license"] == crates[0]["license"]
    exports = [path for export in package["exports"].values() for path in export.values()]
    assert exports and {path.removeprefix("./") for path in exports} <= files
    assert not any(re.search(r"(^|/)(test|node_modules)/", path) for path in files)


def test_python_and_php_say_the_same(crates):
    python = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text())["project"]
    assert crates[0]["repository"] in python["urls"].values()
    php = json.loads((ROOT / "clients/php/composer.json").read_text())
    assert php["license"] == ["MIT", "Apache-2.0"]
    assert crates[0]["repository"] in json.dumps(php, ensure_ascii=False).replace("\\/", "/")
