"""Third-party files of the pages: `--check` compares them with vendor.json, else fetches them anew.

A file whose SHA-384 is not the one that vendor.json names is refused and never written.
"""

import argparse
import base64
import json
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from hashlib import sha384
from pathlib import Path

VENDOR = Path(__file__).parent / "static" / "vendor"


@dataclass(frozen=True)
class VendoredFile:
    """One file: where it lies here, and where it comes from (`source` inside the npm package)."""

    package: str
    version: str
    licence: str
    source: str
    file: str
    sha384: str


def digest(data: bytes) -> str:
    """In the form of Subresource Integrity, without its prefix."""
    return base64.b64encode(sha384(data).digest()).decode()


def read_list(folder: Path = VENDOR) -> list[VendoredFile]:
    return [VendoredFile(**item) for item in json.loads((folder / "vendor.json").read_text())]


def faults(folder: Path = VENDOR) -> list[str]:
    """What differs from vendor.json: changed, missing and unlisted files, missing licences."""
    listed = read_list(folder)
    found = []
    for item in listed:
        path = folder / item.file
        if not path.is_file():
            found.append(f"{item.file}: missing")
        elif digest(path.read_bytes()) != item.sha384:
            found.append(f"{item.file}: SHA-384 differs from vendor.json")
    names = {item.file for item in listed} | {"vendor.json"}
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    found += [f"{name}: not in vendor.json" for name in sorted(present - names)]
    licensed = {item.package for item in listed if "LICENSE" in item.file}
    packages = {item.package for item in listed}
    return found + [f"{name}: no licence file" for name in sorted(packages - licensed)]


def pack(package: str, version: str, folder: Path) -> Path:
    """Fetch one npm package, without running anything of it."""
    command = ["npm", "pack", "--silent", "--ignore-scripts", f"{package}@{version}"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return folder / done.stdout.strip().splitlines()[-1]


def read_member(archive: Path, source: str) -> bytes:
    with tarfile.open(archive) as tar:
        member = tar.extractfile(f"package/{source}")
        if member is None:
            raise SystemExit(f"{archive.name}: no file {source}")
        return member.read()


def fetch(folder: Path = VENDOR) -> None:
    """Write every file that comes out of a package, once its hash is the listed one."""
    with tempfile.TemporaryDirectory() as scratch:
        archives: dict[tuple[str, str], Path] = {}
        for item in read_list(folder):
            if not item.source:  # a licence text that the package itself leaves out
                continue
            key = (item.package, item.version)
            if key not in archives:
                archives[key] = pack(*key, Path(scratch))
            data = read_member(archives[key], item.source)
            if digest(data) != item.sha384:
                raise SystemExit(f"{item.file}: the package's file has another SHA-384")
            (folder / item.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / item.file).write_bytes(data)


def main() -> int:
    parser = argparse.ArgumentParser(prog="fleet_backend.web.vendor", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only, fetch nothing")
    if not parser.parse_args().check:
        fetch()
    found = faults()
    for line in found:
        print(line, file=sys.stderr)
    print(f"{len(read_list())} files, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
