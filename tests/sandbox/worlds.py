"""The small world the sandbox tests play in: three accounts and companies, three people, one of them gone."""

from sandbox.core import Core

ACME, BORA, CIRO = "0015f000000AcmeAAC", "0015f000000BoraAAC", "0015f000000CiroAAC"
REP, GONE = "0055f000000RepsAAC", "0055f000000GoneAAC"


def seed_world(core: Core) -> None:
    """Fill both CRMs."""
    salesforce, hubspot = core.systems["salesforce"], core.systems["hubspot"]
    salesforce.seed(
        "User",
        [
            {"Id": REP[:15], "Name": "Ada Rep", "Email": "ada@sandbox.example", "IsActive": True},
            {"Id": GONE[:15], "Name": "Ida Gone", "Email": "ida@sandbox.example", "IsActive": False},
        ],
    )
    salesforce.seed(
        "Account",
        [
            {
                "Id": ACME[:15],
                "Name": "Acme",
                "External_Key__c": "a/1",
                "ARR__c": 12000,
                "Renewal_Date__c": "2027-01-31",
                "OwnerId": REP[:15],
                "Type": "Customer",
                "CreatedDate": "2024-09-10T13:57:45Z",
            },
            {"Id": BORA[:15], "Name": "Bora O'Neil", "External_Key__c": "b 2", "OwnerId": GONE[:15]},
            {"Id": CIRO[:15], "Name": "ciro", "ARR__c": 500.5, "OwnerId": REP[:15], "Type": "Customer"},
        ],
    )
    hubspot.seed(
        "owners",
        [
            {"id": "71", "email": "ada@sandbox.example", "user_id": 7100},
            {"id": "72", "email": "ida@sandbox.example", "user_id": 7200, "archived": True},
        ],
    )
    hubspot.seed(
        "companies",
        [
            {
                "id": "501",
                "name": "Acme",
                "domain": "acme.example",
                "external_key": "a1",
                "annualrevenue": "12000",
            },
            {"id": "502", "name": "Bora", "domain": "bora.example", "renewal_date": "2027-01-31"},
            {"id": "503", "name": "Ciro", "domain": "ciro.example", "segment": "SMB"},
        ],
    )
