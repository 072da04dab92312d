"""Reads the binary's size, starts the core several times, asks /hello until it answers, and reads its memory at rest
and after a little load.

Fails if a bound is not held.
"""

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

MAX_BINARY_MB = 25
MAX_START_MS = 50
MAX_IDLE_MIB = 20
STARTS = 9
DEADLINE_S = 30
IDLE_S = 5
SIGN_UPS = 10
SESSIONS = 300


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Core:
    """A started core, and how long it took to answer."""

    def __init__(self, binary, folder, options):
        self.port = free_port()
        command = [binary, "--port", str(self.port), *options.get("flags", [])]
        begin = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **options.get("env", {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not self.answers():
            if self.process.poll() is not None or time.perf_counter() - begin > DEADLINE_S:
                self.process.kill()
                raise SystemExit("the core did not start")
            time.sleep(0.0005)
        self.start_ms = (time.perf_counter() - begin) * 1000

    def answers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/hello")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        raise SystemExit("no VmRSS: the core is gone")

    def stop(self):
        self.process.terminate()
        status = self.process.wait(timeout=DEADLINE_S)
        if status != 0:
            raise SystemExit(f"the core did not stop cleanly: {status}")

    def load(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)

        def post(path, body):
            connection.request("POST", path, json.dumps(body), {"cdi-version": "5.4"})
            response = connection.getresponse()
            answer = json.loads(response.read()) if response.status == 200 else {}
            if answer.get("status") != "OK":
                raise SystemExit(f"{path} failed: {response.status} {answer}")
            return answer

        anti_csrf = {"enableAntiCsrf": False}
        for n in range(SIGN_UPS):
            post("/recipe/signup", {"email": f"user{n}@example.com", "password": "a-Secret-1"})
        for n in range(SESSIONS):
            made = post("/recipe/session", {"userId": str(n), "userDataInJWT": {}, "userDataInDatabase": {}, **anti_csrf})
            shown = {"accessToken": made["accessToken"]["token"], "doAntiCsrfCheck": False, "checkDatabase": True}
            post("/recipe/session/verify", {**shown, **anti_csrf})
            held = {"refreshToken": made["refreshToken"]["token"], "useDynamicSigningKey": True}
            post("/recipe/session/refresh", {**held, **anti_csrf})
        connection.close()


def measure(binary, options_of_start):
    """`options_of_start` tells how to start on database number n."""
    with tempfile.TemporaryDirectory() as folder:
        first, again = [], []
        for n in range(STARTS):
            for times in (first, again):
                core = Core(binary, folder, options_of_start(n))
                times.append(core.start_ms)
                core.stop()
        core = Core(binary, folder, options_of_start(STARTS))
        try:
            time.sleep(IDLE_S)
            idle = core.resident_mib()
            core.load()
            time.sleep(IDLE_S)
            loaded = core.resident_mib()
        finally:
            core.stop()
    return statistics.median(first), statistics.median(again), idle, loaded


def report(engine, figures):
    first, again, idle, loaded = figures
    print(f"{engine}: first 200 of /hello after {first:.0f} ms on a new database, {again:.0f} ms on an old one")
    print(f"{engine}: memory (RSS) {idle:.1f} MiB at rest, {loaded:.1f} MiB at rest after a little load")
    faults = []
    # Making the tables on PostgreSQL is the server's time, spent once.
    start = again if engine == "postgres" else max(first, again)
    if start > MAX_START_MS:
        faults.append(f"{engine}: the start takes more than {MAX_START_MS} ms")
    if idle > MAX_IDLE_MIB:
        faults.append(f"{engine}: more than {MAX_IDLE_MIB} MiB at rest")
    return faults


def weigh(binary):
    size = os.path.getsize(binary) / 1e6
    print(f"binary: {size:.1f} MB")
    return [f"the binary has more than {MAX_BINARY_MB} MB"] if size > MAX_BINARY_MB else []


def main(binary):
    binary = os.path.abspath(binary)
    faults = weigh(binary)
    faults += report("sqlite", measure(binary, lambda n: {"flags": ["--database", f"sqlite:{n}.db"]}))
    url = os.environ.get("TEST_DATABASE_URL")
    if url:
        run = uuid.uuid4().hex

        def on_postgres(n):
            return {"flags": ["--database", url], "env": {"POSTGRESQL_TABLE_SCHEMA": f"footprint_{run}_{n}"}}

        faults += report("postgres", measure(binary, on_postgres))
    else:
        print("postgres: not measured; TEST_DATABASE_URL names no server")
    if faults:
        raise SystemExit("\n".join(["TOO MUCH:", *faults]))


main(sys.argv[1])
