// Starts examples/react-prebuilt-ui for real, with the test kit's provider, and drives a person's browser.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { binary, freePort, launch } from "../node/processes.js";

const frontend = fileURLToPath(new URL("../../../examples/react-prebuilt-ui/frontend", import.meta.url));

/** A provider at which somebody is always signed in: `is({ sub, email, email_verified })` says who. */
export async function startProvider() {
    const program = launch(binary("portcullis-test-provider"), [], { cwd: tmpdir(), env: process.env });
    await program.until(async () => program.lines.length > 0);
    const url = program.lines[0];
    return {
        url,
        is: async (claims) => {
            const answer = await fetch(`${url}/person`, { method: "POST", body: JSON.stringify(claims) });
            assert.equal(answer.status, 200);
        },
        stop: program.stop,
    };
}

/** The example as its README says. */
export async function startExample(provider) {
    await promisify(execFile)("npm", ["run", "build"], { cwd: frontend });
    const directory = await mkdtemp(path.join(tmpdir(), "portcullis-prebuilt-ui-"));
    const port = await freePort();
    const url = `http://localhost:${port}`;
    const settings = {
        PORT: `${port}`,
        DATABASE: path.join(directory, "example.db"),
        NO_COLOR: "1",
        OIDC_CLIENT_ID: "example",
        OIDC_CLIENT_SECRET: "the secret of example",
        OIDC_DISCOVERY: `${provider.url}/.well-known/openid-configuration`,
    };
    const server = launch(binary("react-prebuilt-ui"), [], { cwd: directory, env: { ...process.env, ...settings } });
    await server.until(async () => (await fetch(`${url}/me`)).status === 401);
    return {
        url,
        /** The link and the code of an e-mail to this address that has not been read yet. */
        emailed: async (about, to) => {
            const isIt = (line) => line.includes(`to="${to}"`) && line.includes(`about=${about} `);
            for (const deadline = Date.now() + 10_000; ; await sleep(10)) {
                const at = server.lines.findLastIndex(isIt);
                if (at >= 0) {
                    const [line] = server.lines.splice(at, 1);
                    return { link: /link="([^"]+)"/.exec(line)?.[1], code: /code="([^"]+)"/.exec(line)?.[1] };
                }
                assert(Date.now() < deadline, `no e-mail about ${about} to ${to}`);
            }
        },
        stop: async () => {
            await server.stop();
            await rm(directory, { recursive: true });
        },
    };
}

/** A person with a browser of their own, and with a device that makes passkeys. */
export class Person {
    static async arrives(browser, example) {
        const person = new Person();
        person.example = example;
        person.faults = [];
        person.askedElsewhere = [];
        person.context = await browser.newContext({ viewport: { width: 1000, height: 900 } });
        // SuperTokens' SDK waits for up to ten seconds for a lock that a page held which is gone.
        person.context.setDefaultTimeout(20_000);
        const isElsewhere = ({ hostname }) => !["localhost", "127.0.0.1"].includes(hostname);
        await person.context.route(isElsewhere, (route) => {
            person.askedElsewhere.push(route.request().url());
            return route.abort();
        });
        person.page = await person.tab();
        const devtools = await person.context.newCDPSession(person.page);
        await devtools.send("WebAuthn.enable");
        const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
        const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", { options });
        person.passkeys = async () => (await devtools.send("WebAuthn.getCredentials", { authenticatorId })).credentials;
        return person;
    }

    async tab() {
        const page = await this.context.newPage();
        page.on("pageerror", (error) => this.faults.push(error));
        return page;
    }

    /** Goes to a tenant's page for signing in. */
    async choose(tenant) {
        await this.page.goto(this.example.url);
        await this.click(tenant);
        await this.page.waitForURL((url) => url.pathname.startsWith("/auth"));
        await this.page.locator("[data-supertokens~=container]").waitFor();
    }

    /** Clicks on what bears this text and nothing else. */
    click(text) {
        return this.page.getByText(text, { exact: true }).click();
    }

    /** A page that was about to give way to another one takes what was entered along, so it is looked at again. */
    async fill(fields) {
        const input = (name) => this.page.locator(`input[name="${name}"]`);
        for (let tries = 0; tries < 5; tries++) {
            for (const [name, value] of Object.entries(fields)) await input(name).fill(value);
            await sleep(150);
            const kept = await Promise.all(Object.keys(fields).map((name) => input(name).inputValue()));
            if (kept.every((value) => value)) return;
        }
    }

    submit() {
        return this.page.click("button[type=submit]");
    }

    press(name) {
        return this.page.getByRole("button", { name, exact: true }).click();
    }

    async sees(...texts) {
        try {
            for (const text of texts) await this.page.getByText(text).first().waitFor();
        } catch (error) {
            await this.picture("fault");
            const shown = await this.page.locator("[data-supertokens~=container], main").allInnerTexts();
            throw new Error(`${this.page.url()} shows: ${shown.join("\n")} ${this.faults.join("\n")}`, { cause: error });
        }
    }

    async doesNotSee(...texts) {
        for (const text of texts) assert.equal(await this.page.getByText(text).count(), 0, text);
    }

    async picture(name) {
        if (!process.env.SCREENSHOTS) return;
        // A spinner may still turn.
        await this.page.waitForLoadState("networkidle");
        await this.page.screenshot({ path: `${process.env.SCREENSHOTS}/prebuilt-${name}.png` });
    }

    /** Where the provider sends the person back to, who is kept from going there. */
    async isAnswered(signIn) {
        const isProvider = (url) => url.pathname === "/authorize";
        const answered = new Promise((resolve) => {
            this.context.route(isProvider, async (route) => {
                const answer = await route.fetch({ maxRedirects: 0 });
                await route.abort();
                resolve(answer.headers().location);
            });
        });
        await signIn();
        const address = await answered;
        await this.context.unroute(isProvider);
        return address;
    }

    /** What the protected route answers: asked beside the pages, which would look into it. */
    async me() {
        const answer = await this.context.request.get(`${this.example.url}/me`);
        return { status: answer.status(), body: await answer.json() };
    }

    /** The session works, and the page shows whose it is. */
    async isIn(email, methods) {
        await this.sees("You are in", email);
        const { status, body } = await this.me();
        assert.equal(status, 200, JSON.stringify(body));
        assert.deepEqual(body.user.emails, [email]);
        assert.deepEqual(body.user.loginMethods.map((method) => method.recipeId).sort(), methods);
        return body.user.id;
    }

    /** The session is there, and something is still to be proven. */
    async owes(claim) {
        const { status, body } = await this.me();
        assert.equal(status, 403, JSON.stringify(body));
        assert.deepEqual(body.claimValidationErrors.map(({ id }) => id), [claim]);
    }

    async signOut() {
        // SuperTokens' pages are not to be asking about the session meanwhile.
        await this.page.waitForLoadState("networkidle");
        await this.click("Sign out");
        await this.sees("Where do you belong?");
        assert.equal((await this.me()).status, 401);
    }

    async leaves() {
        await this.context.close();
        assert.deepEqual(this.faults, []);
        assert.deepEqual(this.askedElsewhere, [], "the pages ask nobody but their own server");
    }
}
