// A person's way through the quickstarts' page, in Chromium, with the unmodified supertokens-web-js.
// SCREENSHOTS=directory keeps a picture of each step.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { chromium } from "playwright-core";
import { launchOptions } from "./chromium.js";
import { quickstarts, startWebsite } from "./quickstarts.js";

const password = "a-Secret-1";

let profile;
before(async () => (profile = await mkdtemp(path.join(tmpdir(), "portcullis-chromium-"))));
after(() => rm(profile, { recursive: true, force: true }));

/** What the running test has opened, to be closed whether it passes or not: the newest first. */
const opened = [];
const open = (thing) => (opened.push(thing), thing);
afterEach(async () => {
    const faults = [];
    for (const thing of opened.splice(0).reverse()) await thing.stop().catch((error) => faults.push(error));
    if (faults.length > 0) throw faults[0];
});

/** A person with a browser of their own. */
class Person {
    static async at(url) {
        const person = open(new Person());
        person.context = await chromium.launchPersistentContext(await mkdtemp(path.join(profile, "p-")), launchOptions);
        person.context.setDefaultTimeout(10_000);
        person.calls = [];
        person.faults = [];
        person.url = url;
        person.page = await person.tab();
        return person;
    }

    async tab() {
        const page = await this.context.newPage();
        page.on("response", (response) => this.calls.push(response));
        page.on("pageerror", (error) => this.faults.push(error));
        await page.goto(this.url);
        return page;
    }

    /** Status and path of the calls to the API since the last time. */
    async recent() {
        await this.page.waitForTimeout(50);
        const all = this.calls.splice(0).filter((call) => call.request().resourceType() === "fetch");
        return all.map((call) => `${call.status()} ${new URL(call.url()).pathname}`);
    }

    async signUp(email) {
        await this.page.click("#tab-up");
        await this.fill(email, password);
        await this.page.waitForSelector("#signed-in:not([hidden])");
    }

    async fill(email, secret) {
        await this.page.fill("[name=email]", email);
        await this.page.fill("[name=password]", secret);
        await this.page.click("#submit");
    }

    /** Calls the protected route and reads what the page shows of the answer. */
    async call(page = this.page) {
        await page.evaluate(() => (document.getElementById("answer").textContent = ""));
        await page.click("#call");
        await page.waitForFunction(() => document.getElementById("answer").textContent !== "");
        const [status, ...body] = (await page.textContent("#answer")).split("\n");
        return { status, body: JSON.parse(body.join("\n")) };
    }

    async refresh() {
        const before = await this.page.locator("#events li").count();
        await this.page.click("#refresh");
        await this.page.waitForFunction((before) => document.querySelectorAll("#events li").length > before, before);
        assert.match(await this.page.textContent("#events li"), /The SDK refreshed the session/);
    }

    async signedOut(page = this.page) {
        await page.waitForSelector("#signed-out:not([hidden])");
        assert(await page.isHidden("#signed-in"));
    }

    async cookie(name) {
        return (await this.context.cookies()).find((cookie) => cookie.name === name);
    }

    async picture(name) {
        if (process.env.SCREENSHOTS) await this.page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`) });
    }

    async stop() {
        await this.context?.close();
        assert.deepEqual(this.faults, [], "errors of the page's scripts");
    }
}

for (const [name, start] of Object.entries(quickstarts)) {
    describe(name, () => {
        let server;
        let person;
        const visit = async (options, query = "") => {
            server = open(await start(options));
            person = await Person.at(server.url + query);
        };

        for (const mode of ["cookie", "header"]) {
            it(`signs up, in and out, with sessions in ${mode}s`, async () => {
                await visit({}, `/?mode=${mode}`);
                await person.signedOut();
                await person.picture(`${name}-${mode}-signed-out`);

                await person.page.click("#tab-up");
                await person.fill("ann@", "short");
                await person.page.waitForFunction(() => document.querySelector("[data-field=email]").textContent);
                assert.match(await person.page.textContent("[data-field=email]"), /email is invalid/i);
                assert.match(await person.page.textContent("[data-field=password]"), /8 characters/);
                await person.picture(`${name}-${mode}-faults`);

                await person.signUp("ann@example.com");
                const { status, body } = await person.call();
                assert.equal(status, "HTTP 200");
                assert.equal(body.userId, await person.page.textContent("#user"));
                assert.equal(body.accessTokenPayload.sessionHandle, body.sessionHandle);
                await person.picture(`${name}-${mode}-signed-in`);

                const access = await person.cookie("sAccessToken");
                assert.equal(access?.httpOnly, mode === "cookie" ? true : undefined);
                assert.equal((await person.cookie("sRefreshToken"))?.path, mode === "cookie" ? "/auth/session/refresh" : undefined);

                await person.page.reload();
                await person.page.waitForSelector("#signed-in:not([hidden])");
                await person.page.click("#sign-out");
                await person.signedOut();
                assert.equal(await person.cookie("sAccessToken"), undefined);
                await person.page.reload();
                await person.signedOut();

                await person.fill("ann@example.com", "wrong-Secret-1");
                await person.page.waitForFunction(() => document.getElementById("fault").textContent);
                assert.match(await person.page.textContent("#fault"), /do not fit/);
                await person.fill("ann@example.com", password);
                await person.page.waitForSelector("#signed-in:not([hidden])");
                assert.equal((await person.call()).body.userId, body.userId);
            });
        }

        // Cookies are the host's, so that they work between ports; other hosts are other sites, for headers.
        for (const [mode, host] of [["cookie", "127.0.0.1"], ["header", "localhost"]]) {
            it(`serves a website on another origin, with sessions in ${mode}s`, async () => {
                const website = open(await startWebsite(host));
                server = open(await start({ website: website.url }));
                website.shows(server.url);
                person = await Person.at(`${website.url}/?mode=${mode}`);
                const preflights = [];
                const devtools = await person.context.newCDPSession(person.page);
                await devtools.send("Network.enable");
                devtools.on("Network.requestWillBeSent", ({ request }) => {
                    if (request.method === "OPTIONS") preflights.push(new URL(request.url).pathname);
                });
                await person.signUp("ben@example.com");
                assert.equal((await person.call()).status, "HTTP 200");
                assert(preflights.includes("/auth/signup") && preflights.includes("/sessioninfo"), `${preflights}`);
                await person.refresh();
                await person.page.click("#sign-out");
                await person.signedOut();
            });
        }

        it("refreshes expired access tokens, once for two tabs", async () => {
            await visit({ seconds: 4 });
            await person.signUp("cleo@example.com");
            const other = await person.tab();
            await other.waitForSelector("#signed-in:not([hidden])");
            await expired(person.page);
            await person.recent();
            assert.equal((await person.call()).status, "HTTP 200");
            assert.deepEqual(await person.recent(), ["401 /sessioninfo", "200 /auth/session/refresh", "200 /sessioninfo"]);
            await person.picture(`${name}-refreshed`);

            await expired(person.page);
            const both = await Promise.all([person.call(), person.call(other)]);
            assert.deepEqual(both.map(({ status }) => status), ["HTTP 200", "HTTP 200"]);
            const refreshes = (await person.recent()).filter((call) => call.endsWith("/refresh"));
            assert.deepEqual(refreshes, ["200 /auth/session/refresh"]);
        });

        it("shows in every tab that a person has signed out", async () => {
            await visit({});
            await person.signUp("dan@example.com");
            const other = await person.tab();
            await other.waitForSelector("#signed-in:not([hidden])");
            await other.click("#sign-out");
            await person.signedOut(other);
            await person.signedOut();
        });

        it("ends a session whose refresh token was stolen, for thief and victim", async () => {
            await visit({});
            await person.signUp("eve@example.com");
            const stolen = await person.cookie("sRefreshToken");
            await person.refresh();
            await person.refresh();
            assert.equal((await person.call()).status, "HTTP 200");
            // The token before the last one is no repetition of a lost answer any more.
            const replayed = await refresh(server, stolen.value);
            assert.deepEqual([replayed.status, await replayed.json()], [401, { message: "token theft detected" }]);
            await person.page.click("#refresh");
            await person.signedOut();
            await person.picture(`${name}-stolen`);
            assert.equal(await person.cookie("sAccessToken"), undefined);

            // The other way round: the thief is first, and the victim's next refresh ends what the thief has.
            await person.fill("eve@example.com", password);
            await person.page.waitForSelector("#signed-in:not([hidden])");
            let token = (await person.cookie("sRefreshToken")).value;
            for (const _ of [1, 2]) {
                const answer = await refresh(server, token);
                assert.equal(answer.status, 200);
                token = given(answer, "sRefreshToken");
            }
            await person.page.click("#refresh");
            await person.signedOut();
            const over = await refresh(server, token);
            assert.deepEqual([over.status, await over.json()], [401, { message: "unauthorised" }]);
        });
    });
}

it("says what to do when the web SDK is not there", async () => {
    const server = open(await quickstarts["axum-quickstart"]());
    const person = await Person.at("about:blank");
    await person.context.route("**/supertokens-web-js/**", (route) => route.fulfill({ status: 404 }));
    await person.page.goto(server.url);
    await person.page.waitForSelector("#missing:not([hidden])");
    assert.match(await person.page.textContent("#missing"), /npm ci --prefix examples\/page/);
    await person.picture("missing");
});

/** Waits until the page says that the access token has expired. */
async function expired(page) {
    await page.waitForFunction(() => document.getElementById("left").textContent.includes("has expired"));
}

/** What a thief does with a refresh token. */
function refresh(server, token) {
    return fetch(`${server.url}/auth/session/refresh`, { method: "POST", headers: { cookie: `sRefreshToken=${token}` } });
}

function given(response, cookie) {
    return response.headers.getSetCookie().find((text) => text.startsWith(`${cookie}=`)).split(/[=;]/)[1];
}
