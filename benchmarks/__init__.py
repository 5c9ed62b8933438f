"""Where the figures of docs/benchmarks.md come from: scripts that anybody can run."""
