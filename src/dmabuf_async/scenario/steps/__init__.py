"""How a task performs its steps: one function a verb, looked up when the machine is furnished."""

from dmabuf_async.scenario.steps import device, exporter, kernel, locks  # each registers its verbs with `base.act`

__all__ = ["device", "exporter", "kernel", "locks"]
