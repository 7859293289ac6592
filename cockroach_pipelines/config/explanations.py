"""What pydantic refused, told with the place of the setting and without the secrets in it."""

from __future__ import annotations

from pydantic import ValidationError

from cockroach_pipelines.config.environment import FILE_VARIABLE, SEPARATOR, variable_name
from cockroach_pipelines.config.given import Given
from cockroach_pipelines.config.problems import Problem
from cockroach_pipelines.config.schema import ANY_NAME, Member, SettingPath, dotted, every_path, member_at
from cockroach_pipelines.config.suggestions import did_you_mean, nearest

_LONGEST_SHOWN = 60


def explain(error: ValidationError, given: Given) -> list[Problem]:
    """Give one problem for each thing that pydantic refused, but for what may follow from something unread."""
    problems = []
    unread = given.document.unread | given.environment.unread
    for refused in error.errors(include_url=False, include_input=False):
        path = tuple(str(key) for key in refused["loc"])
        member = member_at(path)
        reason = refused.get("ctx", {}).get("error")
        if member is None:
            problems.append(_unknown_key(path, given))
        elif path in unread or (member.is_model and reason and any(each[: len(path)] == path for each in unread)):
            continue
        elif refused["type"] == "missing":
            problems.append(Problem(given.nearest_place(path), f"{dotted(path)} is missing", _how_to_set(path)))
        elif member.is_model and reason:
            problems.append(_refused_mapping(path, str(reason), given))
        else:
            problems.append(_wrong_value(path, member, str(reason) if reason else "", given))
    return problems


def unknown_key_advice(path: SettingPath) -> str:
    """Say what may have been meant by a path whose last key is unknown."""
    parent = member_at(path[:-1])
    keys = parent.keys if parent else ()
    if not keys:
        return f"{dotted(path[:-1])} is one value and has nothing below it."
    elsewhere = [dotted(known) for known in every_path() if known[-1] == path[-1]]
    if nearest(path[-1], keys, likeness=0.75) is None and elsewhere:
        return f"It belongs to {' or '.join(elsewhere)}."
    return did_you_mean(path[-1], keys)


def _unknown_key(path: SettingPath, given: Given) -> Problem:
    variable = given.variable(path)
    advice = unknown_key_advice(path)
    # Fewer keys in the variable's name than in the path: the key stands in its JSON.
    if variable is not None and variable.count(SEPARATOR) >= len(path) - 1:
        advice = _variable_advice(path, variable, given) or advice
    return Problem(given.key_place(path), f"{dotted(path)} is no setting", advice)


def _variable_advice(path: SettingPath, variable: str, given: Given) -> str:
    parent = member_at(path[:-1])
    if path[:-1]:
        close = nearest(path[-1], parent.keys if parent else ())
        meant = variable_name((*path[:-1], close)) if close else None
    else:
        names = given.value(("connections",))
        known = [FILE_VARIABLE, *map(variable_name, every_path())]
        for name in {"main", *(names if isinstance(names, dict) else ())}:
            known += [each.replace(ANY_NAME, name.upper()) for each in known if ANY_NAME in each]
        meant = nearest(variable, [each for each in known if ANY_NAME not in each], likeness=0.7)
    return f"Did you mean {meant!r}?" if meant else ""


def _refused_mapping(path: SettingPath, reason: str, given: Given) -> Problem:
    variables = given.variables_below(path)
    advice = [f"The environment sets {', '.join(variables)}."] if variables else []
    embedded = (*path, "embedded")
    if variables and given.value(embedded) is not None and given.variable(embedded) is None:
        advice.append(f"{variable_name(embedded)}=null puts a server in the place of the file's `embedded`.")
    if len(path) == 2 and path not in given.document.places:
        likely = nearest(path[1], _names_in_file(given))
        if likely:
            advice.append(f"The file has a connection {likely!r}: did you mean that one?")
    name = dotted(path) or "settings"
    return Problem(given.nearest_place(path), f"{name}: {reason}", " ".join(advice))


def _wrong_value(path: SettingPath, member: Member, reason: str, given: Given) -> Problem:
    place = given.value_place(path) or given.nearest_place(path)
    value = given.value(path)
    if reason:
        return Problem(place, f"{dotted(path)}: {reason}")
    message = f"{dotted(path)} must be {member.expectation()}{_but_is(value, member)}"
    advice = ""
    if len(path) == 2 and path[0] == "connections" and path[1] in member.keys:
        advice = f"Connections have names: did you mean connections.main.{path[1]}?"
    elif member.is_model:
        advice = f"Its keys: {', '.join(member.keys)}."
    elif member.choices and isinstance(value, str):
        advice = did_you_mean(value, member.choices)
    return Problem(place, message, advice)


def _but_is(value: object, member: Member) -> str:
    if value is None or value == {}:
        return ", and nothing is there"
    if isinstance(value, dict):
        return ", not a mapping"
    if isinstance(value, list):
        return ", not a list"
    if member.is_mapping:
        return ", not a single value"
    # What was meant as a secret may stand where text is expected; where a number or a word is, it helps to see it.
    if member.is_secret or not isinstance(value, str):
        return ""
    shown = value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}…"
    return f", not {shown!r}"


def _names_in_file(given: Given) -> list[str]:
    return [path[1] for path in given.document.places if len(path) == 2 and path[0] == "connections"]


def _how_to_set(path: SettingPath) -> str:
    if path == ("connections",):
        return "The least that works is `connections: {main: {embedded: {}}}`."
    return f"Add it, or set {variable_name(path)}."
