"""How a task performs its steps: one function a verb, looked up when the machine is furnished."""

from dmabuf_async.scenario.steps import exporter, kernel, locks, process  # each registers its verbs with `base.act`

__all__ = ["exporter", "kernel", "locks", "process"]
