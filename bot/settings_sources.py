"""Where settings come from, and the one clear sentence when one is wrong."""

import contextlib
import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import pydantic
import pydantic_settings
import yaml
from pydantic import BaseModel
from pydantic_settings import PydanticBaseSettingsSource

from bot import settings
from bot.domain import errors

DEFAULT_FILE = Path("config/flannel-bot.yaml")
CONFIG_VARIABLE = "FLANNEL_BOT_CONFIG"
SECRETS_VARIABLE = "FLANNEL_BOT_SECRETS_DIR"
PLAIN = {
    "SLACK_BOT_TOKEN": ("slack", "bot_token"),
    "SLACK_APP_TOKEN": ("slack", "app_token"),
    "SLACK_SIGNING_SECRET": ("slack", "signing_secret"),
}
"""Names that Slack's own tools use; they count less than the prefixed ones."""


def load(file: Path | None, environ: Mapping[str, str] | None = None) -> settings.Settings:
    """Read the settings.

    Args:
        file: a YAML file that must exist; None reads what `FLANNEL_BOT_CONFIG` names, else
            `config/flannel-bot.yaml` where there is one.
        environ: the environment, for its names; values are read from the process's own.

    Raises:
        errors.Misconfigured: one sentence for each fault, naming the key.
    """
    environ = os.environ if environ is None else environ
    _refuse_unknown_variables(environ)
    path = _chosen(file, environ)
    from_file = _file(path) if path else {}
    from_secrets = _secrets(environ.get(SECRETS_VARIABLE, ""))
    plain: dict[str, Any] = {}
    for name, (section, key) in PLAIN.items():
        if environ.get(name):
            plain.setdefault(section, {})[key] = environ[name]

    class Loaded(settings.Settings):
        # Their descriptions are the parent's: to look for them here reads every module's source.
        model_config = pydantic_settings.SettingsConfigDict(use_attribute_docstrings=False)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[pydantic_settings.BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic's signature
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            def given(values: dict[str, Any]) -> PydanticBaseSettingsSource:
                return pydantic_settings.InitSettingsSource(settings_cls, init_kwargs=values)

            return env_settings, given(from_secrets), given(plain), given(from_file)

    try:
        loaded = Loaded()
    except pydantic.ValidationError as error:
        lines = [_sentence(each, path, from_file, from_secrets) for each in error.errors()]
        raise errors.Misconfigured("\n".join(dict.fromkeys(lines))) from None
    except pydantic_settings.SettingsError as error:
        raise errors.Misconfigured(_unparsable(error)) from None
    return settings.Settings.model_construct(
        **{name: getattr(loaded, name) for name in settings.Settings.model_fields}
    )


def _chosen(file: Path | None, environ: Mapping[str, str]) -> Path | None:
    explicit = file or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    return explicit or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)


def files(file: Path | None) -> list[Path]:
    """Return every file that settings are read from now; one that is named may be missing."""
    path = _chosen(file, os.environ)
    found = [path] if path is not None else []
    if directory := os.environ.get(SECRETS_VARIABLE, ""):
        with contextlib.suppress(OSError):
            inside = (each for each in Path(directory).iterdir() if not each.name.startswith("."))
            found += sorted(inside)
    return found


def _unparsable(error: Exception) -> str:
    field = str(error).split('"')
    name = field[1] if len(field) > 1 else "?"
    return (
        f"{name}: the value of {settings.PREFIX}{name.upper()} is no JSON; write a JSON list or "
        f"object, or one variable for each key such as {settings.PREFIX}{name.upper()}__0__NAME"
    )


def _sentence(
    error: Any,  # noqa: ANN401  # pydantic's
    path: Path | None,
    from_file: Mapping[str, Any],
    from_secrets: Mapping[str, Any],
) -> str:
    location = [str(part) for part in error["loc"]]
    # What concerns several sections has no place of its own, and names its keys itself.
    key = f"{'.'.join(location)}: " if location else ""
    variable = settings.PREFIX + "__".join(part.upper() for part in location)
    if error["type"] == "extra_forbidden":
        text = f"there is no setting of that name{_nearest(location)}"
    else:
        text = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    source = ""
    if location and variable in os.environ:
        source = f" (from {variable})"
    elif location and _has(from_secrets, location):
        source = f" (a file in {os.environ.get(SECRETS_VARIABLE, SECRETS_VARIABLE)})"
    elif location and path is not None and _has(from_file, location):
        source = f" (in {path})"
    return f"{key}{text}{source}"


def _has(values: Any, location: list[str]) -> bool:  # noqa: ANN401
    for part in location:
        if isinstance(values, Mapping) and part in values:
            values = values[part]
        elif isinstance(values, list) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        else:
            return False
    return True


def _model(annotation: object) -> type[BaseModel] | None:
    """Return the section that an annotation means, also inside a tuple."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is tuple:
        return _model(get_args(annotation)[0])
    return None


def _nearest(location: list[str]) -> str:
    model: type[BaseModel] | None = settings.Settings
    for part in location[:-1]:
        if part.isdigit():
            continue
        field = model.model_fields.get(part) if model else None
        model = _model(field.annotation) if field else None
    if model is None:
        return ""
    near = difflib.get_close_matches(location[-1], model.model_fields, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known: {', '.join(model.model_fields)}"


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    """Refuse a misspelt variable. pydantic-settings would pass over it in silence."""
    for name in sorted(environ):
        if not name.upper().startswith(settings.PREFIX) or name in {
            CONFIG_VARIABLE,
            SECRETS_VARIABLE,
        }:
            continue
        location = name[len(settings.PREFIX) :].lower().split("__")
        model: type[BaseModel] | None = settings.Settings
        for depth, part in enumerate(location):
            if part.isdigit() and depth:
                continue
            field = model.model_fields.get(part) if model else None
            if field is None:
                near = _nearest(location[: depth + 1])
                raise errors.Misconfigured(
                    f"{name}: there is no setting {'.'.join(location[: depth + 1])}{near}"
                )
            model = _model(field.annotation)


def _file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise errors.Misconfigured(f"the configuration file {path} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise errors.Misconfigured(
            f"the configuration file {path} cannot be read: {error}"
        ) from None
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        detail = " ".join(str(error).split())
        raise errors.Misconfigured(f"the configuration file {path} is no YAML: {detail}") from None
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise errors.Misconfigured(
            f"the configuration file {path} must hold sections such as `slack:` at its top"
        )
    return values


def _secrets(directory: str) -> dict[str, Any]:
    """Read files named as variables are: `SLACK_BOT_TOKEN`, `slack__bot_token`, with prefix or not.

    Dot files are left out: a mounted Secret holds its own bookkeeping in them.
    """
    if not directory:
        return {}
    root = Path(directory)
    try:
        files = sorted(each for each in root.iterdir() if not each.name.startswith("."))
    except OSError as error:
        raise errors.Misconfigured(
            f"{SECRETS_VARIABLE}: the directory {root} cannot be read: {error.strerror}"
        ) from None
    values: dict[str, Any] = {}
    for each in files:
        name = each.name.upper()
        location = PLAIN.get(name) or tuple(name.removeprefix(settings.PREFIX).lower().split("__"))
        try:
            text = each.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise errors.Misconfigured(f"the secret file {each} cannot be read: {error}") from None
        section = values
        for part in location[:-1]:
            section = section.setdefault(part, {})
        section[location[-1]] = text
    return values
