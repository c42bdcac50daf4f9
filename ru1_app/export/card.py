"""The README.md of an export: front matter that `datasets` and the hub read, the text, and the columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ru1_app.protocol import record_schema

SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K"}
PARTS = {  # what card.md says of each, where it is there
    "records": """
- `train.parquet`, `test.parquet`: one row per flagged recovery with the corrupted, recovered and (where known) clean
  image as PNG bytes. `datasets.load_dataset("FOLDER")` reads them as splits; a split without rows has no file.
- `records.jsonl`: the same rows without images; fields as in RU1's `record.schema.json`. For scripts: `datasets`
  guesses the types of a column from its first rows, and long runs of nulls mislead it.
""",
    "flow_grpo": """
- `restoration/`: the folder that Flow-GRPO's image loaders read, for recoveries with a clean image. Its prompt is
  constant: group by prompt and image.
""",
}
IMAGE_COLUMNS = {
    "corrupted": "Image: what the model was given.",
    "recovered": "Image: what the model made.",
    "reference": "Image: the clean image, null where there is none.",
    "uncertainty": "Image: the model's uncertainty map, null where it gave none.",
}


def write_card(folder: Path, counts: Mapping[str, int]) -> None:
    """Write `README.md` for the parts that `counts` names."""
    text = Path(__file__).with_name("card.md").read_text(encoding="utf-8")
    present = "".join(words.lstrip("\n") for name, words in PARTS.items() if counts.get(name))
    parts = [_front_matter(folder, counts), text.rstrip().replace("{parts}", present)]
    if counts.get("records"):
        parts.append(_columns())
    (folder / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _front_matter(folder: Path, counts: Mapping[str, int]) -> str:
    most = max(counts.values())
    lines = ["---", "pretty_name: Flagged recoveries", "task_categories:", "- image-to-image"]
    lines += ["- visual-question-answering", "size_categories:"]
    lines += ["- " + next((name for limit, name in SIZES.items() if most < limit), "n>100K"), "configs:"]
    # `datasets` reads one kind of file per folder, so the restoration rows only where they are alone
    whole = bool(counts.get("records"))
    lines += [f"- config_name: {'default' if whole else 'flow_grpo'}", "  data_files:"]
    for split in ("train", "test"):
        name = f"{split}.parquet" if whole else f"restoration/{split}_metadata.jsonl"
        if (folder / name).is_file() and (folder / name).stat().st_size:  # loaders fail on a split without rows
            lines += [f"  - split: {split}", f"    path: {name}"]
    return "\n".join([*lines, "---"])


def _columns() -> str:
    fields = {name: field.get("description", "") for name, field in record_schema()["properties"].items()}
    rows = [f"| `{name}` | {text} |" for name, text in {**IMAGE_COLUMNS, **fields}.items()]
    return "\n".join(["## Columns", "", "| column | what |", "|---|---|", *rows])
