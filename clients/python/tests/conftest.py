"""What the end-to-end tests start and end, for these tests too."""

import sys
from pathlib import Path

_E2E = Path(__file__).resolve().parents[3] / "tests/e2e"
sys.path.insert(0, str(_E2E))
