// Passkeys of a real authenticator: Chromium's, through the unmodified supertokens-web-js and supertokens-node.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { launchOptions } from "./chromium.js";
import { apiKey, exampleDirectory, freePort, startCore } from "../node/processes.js";

const page = fileURLToPath(new URL("../../../examples/page", import.meta.url));
const require = createRequire(path.join(exampleDirectory, "server.js"));
const supertokens = require("supertokens-node");
const Session = require("supertokens-node/recipe/session");
const WebAuthn = require("supertokens-node/recipe/webauthn");

const links = [];
let core, server, browser, url;

before(async () => {
    core = await startCore();
    const port = await freePort();
    url = `http://localhost:${port}`;
    supertokens.init({
        framework: "express",
        supertokens: { connectionURI: core.uri, apiKey },
        appInfo: { appName: "Passkeys", apiDomain: url, websiteDomain: url, apiBasePath: "/auth", websiteBasePath: "/auth" },
        recipeList: [Session.init(), WebAuthn.init({ emailDelivery: { override: keepLinks } })],
    });
    server = await startSite(port);
    browser = await chromium.launch(launchOptions);
});

after(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
    await core?.stop();
});

const keepLinks = (original) => ({ ...original, sendEmail: async ({ recoverAccountLink }) => links.push(new URL(recoverAccountLink)) });

/** The API, and a page of the same origin with the web SDK's recipe. */
async function startSite(port) {
    const { middleware, errorHandler } = require("supertokens-node/framework/express");
    const contents = `
        import SuperTokens from "supertokens-web-js";
        import Session from "supertokens-web-js/recipe/session";
        import WebAuthn from "supertokens-web-js/recipe/webauthn";
        const appInfo = { appName: "Passkeys", apiDomain: location.origin, apiBasePath: "/auth" };
        SuperTokens.init({ appInfo, recipeList: [Session.init(), WebAuthn.init()] });
        Object.assign(window, { Session, WebAuthn });
        document.title = "ready";`;
    const bundle = await build({ stdin: { contents, resolveDir: page }, bundle: true, write: false, logLevel: "error" });
    const app = require("express")();
    app.use(middleware());
    app.get("/page.js", (_, response) => response.type("js").send(bundle.outputFiles[0].text));
    app.get("/auth*rest", (_, response) => response.type("html").send("<script type=module src=/page.js></script>"));
    app.get("/", (_, response) => response.type("html").send("<script type=module src=/page.js></script>"));
    app.use(errorHandler());
    const listening = app.listen(port, "localhost");
    await once(listening, "listening");
    return listening;
}

/** A person with a device of their own, whose passkeys verify them or not, and count or not. */
class Person {
    static async arrives({ isUserVerified = true } = {}) {
        const person = new Person();
        person.context = await browser.newContext();
        person.page = await person.context.newPage();
        person.device = await person.context.newCDPSession(person.page);
        await person.device.send("WebAuthn.enable");
        const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified, automaticPresenceSimulation: true };
        ({ authenticatorId: person.authenticator } = await person.device.send("WebAuthn.addVirtualAuthenticator", { options }));
        await person.visit("/");
        return person;
    }

    async visit(place) {
        await this.page.goto(url + place);
        await this.page.waitForFunction(() => document.title === "ready");
    }

    signUp(email) {
        return this.page.evaluate((email) => WebAuthn.registerCredentialWithSignUp({ email, shouldTryLinkingWithSessionUser: false, userContext: {} }), email);
    }

    signIn() {
        return this.page.evaluate(() => WebAuthn.authenticateCredentialWithSignIn({ shouldTryLinkingWithSessionUser: false, userContext: {} }));
    }

    session() {
        return this.page.evaluate(async () => ((await Session.doesSessionExist()) ? Session.getUserId() : undefined));
    }

    signOut() {
        return this.page.evaluate(() => Session.signOut());
    }

    async passkeys() {
        return (await this.device.send("WebAuthn.getCredentials", { authenticatorId: this.authenticator })).credentials;
    }
}

test("a person signs up with a passkey, and in again and again", async () => {
    const person = await Person.arrives();
    const made = await person.signUp("ann@example.com");
    assert.equal(made.status, "OK", JSON.stringify(made));
    const [passkey] = await person.passkeys();
    assert.equal(passkey.rpId, "localhost");
    const id = Buffer.from(passkey.credentialId, "base64").toString("base64url");
    assert.deepEqual(made.user.webauthn.credentialIds, [id]);
    assert.equal(await person.session(), made.user.id);
    for (const round of [1, 2]) {
        await person.signOut();
        assert.equal(await person.session(), undefined);
        const signedIn = await person.signIn();
        assert.equal(signedIn.status, "OK", `${round} ${JSON.stringify(signedIn)}`);
        assert.equal(await person.session(), made.user.id);
    }
    const [after] = await person.passkeys();
    assert(after.signCount > passkey.signCount, "this device counts, and the core goes along");
    const { credentials } = await WebAuthn.listCredentials({ recipeUserId: made.user.id });
    assert.deepEqual(credentials.map((credential) => credential.webauthnCredentialId), [id]);
    await person.context.close();
});

test("a copied passkey is found out by its counter", async () => {
    const person = await Person.arrives();
    assert.equal((await person.signUp("carl@example.com")).status, "OK");
    const [copy] = await person.passkeys();
    await person.signOut();
    assert.equal((await person.signIn()).status, "OK");
    await person.signOut();
    for (const [signCount, expected] of [[copy.signCount, "INVALID_CREDENTIALS_ERROR"], [1000, "OK"]]) {
        const other = await Person.arrives();
        await other.device.send("WebAuthn.addCredential", { authenticatorId: other.authenticator, credential: { ...copy, signCount } });
        assert.equal((await other.signIn()).status, expected, `${signCount}`);
        assert.equal((await other.session()) !== undefined, expected === "OK");
        await other.context.close();
    }
    await person.context.close();
});

test("a taken address, and a device that the app does not know, are refused", async () => {
    const [person, stranger] = [await Person.arrives(), await Person.arrives()];
    assert.equal((await person.signUp("dora@example.com")).status, "OK");
    const taken = await stranger.signUp("dora@example.com");
    assert.equal(taken.status, "EMAIL_ALREADY_EXISTS_ERROR");
    // The device has the passkey, which the app never took.
    assert.equal((await stranger.passkeys()).length, 1);
    const refused = await stranger.signIn();
    assert.notEqual(refused.status, "OK");
    assert.equal(await stranger.session(), undefined);
    for (const { context } of [person, stranger]) await context.close();
});

test("who lost the device gets the account back on a new one", async () => {
    const [lost, found] = [await Person.arrives(), await Person.arrives()];
    const { user } = await lost.signUp("eve@example.com");
    const sent = await found.page.evaluate(() => WebAuthn.generateRecoverAccountToken({ email: "eve@example.com", userContext: {} }));
    assert.equal(sent.status, "OK");
    const link = links.at(-1);
    await found.visit(link.pathname + link.search);
    const recover = () =>
        found.page.evaluate(async (token) => WebAuthn.registerCredentialWithRecoverAccount({ recoverAccountToken: token, userContext: {} }), link.searchParams.get("token"));
    const recovered = await recover();
    assert.equal(recovered.status, "OK", JSON.stringify(recovered));
    assert.notEqual((await recover().catch((error) => ({ status: error.message }))).status, "OK", "the token works once");
    const signedIn = await found.signIn();
    assert.equal(signedIn.status, "OK", JSON.stringify(signedIn));
    assert.equal(signedIn.user.id, user.id);
    assert.equal(signedIn.user.webauthn.credentialIds.length, 2);
    for (const { context } of [lost, found]) await context.close();
});
