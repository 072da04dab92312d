"""Starts the core on a fresh SQLite file, asks /hello until it answers, then reads its memory."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time

DEADLINE_S = 30
IDLE_S = 2


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/hello")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    raise SystemExit("no VmRSS: the core is gone")


def main(binary):
    binary, port = os.path.abspath(binary), free_port()
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        core = subprocess.Popen(
            [binary, "--port", str(port)], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while not answers(port):
                if core.poll() is not None or time.perf_counter() - begin > DEADLINE_S:
                    raise SystemExit("the core did not start")
                time.sleep(0.001)
            first = time.perf_counter() - begin
            time.sleep(IDLE_S)
            print(f"first 200 of /hello after {first * 1000:.0f} ms")
            print(f"idle memory (RSS) {resident_mb(core.pid):.1f} MB")
        finally:
            core.terminate()
            core.wait()


main(sys.argv[1])
