"""The page about the sandbox tells what there is."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from sandbox.faults import ActionName
from sandbox.hubspot.switches import Switches as HubSpotSwitches
from sandbox.salesforce.switches import Switches as SalesforceSwitches
from sandbox.stripe.switches import Switches as StripeSwitches
from sandbox.zendesk.switches import Switches as ZendeskSwitches

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()


@pytest.mark.parametrize(
    "switches, title",
    [
        (SalesforceSwitches, "Salesforce"),
        (HubSpotSwitches, "HubSpot"),
        (ZendeskSwitches, "Zendesk"),
        (StripeSwitches, "Stripe"),
    ],
)
def test_every_switch_is_documented_with_its_default(
    switches: type[SalesforceSwitches | HubSpotSwitches | ZendeskSwitches | StripeSwitches], title: str
) -> None:
    section = re.split(r"^##+ ", PAGE.partition(f"### {title}\n")[2], flags=re.MULTILINE)[0]

    documented = re.findall(r"^\| `(\w+)` \| `(.*)` \|", section, re.MULTILINE)

    assert documented == [(known.name, json.dumps(known.default)) for known in fields(switches)]


def test_every_fault_action_is_documented() -> None:
    section = PAGE.partition("| `do` |")[2].partition("\n\n")[0]

    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(get_args(ActionName))
