"""The configuration: everything wrong with it at once, each with its key and what would be right."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crmhealth import config, schema, validation
from crmhealth.cli import main
from crmhealth.secrets import resolver
from crmhealth.settings import Settings
from scoring.errors import ConfigError

GOOD = """
[daemon]
timezone = "Europe/Berlin"

[crm.salesforce]
master = true
url = "https://acme.my.salesforce.com"
client_id = "env:ID"
client_secret = "env:SECRET"
task = { key = "Health_Task_Key__c" }
[crm.salesforce.read]
name = "Name"
[crm.salesforce.write]
Health_Score__c = "score"

[sources.product]
type = "files"
[[sources.product.streams]]
name = "usage"
kind = "daily"
path = "usage.csv"
account = "account"
date = "day"
metrics = { users = { column = "users", aggregate = "sum" } }

[model]
version = "1"
[[model.category]]
id = "usage"
label = "Usage"
weight = 1
[[model.signal]]
id = "users"
label = "Users"
category = "usage"
metric = "usage.users"
normalise = { type = "linear", bad = 0, good = 20 }

[[playbook]]
id = "turned_red"
"""

TEN_MISTAKES = """
[daemon]
timezone = "Europe/Berln"
cycle_at = ["25:00"]

[crm.salesforce]
master = true
url = "https://acme.my.salesforce.com"
client_id = "a-literal-secret"
client_secret = "env:NOT_SET"
task = { key = "Health_Task_Key__c" }
[crm.salesforce.read]
name = "Name"
[crm.salesforce.write]
Health_Score__c = "scoer"

[sources.product]
type = "fiels"

[model]
version = "1"
[[model.category]]
id = "usage"
label = "Usage"
weight = 1
[[model.signal]]
id = "users"
label = "Users"
category = "usage"
metric = "usage.users"
normalise = { type = "linear", bad = 0, good = "lots" }
freshness = { fresh_for = "2 dayz", half_life = "7d", expire_after = "30d" }

[[playbook]]
id = "turned_red"
subject = "{{ acount }} turned red"

[guard]
band_changes_percent = "many"
"""

ENVIRONMENT = {"ID": "id", "SECRET": "s3cret"}


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "crmhealth.toml"
    file.write_text(text)
    return config.load(file, resolve=resolver(ENVIRONMENT, tmp_path))


def problems(tmp_path: Path, text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return {problem.key: f"{problem.message}; {problem.remedy}" for problem in caught.value.problems}


def test_a_good_file_loads(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD)

    assert settings.master.name == "salesforce"
    assert settings.timezone.key == "Europe/Berlin"
    assert [source.name for source in settings.sources] == ["product"]
    assert settings.model.signals[0].id == "users"
    assert settings.guard.band_changes_percent == 10


def test_ten_mistakes_are_ten_messages_each_with_key_and_remedy(tmp_path: Path) -> None:
    found = problems(tmp_path, TEN_MISTAKES)

    assert set(found) == {
        "daemon.timezone",
        "daemon.cycle_at[0]",
        "crm.salesforce.client_id",
        "crm.salesforce.client_secret",
        "crm.salesforce.write.Health_Score__c",
        "sources.product.type",
        "model.signal[users].normalise.good",
        "model.signal[users].freshness.fresh_for",
        "playbook[0].subject",
        "guard.band_changes_percent",
    }
    assert "Europe/Berlin" in found["daemon.timezone"]
    assert "env:NAME" in found["crm.salesforce.client_id"]
    assert "NOT_SET" in found["crm.salesforce.client_secret"]
    assert "score" in found["crm.salesforce.write.Health_Score__c"]
    assert "files" in found["sources.product.type"]
    assert '"14d"' in found["model.signal[users].freshness.fresh_for"]
    assert "acount" in found["playbook[0].subject"]


def test_the_command_tells_all_problems_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "crmhealth.toml"
    file.write_text(TEN_MISTAKES)

    code = main(["cycle", "--config", str(file), "--json"])

    told = json.loads(capsys.readouterr().out)
    assert code == 2
    assert len(told["problems"]) == 10
    assert all(set(problem) == {"key", "message", "remedy"} for problem in told["problems"])
    assert list(tmp_path.iterdir()) == [file]


def test_a_literal_secret_is_refused_and_never_repeated(tmp_path: Path) -> None:
    found = problems(tmp_path, TEN_MISTAKES)

    assert not any("a-literal-secret" in text for text in found.values())


@pytest.mark.parametrize(
    ("wrong", "right", "key"),
    [
        ("master = true", "master = false", "crm"),
        ("[model]", "[modell]", "modell"),
        ('type = "files"', 'type = "zendesk"', "sources.product.streams"),
        ("task = {", "tsak = {", "crm.salesforce.tsak"),
        ('name = "Name"', 'nme = "Name"', "crm.salesforce.read"),
        ('metric = "usage.users"', 'metric = "account.nonsense"', "model.signal[users].metric"),
        ('[[playbook]]\nid = "turned_red"', '[[playbook]]\nid = "x"\n[[playbook]]\nid = "x"', "playbook"),
    ],
)
def test_each_mistake_is_found_under_its_key(tmp_path: Path, wrong: str, right: str, key: str) -> None:
    assert wrong in GOOD

    found = problems(tmp_path, GOOD.replace(wrong, right))

    assert key in found


def test_a_password_in_the_state_url_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("[daemon]", '[daemon]\nstate = "postgresql+psycopg://me:pw@db/x"')

    assert "env:NAME" in problems(tmp_path, text)["daemon.state"]


def test_the_state_url_may_come_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "crmhealth.toml"
    file.write_text(GOOD.replace("[daemon]", '[daemon]\nstate = "env:STATE"'))
    environment = {**ENVIRONMENT, "STATE": "postgresql+psycopg://me:pw@db/x"}

    settings = config.load(file, resolve=resolver(environment, tmp_path))

    assert settings.daemon.state == "postgresql+psycopg://me:pw@db/x"


def test_a_missing_file_and_a_broken_one_are_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as missing:
        config.load(tmp_path / "nowhere.toml", resolve=None)
    (tmp_path / "broken.toml").write_text("[daemon\n")
    with pytest.raises(ConfigError) as broken:
        config.load(tmp_path / "broken.toml", resolve=None)

    assert "no such file" in missing.value.problems[0].message
    assert "is not TOML" in broken.value.problems[0].message


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("from-a-file\n")

    settings = load(tmp_path, GOOD.replace('"env:ID"', '"file:id"'))

    session: Any = settings.master.session
    assert session.client_id.get_secret_value() == "from-a-file"


def test_every_ready_made_model_loads_by_name(tmp_path: Path) -> None:
    fields = 'name = "Name"\nsegment = "Tier__c"\ncreated_on = "Since__c"\nlicences = "Licences__c"\n'
    head = GOOD.partition("[model]")[0].replace('name = "Name"\n', fields)
    names = list(config.ready_made())

    for name in names:
        assert load(tmp_path, head + f'[model]\nuse = "{name}"\n').model.version

    assert "starter" in names


def test_the_json_schema_knows_every_table_and_connector() -> None:
    made = schema.json_schema()

    assert set(made["properties"]) == {
        "daemon",
        "crm",
        "sources",
        "model",
        "scores",
        "playbook",
        "guard",
    }
    kinds = [
        variant["properties"]["type"]
        for variant in made["properties"]["sources"]["additionalProperties"]["anyOf"]
    ]
    assert {"const": "files"} in kinds
    json.dumps(made)


def test_only_settings_that_are_durations_are_read_as_such() -> None:
    raw = {
        "version": "2w",
        "signal": [{"label": "2w", "window": "14d", "where": {"severity": "30d", "window": "1d"}}],
        "cap": [{"for": "36h", "reason": "90m"}],
        "hysteresis": {"up_dwell": "90m"},
    }

    assert config.durations(raw) == {
        "version": "2w",
        "signal": [
            {"label": "2w", "window": timedelta(days=14), "where": {"severity": "30d", "window": "1d"}}
        ],
        "cap": [{"for": timedelta(hours=36), "reason": "90m"}],
        "hysteresis": {"up_dwell": timedelta(minutes=90)},
    }


@pytest.mark.parametrize("text", ["²d", "99999999999999d", "9" * 5000 + "d", "14"])
def test_a_duration_that_cannot_be_one_is_a_problem(tmp_path: Path, text: str) -> None:
    found = problems(tmp_path, GOOD.replace('label = "Users"', f'label = "Users"\nwindow = "{text}"'))

    assert '"14d"' in found["model.signal[users].window"]


def changed(before: str, after: str) -> str:
    """The good file with one thing changed."""
    assert before in GOOD
    return GOOD.replace(before, after)


@pytest.mark.parametrize("zone", ["Europe", "", "../etc/passwd"])
def test_a_folder_is_no_time_zone(tmp_path: Path, zone: str) -> None:
    found = problems(tmp_path, changed("Europe/Berlin", zone))

    assert set(found) == {"daemon.timezone"}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me@db:port/x",
        "postgresql+psycopg://me@db",
        "sqlite://",
        "mysql://db/x",
        "nonsense",
        "",
    ],
)
def test_a_state_url_that_is_none_is_a_problem(tmp_path: Path, url: str) -> None:
    found = problems(tmp_path, changed("[daemon]", f'[daemon]\nstate = "{url}"'))

    assert "write sqlite:///file.db" in found["daemon.state"]


def test_a_secret_state_url_that_is_none_is_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "crmhealth.toml"
    file.write_text(changed("[daemon]", '[daemon]\nstate = "env:STATE"'))
    environment = {**ENVIRONMENT, "STATE": "postgresql+psycopg://me:hunter2@db:hunter2/x"}

    with pytest.raises(ConfigError) as caught:
        config.load(file, resolve=resolver(environment, tmp_path))

    assert [problem.key for problem in caught.value.problems] == ["daemon.state"]
    assert "hunter2" not in str(caught.value.problems)


def test_a_password_among_the_parameters_of_the_state_url_is_refused_too(tmp_path: Path) -> None:
    text = changed("[daemon]", '[daemon]\nstate = "postgresql+psycopg://db/x?user=me&password=hunter2"')

    assert "holds a password" in problems(tmp_path, text)["daemon.state"]


@pytest.mark.parametrize(
    "url",
    ["acme.my.salesforce.com", "http://acme.my.salesforce.com", "https://", "https://[acme", "https://a@b"],
)
def test_the_address_of_an_org_is_https_with_a_host(tmp_path: Path, url: str) -> None:
    found = problems(tmp_path, changed("https://acme.my.salesforce.com", url))

    assert "such as https://acme.my.salesforce.com" in found["crm.salesforce.url"]


def test_a_daemon_that_would_never_start_a_cycle_is_a_problem(tmp_path: Path) -> None:
    found = problems(tmp_path, changed("[daemon]", "[daemon]\ncycle_at = []"))

    assert found == {"daemon.cycle_at": 'names no time; write one such as ["06:30"]'}


def test_a_file_that_begins_with_a_byte_order_mark_loads(tmp_path: Path) -> None:
    file = tmp_path / "crmhealth.toml"
    file.write_text(GOOD, encoding="utf-8-sig")

    assert config.load(file, resolve=resolver(ENVIRONMENT, tmp_path)).model.version == "1"


@pytest.mark.parametrize("limit", ["band_changes_percent", "newly_red_count", "tasks_per_run"])
def test_a_negative_limit_is_a_problem(tmp_path: Path, limit: str) -> None:
    found = problems(tmp_path, GOOD + f"[guard]\n{limit} = -1\n")

    assert set(found) == {f"guard.{limit}"}
    assert "from 0 on" in found[f"guard.{limit}"]


def test_a_limit_that_is_no_number_is_a_problem(tmp_path: Path) -> None:
    assert set(problems(tmp_path, GOOD + "[guard]\nnewly_red_percent = nan\n")) == {"guard.newly_red_percent"}


@pytest.mark.parametrize(
    ("before", "after", "key", "remedy"),
    [
        ('"env:SECRET"', '"env:NOT_SET"', "crm.salesforce.client_secret", "set it, or write file:/path"),
        ('"env:SECRET"', '"file:nowhere"', "crm.salesforce.client_secret", "check the path"),
        ('"env:SECRET"', '"keyring:alone"', "crm.salesforce.client_secret", "write keyring:service/user"),
        ('"env:SECRET"', '"hunter2"', "crm.salesforce.client_secret", "write env:NAME"),
        ("[daemon]", '[daemon]\ncycle_at = ["6:30"]', "daemon.cycle_at[0]", 'write one such as "06:30"'),
        ("[daemon]", '[daemon]\non_leave = "keep"', "daemon.on_leave", "write 'clear' or 'freeze'"),
        (
            "weight = 1\n[[model.signal",
            'weight = "x"\n[[model.signal',
            "model.category[usage].weight",
            "write one",
        ),
        (
            'name = "usage"',
            'name = "Usage 1"',
            "sources.product.streams[Usage 1].name",
            "write small letters",
        ),
        ("master = true", 'master = "perhaps"', "crm.salesforce.master", "write true or false"),
        ('kind = "daily"', 'kind = "hourly"', "sources.product.streams[usage]", "write 'daily'"),
    ],
)
def test_every_remedy_says_what_to_write(
    tmp_path: Path, before: str, after: str, key: str, remedy: str
) -> None:
    found = problems(tmp_path, changed(before, after))

    assert remedy in found[key]
    assert not any("correct it" in text or "hunter2" in text for text in found.values())


def test_every_pattern_of_a_setting_has_words_for_people() -> None:
    def patterns(part: Any) -> set[str]:
        if isinstance(part, dict):
            own = {part["pattern"]} if isinstance(part.get("pattern"), str) else set()
            return own.union(*map(patterns, part.values()))
        return set().union(*map(patterns, part)) if isinstance(part, list) else set()

    assert patterns(schema.json_schema()) == set(validation.FORMS)


SECOND_CRM = """
[crm.hubspot]
token = "env:ID"
match = { own_field = "%s", external_id = "%s" }
[crm.hubspot.read]
name = "name"
key = "account_key"
[crm.hubspot.write]
health_score = "score"
"""


def test_what_accounts_are_matched_by_must_be_read(tmp_path: Path) -> None:
    text = changed('type = "files"', 'type = "files"\nmatch = { source_id = "tenant", external_id = "Id" }')

    found = problems(tmp_path, text + SECOND_CRM % ("keey", "kex"))

    assert set(found) == {
        "sources.product.match.source_id",
        "sources.product.match.external_id",
        "crm.hubspot.match.own_field",
        "crm.hubspot.match.external_id",
    }
    assert "[crm.salesforce.read], or write one of: crm_id" in found["sources.product.match.external_id"]
    assert "[crm.hubspot.read], or write one of: name, key" in found["crm.hubspot.match.own_field"]


def test_what_accounts_are_matched_by_may_be_any_further_field_that_is_read(tmp_path: Path) -> None:
    text = changed('name = "Name"', 'name = "Name"\ntenant = "Tenant__c"')
    text = text.replace('type = "files"', 'type = "files"\nmatch = { source_id = "tenant" }')

    settings = load(tmp_path, text + SECOND_CRM % ("key", "tenant"))

    assert settings.sources[0].match.source_id == "tenant"


def test_a_field_with_a_meaning_of_its_own_matches_nothing(tmp_path: Path) -> None:
    text = changed('type = "files"', 'type = "files"\nmatch = { source_id = "name" }')

    assert set(problems(tmp_path, text)) == {"sources.product.match.source_id"}
