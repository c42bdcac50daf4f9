"""Labels as training data: releases in the formats that trainers read."""

from ru1_app.export.cases.selection import Selection
from ru1_app.export.describe.manifest import Manifest, differences, read_manifest
from ru1_app.export.formats import FORMATS
from ru1_app.export.planning.plan import Plan, plan
from ru1_app.export.release import write_release

__all__ = ["FORMATS", "Manifest", "Plan", "Selection", "differences", "plan", "read_manifest", "write_release"]
