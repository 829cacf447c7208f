from __future__ import annotations

from dmabuf_async.explore.judging import witnessed


def test_a_witness_is_a_task_at_a_step_by_number_or_verb() -> None:
    reached = {("importer", "step 3 kmap"), ("evictor", "error path")}
    for seen in ("importer reaches 3", "importer reaches kmap", "evictor reaches error"):
        assert witnessed(seen, reached)
    for unseen in (
        "importer reaches 2",
        "importer reaches kma",
        "evictor reaches 3",
        "imp reaches 3",
        "importer reaches",
    ):
        assert not witnessed(unseen, reached)
