"""The state folder: one key, one address each, the same for every command."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiagents.common import local_state


class TestSecretKey:
    def test_is_made_once_and_only_its_owner_reads_it(self, tmp_path):
        key = local_state.secret_key(tmp_path)
        assert len(key) >= 50
        assert local_state.secret_key(tmp_path) == key
        mode = stat.S_IMODE((tmp_path / "secret_key").stat().st_mode)
        assert mode == 0o600

    def test_makes_its_folder(self, tmp_path):
        assert local_state.secret_key(tmp_path / "new" / "var")

    def test_is_the_same_for_processes_that_start_together(self, tmp_path):
        with ThreadPoolExecutor(8) as pool:
            keys = set(pool.map(local_state.secret_key, [tmp_path] * 32))
        assert len(keys) == 1

    def test_leaves_no_draft(self, tmp_path):
        local_state.secret_key(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


class TestAddresses:
    def test_redis_listens_on_a_socket_in_the_folder(self, tmp_path):
        assert local_state.redis_url(tmp_path) == f"unix://{tmp_path}/redis.sock"

    def test_redis_listens_where_it_noted(self, tmp_path):
        (tmp_path / "redis.url").write_text("redis://127.0.0.1:7001/0\n")
        assert local_state.redis_url(tmp_path) == "redis://127.0.0.1:7001/0"

    def test_a_demo_model_that_never_ran_has_no_address(self, tmp_path):
        assert local_state.demo_model_url(tmp_path) == ""

    def test_a_socket_path_has_room_for_107_bytes(self):
        assert local_state.socket_fits(Path("/" + "x" * 106))
        assert not local_state.socket_fits(Path("/" + "x" * 107))
        assert not local_state.socket_fits(Path("/" + "é" * 60))
