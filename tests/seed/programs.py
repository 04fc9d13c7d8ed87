"""Find the interpreters of other languages in which clients of Poster are written."""

import functools
import shutil
import subprocess


@functools.cache
def missing(*programs):
    """Return a text that names the programs missing on this machine, or None."""
    for program in programs:
        if not shutil.which(program):
            return f"there is no {program}"
    if "php" in programs:
        command = ["php", "-r", 'exit(extension_loaded("curl") ? 0 : 1);']
        if subprocess.run(command, check=False).returncode:
            return "PHP is here without its curl"
    return None
