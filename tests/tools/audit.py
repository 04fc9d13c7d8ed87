"""Look up known vulnerabilities of every locked package, with pip-audit, at the package registry alone.

A vulnerability fails. A package of which the registry tells nothing does not, but is named: not every mirror
has the pages that pip-audit reads, and a build must not depend on them.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

EXPORT = ("export", "--quiet", "--frozen", "--all-extras", "--all-groups", "--no-hashes", "--no-emit-project")
OPTIONS = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")


def judge(report):
    """Return exit code and message for a report of pip-audit; an empty report means that it failed."""
    packages = json.loads(report)["dependencies"] if report.strip() else []
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, corrected in {_mended(flaw)}"
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    unknown = sorted(package["name"] for package in packages if "skip_reason" in package)
    looked_up = len(packages) - len(unknown)
    if found:
        return 1, [*found, f"{len(found)} known vulnerabilities in {looked_up} packages."]
    if not looked_up:
        return 0, ["NOT AUDITED: the package registry tells nothing of any package here."]
    said = [f"No known vulnerabilities in {looked_up} packages."]
    if unknown:
        said.append(f"NOT AUDITED, the package registry does not tell: {', '.join(unknown)}.")
    return 0, said


def _mended(flaw):
    return ", ".join(flaw["fix_versions"]) or "no version yet"


def main():
    with tempfile.TemporaryDirectory() as directory:
        requirements = Path(directory) / "requirements.txt"
        subprocess.run([sys.argv[1], *EXPORT, "--output-file", requirements], check=True)
        command = [sys.executable, "-m", "pip_audit", *OPTIONS, "--requirement", requirements]
        audit = subprocess.run(command, capture_output=True, text=True, check=False)
    if not audit.stdout.strip():
        print(audit.stderr, file=sys.stderr)
    code, said = judge(audit.stdout)
    print("\n".join(said))
    return code


if __name__ == "__main__":
    sys.exit(main())
