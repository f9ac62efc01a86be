"""
Runs a function app on this machine as Azure's host would, on any Python from 3.11, without Core Tools.

    python -m local.function_host --port 7071
"""
