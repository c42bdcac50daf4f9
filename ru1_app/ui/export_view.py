"""Releases as HTML: what was made, what can be done with it, what a check or a push found. No Gradio.

Every text of a person is escaped here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ru1_app.export import FORMATS
from ru1_app.export.describe.manifest import Manifest
from ru1_app.export.hub import Pushed
from ru1_app.export.jobs.past import Past
from ru1_app.ui.export_plan import many, train_first
from ru1_app.ui.export_query import selection_words
from ru1_app.ui.view import notice

LISTED = 12  # files of a push that are shown without unfolding


def past(found: Sequence[Past], *, token: bool) -> str:
    """The releases that were made."""
    if not found:
        return '<h2>Past releases</h2><p class="ru1-quiet">No release was made on this server so far.</p>'
    cards = "".join(release(each, token=token) for each in found)
    return f'<h2>Past releases <span class="lead-count">{len(found):,}</span></h2>{cards}'


def release(one: Past, *, token: bool | None, manifest: Manifest | None = None) -> str:
    """One release with what can be done with it; with its manifest it is the one that was just made, told in full.

    `token`: whether the server has one for the Hub; None where pushing is not offered.
    """
    rows = "".join(_rows(name, splits, manifest) for name, splits in one.formats.items())
    words = " · ".join(escape(each) for each in selection_words(one.selection))
    hub = "" if token is None else _hub(token)
    fresh = " export-fresh" if manifest else ""
    return (
        f'<article class="export-release{fresh}" data-name="{escape(one.name)}"><header>'
        f'<h3><time datetime="{one.made_at.isoformat()}">{one.made_at:%Y-%m-%d %H:%M} UTC</time></h3>'
        f'<code title="Digest of the release: {one.digest}">{one.digest[:12]}</code>'
        f"<span>{one.kept:,} recoveries · {many(one.files, 'file')} · {size(one.size)}</span></header>"
        f'<ul class="export-rows">{rows}</ul><p class="ru1-quiet">Selected by: {words}</p>'
        '<div class="ru1-row"><button type="button" class="ru1-button" data-export="pack">Download .zip</button>'
        '<button type="button" class="ru1-button" data-export="verify">Verify</button></div>'
        f'{hub}<div class="export-task"></div></article>'
    )


def _rows(name: str, splits: Mapping[str, int], manifest: Manifest | None) -> str:
    title = FORMATS[name].title if name in FORMATS else name
    counts = ", ".join(f"{count:,} {split}" for split, count in train_first(splits)) or "no rows"
    lost = manifest.formats[name].lost if manifest else {}
    words = ", ".join(f"{count:,} {escape(why)}" for why, count in lost.items())
    told = f'<small class="ru1-quiet">left out: {words}</small>' if words else ""
    return f"<li><b>{escape(title)}</b> {counts}{told}</li>"


def _hub(token: bool) -> str:
    note = "" if token else (
        '<p class="ru1-quiet">HF_TOKEN is not set where this app runs, so nothing can be pushed. You can still look at '
        "what would be sent.</p>"
    )  # fmt: skip
    off = "" if token else " disabled"
    return (
        f'<details class="export-push"><summary>Push to the Hub</summary><form class="export-hub" novalidate>{note}'
        '<label class="ru1-field">Dataset repository <input name="repo" type="text" placeholder="owner/name" '
        'maxlength="200" autocapitalize="none" autocomplete="off" spellcheck="false"></label>'
        '<label class="ru1-pick"><input type="checkbox" name="private" checked><span>Private</span></label>'
        '<div class="ru1-row"><button type="submit" class="ru1-button" name="dry" value="1">Show what would be sent'
        f'</button><button type="submit" class="ru1-button ru1-strong"{off}>Push</button></div>'
        "</form></details>"
    )


def verified(wrong: Sequence[str]) -> str:
    """What a check of a release found."""
    if not wrong:
        return notice("Every file is there and has the hash that the manifest names.", "good")
    some = "".join(f"<li>{escape(each)}</li>" for each in wrong[:20])
    more = f"<li>and {len(wrong) - 20:,} more</li>" if len(wrong) > 20 else ""
    return f"{notice('This release is not what it was. Do not use it; make it again.', 'bad')}<ul>{some}{more}</ul>"


def pushed(done: Pushed) -> str:
    """What was sent to the Hub, or would be."""
    reach = "private" if done.private else "public"
    count = f"{len(done.operations):,} files, {size(done.size)}"
    if done.dry_run:
        head = notice(f"Nothing was sent. A push would make one commit in the {reach} dataset {done.repo}: {count}.")
        note = "<p class='ru1-quiet'>Files of an earlier release there that this one lacks are removed in it.</p>"
    else:
        link = f'<a href="{escape(done.url)}" rel="noreferrer">{escape(done.url)}</a>'
        gone = f"; {len(done.removed):,} of an earlier release were removed" if done.removed else ""
        head = notice(f"Pushed to the {reach} dataset {done.repo} in one commit: {count}{gone}.", "good")
        note = f"<p>{link}</p>"
    rows = "".join(f"<tr><td>{escape(each.path)}</td><td>{size(each.size)}</td></tr>" for each in done.operations)
    table = f'<table class="ru1-table export-files"><tbody>{rows}</tbody></table>'
    if len(done.operations) > LISTED:
        table = f"<details><summary>All {len(done.operations):,} files</summary>{table}</details>"
    return f"{head}<p>Commit: {escape(done.message)}</p>{note}{table}"


def size(count: int) -> str:
    """A number of bytes in words."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count} bytes"
