"""The rows of a city's parts as one dataset."""

import resource
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest

from spectral_transcoder.slurm.city import City
from spectral_transcoder.slurm.city_dataset import write_dataset
from spectral_transcoder.utils.errors import DatasetError
from spectral_transcoder.utils.locks import sole_writer
from tests.helpers.made_city import OPTIONS, run_tasks


def test_parts_are_joined_by_sensor_and_day(made_slurm, levels, call_script):
    city = City(made_slurm / "city")
    call_script(
        "classify_thirdo.py", "--slurm", levels, *OPTIONS, "--hours_per_task", 0.14, "-o", city.folder
    )
    run_tasks(city, call_script)
    assert "3 done" in city.status()  # a and b together, c cut in two
    assert "joined" in call_script("classify_thirdo.py", "--join", "-o", city.folder)[1]

    dataset = pyarrow.dataset.dataset(city.folder / "dataset", partitioning="hive")
    rows = dataset.to_table().to_pandas().sort_values(["sensor", "epoch_s"])
    assert rows["sensor"].value_counts().to_dict() == {"a": 240, "b": 240, "c": 960}
    assert (np.diff(rows[rows["sensor"] == "c"]["epoch_s"]) == 1).all()
    assert set(rows["date"].astype(str)) == {"2020-01-01", "2020-01-02"}
    assert (rows["start_utc"].str[:10] == rows["date"].astype(str)).all()
    alone = made_slurm / "c.csv"
    call_script("classify_thirdo.py", levels / "c.csv", *OPTIONS, "-o", alone)
    expected = pd.read_csv(alone)["birds_score"]
    np.testing.assert_allclose(rows[rows["sensor"] == "c"]["birds_score"], expected, atol=1e-6)
    with pytest.raises(DatasetError, match="already"):
        city.join()
    with sole_writer(city.folder), pytest.raises(DatasetError, match="another process"):
        city.join()  # which would remove what the other has written so far

    status, out, err = call_script(
        "plot_presence.py", city.folder / "dataset", "--output", made_slurm / "year"
    )
    assert not status and "c: 0 days, 960 rows" in out, out + err


def test_a_part_with_wrong_bytes_is_named_when_it_is_joined(done_city, call_script):
    city, _ = done_city
    content = bytearray(city.part(1).read_bytes())
    content[100:4000] = bytes(3900)
    city.part(1).write_bytes(content)
    status, _, err = call_script("classify_thirdo.py", "--join", "-o", city.folder)
    assert status == 1 and f"{city.part(1)} is damaged" in err and "Traceback" not in err
    assert not (city.folder / "dataset").exists()
    (city.folder / ".dataset.unfinished" / "sensor=x").mkdir(parents=True, exist_ok=True)  # as a killed run
    city.part(1).unlink()
    run_tasks(city, call_script)
    assert not call_script("classify_thirdo.py", "--join", "-o", city.folder)[0]
    assert not (city.folder / "dataset" / "sensor=x").exists()


def test_days_of_many_sensors_are_joined_with_few_open_files(tmp_path):
    """More partitions than files that a process may have open."""
    n_days, n_sensors = 60, 5
    parts = []
    for sensor in range(n_sensors):
        days = [f"2024-{1 + day // 28:02d}-{1 + day % 28:02d}T00:00:00.000Z" for day in range(n_days)]
        parts.append(tmp_path / f"{sensor}.parquet")
        table = pa.table({"sensor": [f"s{sensor}"] * n_days, "start_utc": days, "epoch_s": range(n_days)})
        pyarrow.parquet.write_table(table, parts[-1])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    n_open = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (n_open + 280, hard))
    try:
        write_dataset(parts, tmp_path / "dataset")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    found = pyarrow.dataset.dataset(tmp_path / "dataset", partitioning="hive").count_rows()
    assert found == n_days * n_sensors
