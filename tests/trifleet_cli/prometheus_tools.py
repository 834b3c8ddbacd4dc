"""The programs of Debian's package prometheus."""

import shutil
import subprocess


def program(name: str) -> str:
    """Its path; a test that needs it fails where it is missing."""
    found = shutil.which(name)
    assert found is not None, f"{name} is missing: apt-get install prometheus"
    return found


def promtool(*words: object, given: str = "") -> subprocess.CompletedProcess[str]:
    """One command to its end; `given` on its standard input."""
    command = [program("promtool"), *map(str, words)]
    return subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=60, check=False
    )


def lint(text: str) -> str:
    """What promtool would mend in numbers as a program tells them; nothing where they are good."""
    done = promtool("check", "metrics", given=text)
    assert done.returncode in (0, 3), done.stderr  # 3: it would mend something
    return done.stdout + done.stderr
