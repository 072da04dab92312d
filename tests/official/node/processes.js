// Starts what the tests talk to, for real: the core's binary and the example application.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
export const exampleDirectory = path.join(repository, "examples/node-express");
export const apiKey = "key-of-the-official-node-tests";

/** A core on a free port of 127.0.0.1, with the database that DATABASE names, or a SQLite file of its own. */
export async function startCore() {
    const directory = await mkdtemp(path.join(tmpdir(), "portcullis-node-"));
    const database = process.env.DATABASE || `sqlite:${path.join(directory, "core.db")}`;
    const port = await freePort();
    const uri = `http://127.0.0.1:${port}`;
    const start = async () => {
        const process_ = launch(binary("portcullis"), ["start", "--host", "127.0.0.1", "--port", `${port}`, "--database", database], {
            cwd: directory,
            env: { ...process.env, API_KEYS: apiKey },
        });
        await process_.until(async () => (await fetch(`${uri}/hello`)).status === 200);
        return process_;
    };
    let running = await start();
    return {
        uri,
        restart: async () => {
            await running.stop();
            running = await start();
        },
        stop: async () => {
            await running.stop();
            await rm(directory, { recursive: true });
        },
    };
}

/** `examples/node-express` as `npm start` runs it, against the given core. */
export async function startExample(core) {
    const port = await freePort();
    const url = `http://localhost:${port}`;
    const process_ = launch(process.execPath, ["server.js"], {
        cwd: exampleDirectory,
        env: { ...process.env, PORT: `${port}`, CORE_URI: core.uri, CORE_API_KEY: apiKey },
    });
    await process_.until(async () => (await fetch(`${url}/sessioninfo`)).status === 401);
    return {
        url,
        stop: process_.stop,
        /** The link of the newest e-mail of this type to this address; undefined if none was sent within the time. */
        emailedLink: async (type, to, withinMilliseconds = 5000) => {
            const start = `E-mail ${type} to ${to}: `;
            for (const deadline = Date.now() + withinMilliseconds; ; await sleep(10)) {
                const line = process_.lines.findLast((candidate) => candidate.startsWith(start));
                if (line !== undefined) return new URL(line.slice(start.length));
                if (Date.now() > deadline) return undefined;
            }
        },
    };
}

/** A program of the workspace: beside the core that PORTCULLIS_BIN names, or in target/. */
export function binary(name) {
    const core = process.env.PORTCULLIS_BIN;
    if (core) return path.join(path.dirname(core), name);
    const built = ["release", "debug"].map((profile) => path.join(repository, "target", profile, name)).find((file) => existsSync(file));
    if (!built) throw new Error(`no ${name} to test: set PORTCULLIS_BIN or run "cargo build --release --workspace"`);
    return built;
}

/** A child process whose lines are kept. */
export function launch(command, args, options) {
    const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "inherit"] });
    const lines = [];
    createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
    const exited = once(child, "exit").catch((error) => [error.message]);
    let ended;
    exited.then(([code, signal]) => (ended = signal ?? code));
    const said = () => `${command} ${args.join(" ")} said:\n${lines.join("\n")}`;
    return {
        lines,
        /** Waits until the check holds; it may throw as long as the process is not ready. */
        until: async (check) => {
            for (const deadline = Date.now() + 30_000; ; await sleep(20)) {
                if (ended !== undefined) throw new Error(`ended with ${ended}: ${said()}`);
                if (await check().catch(() => false)) return;
                if (Date.now() > deadline) {
                    child.kill("SIGKILL");
                    throw new Error(`not ready after 30 seconds: ${said()}`);
                }
            }
        },
        stop: async () => {
            if (ended !== undefined) throw new Error(`had ended with ${ended} before it was stopped: ${said()}`);
            const killer = setTimeout(() => child.kill("SIGKILL"), 10_000);
            child.kill("SIGTERM");
            const [, signal] = await exited;
            clearTimeout(killer);
            if (signal === "SIGKILL") throw new Error(`did not stop within 10 seconds: ${said()}`);
        },
    };
}

export async function freePort() {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address();
    server.close();
    await once(server, "close");
    return port;
}
