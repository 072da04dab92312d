// What an application's own code asks of the SDK, while its users are signed in at the example application.
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { once } from "node:events";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";
import { Browser } from "./browser.js";
import { apiKey, exampleDirectory, startCore, startExample } from "./processes.js";

// The example's SDK: this process initialises it with the example's own configuration.
const require = createRequire(path.join(exampleDirectory, "server.js"));
const supertokens = require("supertokens-node");
const EmailPassword = require("supertokens-node/recipe/emailpassword");
const Session = require("supertokens-node/recipe/session");
const UserMetadata = require("supertokens-node/recipe/usermetadata");
const UserRoles = require("supertokens-node/recipe/userroles");

const password = "a-Secret-1";
let core, example, ownServer, users = 0;

before(async () => {
    core = await startCore();
    example = await startExample(core);
    Object.assign(process.env, { CORE_URI: core.uri, CORE_API_KEY: apiKey });
    const { config } = await import("../../../examples/node-express/supertokens.js");
    supertokens.init(config);
    ownServer = await startOwnServer();
});

after(async () => {
    ownServer?.server.close();
    await example?.stop();
    await core?.stop();
});

/** A second application on the same core, whose route asks the core each time whether the session still exists. */
async function startOwnServer() {
    const { middleware, errorHandler } = require("supertokens-node/framework/express");
    const { verifySession } = require("supertokens-node/recipe/session/framework/express");
    const app = require("express")();
    app.use(middleware());
    app.get("/checked", verifySession({ checkDatabase: true }), (req, res) => res.json({ userId: req.session.getUserId() }));
    app.use(errorHandler());
    const server = app.listen(0, "localhost");
    await once(server, "listening");
    return { server, url: `http://localhost:${server.address().port}` };
}

async function signedUp(prefix = "user") {
    const email = `${prefix}${++users}.${Date.now()}@example.com`;
    const browser = new Browser(example.url, "header");
    const { body } = await browser.signUp(email, password);
    assert.equal(body.status, "OK");
    return { browser, email, id: body.user.id };
}

function elsewhere(browser) {
    const twin = browser.copy();
    twin.url = ownServer.url;
    return twin;
}

test("a session that is revoked while in use ends", async () => {
    const { browser, id } = await signedUp();
    assert.deepEqual((await elsewhere(browser).get("/checked")).body, { userId: id });
    const { sessionHandle } = (await browser.get("/sessioninfo")).body;
    assert.deepEqual(await Session.getAllSessionHandlesForUser(id), [sessionHandle]);
    assert.deepEqual(await Session.revokeAllSessionsForUser(id), [sessionHandle]);
    assert.deepEqual(await Session.getAllSessionHandlesForUser(id), []);
    assert.equal(await Session.revokeSession(sessionHandle), false);
    assert.equal(await Session.getSessionInformation(sessionHandle), undefined);

    const checked = await elsewhere(browser).get("/checked");
    assert.equal(checked.status, 401);
    assert.deepEqual(checked.body, { message: "unauthorised" });
    assert.equal((await browser.get("/sessioninfo")).status, 200, "an access token is good until it expires where nobody asks the core");
    const refreshed = await browser.refresh();
    assert.equal(refreshed.status, 401);
    assert.equal(refreshed.headers.get("front-token"), "remove");
});

test("revoking one session leaves the user's others", async () => {
    const { browser, email, id } = await signedUp();
    const other = new Browser(example.url, "cookie");
    await other.signIn(email, password);
    const { sessionHandle } = (await browser.get("/sessioninfo")).body;
    assert.equal((await Session.getAllSessionHandlesForUser(id)).length, 2);
    assert.equal(await Session.revokeSession(sessionHandle), true);
    assert.equal((await browser.refresh()).status, 401);
    assert.equal((await other.refresh()).status, 200);
});

test("a session carries data, in the database and in its token", async () => {
    const { browser, id } = await signedUp();
    const { sessionHandle } = (await browser.get("/sessioninfo")).body;
    assert.equal(await Session.updateSessionDataInDatabase(sessionHandle, { cart: [1, null, { deep: "ä" }] }), true);
    assert.equal(await Session.mergeIntoAccessTokenPayload(sessionHandle, { plan: "gold" }), true);
    const information = await Session.getSessionInformation(sessionHandle);
    assert.deepEqual(information.sessionDataInDatabase, { cart: [1, null, { deep: "ä" }] });
    assert.equal(information.customClaimsInAccessTokenPayload.plan, "gold");
    assert.equal(information.userId, id);
    assert.equal(information.tenantId, "public");
    assert.equal((await browser.get("/sessioninfo")).body.accessTokenPayload.plan, undefined);
    await browser.refresh();
    assert.equal((await browser.get("/sessioninfo")).body.accessTokenPayload.plan, "gold");
    assert.equal(await Session.updateSessionDataInDatabase("no-such-session", {}), false);
});

test("getUsersNewestFirst lists, pages and searches", async () => {
    const prefix = `page${Date.now()}x`;
    const count = await supertokens.getUserCount();
    const made = [];
    for (let i = 0; i < 5; i++) made.unshift((await signedUp(prefix)).id);
    assert.equal(await supertokens.getUserCount(), count + 5);

    const newest = await supertokens.getUsersNewestFirst({ tenantId: "public", limit: 5 });
    assert.deepEqual(newest.users.map(({ id }) => id), made);

    const paged = [];
    for (let page = { nextPaginationToken: undefined }, first = true; first || page.nextPaginationToken; first = false) {
        page = await supertokens.getUsersNewestFirst({ tenantId: "public", limit: 2, paginationToken: page.nextPaginationToken });
        assert.ok(page.users.length <= 2);
        paged.push(...page.users.map(({ id }) => id));
    }
    assert.equal(paged.length, count + 5);
    assert.equal(new Set(paged).size, count + 5);
    assert.deepEqual(paged.slice(0, 5), made);

    const found = await supertokens.getUsersNewestFirst({ tenantId: "public", query: { email: prefix } });
    assert.deepEqual(found.users.map(({ id }) => id), made);
    const oldest = await supertokens.getUsersOldestFirst({ tenantId: "public", query: { email: prefix } });
    assert.deepEqual(oldest.users.map(({ id }) => id), [...made].reverse());
    await assert.rejects(supertokens.getUsersNewestFirst({ tenantId: "public", paginationToken: "made-up" }), /status code: 400.*invalid pagination token/s);
});

test("a user is found by id and by account info", async () => {
    const { email, id } = await signedUp();
    const byId = await supertokens.getUser(id);
    assert.deepEqual(byId.emails, [email]);
    const byEmail = await supertokens.listUsersByAccountInfo("public", { email });
    assert.deepEqual(byEmail.map((user) => user.toJson()), [byId.toJson()]);
    assert.equal(await supertokens.getUser("no-such-user"), undefined);
    assert.deepEqual(await supertokens.listUsersByAccountInfo("public", { email: "nobody@example.com" }), []);
});

test("a deleted user is gone, and its sessions with it", async () => {
    const { browser, email, id } = await signedUp();
    await UserMetadata.updateUserMetadata(id, { theme: "dark" });
    assert.deepEqual(await supertokens.deleteUser(id), { status: "OK" });
    assert.equal(await supertokens.getUser(id), undefined);
    assert.equal((await browser.refresh()).status, 401);
    assert.equal((await new Browser(example.url, "header").signIn(email, password)).body.status, "WRONG_CREDENTIALS_ERROR");
    assert.deepEqual((await UserMetadata.getUserMetadata(id)).metadata, {});
    const again = await new Browser(example.url, "header").signUp(email, password);
    assert.equal(again.body.status, "OK");
    assert.notEqual(again.body.user.id, id);
});

test("an application changes e-mail address and password", async () => {
    const { email, id } = await signedUp();
    const taken = (await signedUp()).email;
    const recipeUserId = supertokens.convertToRecipeUserId(id);
    const change = (fields) => EmailPassword.updateEmailOrPassword({ recipeUserId, ...fields });
    assert.deepEqual(await change({ email: taken }), { status: "EMAIL_ALREADY_EXISTS_ERROR" });
    assert.deepEqual(await change({ email: `new.${email}`, password: "a-new-Secret-2" }), { status: "OK" });
    const signIn = async (...credentials) => (await EmailPassword.verifyCredentials("public", ...credentials)).status;
    assert.equal(await signIn(email, password), "WRONG_CREDENTIALS_ERROR");
    assert.equal(await signIn(`new.${email}`, "a-new-Secret-2"), "OK");
    const unknown = supertokens.convertToRecipeUserId("no-such-user");
    assert.deepEqual(await change({ recipeUserId: unknown, password: "a-new-Secret-2" }), { status: "UNKNOWN_USER_ID_ERROR" });
});

test("metadata merges at the top level, null removes a key", async () => {
    const { id } = await signedUp();
    const read = async () => (await UserMetadata.getUserMetadata(id)).metadata;
    assert.deepEqual(await read(), {});
    await UserMetadata.updateUserMetadata(id, { theme: "dark", address: { city: "Zürich", zip: "8001" }, visits: 1 });
    const { metadata } = await UserMetadata.updateUserMetadata(id, { address: { city: "Bern", since: null }, visits: null });
    assert.deepEqual(metadata, { theme: "dark", address: { city: "Bern", since: null } });
    assert.deepEqual(await read(), metadata);
    assert.deepEqual(await UserMetadata.clearUserMetadata(id), { status: "OK" });
    assert.deepEqual(await read(), {});
});

test("roles and their permissions reach the next session's token", async () => {
    const { email, id } = await signedUp();
    const role = `editor-${Date.now()}`;
    assert.deepEqual(await UserRoles.addRoleToUser("public", id, role), { status: "UNKNOWN_ROLE_ERROR" });
    assert.deepEqual(await UserRoles.createNewRoleOrAddPermissions(role, ["write"]), { status: "OK", createdNewRole: true });
    assert.deepEqual(await UserRoles.createNewRoleOrAddPermissions(role, ["read", "write"]), { status: "OK", createdNewRole: false });
    assert.deepEqual(await UserRoles.addRoleToUser("public", id, role), { status: "OK", didUserAlreadyHaveRole: false });
    assert.deepEqual(await UserRoles.addRoleToUser("public", id, role), { status: "OK", didUserAlreadyHaveRole: true });
    assert.deepEqual(await UserRoles.getRolesForUser("public", id), { status: "OK", roles: [role] });
    assert.deepEqual(await UserRoles.getUsersThatHaveRole("public", role), { status: "OK", users: [id] });
    assert.deepEqual((await UserRoles.getPermissionsForRole(role)).permissions.sort(), ["read", "write"]);
    assert.deepEqual((await UserRoles.getRolesThatHavePermission("write")).roles.filter((name) => name === role), [role]);
    assert.ok((await UserRoles.getAllRoles()).roles.includes(role));

    const browser = new Browser(example.url, "header");
    await browser.signIn(email, password);
    const claims = (await browser.get("/sessioninfo")).body.accessTokenPayload;
    assert.deepEqual(claims["st-role"].v, [role]);
    assert.deepEqual(claims["st-perm"].v.sort(), ["read", "write"]);

    assert.deepEqual(await UserRoles.removePermissionsFromRole(role, ["write"]), { status: "OK" });
    assert.deepEqual((await UserRoles.getPermissionsForRole(role)).permissions, ["read"]);
    assert.deepEqual(await UserRoles.removeUserRole("public", id, role), { status: "OK", didUserHaveRole: true });
    assert.deepEqual(await UserRoles.getRolesForUser("public", id), { status: "OK", roles: [] });
    assert.deepEqual(await UserRoles.deleteRole(role), { status: "OK", didRoleExist: true });
    assert.deepEqual(await UserRoles.getPermissionsForRole(role), { status: "UNKNOWN_ROLE_ERROR" });
});

test("a JWT that the core signs verifies with its published keys", async () => {
    const made = await Session.createJWT({ purpose: "test" }, 60);
    assert.equal(made.status, "OK");
    const { keys } = (await new Browser(example.url, "header").get("/auth/jwt/jwks.json")).body;
    const [head, claims, signature] = made.jwt.split(".");
    const { kid, alg } = JSON.parse(Buffer.from(head, "base64url"));
    assert.equal(alg, "RS256");
    const key = createPublicKey({ key: keys.find((candidate) => candidate.kid === kid), format: "jwk" });
    assert.ok(verify("RSA-SHA256", Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, "base64url")));
    const { iat, exp, purpose } = JSON.parse(Buffer.from(claims, "base64url"));
    assert.deepEqual([exp - iat, purpose], [60, "test"]);
});

test("a backend with a wrong API key is refused", async () => {
    const call = (headers) => fetch(`${core.uri}/users/count`, { headers });
    assert.equal((await call({ "api-key": apiKey })).status, 200);
    for (const headers of [{ "api-key": `${apiKey}x` }, {}]) {
        const response = await call(headers);
        assert.equal(response.status, 401);
        assert.equal(await response.text(), "Invalid API key\n");
    }
});
