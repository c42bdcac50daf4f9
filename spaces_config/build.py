"""Assembles a folder that can be pushed to a Hugging Face Space as it is.

    python spaces_config/build.py build/space             # CPU hardware
    python spaces_config/build.py build/space --zerogpu   # torch of the newest version ZeroGPU has

The front matter names Gradio's version, so it is left out of the Space's requirements.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("ru1_app", "assets", "annotations")
FILES = ("app.py", "LICENSE", "CHANGELOG.md")
LARGEST = 10_000_000  # bytes; a Space needs LFS for more
ZEROGPU = {"torch": "2.13.0", "torchvision": "0.28.0"}
SKIP = shutil.ignore_patterns("__pycache__", "*.pyi", "*.part")


def requirements(text: str, *, zerogpu: bool) -> str:
    """The Space's requirements: without Gradio, and with ZeroGPU's torch where asked for."""
    lines = []
    for line in text.splitlines():
        name = re.split(r"[=<>~!\[ ]", line, maxsplit=1)[0]
        if name == "gradio":
            continue
        lines.append(f"{name}=={ZEROGPU[name]}" if zerogpu and name in ZEROGPU else line)
    return "\n".join(lines) + "\n"


def check(root: Path) -> None:
    """Refuse what a Space would refuse or fail on."""
    front = (root / "README.md").read_text("utf-8")
    pinned = re.search(r"^gradio==(\S+)$", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    named = re.search(r"^sdk_version: (\S+)$", front, re.MULTILINE)
    if pinned is None or named is None or pinned[1] != named[1]:
        raise SystemExit("spaces_config/README.md and requirements.txt name different versions of Gradio.")
    large = [str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and p.stat().st_size > LARGEST]
    if large:
        raise SystemExit(f"Over {LARGEST / 1e6:.0f} MB, which a Space takes through LFS only: {', '.join(large)}")


def build(out: Path, *, zerogpu: bool = False) -> Path:
    """Write the Space folder to `out`, which must be new or empty."""
    if out.exists() and any(out.iterdir()):
        raise SystemExit(f"{out} is not empty. Name a new folder, or remove it first.")
    out.mkdir(parents=True, exist_ok=True)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, out / folder, ignore=SKIP)
    for file in FILES:
        shutil.copy2(ROOT / file, out / file)
    for file in ("README.md", "packages.txt"):
        shutil.copy2(ROOT / "spaces_config" / file, out / file)
    wanted = (ROOT / "requirements.txt").read_text("utf-8")
    (out / "requirements.txt").write_text(requirements(wanted, zerogpu=zerogpu), "utf-8")
    check(out)
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--zerogpu", action="store_true")
    arguments = parser.parse_args()
    print(build(arguments.out, zerogpu=arguments.zerogpu), file=sys.stderr)


if __name__ == "__main__":
    main()
