"""The one door by which every image enters: page, command line and batch alike."""

from ru1_app.intake.door import Intake, read_file, read_image
from ru1_app.intake.names import safe_name

__all__ = ["Intake", "read_file", "read_image", "safe_name"]
