"""The benchmark of graphics cards, on a CPU with a small corpus."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def benchmarks_importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


def test_the_command_runs_on_a_cpu(call_script, tmp_path):
    status, said, _ = call_script(
        "benchmarks/gpu.py", "--device", "cpu", "--chunks", 4, "--batch_size", 2, "--steps", 1,
        "--yardstick_size", 64, "--trainings", "CNN-logits, YamNet",
        "CNN-logits, EfficientAT-mn04", "--experiments", "--results", tmp_path,
    )  # fmt: skip
    assert status == 0
    (path,) = tmp_path.glob("gpu_cpu_*.json")
    report = json.loads(path.read_text())
    measured = {(row["training"], row["precision"]) for row in report["training"]}
    teachers = ("YamNet", "EfficientAT-mn04")
    assert measured == {
        (f"CNN-logits, {t}", precision) for t in teachers for precision in ("float32", "bf16")
    }
    for row in report["training"]:
        assert row["step_ms"] > 0 and row["epoch_s"] >= 2 * row["step_ms"] / 1e3 and row["share_of_peak"] > 0
        assert f"| {row['step_ms']} | {row['epoch_s']} |" in said
    checked = {check["model"] for check in report["checks"]}
    assert {
        "cnn_pinv PANN",
        "cnn_texture YamNet",
        "mlp_pinv YamNet",
        "self",
        "effnet_b7",
        "PANN",
        "YamNet",
    } <= checked
    differences = {(check["model"], check["precision"]): check["difference"] for check in report["checks"]}
    # the same processor and precision give the same values; fewer digits do not
    assert differences["PANN", "float32"] <= 1e-6 < differences["PANN", "bf16"] <= 5e-2
    # layers that begin at zero would hide how the others are computed
    assert differences["cnn_grid YamNet", "float32"] <= 1e-6 < differences["cnn_grid YamNet", "bf16"] <= 5e-2
    assert (
        differences["cnn_texture YamNet", "float32"]
        <= 1e-6
        < differences["cnn_texture YamNet", "bf16"]
        <= 5e-2
    )


def test_the_trainings_of_the_papers_table():
    from gpu_workloads import PAPER_CNN, Workload, hours_of, workloads_of

    found = workloads_of("restricted", 200)
    kinds = [
        ("cnn_pinv", PAPER_CNN, None), ("cnn_pinv", PAPER_CNN, 100), ("self", (), None), ("effnet_b0", (), None),
        ("effnet_b7", (), None),
    ]  # fmt: skip
    expected = {
        (network, name, frozenset(options), prop_logit)
        for network, options, prop_logit in kinds
        for name in ("PANN", "YamNet")
    }
    assert {(w.network, w.classifier, frozenset(w.options), w.prop_logit) for w in found} == expected
    assert len(found) == 10 < len(workloads_of("detailed", 200))
    workload = Workload("mlp", "YamNet")
    assert hours_of([workload, workload], {workload: 9.0}, 200) == pytest.approx(1.0)


def test_operations_and_traffic_of_a_product_of_matrices():
    from gpu_yardsticks import Traffic, Yardsticks
    from torch.utils.flop_counter import FlopCounterMode

    first, second = torch.randn(3, 5), torch.randn(5, 7)
    with FlopCounterMode(display=False) as counter, Traffic() as traffic:
        product = (first @ second).T
    assert product.shape == (7, 3)
    assert counter.get_total_flops() == 2 * 3 * 5 * 7
    assert traffic.n_bytes == 4 * (3 * 5 + 5 * 7 + 3 * 7)
    assert Yardsticks(1.0, 2.0, 3.0).flop_per_s("bf16") == 2.0


@pytest.mark.parametrize(
    ("shares", "expected"),
    [((0.5, 0.2, 0.3), "arithmetic"), ((0.1, 0.7, 0.3), "memory"), ((0.1, 0.2, 0.97), "issuing operations")],
)
def test_what_bounds_a_step(shares, expected):
    from gpu import bound_by

    assert bound_by(*shares) == expected


def test_a_model_that_differs_on_the_device_is_reported(monkeypatch):
    import gpu_checks

    class Unsteady(nn.Module):
        """Another value at every call."""

        def forward(self, values):
            return torch.rand_like(values)

    monkeypatch.setattr(
        gpu_checks, "models_and_inputs", lambda levels, models_path: [("unsteady", Unsteady(), levels)]
    )
    checks = gpu_checks.check_all(torch.device("cpu"))
    assert not any(check.passed for check in checks)
    assert "TOO LARGE" in str(checks[0]) and "unsteady, float32" in str(checks[0])
