"""`croissant.json`: the release in MLCommons' Croissant 1.0, with its responsible-AI fields.

Files are named one by one with their SHA-256, but for folders of images, which are file sets: `manifest.json` has the
hashes of those. It is not named itself, since it holds the hash of this file. The columns of Parquet files are record
sets. Texts are those of the card.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ru1_app import __version__
from ru1_app.export.describe.card import sections
from ru1_app.export.describe.columns import record_set
from ru1_app.export.describe.front_matter import TAGS, configs_of, spdx_of
from ru1_app.export.describe.manifest import MANIFEST, RELEASE_VERSION
from ru1_app.export.formats import FORMATS
from ru1_app.export.formats.format import Format
from ru1_app.export.planning.survey import Survey

NAME = "croissant.json"
KINDS = {
    ".parquet": "application/x-parquet",
    ".jsonl": "application/jsonlines",
    ".json": "application/json",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".tar": "application/x-tar",
    ".md": "text/markdown",
    ".png": "image/png",
    ".jpg": "image/jpeg",
}
OTHER = "application/octet-stream"
MANY = frozenset((".png", ".jpg"))  # described by folder, not one by one
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{
        name: f"cr:{name}"
        for name in (
            "extract", "field", "fileProperty", "fileObject", "fileSet", "format", "includes", "isLiveDataset",
            "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated", "replace",
            "samplingRate", "separator", "source", "subField", "transform",
        )
    },
    "sc": "https://schema.org/",
}  # fmt: skip


def write_croissant(folder: Path, found: Survey) -> None:
    """Write it beside the files that are there already; the card is one of them."""
    text = json.dumps(describe(folder, found), indent=2, ensure_ascii=False)
    (folder / NAME).write_text(text + "\n", "utf-8")


def describe(folder: Path, found: Survey) -> dict[str, Any]:
    """The description as JSON-LD."""
    about = (folder / "README.md").read_text("utf-8").split("\n# ", 1)[1]
    title, _, rest = about.partition("\n")
    configs = list(configs_of(folder))
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": title,
        "description": " ".join(rest.strip().partition("\n\n")[0].split()),
        "version": f"{RELEASE_VERSION}.0.0",
        "license": [spdx_of(name)[1] or name for name in sorted(found.licenses)],
        "keywords": list(TAGS),
        "inLanguage": "en",
        "creator": {"@type": "Organization", "name": "The people who judged and ran RU1"},
        **({"datePublished": found.labels_until[:10]} if found.labels_until else {}),
        "citeAs": _cite(found),
        **_responsible(sections(folder), found),
        "rai:dataUseCases": [f"{each.title}: {each.trains} {each.cannot}" for each in _present(folder)],
        "distribution": [*_files(folder), *_folders(folder), *(_tables(each.name, each.files) for each in configs)],
        "recordSet": [record_set(each.name, folder / next(iter(each.files.values()))) for each in configs],
    }


def _present(folder: Path) -> list[Format]:
    return [each for name, each in FORMATS.items() if (folder / name).is_dir()]


def _cite(found: Survey) -> str:
    year = f", year={{{found.labels_until[:4]}}}" if found.labels_until else ""
    return f"@misc{{ru1_release, title={{Labelled recoveries of corrupted images, made with RU1 {__version__}}}{year}}}"


def _responsible(card: dict[str, str], found: Survey) -> dict[str, Any]:
    """The fields of the responsible-AI vocabulary (MLCommons, Croissant RAI 1.0)."""
    collected, decided = card["How it was collected"].split("\n\n", 1)
    consent, withdrawal = card["Personal data, consent and withdrawal"].split("\n\n", 1)
    limits = [" ".join(each.split()) for each in card["Known limits"].removeprefix("- ").split("\n- ")]
    texts = {
        "dataCollection": collected,
        "dataCollectionType": ["Human annotation of model output"],
        "dataCollectionMissingData": card["What was left out"],
        "dataPreprocessingProtocol": [decided],
        "dataAnnotationProtocol": [collected, decided],
        "dataAnnotationPlatform": [f"RU1 {__version__}"],
        "dataAnnotationAnalysis": [card["Agreement"]],
        "annotationsPerItem": f"{found.judgements} judgements of {sum(found.statuses.values())} recoveries",
        "annotatorDemographics": [f"{found.raters} people under random pseudonyms; nothing is recorded of them."],
        "machineAnnotationTools": ["None: scores and answers of models are columns of their own, never labels."],
        "personalSensitiveInformation": [consent],
        "dataReleaseMaintenancePlan": withdrawal,
        "dataBiases": [limits[0], card["Preferences"].rsplit("\n\n", 2)[1], card["Preferences"].rsplit("\n\n", 1)[1]],
        "dataLimitations": limits,
        "dataSocialImpact": "Recoveries that mislead can be found and trained against; a model trained on this can"
        " still mislead, and its recoveries are no evidence of what was there.",
    }
    return {f"rai:{name}": text for name, text in texts.items()}


def _files(folder: Path) -> Iterator[dict[str, Any]]:
    """One entry for each file that is not one of many."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.suffix in MANY or name in (NAME, MANIFEST):
            continue
        with path.open("rb") as file:
            sha = hashlib.file_digest(file, "sha256").hexdigest()
        yield {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "contentSize": f"{path.stat().st_size} B",
            "encodingFormat": KINDS.get(path.suffix, OTHER),
            "sha256": sha,
        }


def _folders(folder: Path) -> Iterator[dict[str, Any]]:
    """One entry for each folder of images."""
    kinds = {(path.parent.relative_to(folder).as_posix(), path.suffix) for path in folder.rglob("*")}
    for name, suffix in sorted(kinds):
        if suffix in MANY:
            yield _set(f"{name}/*{suffix}", f"{name}/*{suffix}", KINDS[suffix])


def _tables(config: str, files: Any) -> dict[str, Any]:
    first = next(iter(files.values()))
    return _set(f"{config}-files", f"{Path(first).parent.as_posix()}/*.parquet", KINDS[".parquet"])


def _set(id_: str, pattern: str, kind: str) -> dict[str, Any]:
    return {"@type": "cr:FileSet", "@id": id_, "name": id_, "encodingFormat": kind, "includes": pattern}
