"""`python -m crmhealth`, for where no console script is installed."""

import sys

from crmhealth.cli import main

sys.exit(main())
