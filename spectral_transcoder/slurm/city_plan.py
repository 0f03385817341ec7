"""What a city's folder was planned for, and the file that keeps it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from spectral_transcoder.slurm.city_tasks import CityTask, tasks_beside
from spectral_transcoder.utils.errors import DatasetError, MissingFileError
from spectral_transcoder.utils.files import atomic_path

SCRIPT = "classify_thirdo.py"
PLAN = "plan.json"


@dataclass(frozen=True)
class CityPlan:
    """What a city's folder was planned for.

    Attributes
    ----------
    options : list of str
        Options of classify_thirdo.py that all tasks share.
    tasks : list of CityTask
        The tasks, in the order of their parts.
    settings : str or None
        The file of the cluster's settings that the command line named.
    contents : dict of str to str
        Its files by their digests.
    frame_s : float or None
        Seconds of the frames that all files become.
    unnamed : list of str
        The folders of files that do not name their sensor.
    """

    options: list[str]
    tasks: list[CityTask]
    settings: str | None = None
    contents: dict[str, str] = field(default_factory=dict)
    frame_s: float | None = None
    unnamed: list[str] = field(default_factory=list)

    @property
    def files(self) -> set[str]:
        """The files of all tasks."""
        return {file for task in self.tasks for file in task.files}

    def with_more(self, more: "CityPlan") -> "CityPlan":
        """Return the plan with the tasks of files that are new in another of the same options."""
        return CityPlan(
            self.options,
            [*self.tasks, *tasks_beside(self.tasks, more.tasks)],
            more.settings or self.settings,
            {**more.contents, **self.contents},
            self.frame_s or more.frame_s,
            sorted({*self.unnamed, *more.unnamed}),
        )


def write_plan(plan: CityPlan, folder: Path) -> None:
    """Keep a plan in the city's folder."""
    with atomic_path(folder / PLAN) as temporary:
        temporary.write_text(json.dumps(asdict(plan), indent=1), encoding="utf-8")


def read_plan(folder: Path) -> CityPlan:
    """Return the plan of a city's folder.

    Raises
    ------
    MissingFileError
        There is none.
    DatasetError
        It is damaged.
    """
    path = folder / PLAN
    if not path.is_file():
        raise MissingFileError(f"no plan in {folder}: {SCRIPT} … --slurm -o {folder} makes it")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        tasks = [
            CityTask(tuple(task["files"]), task["between_s"] and tuple(task["between_s"]), task["hours"])
            for task in content["tasks"]
        ]
        return CityPlan(**{**content, "tasks": tasks})
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{path} is damaged: expected what {SCRIPT} --slurm wrote; plan into another output"
        ) from error
