// What is asked of the applications with every recipe.
import { Authenticator } from "./authenticator.js";
import { bearer, form, password, tokensOf, website } from "./application.js";

export const dashboardKey = "key-of-the-dashboard";
const callback = `${website}/auth/callback/own`;
const versions = ["1.17", "1.18", "2.0", "3.0", "3.1", "4.2"];

/** Somebody at the provider, with an address that nobody has used. */
export const person = (app, more) => {
    const email = app.address();
    return { sub: `${app.name}-${email.split("@")[0]}`, email, email_verified: true, ...more };
};

/** What comes back from the provider, as a frontend sends it on. */
export async function cameBack(app, provider, user) {
    const { body } = await app.get(`/auth/authorisationurl?thirdPartyId=own&redirectURIOnProviderDashboard=${encodeURIComponent(callback)}`);
    provider.user = user;
    const back = await fetch(body.urlWithQueryParams, { redirect: "manual" });
    const redirectURIQueryParams = Object.fromEntries(new URL(back.headers.get("location")).searchParams);
    const redirectURIInfo = { redirectURIOnProviderDashboard: callback, redirectURIQueryParams, pkceCodeVerifier: body.pkceCodeVerifier };
    return { thirdPartyId: "own", redirectURIInfo };
}

export const throughProvider = async (app, provider, user, more, headers) =>
    app.post("/auth/signinup", { ...(await cameBack(app, provider, user)), ...more }, headers);

/** What is entered of a message that came to a device. */
export const entered = ({ body }, message) => ({ preAuthSessionId: body.preAuthSessionId, deviceId: body.deviceId, userInputCode: message?.code });

/** What the page makes of a link. */
export function followed({ link }) {
    const url = new URL(link);
    return { preAuthSessionId: url.searchParams.get("preAuthSessionId"), linkCode: url.hash.slice(1) };
}

const token = ({ link }) => new URL(link).searchParams.get("token");
const create = "/auth/signinup/code";
const consume = "/auth/signinup/code/consume";
const key = bearer(dashboardKey);

/** Asks the dashboard, with the key. */
const dashboard = (app, method, path, json) => {
    const at = `/auth${path.startsWith("/t1/") ? "/t1/dashboard/api" + path.slice(3) : "/dashboard/api" + path}`;
    return json === undefined ? app.send(method, at, { headers: key }) : app.withJson(method, at, json, key);
};

/** Options, answered by an authenticator. */
async function registered(app, authenticator, applicant, path = "/auth/webauthn/signup", more = {}, headers = {}) {
    const { body } = await app.post("/auth/webauthn/options/register", applicant);
    return app.post(path, { webauthnGeneratedOptionsId: body.webauthnGeneratedOptionsId, credential: authenticator.create(body), ...more }, headers);
}

async function authenticated(app, authenticator, headers = {}) {
    const { body } = await app.post("/auth/webauthn/options/signin", {});
    return app.post("/auth/webauthn/signin", { webauthnGeneratedOptionsId: body.webauthnGeneratedOptionsId, credential: authenticator.get(body) }, headers);
}

export const cases = {
    "codes and links by e-mail": async (app) => {
        const email = app.address();
        const device = await app.post(create, { email });
        const message = await app.sent(email);
        await app.post(consume, { ...entered(device, message), userInputCode: "wrong" });
        await app.post(`${create}/resend`, { preAuthSessionId: device.body.preAuthSessionId, deviceId: device.body.deviceId });
        const further = await app.sent(email);
        await app.post(consume, entered(device, message));
        await app.post(consume, entered(device, further));
        await app.post(consume, followed(further));
        await app.post(`${create}/resend`, { preAuthSessionId: device.body.preAuthSessionId, deviceId: device.body.deviceId });
        for (const mode of ["cookie", "header"]) {
            await app.post(create, { email });
            const { body } = await app.post(consume, followed(await app.sent(email)), { "st-auth-mode": mode });
            if (body.status !== "OK") throw new Error("nobody signed in");
        }
    },

    "codes by phone": async (app) => {
        const number = app.number();
        for (const phoneNumber of [` ${number}`, number.replace("+4420", "+44 (0) 20 ")]) {
            const device = await app.post(create, { phoneNumber });
            await app.post(consume, entered(device, await app.sent(number)));
        }
        for (const query of [`?phoneNumber=${encodeURIComponent(number)}`, `?phoneNumber=${number}`, "?phoneNumber=%2B442071838750", "?phoneNumber=", ""]) {
            for (const path of ["/auth/passwordless/phonenumber/exists", "/auth/signup/phonenumber/exists"]) await app.get(path + query);
        }
    },

    "too many wrong codes": async (app) => {
        const email = app.address();
        const device = await app.post(create, { email });
        const message = await app.sent(email);
        for (let i = 0; i < 6; i++) await app.post(consume, { ...entered(device, message), userInputCode: `wrong${i}` });
        await app.post(consume, entered(device, message));
    },

    "whether a code's address is taken": async (app) => {
        const email = app.address();
        const device = await app.post(create, { email });
        await app.post(consume, entered(device, await app.sent(email)));
        for (const path of ["/auth/passwordless/email/exists", "/auth/signup/email/exists"]) {
            for (const query of [`?email=${email}`, `?email=${email.toUpperCase()}`, "?email=nobody@example.com", "?email=", ""]) await app.get(path + query);
        }
    },

    "codes that are asked for in a wrong way": async (app) => {
        const texts = [undefined, null, "", " ", 1, true, [], {}, "ann", "ann@example", "x@stfakeemail.supertokens.com"];
        for (const email of texts) await app.post(create, { email });
        for (const phoneNumber of [...texts, "020 7183 8750", "+44 1", "+1 555 0100", "+4420718387501"]) await app.post(create, { phoneNumber });
        await app.post(create, { email: "a@example.com", phoneNumber: "+442071838750" });
        const secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        for (const preAuthSessionId of [undefined, "", "none"]) {
            for (const deviceId of [undefined, "", secret]) {
                await app.post(`${create}/resend`, { preAuthSessionId, deviceId });
                for (const userInputCode of [undefined, "123456"]) await app.post(consume, { preAuthSessionId, deviceId, userInputCode });
            }
            for (const linkCode of ["", secret]) await app.post(consume, { preAuthSessionId, linkCode });
        }
        const whole = { preAuthSessionId: "none", deviceId: secret, userInputCode: "123456" };
        for (const name of Object.keys(whole)) for (const value of [1, {}]) await app.post(consume, { ...whole, [name]: value });
        for (const name of ["preAuthSessionId", "deviceId"]) await app.post(`${create}/resend`, { ...whole, [name]: 1 });
        await app.post(consume, { preAuthSessionId: "none", linkCode: 1 });
        for (const path of [create, `${create}/resend`, consume]) await app.post(path, { ...whole, deviceId: "none", linkCode: undefined });
        for (const path of [create, `${create}/resend`, consume]) {
            for (const body of ["", "{", "[]", "null"]) await app.send("POST", path, { headers: { "content-type": "application/json" }, body });
        }
    },

    "codes for older and newer frontends": async (app) => {
        for (const version of versions) {
            const email = app.address();
            for (const _ of [1, 2]) {
                const device = await app.post(create, { email }, { "fdi-version": version });
                await app.post(consume, entered(device, await app.sent(email)), { "fdi-version": version });
            }
        }
    },

    "sign-in by way of a provider": async (app, core, other, provider) => {
        const user = person(app);
        for (const mode of ["header", "cookie"]) await throughProvider(app, provider, user, {}, { "st-auth-mode": mode });
        await throughProvider(app, provider, { ...user, email: app.address() });
        await throughProvider(app, provider, person(app, { email_verified: false }));
        await throughProvider(app, provider, person(app, { email_verified: "true" }));
        await throughProvider(app, provider, person(app, { email_verified: undefined }));
        await throughProvider(app, provider, person(app, { email: undefined }));
        await throughProvider(app, provider, person(app, { email: "" }));
        for (const version of versions) {
            const once = person(app);
            for (const _ of [1, 2]) await throughProvider(app, provider, once, {}, { "fdi-version": version });
        }
        // A code is good once, and for the browser that asked.
        const used = await cameBack(app, provider, user);
        for (const _ of [1, 2]) await app.post("/auth/signinup", used);
        const stolen = await cameBack(app, provider, user);
        stolen.redirectURIInfo.pkceCodeVerifier = "x".repeat(64);
        await app.post("/auth/signinup", stolen);
    },

    "tokens that a frontend has got elsewhere": async (app, core, other, provider) => {
        const user = person(app);
        const { redirectURIInfo } = await cameBack(app, provider, user);
        const fields = {
            client_id: "app", client_secret: "secret", grant_type: "authorization_code", code: redirectURIInfo.redirectURIQueryParams.code,
            redirect_uri: callback, code_verifier: redirectURIInfo.pkceCodeVerifier,
        };
        const oAuthTokens = await (await fetch(`${provider.url}/token`, { method: "POST", body: new URLSearchParams(fields) })).json();
        await app.post("/auth/signinup", { thirdPartyId: "own", oAuthTokens });
        await app.post("/auth/signinup", { thirdPartyId: "own", oAuthTokens: { id_token: oAuthTokens.id_token } });
        await app.post("/auth/signinup", { thirdPartyId: "own", oAuthTokens: { access_token: oAuthTokens.access_token } });
        for (const id_token of ["", "x", `${oAuthTokens.id_token}x`]) await app.post("/auth/signinup", { thirdPartyId: "own", oAuthTokens: { id_token } });
    },

    "providers that are asked for in a wrong way": async (app) => {
        const at = "redirectURIOnProviderDashboard";
        for (const query of ["", "?thirdPartyId=own", `?${at}=${callback}`, `?thirdPartyId=none&${at}=${callback}`, `?thirdPartyId=own&${at}=`, `?thirdPartyId=own&${at}=${callback}&clientType=none`, `?thirdPartyId=github&${at}=${callback}`]) {
            await app.get(`/auth/authorisationurl${query}`);
        }
        const info = { redirectURIOnProviderDashboard: callback, redirectURIQueryParams: { code: "none" } };
        for (const thirdPartyId of [undefined, null, 1, "", "none", "own"]) {
            await app.post("/auth/signinup", { thirdPartyId });
            await app.post("/auth/signinup", { thirdPartyId, redirectURIInfo: info });
        }
        const ask = (more) => app.post("/auth/signinup", { thirdPartyId: "own", ...more });
        for (const redirectURIInfo of [null, 1, "x", [], {}, { ...info, redirectURIOnProviderDashboard: undefined }, { ...info, redirectURIQueryParams: undefined }, { ...info, redirectURIQueryParams: {} }, { ...info, pkceCodeVerifier: 1 }]) await ask({ redirectURIInfo });
        for (const oAuthTokens of [null, 1, "x", [], {}]) await ask({ oAuthTokens });
        for (const clientType of [1, "none"]) await ask({ redirectURIInfo: info, clientType });
    },

    "Apple's answer": async (app) => {
        const state = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64");
        const forms = [
            { state: state({ frontendRedirectURI: `${website}/auth/callback/apple` }), code: "c d", user: '{"name":{}}' },
            { state: state({ frontendRedirectURI: `${website}/auth/callback/apple` }), error: "user_cancelled_authorize" },
            { state: state({ frontendRedirectURI: "https://evil.example/" }), code: "c" },
            { state: state({}), code: "c" }, { state: state("{"), code: "c" }, { state: "", code: "c" }, { code: "c" }, {},
        ];
        const headers = { "content-type": "application/x-www-form-urlencoded" };
        for (const fields of forms) await app.send("POST", "/auth/callback/apple", { headers, body: `${new URLSearchParams(fields)}` });
    },

    "proofs of addresses": async (app) => {
        const { email, access } = await app.signUp();
        const session = bearer(access);
        await app.get("/auth/user/email/verify", session);
        await app.send("POST", "/auth/user/email/verify/token", { headers: session });
        const proof = token(await app.sent(email));
        for (const body of [{}, { token: 1 }, { token: null }, { method: "token" }, { method: "x", token: "none" }, { method: "token", token: "none" }]) await app.post("/auth/user/email/verify", body);
        for (const headers of [session, {}]) await app.post("/auth/user/email/verify", { method: "token", token: proof }, headers);
        await app.get("/auth/user/email/verify", session);
        await app.send("POST", "/auth/user/email/verify/token", { headers: session });
        await app.get("/auth/user/email/verify");
        await app.send("POST", "/auth/user/email/verify/token", {});
        await app.post("/auth/user/password/reset/token", form({ email }));
        await app.post("/auth/user/password/reset", { ...form({ password: "other-Secret-1" }), token: token(await app.sent(email)) });
    },

    "sign-up and sign-in with a passkey": async (app) => {
        for (const version of versions) {
            const [authenticator, headers] = [new Authenticator(website), { "fdi-version": version }];
            await registered(app, authenticator, { email: app.address() }, undefined, {}, headers);
            await authenticated(app, authenticator, headers);
        }
        const [authenticator, email] = [new Authenticator(website), app.address()];
        await registered(app, authenticator, { email, displayName: "Ann" });
        await registered(app, new Authenticator(website), { email });
        await authenticated(app, new Authenticator(website));
        await authenticated(app, new Authenticator("https://evil.example"));
        await registered(app, new Authenticator("https://evil.example"), { email: app.address() });
        for (const query of [`?email=${email}`, `?email=${email.toUpperCase()}`, "?email=nobody@example.com", "?email=", ""]) await app.get(`/auth/webauthn/email/exists${query}`);
    },

    "passkeys of a session's user": async (app) => {
        const [first, second, email] = [new Authenticator(website), new Authenticator(website), app.address()];
        const made = await registered(app, first, { email });
        const session = bearer(tokensOf(made).access);
        const recipeUserId = made.body.user.id;
        const add = "/auth/webauthn/credential";
        await registered(app, second, { email }, add, { recipeUserId }, session);
        await registered(app, second, { email }, add, { recipeUserId });
        await registered(app, new Authenticator(website), { email: app.address() }, add, { recipeUserId }, session);
        await registered(app, new Authenticator(website), { email }, add, { recipeUserId: "none" }, session);
        for (const headers of [session, {}]) await app.get(`${add}/list`, headers);
        const webauthnCredentialId = second.id.toString("base64url");
        for (const _ of [1, 2]) await app.post(`${add}/remove`, { webauthnCredentialId }, session);
        for (const body of [{}, { webauthnCredentialId: "none" }]) await app.post(`${add}/remove`, body, session);
        for (const body of [{}, { recipeUserId }, { recipeUserId, webauthnGeneratedOptionsId: "none" }, { recipeUserId, webauthnGeneratedOptionsId: "none", credential: { id: "x" } }]) await app.post(add, body, session);
    },

    "passkeys that are asked for in a wrong way": async (app) => {
        for (const body of [{}, { email: null }, { email: 1 }, { email: "" }, { email: "ann" }, { recoverAccountToken: "none" }, { recoverAccountToken: 1 }, { email: "ann@example.com", displayName: 1 }]) {
            await app.post("/auth/webauthn/options/register", body);
        }
        for (const path of ["/auth/webauthn/signup", "/auth/webauthn/signin", "/auth/user/webauthn/reset"]) {
            for (const webauthnGeneratedOptionsId of [undefined, "none"]) {
                for (const credential of [undefined, {}, { id: "x" }]) await app.post(path, { webauthnGeneratedOptionsId, credential, token: "none" });
            }
            await app.post(path, { webauthnGeneratedOptionsId: 1, credential: { id: "x" }, token: "none" });
            await app.post(path, { webauthnGeneratedOptionsId: "none", credential: "x", token: "none" });
        }
        for (const body of [{}, { email: null }, { email: 1 }, { email: "ann" }, { email: "nobody@example.com" }]) await app.post("/auth/user/webauthn/reset/token", body);
    },

    "an account whose passkeys are gone": async (app) => {
        const [lost, found, email] = [new Authenticator(website), new Authenticator(website), app.address()];
        await registered(app, lost, { email });
        await app.post("/auth/user/webauthn/reset/token", { email });
        const proof = token(await app.sent(email));
        await registered(app, found, { recoverAccountToken: proof }, "/auth/user/webauthn/reset", { token: proof });
        await app.post("/auth/webauthn/options/register", { recoverAccountToken: proof });
        await registered(app, new Authenticator(website), { email }, "/auth/user/webauthn/reset", { token: proof });
        for (const authenticator of [found, lost]) await authenticated(app, authenticator);
    },

    "login methods of a tenant": async (app, core) => {
        await core.tenant("t1", { firstFactors: ["otp-email", "thirdparty"] });
        for (const path of ["/auth/loginmethods", "/auth/public/loginmethods", "/auth/t1/loginmethods", "/auth/none/loginmethods", "/auth/loginmethods?clientType=none"]) await app.get(path);
        const email = app.address();
        await app.post("/auth/t1/signup", form({ email, password }));
        const device = await app.post(`/auth/t1/signinup/code`, { email });
        const message = await app.sent(email);
        await app.post(consume, entered(device, message));
        await app.post("/auth/t1/signinup/code/consume", entered(device, message));
        await app.post("/auth/t1/webauthn/options/register", { email });
        await app.get(`/auth/t1/passwordless/email/exists?email=${email}`);
        await app.get(`/auth/passwordless/email/exists?email=${email}`);
    },

    "who may use the dashboard": async (app) => {
        for (const path of ["/users/count", "/tenants", "/user", "/userroles/roles", "/user/metadata"]) {
            for (const headers of [{}, bearer(""), bearer("wrong"), { authorization: dashboardKey }]) await app.get(`/auth/dashboard/api${path}`, headers);
        }
        await app.post("/auth/dashboard/api/signin", { email: "nobody@example.com", password });
        for (const headers of [key, bearer("wrong"), {}]) await app.send("POST", "/auth/dashboard/api/key/validate", { headers });
        await app.send("POST", "/auth/dashboard/api/signout", { headers: key });
        await app.withJson("POST", "/auth/dashboard/api/analytics", { email: "a@example.com", dashboardVersion: "1" }, key);
    },

    "users in the dashboard": async (app) => {
        const { email, userId } = await app.signUp();
        await dashboard(app, "GET", `/user?userId=${userId}`);
        for (const query of ["", "?userId=none"]) await dashboard(app, "GET", `/user${query}`);
        await dashboard(app, "GET", `/users?limit=10&timeJoinedOrder=DESC&email=${email}`);
        await dashboard(app, "GET", "/users");
        await dashboard(app, "GET", "/search/tags");
        const put = (more) => dashboard(app, "PUT", "/user", { userId, recipeUserId: userId, recipeId: "emailpassword", email: "", phone: "", firstName: "", lastName: "", ...more });
        await put({ firstName: "Ann", lastName: "Other" });
        await put({ email: "ann" });
        await put({ email: app.address() });
        await put({ recipeId: "none" });
        await put({ email: undefined });
        await dashboard(app, "GET", `/user?userId=${userId}`);
        await dashboard(app, "PUT", "/user/password", { recipeUserId: userId, newPassword: "short" });
        await dashboard(app, "PUT", "/user/password", { recipeUserId: userId, newPassword: "other-Secret-1" });
        await dashboard(app, "PUT", "/user/password", {});
        const taken = { email: (await app.signUp()).email, password };
        for (const body of [taken, { email: "ann", password }, { email: app.address(), password: "short" }, { email: app.address(), password }, {}, { email: "ann" }]) await dashboard(app, "POST", "/user/emailpassword", body);
        for (const body of [{ email: app.address() }, { phoneNumber: app.number() }, { email: "ann" }, { phoneNumber: "1" }, {}]) await dashboard(app, "POST", "/user/passwordless", body);
        for (const query of ["limit=", "limit=x", "limit=1x", "limit=0", "limit=1&paginationToken=x", "limit=1&timeJoinedOrder=UP"]) await dashboard(app, "GET", `/users?${query}`);
        for (const query of [`?userId=${userId}&removeAllLinkedAccounts=true`, `?userId=${userId}`, ""]) await dashboard(app, "DELETE", `/user${query}`);
    },

    "what the dashboard shows of a user": async (app) => {
        const { userId, access } = await app.signUp();
        await dashboard(app, "GET", `/user/email/verify?recipeUserId=${userId}`);
        for (const verified of [true, false]) {
            await dashboard(app, "PUT", "/user/email/verify", { recipeUserId: userId, verified });
            await dashboard(app, "GET", `/user/email/verify?recipeUserId=${userId}`);
        }
        await dashboard(app, "POST", "/user/email/verify/token", { recipeUserId: userId });
        for (const body of [{}, { recipeUserId: "none" }]) await dashboard(app, "POST", "/user/email/verify/token", body);
        await dashboard(app, "GET", `/user/metadata?userId=${userId}`);
        for (const data of ['{"theme":"dark"}', '{"a":{"b":[1,null]}}', "{", "[]", 1, undefined]) await dashboard(app, "PUT", "/user/metadata", { userId, data });
        await dashboard(app, "GET", `/user/metadata?userId=${userId}`);
        const { sessionHandle } = JSON.parse(Buffer.from(access.split(".")[1], "base64url"));
        await dashboard(app, "GET", `/user/sessions?userId=${userId}`);
        await dashboard(app, "POST", "/user/sessions", { sessionHandles: [sessionHandle] });
        for (const sessionHandles of [undefined, "x", []]) await dashboard(app, "POST", "/user/sessions", { sessionHandles });
        await dashboard(app, "GET", `/user/sessions?userId=${userId}`);
        for (const path of ["/user/email/verify", "/user/metadata", "/user/sessions"]) await dashboard(app, "GET", path);
        for (const query of [`?recipeUserId=${userId}`, ""]) await dashboard(app, "GET", `/user/unlink${query}`);
        for (const query of ["", "?userId="]) await dashboard(app, "GET", `/user/sessions${query}`);
    },

    "roles in the dashboard": async (app) => {
        const { userId } = await app.signUp();
        const role = `${app.name}-role`;
        for (const body of [{ role, permissions: ["read", "write"] }, { role, permissions: ["read"] }, { role }, {}]) await dashboard(app, "PUT", "/userroles/role", body);
        await dashboard(app, "GET", `/userroles/role/permissions?role=${role}`);
        await dashboard(app, "GET", "/userroles/role/permissions?role=none");
        await dashboard(app, "PUT", "/userroles/role/permissions/remove", { role, permissions: ["write"] });
        await dashboard(app, "PUT", "/userroles/role/permissions/remove", { role: "none", permissions: ["write"] });
        for (const body of [{ userId, role }, { userId, role }, { userId, role: "none" }, {}]) await dashboard(app, "PUT", "/userroles/user/roles", body);
        await dashboard(app, "GET", `/userroles/user/roles?userId=${userId}`);
        for (const query of [`?userId=${userId}&role=${role}`, `?userId=${userId}&role=none`]) await dashboard(app, "DELETE", `/userroles/user/roles${query}`);
        for (const query of ["", "?userId=", "?role=", `?userId=${userId}`, `?role=${role}`]) {
            for (const [method, path] of [["GET", "/role/permissions"], ["GET", "/user/roles"], ["DELETE", "/user/roles"]]) await dashboard(app, method, `/userroles${path}${query}`);
        }
        for (const body of [{ role: "", permissions: [] }, { role: " ", permissions: [] }]) await dashboard(app, "PUT", "/userroles/role", body);
        await dashboard(app, "PUT", "/userroles/user/roles", { userId, role: "" });
        for (const body of [{ role: "", permissions: ["read"] }, { role }]) await dashboard(app, "PUT", "/userroles/role/permissions/remove", body);
        await dashboard(app, "GET", `/userroles/role/permissions?role=${role}`);
        for (const query of [`?role=${role}`, `?role=${role}`, "", "?role="]) await dashboard(app, "DELETE", `/userroles/role${query}`);
    },

    "tenants in the dashboard": async (app) => {
        const tenantId = `${app.name}-tenant`;
        for (const body of [{ tenantId }, { tenantId }, { tenantId: "" }, {}, { tenantId: 1 }, { tenantId: "a b" }, { tenantId: "a_b" }, { tenantId: "appid-a" }]) await dashboard(app, "POST", "/tenant", body);
        const at = (method, path, json) => {
            const full = `/auth/${tenantId}/dashboard/api${path}`;
            return json === undefined ? app.send(method, full, { headers: key }) : app.withJson(method, full, json, key);
        };
        await at("PUT", "/tenant/first-factor", { factorId: "emailpassword", enable: true });
        await at("PUT", "/tenant/first-factor", { factorId: "thirdparty", enable: true });
        await at("PUT", "/tenant/first-factor", { factorId: "thirdparty", enable: false });
        for (const factorId of ["totp", "webauthn", "own"]) await at("PUT", "/tenant/first-factor", { factorId, enable: true });
        for (const body of [{}, { factorId: "thirdparty" }, { enable: false }]) await at("PUT", "/tenant/first-factor", body);
        for (const body of [{ name: "email_verification_token_lifetime", value: 5000 }, { name: "email_verification_token_lifetime", value: "long" }, { name: "none", value: 1 }, {}, { name: "email_verification_token_lifetime" }]) await at("PUT", "/tenant/core-config", body);
        await at("GET", "/tenant");
        await app.get(`/auth/${tenantId}/loginmethods`);
        for (const _ of [1, 2]) await at("DELETE", "/tenant");
        await dashboard(app, "DELETE", "/tenant");
        for (const path of ["/tenant", "/thirdparty/config?thirdPartyId=own"]) await app.get(`/auth/none/dashboard/api${path}`, key);
        for (const [path, body] of [["/tenant/first-factor", { factorId: "emailpassword", enable: true }], ["/tenant/core-config", { name: "none", value: 1 }], ["/thirdparty/config", { providerConfig: { thirdPartyId: "own" } }]]) {
            await app.withJson("PUT", `/auth/none/dashboard/api${path}`, body, key);
        }
    },

    "providers in the dashboard": async (app) => {
        const tenantId = `${app.name}-providers`;
        await dashboard(app, "POST", "/tenant", { tenantId });
        const at = (method, query, json) => {
            const full = `/auth/${tenantId}/dashboard/api/thirdparty/config${query}`;
            return json === undefined ? app.send(method, full, { headers: key }) : app.withJson(method, full, json, key);
        };
        // The app's own, a built-in one, and one that nobody has described.
        for (const id of ["own", "github", "twitter", "none"]) {
            await dashboard(app, "GET", `/thirdparty/config?thirdPartyId=${id}`);
            await at("GET", `?thirdPartyId=${id}`);
        }
        await at("GET", "");
        for (const query of ["", "?thirdPartyId=", "?thirdPartyId=none"]) await at("DELETE", query);
        const providerConfig = { thirdPartyId: "twitter", clients: [{ clientId: "t", clientSecret: "s" }] };
        for (const body of [{ providerConfig }, { providerConfig }, {}, { providerConfig: { thirdPartyId: "none", clients: [{}] } }]) await at("PUT", "", body);
        await at("GET", "?thirdPartyId=twitter");
        await app.get(`/auth/${tenantId}/dashboard/api/tenant`, key);
        for (const _ of [1, 2]) await at("DELETE", "?thirdPartyId=twitter");
        await app.get(`/auth/${tenantId}/dashboard/api/tenant`, key);
        await app.send("DELETE", `/auth/${tenantId}/dashboard/api/tenant`, { headers: key });
    },
};
