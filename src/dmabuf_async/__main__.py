"""``python -m dmabuf_async`` is ``dmabuf-async``."""

from __future__ import annotations

import sys

from dmabuf_async.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
