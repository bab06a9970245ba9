"""The configuration: everything wrong with it at once, each with its key and what would be right."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crmhealth import config, schema
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
    assert "pw" not in config.without_secrets(settings).daemon.state


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
    head = GOOD.partition("[model]")[0]
    names = list(config.ready_made())

    for name in names:
        assert load(tmp_path, head + f'[model]\nuse = "{name}"\n').model.version

    assert "starter" in names


def test_the_json_schema_knows_every_table_and_connector() -> None:
    made = schema.json_schema()

    assert set(made["properties"]) == {"daemon", "crm", "sources", "model", "playbook", "guard"}
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
