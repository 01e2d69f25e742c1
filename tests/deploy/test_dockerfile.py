"""The Dockerfile, read as its builder would: sources, user, stages, what the image starts."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from graphmem.doors.cli import cli

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Step:
    word: str
    rest: str
    stage: int

    @property
    def form(self) -> list[str]:
        """The arguments of one written as a list; anything else is none."""
        found = json.loads(self.rest)
        assert isinstance(found, list)
        return [str(part) for part in found]


@pytest.fixture(scope="module")
def steps() -> list[Step]:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    found: list[Step] = []
    stage = -1
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            stage += word == "FROM"
            found.append(Step(word, " ".join(rest.split()), stage))
    return found


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def of(steps: list[Step], word: str, stage: int | None = None) -> list[Step]:
    return [step for step in steps if step.word == word and stage in {None, step.stage}]


def sources(steps: list[Step]) -> list[str]:
    """What is copied from the tree: not from another stage, the last argument is where to."""
    copies = [step.rest.split() for step in of(steps, "COPY") if "--from=" not in step.rest]
    return [source for parts in copies for source in parts[:-1]]


def in_context(path: str) -> bool:
    """Whether .dockerignore lets a file through: the last line that fits it decides."""
    inside = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if not line or line.startswith("#"):
            continue
        parents = [path, *(str(parent) for parent in Path(path).parents)]
        if any(fnmatch(part, pattern.removeprefix("**/")) for part in parents) or (
            pattern.startswith("**/") and any(fnmatch(p, pattern[3:]) for p in Path(path).parts)
        ):
            inside = line.startswith("!")
    return inside


def test_only_known_instructions_in_two_stages_on_one_base(steps: list[Step]) -> None:
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "HEALTHCHECK"}
    assert {step.word for step in steps} <= known | {"ARG", "ENTRYPOINT", "CMD"}
    bases = [step.rest.removesuffix(" AS build") for step in of(steps, "FROM")]
    assert len(bases) == 2
    assert len(set(bases)) == 1, "an environment only works with the Python that it was made with"
    assert re.fullmatch(r"python:3\.1[1-3]-slim-\w+", bases[0])


def test_what_is_copied_exists_and_is_sent_to_the_builder(steps: list[Step]) -> None:
    copied = list(sources(steps))
    assert copied
    for source in copied:
        path = ROOT / source
        assert path.exists(), source
        inside = path if path.is_file() else next(path.glob("*.*"))
        assert in_context(str(inside.relative_to(ROOT))), source


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".git/config",
        ".venv/bin/python",
        "my-memory/ledger.sqlite",
        "tests/conftest.py",
        "graphmem/__pycache__/clock.cpython-311.pyc",
        "graphmem/doors/cli/__pycache__/base.cpython-311.pyc",
    ],
)
def test_what_is_nobody_elses_business_is_not_sent(path: str) -> None:
    assert not in_context(path)


def test_all_that_a_wheel_is_made_of_is_copied(steps: list[Step], project: dict[str, Any]) -> None:
    copied = set(sources(steps))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {
        "pyproject.toml",
        project["project"]["readme"],
        *project["project"]["license-files"],
        *wheel["packages"],
        *wheel["force-include"],
        Path(project["tool"]["hatch"]["version"]["path"]).parts[0],
    }
    assert needed <= copied


def test_the_build_is_pinned_and_names_extras_that_exist(
    steps: list[Step], project: dict[str, Any]
) -> None:
    (build,) = of(steps, "RUN", 0)
    assert "--constraint constraints.txt" in build.rest
    assert "constraints.txt" in sources(steps)
    assert '".[${EXTRAS}]"' in build.rest
    (argument,) = of(steps, "ARG", 0)
    name, _, extras = argument.rest.partition("=")
    assert name == "EXTRAS"
    assert set(extras.split(",")) <= set(project["project"]["optional-dependencies"])
    assert "curl" not in build.rest
    assert "|" not in build.rest


def test_it_does_not_run_as_root(steps: list[Step]) -> None:
    (user,) = of(steps, "USER", 1)
    number, _, group = user.rest.partition(":")
    assert int(number) >= 1000
    assert int(group) >= 1000
    made = next(step for step in of(steps, "RUN", 1) if "useradd" in step.rest)
    assert f"--uid {number}" in made.rest
    words = [step.word for step in steps if step.stage == 1]
    assert "RUN" not in words[words.index("USER") :]
    assert "COPY" not in words[words.index("USER") :], "the program is not its own to change"


def test_it_starts_the_command_that_the_package_has(
    steps: list[Step], project: dict[str, Any]
) -> None:
    (entry,) = of(steps, "ENTRYPOINT")
    (command,) = of(steps, "CMD")
    assert entry.form == ["graphmem"]
    assert "graphmem" in project["project"]["scripts"]
    assert command.form == ["--help"]
    assert cli.commands
    (environment,) = of(steps, "ENV")
    assert "PATH=/opt/graphmem/bin:$PATH" in environment.rest
    (copied,) = of(steps, "COPY", 1)
    assert copied.rest == "--from=build /opt/graphmem /opt/graphmem"


def test_data_live_in_a_volume_of_the_users_own(steps: list[Step]) -> None:
    (volume,) = of(steps, "VOLUME")
    assert volume.rest == "/data"
    assert any(
        "--owner=graphmem" in step.rest and "/data" in step.rest for step in of(steps, "RUN")
    )
    (environment,) = of(steps, "ENV")
    assert "GRAPHMEM_STORE=/data/store" in environment.rest
    assert not re.search("PASSWORD|KEY|SECRET", environment.rest)
