"""What a run found, written down: for people (lanes, lines), for CI (JUnit), for programs (JSON lines).

Everything here is a pure function of the plain data in `trace.events` and
`explore.verdict`. Nothing knows a terminal, and nothing opens a file: who calls
decides where the text goes and which colour a `lines.Line` has.
"""
