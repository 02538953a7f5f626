#!/usr/bin/env python3
"""Makes tests/golden/formats/tensorboard/events.tfevents with TensorBoard's own writer and protocol buffers.

    python make_tensorboard_golden.py --out tests/golden    needs the package tensorboard (made by 2.21.0)

What the file says is written out once more in tests/formats/tensorboard_events_test.cpp, whose bytes must be these.
"""
import argparse
import math
import pathlib

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.summary.writer.record_writer import RecordWriter

STARTED = 1763736000.25
TEXT = "Once upon a time\n" * 20 + "there was a caf\u00e9."  # lengths beyond one byte


def scalars(**values):
    return Summary(value=[Summary.Value(tag=tag.replace("__", "/"), simple_value=value) for tag, value in values.items()])


def text(tag, string):
    tensor = TensorProto(dtype="DT_STRING", string_val=[string.encode()],
                         tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]))
    plugin = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    return Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=plugin)])


EVENTS = [
    Event(wall_time=STARTED, file_version="brain.Event:2"),
    Event(wall_time=STARTED, step=6, session_log=SessionLog(status=SessionLog.START)),
    Event(wall_time=STARTED + 1, step=6, summary=scalars(train__loss=2.5, train__learning_rate=6e-4, train__applied=0.0)),
    Event(wall_time=STARTED + 2, step=3_000_000_000, summary=scalars(train__loss=math.nan, train__tokens=1e12)),
    Event(wall_time=STARTED + 3, step=200, summary=text("samples", TEXT)),
    Event(wall_time=STARTED + 4, step=200, summary=scalars(long__tag_of_many_letters=-1.25)),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder of the goldens")
    folder = parser.parse_args().out / "formats" / "tensorboard"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "events.tfevents", "wb") as file:
        writer = RecordWriter(file)
        for event in EVENTS:
            writer.write(event.SerializeToString(deterministic=True))
        writer.flush()


if __name__ == "__main__":
    main()
