// Sign-in with a provider of the test's own: what the provider tells, and what the core keeps of each tenant's providers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { require, startApplication } from "./application.js";
import { Browser } from "./browser.js";
import { startCore } from "./processes.js";
import { startProvider } from "./provider.js";

const supertokens = require("supertokens-node");
const EmailVerification = require("supertokens-node/recipe/emailverification");
const Multitenancy = require("supertokens-node/recipe/multitenancy");
const Session = require("supertokens-node/recipe/session");
const ThirdParty = require("supertokens-node/recipe/thirdparty");

const callback = "http://localhost:3000/auth/callback";
// The database may have been in use before.
const unique = `${Date.now()}`;
let core, provider, application;

before(async () => {
    core = await startCore();
    provider = await startProvider();
    const providers = [
        { config: { ...endpoints(), thirdPartyId: "plain", clients: [{ clientId: "static", clientSecret: "static-secret", scope: ["email"] }] } },
        { config: { thirdPartyId: "oidc", clients: [{ clientId: "public" }], oidcDiscoveryEndpoint: `${provider.url}/.well-known/openid-configuration` } },
    ];
    application = await startApplication(core, [
        ThirdParty.init({ signInAndUpFeature: { providers } }),
        EmailVerification.init({ mode: "OPTIONAL" }),
        Session.init(),
    ]);
});

after(async () => {
    application?.stop();
    provider?.stop();
    await core?.stop();
});

const endpoints = () => ({
    authorizationEndpoint: `${provider.url}/authorize`,
    tokenEndpoint: `${provider.url}/token`,
    userInfoEndpoint: `${provider.url}/userinfo`,
    jwksURI: `${provider.url}/keys`,
});

const known = (name, verified = true) => ({ sub: `${name}-${unique}`, email: `${name}${unique}@example.com`, email_verified: verified });

/** What a page does: asks where to go, goes there, comes back with a code. */
async function signIn(thirdPartyId, user, tenant = "public") {
    provider.user = user;
    const browser = new Browser(application.url, "header");
    const query = new URLSearchParams({ thirdPartyId, redirectURIOnProviderDashboard: callback });
    const asked = await browser.get(`/auth/${tenant}/authorisationurl?${query}`);
    assert.equal(asked.body.status, "OK", JSON.stringify(asked.body));
    const page = await fetch(asked.body.urlWithQueryParams, { redirect: "manual" });
    const back = new URL(page.headers.get("location"));
    const redirectURIInfo = {
        redirectURIOnProviderDashboard: callback,
        redirectURIQueryParams: Object.fromEntries(back.searchParams),
        pkceCodeVerifier: asked.body.pkceCodeVerifier,
    };
    const { body } = await browser.post(`/auth/${tenant}/signinup`, { thirdPartyId, redirectURIInfo });
    return { browser, body, went: new URL(asked.body.urlWithQueryParams) };
}

test("whoever comes from a provider for the first time is a new user, and then a known one", async () => {
    const ann = known("ann");
    const { browser, body, went } = await signIn("plain", ann);
    assert.equal(body.status, "OK", JSON.stringify(body));
    assert.equal(body.createdNewRecipeUser, true);
    assert.deepEqual(body.user.emails, [ann.email]);
    assert.deepEqual(body.user.thirdParty, [{ id: "plain", userId: ann.sub }]);
    assert.equal(body.user.loginMethods[0].verified, true);
    assert.equal(went.searchParams.get("scope"), "email");
    assert.deepEqual((await browser.get("/sessioninfo")).body, { userId: body.user.id, tenantId: "public" });
    const again = await signIn("plain", ann);
    assert.equal(again.body.createdNewRecipeUser, false);
    assert.deepEqual(again.body.user, body.user);
    const exchange = provider.asked.findLast(({ path }) => path === "/token");
    assert.equal(exchange.form.client_secret, "static-secret");
});

test("a new address at the provider is the user's new address", async () => {
    const bob = known("bob");
    const { body: first } = await signIn("plain", bob);
    const moved = { ...bob, email: `moved${unique}@example.com`, email_verified: false };
    const { body } = await signIn("plain", moved);
    assert.equal(body.user.id, first.user.id);
    assert.deepEqual(body.user.emails, [moved.email]);
    assert.equal(body.user.loginMethods[0].verified, false);
    const id = supertokens.convertToRecipeUserId(body.user.id);
    assert.equal(await EmailVerification.isEmailVerified(id, moved.email), false);
    assert.equal(await EmailVerification.isEmailVerified(id, bob.email), true);
});

test("a provider that describes itself is asked with a proof instead of a secret", async () => {
    const eve = known("eve");
    const { body, went } = await signIn("oidc", eve);
    assert.equal(body.status, "OK", JSON.stringify(body));
    assert.deepEqual(body.user.thirdParty, [{ id: "oidc", userId: eve.sub }]);
    assert.equal(went.searchParams.get("code_challenge_method"), "S256");
    const exchange = provider.asked.findLast(({ path }) => path === "/token");
    assert.equal(exchange.form.client_secret, undefined);
    assert.ok(exchange.form.code_verifier);
});

test("a tenant's provider is the one that the core keeps, with all that was told of it", async () => {
    const tenant = `t${unique}`;
    assert.equal((await Multitenancy.createOrUpdateTenant(tenant, { firstFactors: ["thirdparty"] })).createdNew, true);
    const config = {
        ...endpoints(),
        thirdPartyId: "own",
        name: "Our own",
        clients: [
            { clientType: "web", clientId: "id-of-tenant", clientSecret: "secret-of-tenant", scope: ["email", "profile"], forcePKCE: true, additionalConfig: { a: 1 } },
            { clientType: "mobile", clientId: "mobile" },
        ],
        authorizationEndpointQueryParams: { prompt: "consent" },
        tokenEndpointBodyParams: { audience: "us" },
        userInfoEndpointQueryParams: { fields: "all" },
        userInfoEndpointHeaders: { "x-ours": "yes" },
        requireEmail: true,
        userInfoMap: {
            fromIdTokenPayload: { emailVerified: "account.sure" },
            fromUserInfoAPI: { userId: "account.id", email: "account.mail", emailVerified: "account.sure" },
        },
    };
    assert.equal((await Multitenancy.createOrUpdateThirdPartyConfig(tenant, config)).createdNew, true);
    assert.equal((await Multitenancy.createOrUpdateThirdPartyConfig(tenant, config)).createdNew, false);
    const stored = await Multitenancy.getTenant(tenant);
    const byType = (clients) => [...clients].sort((left, right) => left.clientType.localeCompare(right.clientType));
    const [own] = stored.thirdParty.providers;
    assert.deepEqual({ ...own, clients: byType(own.clients) }, { ...config, clients: byType(config.clients) });
    const { body: methods } = await new Browser(application.url, "header").get(`/auth/${tenant}/loginmethods?clientType=web`);
    assert.deepEqual(methods.thirdParty.providers, [{ id: "own", name: "Our own" }]);
    assert.deepEqual(methods.firstFactors, ["thirdparty"]);

    provider.user = { account: { id: `kim-${unique}`, mail: `kim${unique}@example.com`, sure: "true" } };
    const browser = new Browser(application.url, "header");
    const query = new URLSearchParams({ thirdPartyId: "own", clientType: "web", redirectURIOnProviderDashboard: callback });
    const { body: asked } = await browser.get(`/auth/${tenant}/authorisationurl?${query}`);
    const went = new URL(asked.urlWithQueryParams);
    assert.equal(went.searchParams.get("scope"), "email profile");
    assert.equal(went.searchParams.get("prompt"), "consent");
    const back = new URL((await fetch(went, { redirect: "manual" })).headers.get("location"));
    const redirectURIInfo = {
        redirectURIOnProviderDashboard: callback,
        redirectURIQueryParams: Object.fromEntries(back.searchParams),
        pkceCodeVerifier: asked.pkceCodeVerifier,
    };
    const { body } = await browser.post(`/auth/${tenant}/signinup`, { thirdPartyId: "own", clientType: "web", redirectURIInfo });
    assert.equal(body.status, "OK", JSON.stringify(body));
    assert.deepEqual(body.user.tenantIds, [tenant]);
    assert.deepEqual(body.user.thirdParty, [{ id: "own", userId: `kim-${unique}` }]);
    assert.equal(body.user.loginMethods[0].verified, true);
    const [exchange, info] = ["/token", "/userinfo"].map((page) => provider.asked.findLast(({ path }) => path === page));
    assert.equal(exchange.form.client_secret, "secret-of-tenant");
    assert.equal(exchange.form.audience, "us");
    assert.equal(info.query.fields, "all");
    assert.equal(info.headers["x-ours"], "yes");
    assert.deepEqual((await browser.get("/sessioninfo")).body.tenantId, tenant);

    assert.equal((await Multitenancy.deleteThirdPartyConfig(tenant, "own")).didConfigExist, true);
    assert.equal((await Multitenancy.deleteThirdPartyConfig(tenant, "own")).didConfigExist, false);
    await Multitenancy.deleteTenant(tenant);
});

test("a provider that no SDK could use is refused, unless one insists", async () => {
    const config = { thirdPartyId: "apple", clients: [{ clientId: "id", additionalConfig: { keyId: "k" } }] };
    await assert.rejects(Multitenancy.createOrUpdateThirdPartyConfig("public", config), /Invalid third party config: a non empty string value/);
    assert.equal((await Multitenancy.createOrUpdateThirdPartyConfig("public", config, true)).status, "OK");
    assert.equal((await Multitenancy.deleteThirdPartyConfig("public", "apple")).didConfigExist, true);
});

test("users of providers are made and found by the application's own code", async () => {
    const email = `lee${unique}@example.com`;
    const make = () => ThirdParty.manuallyCreateOrUpdateUser("public", "plain", `lee-${unique}`, email, false);
    const made = await Promise.all(Array.from({ length: 10 }, make));
    assert.ok(made.every(({ status }) => status === "OK"));
    assert.equal(made.filter(({ createdNewRecipeUser }) => createdNewRecipeUser).length, 1);
    const [{ user }] = made;
    const by = async (info) => (await supertokens.listUsersByAccountInfo("public", info)).map(({ id }) => id);
    assert.deepEqual(await by({ email }), [user.id]);
    assert.deepEqual(await by({ thirdParty: { id: "plain", userId: `lee-${unique}` } }), [user.id]);
    const { users } = await supertokens.getUsersNewestFirst({ tenantId: "public", query: { provider: "plain", email: `lee${unique}` } });
    assert.deepEqual(users.map(({ id }) => id), [user.id]);
    assert.equal((await supertokens.getUser(user.id)).loginMethods[0].hasSameThirdPartyInfoAs({ id: "plain", userId: `lee-${unique}` }), true);
    assert.equal((await supertokens.deleteUser(user.id)).status, "OK");
    assert.deepEqual(await by({ email }), []);
});
