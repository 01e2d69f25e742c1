"""Profiles: options and settings under a name, in a file of the user's own.

What stands on the command line wins, then a profile that is named there, then the environment, then
the profile that the environment or the file names.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from graphmem.errors import UsageError

if TYPE_CHECKING:
    from graphmem.doors.cli.base import Options

FILE_VARIABLE: Final = "GRAPHMEM_CONFIG"
PROFILE_OPTIONS: Final = ("store", "user", "user_name", "agent", "run", "project", "actor")
_SETTINGS: Final = "settings"


def profiles_file() -> Path:
    """Where the profiles are: the file that GRAPHMEM_CONFIG names, or the usual one."""
    named = os.environ.get(FILE_VARIABLE)
    return Path(named).expanduser() if named else Path(click.get_app_dir("graphmem"), "config.toml")


def use_profile(shared: Options) -> None:
    """Let what was not given be as a profile says, while the command runs."""
    given, settings = profile_named(shared.profile)
    named = shared.sources.get("profile") is ParameterSource.COMMANDLINE
    for option, value in given.items():
        source = shared.sources.get(option)
        if source is None or (named and source is not ParameterSource.COMMANDLINE):
            setattr(shared, option, value)
    restore = _use_settings(settings, override=named)
    click.get_current_context().find_root().call_on_close(restore)


def profile_named(name: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """Options and settings of a profile; without a name those of the one that the file says is
    usual, if it says so. UsageError for a profile that is not there, or a file that cannot be read.
    """
    file = profiles_file()
    try:
        with file.open("rb") as stream:
            content = tomllib.load(stream)
    except FileNotFoundError:
        if name is None and FILE_VARIABLE not in os.environ:
            return {}, {}
        raise UsageError(f"there is no file {file}; it would hold the profiles") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    name = name if name is not None else content.get("profile")
    if name is None:
        return {}, {}
    profiles = content.get("profiles")
    found = profiles.get(name) if isinstance(profiles, dict) and isinstance(name, str) else None
    if not isinstance(found, dict):
        known = ", ".join(profiles) if isinstance(profiles, dict) and profiles else "none"
        raise UsageError(f"{file} has no [profiles.{name}]; there are: {known}")
    return _checked(file, str(name), found)


def _checked(
    file: Path, name: str, found: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, str]]:
    where = f"{file}, [profiles.{name}]"
    settings = found.get(_SETTINGS, {})
    if not isinstance(settings, dict):
        raise UsageError(f"{where}: settings are a table, [profiles.{name}.settings]")
    given = {key: value for key, value in found.items() if key != _SETTINGS}
    unknown = sorted(given.keys() - set(PROFILE_OPTIONS))
    if unknown:
        known = ", ".join((*PROFILE_OPTIONS, _SETTINGS))
        raise UsageError(f"{where}: {unknown[0]!r} is not known; it may have {known}")
    for key, value in given.items():
        if not isinstance(value, str):
            raise UsageError(f"{where}: {key} is text")
    for key, value in settings.items():
        if not isinstance(value, str | bool | int | float):
            raise UsageError(f"{where}: the setting {key} is text, a number, true or false")
    texts = {
        key: str(int(value)) if isinstance(value, bool) else str(value)
        for key, value in settings.items()
    }
    return given, texts


def _use_settings(settings: Mapping[str, str], *, override: bool) -> Callable[[], None]:
    """Put settings into the environment, where everything looks for them; those that are there
    already only with ``override``. What it gives takes them out again."""
    before: dict[str, str | None] = {}
    for name, value in settings.items():
        variable = f"GRAPHMEM_{name.upper()}"
        if override or variable not in os.environ:
            before[variable] = os.environ.get(variable)
            os.environ[variable] = value

    def restore() -> None:
        for variable, value in before.items():
            with suppress(KeyError):
                del os.environ[variable]
            if value is not None:
                os.environ[variable] = value

    return restore
