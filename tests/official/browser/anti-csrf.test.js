// Requests that another page makes in a signed-in person's name, in Chromium: the person's own page uses the
// unmodified supertokens-web-js, and the forger's is on another port of the same host, so that cookies with
// SameSite=Lax go along. SCREENSHOTS=directory keeps a picture of what the forger sees.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import path from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { startCore } from "../node/processes.js";
import { launchOptions } from "./chromium.js";
import { startTestServer } from "./quickstarts.js";

const bundle = fileURLToPath(new URL("../../../examples/page/node_modules/supertokens-web-js/bundle", import.meta.url));

let core, server, browser, forger;
before(async () => {
    core = await startCore();
    server = await startTestServer(core);
    browser = await chromium.launch(launchOptions);
    forger = await startForger(server.url);
});
after(async () => {
    for (const thing of [forger, server, core]) await thing?.stop();
    await browser?.close();
});

let context, page;
beforeEach(async () => {
    context = await browser.newContext();
    context.setDefaultTimeout(10_000);
    page = await context.newPage();
});
afterEach(() => context.close());

/** A page whose forms call the API without having been asked to: `/?path`. */
async function startForger(url) {
    const page = http((path) => `<body><form method="post" enctype="text/plain" action="${url}${path}">
        <input name='{"forged":"' value='"}'></form><script>document.forms[0].submit()</script></body>`);
    await once(page, "listening");
    return { url: `http://localhost:${page.address().port}`, stop: () => new Promise((done) => page.close(done).closeAllConnections()) };
}

function http(html) {
    const server = createServer((request, response) => {
        response.writeHead(200, { "content-type": "text/html" });
        response.end(html(request.url.replace("/?", "")));
    });
    return server.listen(0, "localhost");
}

/** Shows a page with the web SDK at the API's own origin. */
async function visit() {
    const scripts = (await readdir(bundle)).filter((name) => /^(supertokens|website|session|dateprovider)\./.test(name));
    const order = ["website", "dateprovider", "supertokens", "session"];
    scripts.sort((a, b) => order.indexOf(a.split(".")[0]) - order.indexOf(b.split(".")[0]));
    const html = scripts.map((name) => `<script src="/bundle/${name}"></script>`).join("");
    await context.route(`${server.url}/page`, (route) => route.fulfill({ contentType: "text/html", body: html }));
    await context.route(`${server.url}/bundle/*`, async (route) => {
        const name = path.basename(new URL(route.request().url()).pathname);
        await route.fulfill({ contentType: "text/javascript", body: await readFile(path.join(bundle, name)) });
    });
    await page.goto(`${server.url}/page`);
    await page.evaluate((apiDomain) => {
        supertokens.init({
            appInfo: { appName: "Anti-CSRF", apiDomain, apiBasePath: "/auth" },
            recipeList: [supertokensSession.init({ tokenTransferMethod: "cookie" })],
        });
    }, server.url);
}

/** What the person's own page does. */
const ask = (method, path, body) =>
    page.evaluate(
        async ([method, path, body]) => {
            const headers = { "content-type": "application/json" };
            const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
            return { status: answer.status, text: await answer.text() };
        },
        [method, path, body],
    );

/** What the forger's page does in the same browser: the answer that the browser shows. */
async function forge(path, picture) {
    const other = await context.newPage();
    const called = other.waitForResponse((response) => response.url() === `${server.url}${path}`);
    await other.goto(`${forger.url}/?${path}`);
    const answer = await called;
    const sent = await answer.request().allHeaders();
    await other.waitForURL(`${server.url}${path}`);
    if (process.env.SCREENSHOTS) await other.screenshot({ path: `${process.env.SCREENSHOTS}/${picture}.png` });
    const text = await other.textContent("body");
    await other.close();
    return { status: answer.status(), text, sent };
}

const cookies = async () => Object.fromEntries((await context.cookies()).map(({ name, value }) => [name, value]));

const ways = {
    "by a token": { settings: { enableAntiCsrf: true }, header: "anti-csrf", value: /^[0-9a-f-]{36}$/ },
    "by a custom header": { settings: { enableAntiCsrf: false, byCustomHeader: true }, header: "rid", value: /^anti-csrf$/ },
};
for (const [way, { settings, header, value }] of Object.entries(ways)) {
    describe(`requests of other pages are told apart ${way}`, () => {
        it("serves the person's own page", async () => {
            await server.keepSessions(settings);
            await visit();
            assert.deepEqual(await ask("POST", "/login", { userId: "ann" }), { status: 200, text: "ann" });
            const called = page.waitForRequest(`${server.url}/update-jwt`);
            const changed = await ask("POST", "/update-jwt", { own: true });
            assert.equal(changed.status, 200);
            assert.match((await (await called).allHeaders())[header], value);
            assert.equal(JSON.parse(changed.text).own, true);
            assert.equal(await page.evaluate(() => supertokensSession.attemptRefreshingSession()), true);
            assert.equal((await ask("POST", "/update-jwt", { own: "again" })).status, 200);
            await page.evaluate(() => supertokensSession.signOut());
            assert.equal((await cookies()).sAccessToken, undefined);
        });

        it("refuses what another page asks in the person's name, and changes nothing", async () => {
            await server.keepSessions(settings);
            await visit();
            await ask("POST", "/login", { userId: "ben" });
            await ask("POST", "/update-jwt", { own: true });
            // The web SDK keeps what it is told once the answer has been handed on.
            const isKept = ({ sFrontToken }) => atob(decodeURIComponent(sFrontToken)).includes('"own":true');
            let held = await cookies();
            for (const deadline = Date.now() + 5_000; !isKept(held) && Date.now() < deadline; ) held = await cookies();

            const forged = await forge("/update-jwt", `anti-csrf-${header}`);
            assert(forged.sent.cookie.includes(`sAccessToken=${held.sAccessToken}`), "the browser sent the session along");
            assert.equal(forged.sent[header], undefined);
            assert.deepEqual([forged.status, forged.text], [401, '{"message":"try refresh token"}']);
            assert.deepEqual(await cookies(), held);

            const signedOut = await forge("/auth/signout", `anti-csrf-${header}-sign-out`);
            assert.deepEqual([signedOut.status, signedOut.text], [401, '{"message":"try refresh token"}']);
            assert.deepEqual(await cookies(), held);

            const { own, forged: nothing } = JSON.parse((await ask("GET", "/update-jwt")).text);
            assert.deepEqual([own, nothing], [true, undefined]);
        });
    });
}

it("is fooled by the same page where nothing tells requests apart", async () => {
    await server.keepSessions({ enableAntiCsrf: false });
    await visit();
    await ask("POST", "/login", { userId: "cleo" });
    const forged = await forge("/update-jwt", "anti-csrf-none");
    assert.equal(forged.status, 200);
    assert.equal(JSON.parse((await ask("GET", "/update-jwt")).text).forged, "=");
});
