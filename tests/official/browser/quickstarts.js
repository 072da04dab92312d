// Starts the quickstarts for real, and a website of another origin that shows their page.
import { createServer } from "node:http";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { apiKey, binary, freePort, launch, startCore } from "../node/processes.js";

const page = fileURLToPath(new URL("../../../examples/page", import.meta.url));

/** Each way to start a quickstart: `({ seconds, website })`, how long access tokens live and who may call. */
export const quickstarts = { "axum-quickstart": startAxum, "actix-quickstart": startActix };

async function startAxum({ seconds = 3600, website } = {}) {
    const directory = await mkdtemp(path.join(tmpdir(), "portcullis-browser-"));
    const server = await start("axum-quickstart", { DATABASE: "quickstart.db", ACCESS_TOKEN_VALIDITY: `${seconds}` }, website, directory);
    return {
        url: server.url,
        stop: async () => {
            await server.stop();
            await rm(directory, { recursive: true });
        },
    };
}

async function startActix({ seconds = 3600, website } = {}) {
    process.env.ACCESS_TOKEN_VALIDITY = `${seconds}`; // the core's own setting
    const core = await startCore();
    const server = await start("actix-quickstart", { CORE_URI: core.uri, CORE_API_KEY: apiKey }, website, tmpdir());
    return {
        url: server.url,
        stop: async () => {
            await server.stop();
            await core.stop();
        },
    };
}

async function start(name, settings, website, cwd) {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const env = { ...process.env, ...settings, PORT: `${port}`, ...(website && { WEBSITE_DOMAIN: website }) };
    const server = launch(binary(name), [], { cwd, env });
    await server.until(async () => (await fetch(`${url}/sessioninfo`)).status === 401);
    return { url, stop: server.stop };
}

const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

/** A website on another host or port, whose page is told where the API is. */
export async function startWebsite(host) {
    let api = "";
    const server = createServer(async (request, response) => {
        const name = request.url.split("?")[0].replace(/\/$/, "/index.html");
        const bundled = name.replace("/supertokens-web-js", "node_modules/supertokens-web-js/bundle");
        const file = path.join(page, bundled === name ? path.join("public", name) : bundled);
        const content = await readFile(file).catch(() => undefined);
        if (!content) return response.writeHead(404).end();
        const told = `name="api-domain" content="${api}"`;
        response.writeHead(200, { "content-type": types[path.extname(file)] });
        response.end(file.endsWith(".html") ? content.toString().replace('name="api-domain" content=""', told) : content);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return {
        url: `http://${host}:${server.address().port}`,
        shows: (url) => (api = url),
        stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
    };
}

/** crates/testserver, whose way to keep sessions can be changed. */
export async function startTestServer(core) {
    const port = await freePort();
    const url = `http://localhost:${port}`;
    const { hostname, port: corePort } = new URL(core.uri);
    const env = { ...process.env, NODE_PORT: `${port}`, SUPERTOKENS_CORE_HOST: hostname, SUPERTOKENS_CORE_PORT: corePort, CORE_API_KEY: apiKey };
    const server = launch(binary("portcullis-testserver"), [], { cwd: tmpdir(), env });
    await server.until(async () => (await fetch(`${url}/ping`)).status === 200);
    const keepSessions = async (settings) => {
        const body = JSON.stringify({ coreUrl: core.uri, ...settings });
        const answer = await fetch(`${url}/test/setup/st`, { method: "POST", headers: { "content-type": "application/json" }, body });
        if (answer.status !== 200) throw new Error(await answer.text());
    };
    return { url, keepSessions, stop: server.stop };
}
