from __future__ import annotations

from dmabuf_async.dashboard.lines import called


def test_long_names_keep_both_ends_and_no_control_character() -> None:
    assert called("worker-of-the-render-thread-017", 12) == "worker…d-017"
    assert called("short", 12) == "short"
    assert called("a\x1b[2J", 12) == "a\\x1b[2J"
    assert called("難" * 10, 8) == "難難…難"
