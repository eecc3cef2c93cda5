"""The shape of the project, where a machine can see it."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from aiagents.celery import app as celery_app

ROOT = settings.BASE_DIR
APPS = ("accounts", "agents", "analytics", "marketplace", "workflows")
#: DESIGN §2. A new name is a decision.
TOP_LEVEL = {
    "aiagents", *APPS, "templates", "static", "fixtures", "deploy", "docs", "bench", "requirements",
    "manage.py", "pyproject.toml", "Makefile", "README.md", "CHANGELOG.md", "LICENSE",
}  # fmt: skip
ENQUEUE = {"enqueue", "enqueue_on_commit"}


def sources(*folders):
    found = [p for folder in folders for p in (ROOT / folder).rglob("*.py")]
    return [p for p in found if "tests" not in p.parts and "migrations" not in p.parts]


def test_imports_keep_their_contracts():
    program = Path(ROOT / ".venv/bin/lint-imports")
    command = [str(program) if program.exists() else "lint-imports", "--no-cache"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_top_level_holds_only_what_was_decided():
    ignored = {
        line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines()
    }
    names = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert names - ignored <= TOP_LEVEL


@pytest.mark.django_db
def test_every_model_has_its_migration():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


class TestTasks:
    @pytest.fixture
    def registered(self):
        celery_app.loader.import_default_modules()
        return {name for name in celery_app.tasks if not name.startswith("celery.")}

    def test_every_dispatched_name_is_a_task(self, registered):
        dispatched = {name for path in sources(*APPS) for name in _task_names(path)}
        assert dispatched
        assert dispatched <= registered

    def test_every_planned_name_is_a_task(self, registered):
        planned = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
        assert planned
        assert planned <= registered

    def test_every_queue_that_is_used_is_listened_to(self):
        from aiagents.celery import QUEUES
        from aiagents.ops import local

        assert set(local.QUEUES.split(",")) == set(QUEUES)
        planned = {
            entry["options"]["queue"]
            for entry in settings.CELERY_BEAT_SCHEDULE.values()
        }
        assert planned <= set(QUEUES)


def _task_names(path):
    """The first argument of every call that sends a task by name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in ENQUEUE and node.args:
            match node.args[0]:
                case ast.Constant(value=name):
                    yield name
                case ast.Name(id=variable):
                    assert variable in constants, f"{path}: {variable} is not in sight"
                    yield constants[variable]


def _called(node):
    function = node.func
    return (
        function.attr
        if isinstance(function, ast.Attribute)
        else getattr(function, "id", "")
    )


def test_only_the_typed_readers_read_variables():
    """`common/config.py` names a bad value; tests and the supervisor hand variables on."""
    offenders = [
        str(path.relative_to(ROOT))
        for path in sources(*APPS, "aiagents/settings", "aiagents/common")
        if path.name != "config.py" and _reads_environment(path)
    ]
    assert offenders == []


def _reads_environment(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(
        isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
        for node in ast.walk(tree)
        if not isinstance(node, ast.Attribute) or getattr(node.value, "id", "") == "os"
    )


class TestRequirements:
    @pytest.mark.parametrize("name", ["base", "local", "dev"])
    def test_name_no_index_and_pin_every_package_with_hashes(self, name):
        text = (ROOT / f"requirements/{name}.txt").read_text()
        assert "://" not in re.sub(r"#.*", "", text)
        assert _pins(name)
        entries = re.split(r"\n(?=\S)", text.strip())
        unpinned = [
            e for e in entries if not e.startswith("#") and "--hash=sha256:" not in e
        ]
        assert unpinned == []

    def test_one_version_of_each_package_in_all_sets(self):
        base, local, dev = map(_pins, ("base", "local", "dev"))
        assert base.items() <= local.items()
        assert local.items() <= dev.items()

    def test_hold_everything_that_is_declared(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        pins = _pins("base")
        declared = {
            _plain(re.match(r"[\w.-]+", text)[0]) for text in project["dependencies"]
        }
        assert declared <= set(pins)


def _pins(name):
    text = (ROOT / f"requirements/{name}.txt").read_text()
    found = re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
    return {_plain(package): version for package, version in found}


def _plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_make_has_the_promised_targets():
    makefile = (ROOT / "Makefile").read_text()
    for target in ("run", "test", "crash", "check", "fix", "bench", "lock"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs/adr").glob("0*.md")), ids=lambda p: p.stem
)
def test_a_decision_fits_on_a_page_and_is_listed(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 40
    assert "Status:" in text
    assert path.name in (path.parent / "README.md").read_text()
