// The same requests go to the unmodified supertokens-node in an Express application and to the Rust SDK, both on
// one core, and the answers are compared field by field: the quickstarts, applications with every recipe, and
// such where users sign in in several steps.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { apiKey, binary, freePort, launch, startCore } from "../node/processes.js";
import { startProvider } from "../node/provider.js";
import { Application, website } from "./application.js";
import { compare } from "./answers.js";
import { cases as ofQuickstarts } from "./cases.js";
import { differences } from "./differences.js";
import { cases as ofFactors } from "./factor-cases.js";
import { cases as ofRecipes, dashboardKey } from "./recipe-cases.js";

const cases = { ...ofQuickstarts, ...ofRecipes, ...ofFactors };
let core, provider;
/** Of each kind of application the Node SDK's and the Rust SDK's. */
const pairs = {};
const running = [];

before(async () => {
    process.env.BCRYPT_LOG_ROUNDS = "4"; // the core's own setting: many users are made, and no password matters
    const started = await startCore();
    running.push(started);
    core = new Core(started.uri);
    await core.prepare();
    provider = await startProvider();
    running.push(provider);
    const pair = async (kind, script, program, settings = {}) => {
        const file = fileURLToPath(new URL(script, import.meta.url));
        pairs[kind] = [
            await start(`node-${kind}`, process.execPath, [file], settings),
            await start(`rust-${kind}`, binary(program), [], settings),
        ];
    };
    const settings = { PROVIDER: provider.url, DASHBOARD_KEY: dashboardKey };
    await pair("quickstart", "express-app.js", "actix-quickstart");
    await pair("recipes", "every-recipe.js", "portcullis-every-recipe", settings);
    await pair("factors", "every-recipe.js", "portcullis-every-recipe", { ...settings, FACTORS: "on" });
});

after(async () => {
    for (const process_ of running.reverse()) await process_.stop();
});

async function start(name, command, args, settings) {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const env = { ...process.env, PORT: `${port}`, WEBSITE_DOMAIN: website, CORE_URI: core.uri, CORE_API_KEY: apiKey, ...settings };
    const process_ = launch(command, args, { cwd: tmpdir(), env });
    running.push(process_);
    await process_.until(async () => (await fetch(`${url}/sessioninfo`)).status === 401);
    return new Application(name, url, settings.PROVIDER ? `http://localhost:${port}` : url);
}

/** What only the core can make. */
class Core {
    constructor(uri) {
        this.uri = uri;
    }

    async prepare() {
        this.shortLived = await this.jwt({ sessionHandle: "none", refreshTokenHash1: "none", sub: "nobody" }, 1);
    }

    async call(path, body, method = "POST") {
        const headers = { "api-key": apiKey, "content-type": "application/json", "cdi-version": "5.4" };
        const answer = await (await fetch(this.uri + path, { method, headers, body: JSON.stringify(body) })).json();
        assert.equal(answer.status, "OK");
        return answer;
    }

    /** A tenant, which is made if there is none. */
    async tenant(tenantId, settings) {
        await this.call("/recipe/multitenancy/tenant/v2", { tenantId, ...settings }, "PUT");
    }

    async resetToken(userId, email) {
        return (await this.call("/recipe/user/password/reset/token", { userId, email })).token;
    }

    /** A token of the JWT recipe, signed with the key that also signs sessions. */
    async jwt(payload, validity = 3600) {
        const ask = { payload, algorithm: "RS256", jwksDomain: "http://example.com", validity, useStaticSigningKey: false };
        return (await this.call("/recipe/jwt", ask)).jwt;
    }

    /** A session's token that is over. */
    async expired() {
        const { exp } = JSON.parse(Buffer.from(this.shortLived.split(".")[1], "base64url"));
        while (Date.now() <= exp * 1000) await sleep(exp * 1000 - Date.now() + 1);
        return this.shortLived;
    }
}

for (const [name, ask] of Object.entries(cases)) {
    test(name, async () => {
        const [node, rust] = pairs[name in ofRecipes ? "recipes" : name in ofFactors ? "factors" : "quickstart"];
        const answers = [];
        for (const [app, other] of [[node, rust], [rust, node]]) {
            app.begin(other);
            other.begin(app);
            await ask(app, core, other, provider);
            answers.push(app.answers.kept);
        }
        assert(answers[0].length > 0);
        const found = compare(...answers);
        const rows = differences.filter((row) => name in row.cases);
        const unexpected = found.filter((difference) => !rows.some((row) => row.is(difference)));
        assert.deepEqual(unexpected, [], "these differences are meant by no row of differences.js");
        for (const row of rows) {
            const calls = new Set(found.filter(row.is).map(({ call }) => call));
            assert.equal(calls.size, row.cases[name], `so many calls differ because of: ${row.matter}`);
        }
    });
}

test("the differences that are meant are told", async () => {
    const told = await readFile(new URL("../../../docs/differences.md", import.meta.url), "utf8");
    for (const { matter, ofTheFrameworks } of differences) {
        assert(ofTheFrameworks || told.includes(`| ${matter} |`), `docs/differences.md has no row "${matter}"`);
    }
    const known = differences.flatMap((row) => Object.keys(row.cases));
    assert.deepEqual(known.filter((name) => !(name in cases)), [], "cases that there are not");
});
