"""The front matter of a release's README.md: what `datasets` and the Hub read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ru1_app.export.cases.rows import SPLITS
from ru1_app.export.cases.selection import UNKNOWN
from ru1_app.export.formats import FORMATS

SIZES = {10**3: "n<1K", 10**4: "1K<n<10K", 10**5: "10K<n<100K", 10**6: "100K<n<1M"}
CC0 = ("cc0-1.0", "https://spdx.org/licenses/CC0-1.0")
LICENSES = {  # a licence in small letters -> the Hub's word, the page that SPDX has of it
    "cc0": CC0,
    "cc0-1.0": CC0,
    "cc-by-4.0": ("cc-by-4.0", "https://spdx.org/licenses/CC-BY-4.0"),
    "cc-by-sa-4.0": ("cc-by-sa-4.0", "https://spdx.org/licenses/CC-BY-SA-4.0"),
    "apache-2.0": ("apache-2.0", "https://spdx.org/licenses/Apache-2.0"),
    "mit": ("mit", "https://spdx.org/licenses/MIT"),
    UNKNOWN: (UNKNOWN, ""),
}
TAGS = ("image-restoration", "human-feedback", "hallucination", "preference", "reward-model", "ru1")


class Config(NamedTuple):
    """What `load_dataset(release, name)` reads: Parquet files by split, as paths below the release."""

    name: str
    format: str
    files: Mapping[str, str]


def configs_of(folder: Path) -> Iterator[Config]:
    """Those whose files are there. `datasets` takes one kind of file for all, so only Parquet has any."""
    for each in FORMATS.values():
        for name, below in each.configs.items():
            paths = {split: Path(each.name, below, f"{split}.parquet") for split in SPLITS}
            files = {split: path.as_posix() for split, path in paths.items() if (folder / path).is_file()}
            if files:
                yield Config(name, each.name, files)


def front_matter(folder: Path, rows: int, licenses: Sequence[str]) -> str:
    """The lines between the dashes, with the dashes. `rows` are the labelled recoveries."""
    import yaml

    values: dict[str, Any] = {
        "pretty_name": "Labelled recoveries of corrupted images",
        "language": ["en"],
        **hub_license(licenses),
        "task_categories": ["image-to-image", "visual-question-answering"],
        "tags": list(TAGS),
        "size_categories": [next((name for limit, name in SIZES.items() if rows < limit), "1M<n<10M")],
    }
    configs = [_config(each, first=not place) for place, each in enumerate(configs_of(folder))]
    values |= {"configs": configs} if configs else {"viewer": False}  # without them the Hub guesses, and wrongly
    return f"---\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}---"


def hub_license(licenses: Sequence[str]) -> dict[str, str]:
    """`license` in the Hub's words: one where all images have it, else "other"."""
    known = {spdx_of(each)[0] for each in licenses}
    if len(known) == 1 and (only := known.pop()):
        return {"license": only}
    return {"license": "other", "license_name": "mixed-see-card"}


def spdx_of(license_: str) -> tuple[str, str]:
    """The Hub's word and the page of a licence, where they are known: "CC0, Jane Doe" is CC0."""
    return LICENSES.get(license_.partition(",")[0].strip().casefold(), ("", ""))


def _config(config: Config, *, first: bool) -> dict[str, Any]:
    files = [{"split": split, "path": path} for split, path in config.files.items()]
    return {"config_name": config.name, **({"default": True} if first else {}), "data_files": files}
