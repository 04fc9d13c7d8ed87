"""Show from outside how the process is doing: logs, metrics, health, reports of errors."""
