"""What people see: names from other systems are shown as they are, and never steer the terminal."""

import pytest

from crmhealth.render import Output, band

NASTY = "x\\[/red]y [bold]z[/] \x1b[31mred\x07\r\u202e :smile:"
HARMLESS = "x\\[/red]y [bold]z[/] [31mred :smile:"


def test_a_name_that_looks_like_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(json=False)

    output.table("Names", ("name",), [(NASTY,)])
    output.line(f"name: {NASTY}")
    output.failure("name", NASTY, "rename it")

    shown = capsys.readouterr()
    assert shown.out.count(HARMLESS) == 2
    assert f"name: {HARMLESS}; rename it" in shown.err


def test_a_cell_keeps_its_line_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=False).table("Fields", ("after",), [("first\r\nsecond",)])

    assert [line.strip() for line in capsys.readouterr().out.splitlines()][-2:] == ["first", "second"]


def test_a_line_may_hold_a_band_in_its_colour(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=False).line("Score 42, ", band("red"), ", confidence 80%")

    assert capsys.readouterr().out == "Score 42, red, confidence 80%\n"
