"""A city of made levels: its options, its tasks computed here, what was asked of SLURM, and what waits there."""

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


def write_queue(folder, *jobs):
    """Let squeue show jobs, each (id, state, reason, job file), beside one whose name has a line break."""
    jobs = [(*job[:3], "classify_city", "/", job[3]) for job in jobs]
    shown = [("9", "PENDING", "Priority", "two\nlines|a", "/caf\udce9", "(null)"), *jobs]
    text = "".join("\x1e" + "\x1f".join(map(str, job)) + "\n" for job in shown)
    (folder / "queue.txt").write_text(text, encoding="utf-8", errors="surrogateescape")
