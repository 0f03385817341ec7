"""Plans of an experiment on doce's engine: factors, their modalities, and settings with identifiers.

A plan is one set of factors; a setting takes one modality of each. Its identifier names every file that
is written for it: `factor=value` sorted by factor, joined by `+` (docs/method.md, section 5). The modalities and the
factors that this project adds to the published plans are selected only when they are named, and a hidden
factor is part of the identifier only away from its default: published names stay as they are.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self, cast

from spectral_transcoder.experiments.engine.doce_adapter import DoceFactor, DoceSetting
from spectral_transcoder.utils.errors import UsageError

RESERVED = "+=/,"  # they separate the parts of identifiers and selectors
STEP = "step"

Modality = str | int
Factors = Mapping[str, Sequence[Modality]]  # modalities by factor


class Setting(DoceSetting):
    """One modality of each factor of a plan, as attributes: `setting.dataset`, `setting.epoch`, …"""

    factor: "Plan"  # doce's word for the plan that it is a setting of

    def id(self, format: str = "long", **options: Any) -> str:
        """Return the identifier; doce builds file names with this method.

        doce's own list of factors and modalities, which its tables ask for, is `format="list"`.
        """
        if format == "list":
            return super().id(format=format, **options)
        return self._identifier()

    def __str__(self) -> str:
        return self.id()

    @property
    def plan(self) -> str:
        """The name of the plan."""
        return self.factor.name

    @property
    def chain(self) -> str:
        """The identifier without the step: what the steps of one chain have in common."""
        return self._identifier(without=(STEP,))

    @property
    def selector(self) -> str:
        """What selects this setting alone: its plan and identifier, and what its plan would not mean unsaid."""
        return f"{self.plan}/{self._identifier(always=self.factor.meant)}"

    @property
    def values(self) -> dict[str, Any]:
        """The modality of each factor, hidden ones too, in the plan's order."""
        return {factor: getattr(self, factor) for factor in self.factor.factors()}

    def at(self, step: str) -> Self:
        """Return the setting of another step of the same chain."""
        return self.changed(STEP, step)

    def last(self) -> Self:
        """Return the setting of the last step of the chain, whose files are the results."""
        steps = self.factor.steps
        return self.at(steps[-1]) if steps else self

    def previous(self) -> Self | None:
        """Return the setting of the step before this one in the chain, or None."""
        steps = self.factor.steps
        position = steps.index(getattr(self, STEP)) if steps else 0
        return self.at(steps[position - 1]) if position else None

    def _identifier(self, without: Collection[str] = (), always: Collection[str] = ()) -> str:
        values, defaults = self.values, self.factor.defaults()
        return "+".join(
            f"{factor}={values[factor]}"
            for factor in sorted(values.keys() - set(without))
            if factor in always or factor not in defaults or defaults[factor] != values[factor]
        )


class Plan(DoceFactor):
    """A set of factors with their modalities.

    Parameters
    ----------
    name : str
        The plan's name, as selectors give it.
    factors : dict of str to list
        The published modalities by factor, in the order of columns and loops: what a selector that does
        not mention a factor stands for.
    added : dict of str to list, optional
        Further modalities of these factors, selected only when they are named.
    hidden : dict of str to list, optional
        Further factors. The first modality is the default, and is left out of identifiers.
    meant : dict of str to list, optional
        What a selector that does not mention a factor stands for, where that is something else.

    Raises
    ------
    UsageError
        A modality that is None, occurs twice, or contains a character that separates parts of identifiers.
    """

    setting_class = Setting

    def __init__(
        self,
        name: str,
        factors: Factors,
        added: Factors | None = None,
        hidden: Factors | None = None,
        meant: Factors | None = None,
    ) -> None:
        super().__init__()
        added, hidden, meant = added or {}, hidden or {}, meant or {}
        self._name, self._meant = name, tuple(meant)
        defaults = {factor: modalities[:1] for factor, modalities in hidden.items()}
        self._unmentioned = {**factors, **defaults, **meant}
        for factor, modalities in {**factors, **hidden}.items():
            more = [modality for modality in added.get(factor, ()) if modality not in modalities]
            setattr(self, factor, _checked(name, factor, [*modalities, *more]))
        for factor, modalities in hidden.items():
            self.default(factor, modalities[0])

    @property
    def name(self) -> str:
        """The plan's name, as selectors give it."""
        return self._name

    @property
    def meant(self) -> tuple[str, ...]:
        """The names of the factors of which a selector without them means something of its own."""
        return self._meant

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden factors with their defaults, as text."""
        return {factor: str(default) for factor, default in self.defaults().items()}

    @property
    def steps(self) -> list[str]:
        """The steps of a chain, in their order; none of a plan without steps."""
        return list(getattr(self, STEP, ()))

    def modalities(self, factor: str) -> list[Modality]:
        """Return the modalities of a factor, published ones first."""
        return list(getattr(self, factor))

    def select(self, alternatives: Sequence[Factors]) -> list[Setting]:
        """Return the settings of a selection, in the plan's order and each once.

        Parameters
        ----------
        alternatives : list of dict of str to list
            The modalities asked for by factor; the selection is the union of the alternatives' products.

        Returns
        -------
        list of Setting
        """
        return cast(list[Setting], self.masked([self._indices(choices) for choices in alternatives]))

    def _indices(self, choices: Factors) -> list[list[int]]:
        """Return the positions of the chosen modalities of each factor: a mask in which nothing is implied."""
        return [
            [self.modalities(factor).index(value) for value in choices.get(factor, self._unmentioned[factor])]
            for factor in self.factors()
        ]


def _checked(plan: str, factor: str, modalities: list[Modality]) -> list[Modality]:
    texts = [str(modality) for modality in modalities]
    for modality, text in zip(modalities, texts, strict=True):
        if modality is None or texts.count(text) > 1 or not text or set(text) & set(RESERVED):
            raise UsageError(
                f"plan {plan}, {factor}={modality!r}: expected a name without {' '.join(RESERVED)}, given once"
            )
    return modalities
