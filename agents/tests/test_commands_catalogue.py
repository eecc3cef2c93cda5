"""The commands of the catalogue: what they print and how they end."""

import io

import pytest
from django.core.management import CommandError, call_command

from agents.management.progress import ProgressLine
from agents.models import Agent
from agents.tests.shelf import PLACES, RECORD, SELECTOR

pytestmark = pytest.mark.django_db


def call(name, *args, **options):
    """What the command printed, what it complained of, and its exit status."""
    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    try:
        call_command(name, *args, stdout=out, stderr=err, **options)
    except SystemExit as end:
        status = end.code
    return out.getvalue(), err.getvalue(), status


class TestLoadCatalogue:
    def test_ends_well(self, shelf):
        out, err, status = call("load_catalogue", folder=shelf.root)
        assert status == 0
        assert out.startswith("2 created, 0 updated, 0 unchanged")
        assert err.splitlines() == ["1/2 definition files", "2/2 definition files"]

    def test_tells_of_bad_definitions(self, shelf):
        shelf.change(RECORD, purpose="Too short.")
        out, err, status = call("load_catalogue", folder=shelf.root)
        assert status == 1
        assert f"{shelf.path(*PLACES[RECORD])}:" in err
        assert "1 errors" in out
        assert Agent.objects.count() == 1

    def test_tells_of_conflicts_and_of_what_is_gone(self, shelf):
        call("load_catalogue", folder=shelf.root)
        Agent.objects.filter(slug=SELECTOR).update(file_digest="0" * 64)
        shelf.change(role="an adviser to exporters of steel")
        shelf.path(*PLACES[RECORD]).unlink()
        out, err, status = call("load_catalogue", folder=shelf.root)
        assert status == 2
        assert f"{SELECTOR}: changed in the file and in the database" in err
        assert f"{RECORD}: its file no longer holds it" in out

    def test_refuses_a_folder_without_taxonomy(self, tmp_path):
        with pytest.raises(CommandError, match="No usable taxonomy"):
            call("load_catalogue", folder=tmp_path)


class TestExportCatalogue:
    def test_writes_files(self, shelf, tmp_path):
        call("load_catalogue", folder=shelf.root)
        out, _, status = call("export_catalogue", folder=tmp_path / "out")
        assert status == 0
        assert out.splitlines()[-1] == "4 written, 0 unchanged"


class TestLintCatalogue:
    def test_ends_well(self, shelf):
        out, err, status = call("lint_catalogue", shelf.root)
        assert (out, status) == ("0 errors, 0 warnings\n", 0)
        assert "2/2 files judged" in err

    def test_tells_where_an_error_stands(self, shelf):
        shelf.change(name="Incoterms Selector 7")
        path = shelf.path(*PLACES[SELECTOR])
        out, _, status = call("lint_catalogue", path)
        assert status == 1
        assert out.startswith(f"{path}:")
        assert "E L02 incoterms-term-selector" in out

    def test_judges_only_what_was_named(self, shelf):
        shelf.change(name="Incoterms Selector 7")
        out, _, status = call("lint_catalogue", shelf.path(*PLACES[RECORD]))
        assert (out, status) == ("0 errors, 0 warnings\n", 0)

    def test_rewrites_what_is_not_canonical(self, shelf):
        path = shelf.path(*PLACES[SELECTOR])
        good = path.read_text()
        path.write_text(good.replace("risk: medium", "risk:  medium"))
        out, _, status = call("lint_catalogue", shelf.root, fix=True)
        assert status == 0
        assert f"{path}: rewritten" in out
        assert path.read_text() == good

    def test_refuses_a_path_outside(self, tmp_path):
        with pytest.raises(CommandError, match="lies in no catalogue"):
            call("lint_catalogue", tmp_path)
        with pytest.raises(CommandError, match="There is no"):
            call("lint_catalogue", tmp_path / "absent")


class TestProgressLine:
    class Terminal(io.StringIO):
        def isatty(self):
            return True

        def write(self, text, ending="\n"):
            return super().write(text + ending)

    def test_draws_a_bar_for_people(self):
        stream = self.Terminal()
        with ProgressLine(stream, what="files") as progress:
            for done in range(1, 4):
                progress(done, 3)
        bars = stream.getvalue().split("\r")
        assert bars[1] == "[##########....................] 1/3 files"
        assert bars[-1] == "[##############################] 3/3 files\n"
