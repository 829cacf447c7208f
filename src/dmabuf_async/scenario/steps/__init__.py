"""How a task performs its steps: one function a verb, looked up when the machine is furnished."""

from dmabuf_async.scenario.steps import (  # each registers its verbs with `base.act`
    device,
    exporter,
    kernel,
    locks,
    process,
)

__all__ = ["device", "exporter", "kernel", "locks", "process"]
