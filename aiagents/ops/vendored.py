"""What of other people's front-end code lies in `static/vendor`, and is it unchanged?"""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

SOURCES = settings.BASE_DIR / "deploy" / "frontend"
TARGET = settings.BASE_DIR / "static" / "vendor"
MANIFEST = TARGET / "vendor.json"
ICONS = [
    "arrow-left",
    "arrow-right",
    "badge-check",
    "ban",
    "book-open",
    "bot",
    "check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "circle",
    "circle-alert",
    "circle-check",
    "clock",
    "code",
    "coins",
    "copy",
    "download",
    "eye",
    "eye-off",
    "external-link",
    "file-text",
    "filter",
    "hash",
    "history",
    "inbox",
    "info",
    "key",
    "layout-grid",
    "link",
    "loader-circle",
    "lock",
    "log-in",
    "log-out",
    "menu",
    "monitor",
    "moon",
    "pause",
    "play",
    "plus",
    "refresh-cw",
    "rotate-ccw",
    "search",
    "shield",
    "sparkles",
    "square",
    "star",
    "sun",
    "timer",
    "trash-2",
    "triangle-alert",
    "user",
    "x",
]
SVG_BODY = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One npm package and the files we take from it, by their names here."""

    name: str
    folder: str
    licence: str
    files: dict[str, str]


PACKAGES = (
    Package(
        name="@alpinejs/csp",
        folder="alpinejs-csp",
        licence="MIT",
        # The npm package brings no licence text of its own.
        files={"alpine.min.js": "dist/cdn.min.js", "LICENSE": "licences/alpinejs.txt"},
    ),
    Package(
        name="@fontsource-variable/inter",
        folder="inter",
        licence="OFL-1.1",
        files={
            "inter-latin.woff2": "files/inter-latin-wght-normal.woff2",
            "LICENSE": "LICENSE",
        },
    ),
    Package(
        name="lucide-static",
        folder="lucide",
        licence="ISC",
        files={"LICENSE": "LICENSE"},
    ),
)


def renew() -> list[Path]:
    """Install from the lock file in a temporary folder, copy, and write the manifest."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        shutil.copytree(SOURCES, scratch, dirs_exist_ok=True)
        _install(scratch)
        shutil.rmtree(TARGET, ignore_errors=True)
        for package in PACKAGES:
            _copy(package, scratch)
    _write_manifest()
    return _files()


def differences() -> list[str]:
    """Sentences on files that are missing, added or changed since the manifest."""
    stored = json.loads(MANIFEST.read_text(encoding="utf-8"))
    known = {
        f"{folder}/{file}": digest
        for folder, entry in stored.items()
        for file, digest in entry["sha256"].items()
    }
    found = {str(path.relative_to(TARGET)): _digest(path) for path in _files()}
    missing = [f"{name} is missing." for name in sorted(known.keys() - found.keys())]
    added = [
        f"{name} is not in the manifest."
        for name in sorted(found.keys() - known.keys())
    ]
    both = sorted(known.keys() & found.keys())
    return missing + added + [f"{n} has changed." for n in both if known[n] != found[n]]


def _install(scratch: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError(
            "npm is not installed; it is needed to renew static/vendor."
        )
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=scratch, check=True, timeout=300)


def _copy(package: Package, scratch: Path) -> None:
    source = scratch / "node_modules" / package.name
    folder = TARGET / f"{package.folder}@{_version(source)}"
    folder.mkdir(parents=True)
    for name, origin in package.files.items():
        base = scratch if origin.startswith("licences/") else source
        shutil.copyfile(base / origin, folder / name)
    if package.folder == "lucide":
        (folder / "sprite.svg").write_text(_sprite(source / "icons"), encoding="utf-8")


def _version(source: Path) -> str:
    version: str = json.loads((source / "package.json").read_text(encoding="utf-8"))[
        "version"
    ]
    return version


def _sprite(icons: Path) -> str:
    """One file of symbols; how they are stroked is in the style sheet."""
    symbols = [_symbol(icons / f"{name}.svg") for name in ICONS]
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{"".join(symbols)}</svg>\n'


def _symbol(path: Path) -> str:
    found = SVG_BODY.search(path.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{path.name} holds no <svg> element.")
    body = " ".join(found.group(1).split())
    return f'<symbol id="{path.stem}" viewBox="0 0 24 24">{body}</symbol>\n'


def _write_manifest() -> None:
    entries = {}
    for package in PACKAGES:
        folder = next(TARGET.glob(f"{package.folder}@*"))
        entries[folder.name] = {
            "package": package.name,
            "version": folder.name.rpartition("@")[2],
            "licence": package.licence,
            "sha256": {path.name: _digest(path) for path in sorted(folder.iterdir())},
        }
    MANIFEST.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def _files() -> list[Path]:
    return sorted(path for path in TARGET.glob("*/*") if path.is_file())


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
