"""The environment: defaults, what each variable takes, and the one line that refuses a wrong value."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from imageyard.env import Env, EnvError, read_env


def read(home: Path, **variables: str) -> Env:
    return read_env({"IMAGEYARD_HOME": str(home), **variables})


def test_it_needs_nothing_to_be_set(tmp_path: Path) -> None:
    env = read(tmp_path)
    assert (env.http_host, env.http_port, env.url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert (env.registry, env.registry_scheme) == ("127.0.0.1:5000", "http")
    assert env.database_url == f"sqlite:///{tmp_path}/imageyard.sqlite3"
    assert env.redis_url == f"unix://{env.run_dir}/redis.sock?db=0"
    assert env.log_storage.options == {"location": f"{tmp_path}/logs"}


def test_it_takes_an_empty_value_for_not_set(tmp_path: Path) -> None:
    assert read(tmp_path, IMAGEYARD_HTTP="", REDIS_URL=" ", DATABASE_URL="") == read(tmp_path)


WRONG = [
    ("IMAGEYARD_HTTP", "8000", "an address and a port"),
    ("IMAGEYARD_HTTP", "127.0.0.1:99999", "an address and a port"),
    ("IMAGEYARD_HTTP", "::1:8000", "brackets"),
    ("IMAGEYARD_URL", "imageyard.acme.test", "http:// or https://"),
    ("IMAGEYARD_URL", "https://acme.test/imageyard", "without a path"),
    ("IMAGEYARD_REGISTRY", "http://registry.acme.test", "a host and a port"),
    ("IMAGEYARD_REGISTRY", "registry", "Docker Hub user"),
    ("IMAGEYARD_REGISTRY_SCHEME", "ftp", "http or https"),
    ("IMAGEYARD_SLOTS", "many", "a whole number from 1 to 256"),
    ("IMAGEYARD_SLOTS", "0", "a whole number from 1 to 256"),
    ("IMAGEYARD_SLOTS", "1.5", "a whole number from 1 to 256"),
    ("IMAGEYARD_TRUSTED_HOSTS", "git.acme.test, https://x", "host names"),
    ("IMAGEYARD_LOCAL_GIT_ROOT", "/there/is/no/such/folder", "a folder that exists"),
    ("IMAGEYARD_LOCAL_GIT_ROOT", ".", "absolute"),
    ("DATABASE_URL", "mysql://db/imageyard", "postgresql://"),
    ("DATABASE_URL", "sqlite://imageyard.sqlite3", "sqlite:////absolute/path.sqlite3"),
    ("DATABASE_URL", "postgresql://db:port/imageyard", "postgresql://"),
    ("REDIS_URL", "localhost:6379", "redis://"),
    ("REDIS_URL", "redis://localhost:6379/first", "redis://"),
    ("LOG_STORAGE", "logs", "an absolute folder or a Django storage"),
    ("DOCKER_HOST", "/var/run/docker.sock", "unix:///"),
    ("BUILDX_BUILDER", "--help", "docker buildx ls"),
    ("IMAGEYARD_DEBUG", "yes", "0 or 1"),
    ("IMAGEYARD_LEASE_S", "1", "a whole number from 3"),
]


@pytest.mark.parametrize(("name", "value", "right"), WRONG)
def test_it_refuses_a_wrong_value_in_one_line_with_name_value_and_what_is_right(
    tmp_path: Path, name: str, value: str, right: str
) -> None:
    with pytest.raises(EnvError) as refused:
        read(tmp_path, **{name: value})
    sentence = str(refused.value)
    assert sentence.startswith(f"{name} is “")
    assert right in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IMAGEYARD_ADMIN_TOKEN", "hunter2"),
        ("IMAGEYARD_SECRET_KEY", "hunter2"),
        ("IMAGEYARD_ENCRYPTION_KEYS", "hunter2"),
        ("DATABASE_URL", "mysql://imageyard:hunter2@db/imageyard"),
        ("REDIS_URL", "http://:hunter2@redis"),
        ("IMAGEYARD_URL", "https://me:hunter2@acme.test"),
        ("LOG_STORAGE", "nothing?secret_key=hunter2"),
    ],
)
def test_it_never_repeats_a_secret(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(EnvError) as refused:
        read(tmp_path, **{name: value})
    assert "hunter2" not in str(refused.value)


def test_it_keeps_a_value_with_a_newline_on_one_line(tmp_path: Path) -> None:
    with pytest.raises(EnvError) as refused:
        read(tmp_path, IMAGEYARD_SLOTS="1\n2")
    assert "1\\n2" in str(refused.value)


def test_it_makes_its_secrets_once_with_mode_0600(tmp_path: Path) -> None:
    first, second = read(tmp_path), read(tmp_path)
    assert first == second
    assert Fernet(first.encryption_keys[0])
    for name in ("secret-key", "encryption-keys"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert read(tmp_path / "other").secret_key != first.secret_key


def test_it_names_the_file_when_a_kept_secret_is_empty(tmp_path: Path) -> None:
    (tmp_path / "secret-key").touch()
    with pytest.raises(EnvError, match=r"IMAGEYARD_SECRET_KEY is not set, and .*/secret-key is empty"):
        read(tmp_path)


def test_it_reads_a_secret_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://redis.acme.test/1\n")
    assert read(tmp_path, REDIS_URL_FILE=str(tmp_path / "url")).redis_url == "redis://redis.acme.test/1"


def test_it_refuses_a_secret_given_twice(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="REDIS_URL is set as well"):
        read(tmp_path, REDIS_URL="redis://a", REDIS_URL_FILE="/b")


def test_it_takes_several_encryption_keys_newest_first(tmp_path: Path) -> None:
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    assert read(tmp_path, IMAGEYARD_ENCRYPTION_KEYS=",".join(keys)).encryption_keys == tuple(keys)


@pytest.mark.parametrize(
    ("registry", "scheme"),
    [("localhost:5000", "http"), ("[::1]:5000", "http"), ("registry.acme.test", "https"), ("10.0.0.7:5000", "https")],
)
def test_it_speaks_plain_http_to_a_loopback_registry_only(tmp_path: Path, registry: str, scheme: str) -> None:
    assert read(tmp_path, IMAGEYARD_REGISTRY=registry).registry_scheme == scheme


def test_it_links_to_an_address_that_can_be_opened_when_web_listens_everywhere(tmp_path: Path) -> None:
    assert read(tmp_path, IMAGEYARD_HTTP="0.0.0.0:8000").url == "http://127.0.0.1:8000"


def test_it_reads_a_storage_with_its_options(tmp_path: Path) -> None:
    storage = read(tmp_path, LOG_STORAGE="storages.backends.s3.S3Storage?bucket_name=logs&region_name=eu").log_storage
    assert storage.backend == "storages.backends.s3.S3Storage"
    assert storage.options == {"bucket_name": "logs", "region_name": "eu"}


@pytest.mark.parametrize(
    ("redis_url", "broker"),
    [
        ("redis://redis.acme.test:6379/2", "redis://redis.acme.test:6379/2"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
    ],
)
def test_it_spells_a_redis_url_as_celery_does(tmp_path: Path, redis_url: str, broker: str) -> None:
    assert read(tmp_path, REDIS_URL=redis_url).celery_broker_url == broker


def test_it_keeps_sockets_in_a_short_folder_when_the_home_is_deep(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 40)
    first, second = read(deep), read(tmp_path / ("deep" * 41))
    assert len(str(first.run_dir)) < 64
    assert first.run_dir != second.run_dir
    assert first == read(deep)


def test_it_refuses_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(EnvError, match=r"IMAGEYARD_HOME is .*a folder that this process can make"):
        read(tmp_path / "home")
