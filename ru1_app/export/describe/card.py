"""The README.md of a release: front matter that `datasets` and the Hub read, then what a person must know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ru1_app.export.cases.rows import Origin
from ru1_app.export.cases.selection import UNKNOWN, Selection
from ru1_app.export.describe.front_matter import configs_of, front_matter
from ru1_app.export.describe.manifest import Written
from ru1_app.export.formats import FORMATS
from ru1_app.export.planning.plan import Plan
from ru1_app.export.planning.survey import MEASURED, Survey
from ru1_app.protocol import record_schema

FEW = 30  # pairs that show no bias
LEANS = 0.6  # share from which one side is called the longer or sharper one
IMAGE_COLUMNS = {
    "corrupted": "Image: what the model was given.",
    "recovered": "Image: what the model made.",
    "reference": "Image: the clean image, null where there is none.",
    "uncertainty": "Image: the model's uncertainty map, null where it gave none.",
}
SLOT = re.compile(r"\{(\w+)\}")
RULES = {
    Origin.VOTES: "raters saw both and more of them chose this one; ties are dropped",
    Origin.VERDICTS: "judged one by one: held true beats misleading or unusable; of those, the less severe one wins",
}


def write_card(folder: Path, made: Plan, written: Mapping[str, Written]) -> None:
    """Write it beside the files that are there already. The same release gives the same bytes."""
    found, selection = made.survey, made.source.selection
    parts = {
        "counts": _counts(found),
        "formats": _formats(written),
        "loading": _loading(folder),
        "agreement": _agreement(found, selection),
        "excluded": _excluded(made),
        "preferences": _preferences(found),
        "splits": _splits(found, selection),
        "licenses": _licenses(found.licenses),
    }
    text = Path(__file__).with_name("card.md").read_text("utf-8")
    text = SLOT.sub(lambda slot: parts[slot[1]], text)  # at once: a part may hold what looks like a slot
    blocks = [front_matter(folder, sum(found.statuses.values()), sorted(found.licenses)), text.rstrip()]
    blocks += [_columns()] if "tables" in written else []
    (folder / "README.md").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def sections(folder: Path) -> dict[str, str]:
    """The texts of a card by heading."""
    parts = (folder / "README.md").read_text("utf-8").split("\n## ")[1:]
    return {head.strip(): body.strip() for head, _, body in (part.partition("\n") for part in parts)}


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(' '.join(str(value).replace('|', '/').split()) for value in line)} |" for line in lines
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"


def _counts(found: Survey) -> str:
    rows = [
        ("recoveries", f"{sum(found.splits.values()):,} ({_listed(found.splits)})"),
        ("verdicts", _listed(found.verdicts)),
        ("labels", f"{_listed(found.statuses)}; {found.elusive:,} elusive"),
        ("judgements", f"{found.judgements:,} by {found.raters:,} people, the newest of {found.labels_until}"),
        ("taxonomy", ", ".join(found.taxonomy_versions) or "none"),
        ("guidelines", ", ".join(found.guideline_versions) or "none"),
    ]
    return _table(("what", "how many"), rows)


def _formats(written: Mapping[str, Written]) -> str:
    rows = []
    for name, each in written.items():
        about = FORMATS[name]
        lost = f" Not usable here: {_listed(each.lost)}." if each.lost else ""
        rows.append((f"`{name}/`", _listed(each.rows), about.consumer, about.trains, f"{about.cannot}{lost}"))
    return _table(("folder", "rows", "read by", "can train", "cannot"), rows)


def _loading(folder: Path) -> str:
    names = [each.name for each in configs_of(folder)]
    if not names:
        return "`datasets` does not load this release as a whole: open the folder of a format with what reads it."
    lines = "\n".join(f'load_dataset("FOLDER", "{name}")' for name in names)
    return (
        f"```python\nfrom datasets import load_dataset\n\n{lines}\n```\n\nThe other formats are no configurations,"
        " since `datasets` takes one kind of file for all of them: give their readers the folder."
    )


def _agreement(found: Survey, selection: Selection) -> str:
    values = found.agreement
    if not values["recoveries"]:
        return "No recovery has two blind judgements, so nothing can be compared."
    alphas = [
        f"{'has no value, since all say the same' if value is None else f'is {value:.2f}'} for the {what}"
        for what, value in (("verdict", values["alpha_verdict"]), ("severity (ordinal)", values["alpha_severity"]))
    ]
    asked = (
        f" Only labels that {selection.least_agreement:.0%} of the raters share were asked for, which raises all of it."
        if selection.least_agreement
        else ""
    )
    return (
        f"{values['recoveries']:,} recoveries have two blind judgements or more ({values['judgements']:,} in all). Two"
        f" raters give the same verdict in {values['same_verdict']:.0%}, all of them in {values['unanimous']:.0%}."
        f" Krippendorff's alpha {', and '.join(alphas)}. Where one verdict is rare, alpha is low though almost all"
        f" agree.{asked}"
    )


def _excluded(made: Plan) -> str:
    told = json.dumps(made.source.selection.to_dict(), sort_keys=True, ensure_ascii=False).replace("`", "'")
    head = f"The filters let {made.considered:,} recoveries through; {made.kept:,} are here. Asked for: `{told}`."
    if not made.excluded:
        return f"{head} Nothing of them was left out."
    return f"{head}\n\n{_table(('left out because', 'recoveries'), made.excluded.items())}"


def _preferences(found: Survey) -> str:
    facts: Mapping[str, Any] = found.preferences
    kept = [(f"`{name}`", f"{facts['kept'].get(name.value, 0):,}", rule) for name, rule in RULES.items()]
    lost = [(reason, f"{count:,}") for reason, count in facts["lost"].items()]
    return "\n\n".join(
        [
            "Of two recoveries of one input, which one people hold to be more faithful.",
            _table(("origin", "pairs", "rule"), kept),
            _table(("pair lost to", "pairs"), lost) if lost else "No pair was lost to a rule.",
            bias(facts["sharpness"], "recovery", "sharper", "variance of the Laplacian", "sharpness"),
            bias(facts["answer_length"], "answer", "longer", "characters", "length"),
        ]
    )


def bias(measured: Mapping[str, Any], what: str, more: str, unit: str, quantity: str) -> str:
    """What a model could learn instead of faithfulness, in words."""
    if not measured["pairs"]:
        return f"There is no pair to measure the {quantity} of {what}s on."
    share = measured["chosen_has_more"]
    if measured["pairs"] < FEW:
        verdict = "That is too few pairs to say more."
    elif 1 - LEANS <= share <= LEANS:
        verdict = f"So {quantity} does not give the preferred one away."
    else:
        side = more if share > LEANS else f"less {more.removesuffix('er')}"
        verdict = f"A model can win many pairs by taking the {side} one: check yours on pairs of equal {quantity}."
    first = f"the first {MEASURED:,} pairs" if measured["pairs"] == MEASURED else f"{measured['pairs']:,} pairs"
    return (
        f"Bias of {quantity}: in {first} the preferred {what} is the {more} one in {share:.0%}"
        f" (mean {measured['chosen']:g} against {measured['rejected']:g}; {unit}). {verdict}"
    )


def _splits(found: Survey, selection: Selection) -> str:
    where = "may be in both" if selection.benchmarks else "are test, never train"
    return (
        f"{_listed(found.splits)}. Everything that comes from one source image is in one split: `test` where the first"
        f" 32 bits of SHA-256 of `{selection.split_seed}:split_group` are below a share of {selection.test_share:g}"
        f" (the seed is {selection.split_seed}). Pictures of benchmarks and scenes that are held out {where}."
    )


def _licenses(licenses: Mapping[str, int]) -> str:
    rows = sorted(licenses.items())
    unknown = (
        "\n\nWhere the licence is unknown, ask whoever runs the app before images are published."
        if UNKNOWN in licenses
        else ""
    )
    table = _table(("licence of the source image", "recoveries"), rows)
    return f"Each row names the licence of its source image (`license`).\n\n{table}{unknown}"


def _columns() -> str:
    fields = {name: field.get("description", "") for name, field in record_schema()["properties"].items()}
    rows = ((f"`{name}`", text) for name, text in {**IMAGE_COLUMNS, **fields}.items())
    return f"## Columns of `samples`\n\n{_table(('column', 'what'), rows)}"
