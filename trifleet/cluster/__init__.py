"""A whole cluster as processes of one machine: what docs/deployment.md describes for several.

Three broker nodes, PostgreSQL with a synchronous standby, workers, two writers of the log, two
APIs, and a proxy in front. Each may be killed at any time; `faults` does so and keeps accounts.
"""
