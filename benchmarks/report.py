"""results.json -> results.md, tables for the README, and steps.png."""

import json
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HERE = Path(__file__).parent
NO_BFLOAT16 = (
    "this processor has no instructions for bfloat16 (avx512_bf16, amx_bf16), so what computes in "
    "bfloat16 is left out"
)
SGEMM_GFLOP = 10 * 2 * 2048**3 / 1e9 / 100  # of a hundredth of a turn of peers/sgemm.py


def gflop_of_a_step(batch: int = 50) -> float:
    """Return the tutorial network's multiplications and additions, backwards too.

    Backwards costs twice what forwards does, less the gradient of the pixels, which nobody needs.
    """
    first = 28 * 28 * 25 * 32
    others = 14 * 14 * 25 * 32 * 64 + 7 * 7 * 64 * 1024 + 1024 * 10
    return batch * 2 * (2 * first + 3 * others) / 1e9


def steps(found: dict[str, Any]) -> str:
    """Write the table of peers: each with its share of what the machine's sgemm would take."""
    limit = gflop_of_a_step() / (SGEMM_GFLOP / found["sgemm"]["median"])  # milliseconds
    lines = [
        "| program | ms a step, median (range) | x the first | of sgemm's rate | peak MB |",
        "|---|---|---|---|---|",
    ]
    for name, value in found.items():
        if name != "sgemm":
            spread = f"{value['median']:.1f} ({value['least']:.1f} to {value['most']:.1f})"
            share = f"{limit / value['median']:.0%}"
            cells = (name, spread, f"{value['ratio']:.2f}", share, value["peak_mb"])
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    rate = SGEMM_GFLOP / found["sgemm"]["median"] * 1000
    lines.append(f"\nsgemm here: {rate:.0f} GFLOP/s, so {limit:.1f} ms a step would be its limit.")
    if not any("bfloat16" in name for name in found):
        lines.append(f"\nNot measured: {NO_BFLOAT16}.")
    return "\n".join(lines)


def scaling(found: dict[str, Any]) -> str:
    """Write the table of batches and threads."""
    precisions = [f"{precision}, ms a step" for precision in found]
    lines = ["| | " + " | ".join(precisions) + " |", "|---" * (1 + len(found)) + "|"]
    for name in found["float32"]:
        medians = [f"{values[name]['median']:.1f}" for values in found.values()]
        lines.append("| " + " | ".join([name, *medians]) + " |")
    if "bfloat16" not in found:
        lines.append(f"\nNot measured: {NO_BFLOAT16}.")
    return "\n".join(lines)


def stages(found: dict[str, Any]) -> str:
    """Write the table of stages."""
    lines = ["| stage | seconds | CPU seconds | peak MB |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {cost['seconds']:.1f} | {cost['cpu_seconds']:.1f} | {cost['peak_mb']} |"
        for name, cost in found.items()
    ]
    return "\n".join(lines)


def nothing_to_do(found: dict[str, Any]) -> str:
    """Write the line on a `dvc repro` that runs nothing."""
    return (
        f"`dvc repro` with nothing to do: {found['ours']:.2f} s; of an empty four-stage pipeline: "
        f"{found['empty']:.2f} s ({found['ratio']:.2f} x, {found['rounds']} rounds)."
    )


def time_to_target(found: dict[str, Any]) -> str:
    """Write the table of programs on their way to 99.2 %."""
    lines = [
        "| program | s from process start to 99.2 % | steps | accuracy then |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {value['seconds']:.0f} | {value['steps']:,} | {value['accuracy']:.2%} |"
        for name, value in found.items()  # below 99.2 %: it ran out of steps
    ]
    return "\n".join(lines)


def recipes(found: dict[str, Any]) -> str:
    """Write the table of recipes."""
    lines = [
        "| recipe | n | test accuracy, mean ± sd | range | train stage, s | x the tutorial's |",
        "|---|---|---|---|---|---|",
    ]
    for name, value in found.items():
        accuracy = f"{value['mean']:.2%} ± {value['sd']:.2%}"
        spread = f"{value['least']:.2%} to {value['most']:.2%}"
        share = f"{value['share_of_tutorial']:.3f} x ({value['tutorial_seconds']:.0f} s)"
        seconds = f"{value['train_seconds']:.1f}"
        lines.append(f"| `{name}` | {value['n']} | {accuracy} | {spread} | {seconds} | {share} |")
    return "\n".join(lines)


def plot(found: dict[str, Any], path: Path) -> None:
    """Draw a bar a peer, and the limit."""
    peers = {name: value for name, value in found.items() if name != "sgemm"}
    limit = gflop_of_a_step() / (SGEMM_GFLOP / found["sgemm"]["median"])
    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    medians = [value["median"] for value in peers.values()]
    below = [value["median"] - value["least"] for value in peers.values()]
    above = [value["most"] - value["median"] for value in peers.values()]
    colors = ["tab:blue" if name.startswith("ours") else "silver" for name in peers]
    axes.barh(list(peers), medians, xerr=(below, above), color=colors, ecolor="dimgray")
    axes.axvline(limit, color="tab:red", linestyle="--", label="sgemm's rate")
    axes.set_xlim(0, 1.3 * max(medians))  # a disturbed turn runs out of the picture
    axes.invert_yaxis()
    axes.set_xlabel("ms a step: the tutorial's network, 50 images; median and range")
    axes.legend()
    figure.savefig(path, metadata={"Software": None})


def main() -> None:
    """Write what results.json holds."""
    results = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    tables = {
        "steps": steps,
        "scaling": scaling,
        "stages": stages,
        "nothing_to_do": nothing_to_do,
        "time_to_target": time_to_target,
        "recipes": recipes,
    }
    written = [write(results[name]) for name, write in tables.items() if name in results]
    (HERE / "results.md").write_text("\n\n".join(written) + "\n", encoding="utf-8")
    if "steps" in results:
        plot(results["steps"], HERE / "steps.png")


if __name__ == "__main__":
    main()
