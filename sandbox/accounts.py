"""A plain customer base, so that the stand-ins are not empty: users, owners, and accounts in both CRMs.

Deterministic for a seed; tells no story. Accounts carry the same External_Key__c and external_key.
"""

import random
from datetime import timedelta

from sandbox.core import Core

REPS = ("Ada Grant", "Ben Ortiz", "Chloe Tan")
SEGMENTS = ("Enterprise", "Mid-Market", "SMB")


def plain_accounts(core: Core, count: int, seed: int) -> None:
    """Put this many accounts into the CRMs that run on this core."""
    rng = random.Random(seed)
    today = core.clock.now().date()
    emails = [f"{name.split()[0].lower()}@sandbox.example" for name in REPS]
    drawn = [
        (f"acct-{number:06}", rng.choice(SEGMENTS), rng.randrange(5, 500) * 1000, rng.randrange(10, 400))
        for number in range(1, count + 1)
    ]
    if "salesforce" in core.systems:
        salesforce = core.systems["salesforce"]
        users = salesforce.seed(
            "User",
            [
                {"Name": name, "Email": email, "Username": email}
                for name, email in zip(REPS, emails, strict=True)
            ],
        )
        salesforce.seed(
            "Account",
            [
                {
                    "Name": f"Customer {key}",
                    "Website": f"https://{key}.example",
                    "External_Key__c": key,
                    "Segment__c": segment,
                    "ARR__c": arr,
                    "Type": "Customer",
                    "Renewal_Date__c": (today + timedelta(days=days)).isoformat(),
                    "OwnerId": users[place % len(users)],
                }
                for place, (key, segment, arr, days) in enumerate(drawn)
            ],
        )
    if "hubspot" in core.systems:
        hubspot = core.systems["hubspot"]
        owners = hubspot.seed(
            "owners",
            [
                {"email": email, "first_name": name.split()[0], "last_name": name.split()[1]}
                for name, email in zip(REPS, emails, strict=True)
            ],
        )
        hubspot.seed(
            "companies",
            [
                {
                    "name": f"Customer {key}",
                    "domain": f"{key}.example",
                    "external_key": key,
                    "segment": segment,
                    "annualrevenue": arr,
                    "lifecyclestage": "customer",
                    "renewal_date": (today + timedelta(days=days)).isoformat(),
                    "hubspot_owner_id": owners[place % len(owners)],
                }
                for place, (key, segment, arr, days) in enumerate(drawn)
            ],
        )
