"""Selectors: which settings a command is about, in the words of its `-s`.

    cnn/dataset=full+urban+epoch=200,mlp/       two alternatives; a bare value adds a modality
    reference/                                  a whole plan
    {'dataset': ['full', 'urban']}              all plans; {'plan': 'cnn', …} one; [{…}, {…}] alternatives

A factor that is not mentioned stands for its published modalities, a hidden one for its default.
"""

import ast
from collections.abc import Iterable, Mapping, Sequence

from spectral_transcoder.experiments.engine.plans import Modality, Plan, Setting
from spectral_transcoder.utils.errors import UsageError

PLAN = "plan"

Plans = Mapping[str, Plan]  # an experiment's, by name
Wanted = dict[str, list[str]]  # the texts of modalities that a selector names, by factor


def select(plans: Plans, selector: str | None = None) -> list[Setting]:
    """Return the settings that a selector names, plan by plan, each once.

    Parameters
    ----------
    plans : dict of str to Plan
        The experiment's plans, by name.
    selector : str, optional
        Without one, every published setting of every plan.

    Returns
    -------
    list of Setting

    Raises
    ------
    UsageError
        A plan, factor or modality that there is not, naming those that there are; or no selector at all.
    """
    alternatives: dict[str, list[dict[str, list[Modality]]]] = {name: [] for name in plans}
    for names, wanted in _parse(selector, plans):
        for name, choices in _resolve(plans, names, wanted).items():
            alternatives[name].append(choices)
    return [setting for name, plan in plans.items() for setting in plan.select(alternatives[name])]


def named_modalities(plans: Plans, selector: str | None = None) -> dict[str, set[str]]:
    """Return {factor: texts of the modalities that a selector names}."""
    named: dict[str, set[str]] = {}
    for _, wanted in _parse(selector, plans):
        for factor, texts in wanted.items():
            named.setdefault(factor, set()).update(texts)
    return named


def _parse(selector: str | None, plans: Plans) -> list[tuple[list[str] | None, Wanted]]:
    """Return alternatives as (names of plans or None for all, texts of modalities by factor)."""
    text = (selector or "").strip()
    if not text:
        return [(None, {})]
    if text[0] in "{[":
        return _parse_literal(text)
    alternatives: list[tuple[list[str] | None, Wanted]] = []
    names: list[str] | None = None
    for part in text.split(","):
        name, slash, terms = part.strip().rpartition("/")
        names = [name] if slash else names  # an alternative without a plan is one of the plan before it
        alternatives.append((names, _parse_terms(terms, plans)))
    return alternatives


def _parse_terms(terms: str, plans: Plans) -> Wanted:
    wanted: Wanted = {}
    factor = None
    for term in terms.split("+") if terms else []:
        name, equals, value = term.partition("=")
        if equals:
            factor = name
        elif factor is None:
            raise UsageError(
                f"selector {term!r}: expected plan/factor=value+…, with a plan of {', '.join(plans)}; "
                "a whole plan is plan/, and a further modality follows a +"
            )
        wanted.setdefault(factor, []).append(value if equals else term)
    return wanted


def _parse_literal(text: str) -> list[tuple[list[str] | None, Wanted]]:
    try:
        literal = ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise UsageError(f"selector {text}: not a Python dictionary or list ({error})") from error
    literals = literal if isinstance(literal, list) else [literal]
    if not literals or not all(isinstance(one, dict) for one in literals):
        raise UsageError(f"selector {text}: expected a dictionary of factors, or a list of them")
    alternatives: list[tuple[list[str] | None, Wanted]] = []
    for one in literals:
        wanted = {str(factor): _texts(values) for factor, values in one.items()}
        alternatives.append((wanted.pop(PLAN, None), wanted))
    return alternatives


def _texts(values: object) -> list[str]:
    return [str(value) for value in (values if isinstance(values, list | tuple) else [values])]


def _resolve(
    plans: Plans, names: Sequence[str] | None, wanted: Wanted
) -> dict[str, dict[str, list[Modality]]]:
    """Return {plan name: {factor: modalities}} for each candidate plan that has some of every factor's."""
    for name in names or ():
        if name not in plans:
            raise UsageError(f"plan {name!r}: expected one of {', '.join(plans)}")
    candidates = [plans[name] for name in names or plans]
    for factor, texts in wanted.items():
        _check(candidates, factor, texts)
    resolved = {}
    for plan in candidates:
        choices = {
            factor: [modality for modality in plan.modalities(factor) if str(modality) in texts]
            for factor, texts in wanted.items()
            if factor in plan.factors()
        }
        if len(choices) == len(wanted) and all(choices.values()):
            resolved[plan.name] = choices
    if not resolved:
        raise UsageError(f"no plan has modalities of all of {', '.join(wanted)} that were asked for")
    return resolved


def _check(candidates: Sequence[Plan], factor: str, texts: Iterable[str]) -> None:
    """Raise UsageError for a factor or a modality that none of the plans has."""
    names = ", ".join(plan.name for plan in candidates)
    having = [plan for plan in candidates if factor in plan.factors()]
    if not having:
        factors = dict.fromkeys(factor for plan in candidates for factor in plan.factors())
        raise UsageError(f"factor {factor!r} of plan {names}: expected one of {', '.join(factors)}")
    known = dict.fromkeys(str(modality) for plan in having for modality in plan.modalities(factor))
    for text in texts:
        if text not in known:
            raise UsageError(f"{factor}={text} in plan {names}: expected one of {', '.join(known)}")
