"""How each result on the page was computed."""

from dataclasses import dataclass
from typing import Any

from spectral_transcoder.report.rows import SYNTHETIC, name_of
from spectral_transcoder.report.runs import FinishedRun


@dataclass(frozen=True)
class ResultProvenance:
    """How a result was computed.

    Attributes
    ----------
    name : str
        Name of the result.
    command : str
        The command that computes it again.
    seed : str
        Seed of the training.
    dataset : str
        Fingerprint of the dataset (experiment 1) or of the clips (experiment 2).
    started : str
        Time at which its last step began.
    duration_s : float
        Duration of that step.
    versions : dict of str to str
        Versions of the software.
    """

    name: str
    command: str
    seed: str
    dataset: str
    started: str
    duration_s: float | None
    versions: dict[str, str]


def provenance_of(run: FinishedRun, command: str) -> ResultProvenance:
    """Return the `ResultProvenance` of a run."""
    record = run.record
    details = ", ".join(
        f"{name} {value}" for name, value in sorted(run.factors.items()) if name != "transcoder"
    )
    details += f", {SYNTHETIC}" if run.synthetic else ""
    trained = "epoch" in run.factors or run.plan == "deep"
    return ResultProvenance(
        name=f"{name_of(run.plan, run.factors)} ({details})",
        command=command,
        seed=run.factors.get("seed", "0") if trained else "none is needed",
        dataset=fingerprint_of(record.provenance),
        started=record.started,
        duration_s=record.duration_s,
        versions=record.versions,
    )


def fingerprint_of(made_from: dict[str, Any]) -> str:
    """Return the fingerprint of the dataset (experiment 1) or of the clips (experiment 2) of a result."""
    return str(made_from.get("dataset") or made_from.get("clips") or "not recorded")
