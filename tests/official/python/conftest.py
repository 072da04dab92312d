"""Starts what the tests talk to, for real: the core's binary and a FastAPI application with supertokens-python."""

import os
import pathlib
import socket
import subprocess
import threading
import time

import httpx
import pytest
import uvicorn

REPOSITORY = pathlib.Path(__file__).parents[3]


@pytest.fixture(scope="session")
def core_uri(tmp_path_factory):
    """A core on a free port of 127.0.0.1, with the database that DATABASE names or a SQLite file of its own."""
    directory = tmp_path_factory.mktemp("core")
    database = os.environ.get("DATABASE") or f"sqlite:{directory}/core.db"
    port = free_port()
    command = [core_binary(), "start", "--host", "127.0.0.1", "--port", str(port), "--database", database]
    core = subprocess.Popen(command, cwd=directory)
    try:
        uri = f"http://127.0.0.1:{port}"
        wait_until(lambda: core.poll() is not None or httpx.get(f"{uri}/hello").status_code == 200)
        assert core.poll() is None, f"the core ended with {core.returncode}"
        yield uri
        core.terminate()
        assert core.wait(timeout=10) == 0
    finally:
        core.kill()


@pytest.fixture(scope="session")
def application(core_uri):
    os.environ["CORE_URI"] = core_uri
    from application import app

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)


def core_binary():
    if named := os.environ.get("PORTCULLIS_BIN"):
        return named
    for profile in ("release", "debug"):
        built = REPOSITORY / "target" / profile / "portcullis"
        if built.is_file():
            return str(built)
    raise FileNotFoundError('no core to test: set PORTCULLIS_BIN or run "cargo build --release"')


def wait_until(ready):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise TimeoutError("not ready after 30 seconds")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
