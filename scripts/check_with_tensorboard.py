"""A part of scripts/interop: TensorBoard's own reader shows the numbers of metrics.jsonl, of a run that was resumed."""
import json
import math
import pathlib

import numpy
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

ROOT = pathlib.Path(__file__).resolve().parent.parent
NO_THINNING = {"scalars": 0, "text": 0}


def numbers(tag, value):
    """Every (tag, number) of a row's value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(f"{tag}/{key}", inner)
    elif value is None:
        yield tag, math.nan
    elif not isinstance(value, str):
        yield tag, float(value)


def expected_scalars(metrics):
    """tag -> [(step, the number as float32)] of a metrics.jsonl."""
    scalars = {}
    for row in map(json.loads, metrics.read_text().splitlines()):
        for key in row.keys() - {"type", "step"}:
            for tag, value in numbers(f"{row['type']}/{key}", row[key]):
                scalars.setdefault(tag, []).append((row["step"], repr(numpy.float32(value))))
    return scalars


def check_tensorboard(checks, run_slm, slm, run):
    """run_slm(slm, argument, ...) runs a command; the run's folder `run` does not exist yet."""
    train = ["train", ROOT / "configs/quickstart.yaml", f"output_dir={run}", "model.n_layers=1", "model.d_model=32",
             "micro_batch_size=1", "max_steps=12", "warmup_steps=2", "logging_steps=1", "eval_steps=4", "eval_batches=1",
             "save_steps=5", "sample_steps=6", "layer_norms_steps=3", "report_to=[jsonl, tensorboard]"]
    run_slm(slm, *train)
    run_slm(slm, *train, f"resume={run}/checkpoints/step-000005")
    # The reader behind TensorBoard's pages, which turns scalars into tensors.
    events = EventAccumulator(str(run / "tensorboard"), tensor_size_guidance=NO_THINNING)
    events.Reload()

    def values(tag):
        return [(event.step, tensor_util.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]

    expected = expected_scalars(run / "metrics.jsonl")
    checks.equal("TensorBoard: tags", sorted(events.Tags()["tensors"]), sorted([*expected, "samples"]))
    different = [tag for tag in expected if [(step, repr(value[()])) for step, value in values(tag)] != expected[tag]]
    files = len(list((run / "tensorboard").iterdir()))
    checks.line(not different and files == 2, "TensorBoard: scalars of a resumed run",
                f"{sum(map(len, expected.values()))} of {len(expected)} tags in {files} files; different: {different}")
    shown = [(step, value[0].decode()) for step, value in values("samples")]
    kept = [(step, "    " + (run / f"samples/step-{step:06}.txt").read_text().replace("\n", "\n    ")) for step in (6, 12)]
    checks.equal("TensorBoard: samples", shown, kept)
