"""The programs of other languages in which Poster's own clients are written."""

import functools
import shutil
import subprocess


@functools.cache
def missing(*programs):
    """Return which of these is not on this machine, in words, or None."""
    for program in programs:
        if not shutil.which(program):
            return f"there is no {program}"
    if "php" in programs:
        command = ["php", "-r", 'exit(extension_loaded("curl") ? 0 : 1);']
        if subprocess.run(command, check=False).returncode:
            return "PHP is here without its curl"
    return None
