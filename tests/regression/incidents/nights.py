"""Nights of GPU jobs made up for the tests: stored runs that are really judged, as their artifacts."""

import json
from pathlib import Path

from regression.judge.judge import judge
from regression.judge.verdict import failures, verdicts
from regression.report import verdict_file
from regression.report.content import content
from regression.runs.read import parse
from tests.regression.recorder import Recorder

IDS = tuple(
    f"efficientnet_b0-{variant}-b{batch}"
    for variant in (
        "eager-fp32",
        "eager-fp16",
        "torchscript-fp32",
        "torchscript-fp16",
        "tensorrt-fp16",
        "tensorrt-fp32",
    )
    for batch in (1, 128)
)
TENSORRT = tuple(id_ for id_ in IDS if "tensorrt" in id_)
TORCHSCRIPT = tuple(id_ for id_ in IDS if "torchscript-fp16" in id_)


class Fleet:
    """Baselines of GPU models, and the artifacts of nights that are judged against them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recorders: dict[str, Recorder] = {}

    def recorder(self, gpu):
        if gpu not in self.recorders:
            recorder = Recorder(self.folder / "storage" / gpu)
            self.recorders[gpu] = recorder
            self._baselines = recorder.baselines(5, ids=IDS)
        return self.recorders[gpu]

    def night(self, day, **jobs):
        """The folder of a night's artifacts: of each job (`h200={id: factor}`) the judged run, or why there is none.

        A job may be factors by benchmark, or (factors, changes) where `changes(document)` edits the stored run.
        """
        night = self.folder / f"night-{day}"
        for number, (gpu, told) in enumerate(jobs.items()):
            place = night / f"nightly-{number}"
            place.mkdir(parents=True)
            (place / "index").write_text(f"{number}\n")
            if told is None:
                continue
            factors, edit = told if isinstance(told, tuple) else (told, lambda document: None)
            self.judged(place, gpu, day, factors, edit)
        return night

    def judged(self, place, gpu, day, factors, edit):
        recorder = self.recorder(gpu)
        baselines = [parse(json.loads(path.read_text()), path) for path in sorted(recorder.folder.glob("*.json"))]
        document = recorder.document(factors, ids=IDS, day=day)
        document["machine_info"]["gpu"] |= {"slug": f"nvidia-{gpu}"}
        edit(document)
        path = place / "run.json"
        run = parse(document, path)
        report = judge(run, baselines)
        document["suite"] |= {"verdicts": verdicts(report), "failures": failures(report)}
        path.write_text(json.dumps(document))
        said = content(report, run, baselines)
        (place / "verdict.json").write_text(verdict_file.text(said, exit_status=int(report.failed)))


def slower(ids, factor=1.2):
    return dict.fromkeys(ids, factor)
