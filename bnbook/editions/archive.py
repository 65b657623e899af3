"""An archive of the pages and notebooks that needs no network, with a checksum of every file."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from bnbook.editions import pages

EPOCH = (2026, 1, 1, 0, 0, 0)
"""The date of every file in an edition, so that equal contents make equal editions."""

MANIFEST = "MANIFEST.sha256"
READ = """\
This is the whole book, for a machine without a network.

Open html/index.html in a browser; html/_sources/book has the chapters as notebooks. To check that
nothing was lost or changed:

    sha256sum --check MANIFEST.sha256
"""


def write(target: Path) -> Path:
    """Pack pages, notebooks and the manifest into `target`.

    A page's download is its notebook; the folder that has all of them again, for Colab and Kaggle,
    stays out.
    """
    folder = pages.html()
    files = {"README.txt": READ.encode()}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and inside.parts[0] != "notebooks":
            files[f"html/{inside.as_posix()}"] = path.read_bytes()
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in files.items()]
    files[MANIFEST] = ("\n".join(lines) + "\n").encode()
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(f"{target.stem}/{name}", EPOCH), content)
    return target
