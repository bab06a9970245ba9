"""What a model that is valid should be looked over for, as `check` shows it: lints, and what every signal weighs."""

from collections.abc import Mapping
from datetime import date

from crmhealth.render import Output
from crmhealth.settings import Settings
from scoring.definition import model_hash
from scoring.lints import Lint, effective_percentages, lints


def advice(settings: Settings, today: date) -> list[Lint]:
    """List the lints of the health model."""
    return lints(
        settings.model,
        today=today,
        account_fields=frozenset(settings.master.table.read),
        answered=answered(settings),
    )


def answered(settings: Settings) -> frozenset[str]:
    """Name the bands that have a playbook; only red can have one yet."""
    return frozenset(playbook.trigger for playbook in settings.playbooks) | {"yellow", "green"}


def percentages(settings: Settings) -> dict[str, Mapping[str, float]]:
    """Give what every signal weighs, by profile ("" is the model itself)."""
    ids = ["", *(profile.id for profile in settings.model.profiles)]
    return {name: effective_percentages(settings.model, name) for name in ids}


def document(settings: Settings, today: date) -> dict[str, object]:
    """Give the advice as part of a JSON document."""
    return {
        "model": {
            "version": settings.model.version,
            "hash": model_hash(settings.model),
            "percentages": percentages(settings),
        },
        "advice": advice(settings, today),
    }


def show(output: Output, settings: Settings, today: date) -> None:
    """Print the advice."""
    output.line(f"model   {settings.model.version} ({model_hash(settings.model)})")
    shares = percentages(settings)
    output.table(
        "What signals weigh, in percent of the score",
        ("signal", *(name or "model" for name in shares)),
        [
            (signal, *(f"{shares[name][signal]:.1f}" for name in shares))
            for signal, share in shares[""].items()
            if share or any(part[signal] for part in shares.values())
        ],
    )
    for lint in advice(settings, today):
        output.line(f"{lint.level:7} {lint.key}: {lint.message}; {lint.remedy}")
