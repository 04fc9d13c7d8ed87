"""Tell from outside how the process is: logs, metrics, health, reports of errors."""
