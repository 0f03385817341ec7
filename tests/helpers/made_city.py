"""A city of made levels: its options, its tasks computed here, what was asked of SLURM."""

START_S = 1577836800.0 + 86400 - 120  # two minutes before midnight, UTC
OPTIONS = ("--offset", "-88", "--classifier", "MiniYamNet", "--transcoder", "pinv", "--scores", "classes")


def run_tasks(city, call_script, status=0):
    """Compute all tasks here, as the job would."""
    for index in range(len(city.read_plan().tasks)):
        found, out, err = call_script("classify_thirdo.py", *city.command(index))
        assert (found or 0) == status, out + err


def submissions(folder):
    """Return what was asked of sbatch, first to last."""
    return [line for line in (folder / "sbatch.txt").read_text().splitlines() if "--parsable" in line]
