"""The package that is deployed: `python -m local.package oms.zip`.

Everything that .funcignore does not name, as the tools of Azure take it. In the package the
requirements are held to constraints.txt, so what is built there has the versions that were tested.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

ROOT = Path(__file__).parent.parent
# The same files make the same archive, byte for byte.
_TIME = (1980, 1, 1, 0, 0, 0)


def files(root: Path = ROOT) -> Iterator[Path]:
    """Yield the files of the package, relative to the root, in order."""
    ignored = GitIgnoreSpec.from_lines((root / ".funcignore").read_text().splitlines())
    yield from sorted(_walk(root, root, ignored))


def _walk(folder: Path, root: Path, ignored: GitIgnoreSpec) -> Iterator[Path]:
    for entry in folder.iterdir():
        path = entry.relative_to(root)
        if ignored.match_file(f"{path}/" if entry.is_dir() else str(path)):
            continue
        if entry.is_dir():
            yield from _walk(entry, root, ignored)
        else:
            yield path


def content(path: Path, root: Path = ROOT) -> bytes:
    """Return what the package holds of a file."""
    found = (root / path).read_bytes()
    if path == Path("requirements.txt"):
        return b"-c constraints.txt\n" + found
    return found


def write(archive: Path) -> int:
    """Write the package; returns the number of its files."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    listed = list(files())
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as package:
        for path in listed:
            entry = zipfile.ZipInfo(path.as_posix(), _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            package.writestr(entry, content(path))
    return len(listed)


def main() -> int:
    """Write the package and say what became of it."""
    parser = argparse.ArgumentParser(description="Write the package that is deployed.")
    parser.add_argument("archive", type=Path)
    archive: Path = parser.parse_args().archive
    count = write(archive)
    print(f"{archive}: {count} files, {archive.stat().st_size / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
